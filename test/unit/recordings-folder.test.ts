// Recordings: written soon, read whatever is left of them, bounded, and never outside their folder.

import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  truncateSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import type { RecordingHeader, StatementEntry } from '../../src/core/recording.ts';
import { recordingEntry } from '../../src/api/recording-entry.ts';
import { Chunks } from '../../src/recordings/chunks.ts';
import { FileRecorder } from '../../src/recordings/file-recorder.ts';
import { openFilesMax, openRecordings, type OpenedRecordings } from '../../src/recordings/recordings.ts';

const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

function folder(t: Test): { dir: string; recordings: OpenedRecordings } {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-recordings-'));
  const recordings = openRecordings({ dir, clock });
  t.teardown(async () => {
    await recordings.close();
    rmSync(dir, { recursive: true });
  });
  return { dir, recordings };
}

function header(sessionId: string): RecordingHeader {
  return { sessionId, principal: 'alice', target: 'orders', protocol: 'postgres', clientAddress: '10.0.0.7', startedAtMs: 1 };
}

function entry(number: number, more: Partial<StatementEntry> = {}): StatementEntry {
  return {
    kind: 'statement',
    actionId: `a-${number}`,
    askedMs: number,
    releasedMs: number,
    finishedMs: number + 1,
    text: `SELECT ${number}`,
    parameters: null,
    statementKinds: ['select'],
    effects: ['read public.orders'],
    decision: 'allow',
    rule: 'r',
    holdId: null,
    approvedBy: [],
    outcome: 'completed',
    rows: 1,
    error: null,
    results: null,
    ...more,
  };
}

t.test('a recording is readable while it runs, and complete after the close', async (t) => {
  const { recordings } = folder(t);
  const recorder = recordings.open('s-1', header('s-1'));
  recorder.write(entry(1));
  recorder.write(entry(2, { text: 'DROP TABLE "ü";\n-- \u2028' }));
  t.match(await recordings.read('s-1'), {
    header: header('s-1'),
    entries: [entry(1), entry(2, { text: 'DROP TABLE "ü";\n-- \u2028' })],
    complete: false,
  });
  await recorder.close();
  await recorder.close();
  t.match(await recordings.read('s-1'), { complete: true, truncated: false });
  t.throws(() => recorder.write(entry(3)), { code: 'recorder-failed' });
  const exists = { code: 'recorder-failed', message: "the recording of session s-1 can't be written: EEXIST: file already exists" };
  t.throws(() => recordings.open('s-1', header('s-1')), exists, 'an old recording is never overwritten; where it lies is not told');
  t.match(recordingEntry(entry(1)), { action_id: 'a-1', asked_ms: 1, statement_kinds: ['select'], approved_by: [] });
});

t.test('a text is found in what was asked, touched, answered and given back, a few entries at a time', async (t) => {
  const { recordings } = folder(t);
  const recorder = recordings.open('s-1', header('s-1'));
  const told: readonly Partial<StatementEntry>[] = [
    { text: 'SELECT name FROM Customers' },
    { effects: ['delete public.customers'] },
    {
      parameters: [
        { type: null, text: null },
        { type: 'text', text: 'customers' },
      ],
    },
    { error: { code: '42P01', message: 'relation "customers" does not exist' } },
    { results: [[null, 'of customers']] },
    { rule: 'policy/customers' },
    { holdId: 'h-CUSTOMERS', approvedBy: ['customers'] },
  ];
  for (const [number, more] of told.entries()) {
    recorder.write(entry(2 * number));
    recorder.write(entry(2 * number + 1, more));
  }
  await recorder.close();
  const found: string[] = [];
  let from = 0;
  for (;;) {
    const part = await recordings.read('s-1', { from, entriesMax: 3, text: 'CUSTOMERS' });
    if (part === undefined) return t.fail('there is a recording');
    found.push(...part.entries.map((it) => it.actionId));
    if (part.complete) break;
    t.ok(part.next > from, 'it goes on');
    from = part.next;
  }
  t.same(found, ['a-1', 'a-3', 'a-5', 'a-7', 'a-9', 'a-11', 'a-13']);
  t.match(await recordings.read('s-1', { from: 0, entriesMax: 3, text: 'nowhere' }), { entries: [], complete: true });
});

t.test('entries reach the file by themselves', async (t) => {
  const { dir, recordings } = folder(t);
  const recorder = recordings.open('s-1', header('s-1'));
  recorder.write(entry(1));
  const deadline = Date.now() + 5000;
  while (!readFileSync(join(dir, 's-1.jsonl'), 'utf8').includes('a-1') && Date.now() < deadline) await new Promise(setImmediate);
  t.match(readFileSync(join(dir, 's-1.jsonl'), 'utf8'), /a-1/);
});

t.test('torn anywhere, every whole line is still read', async (t) => {
  const { dir, recordings } = folder(t);
  const recorder = recordings.open('s-1', header('s-1'));
  for (let number = 1; number <= 3; number += 1) recorder.write(entry(number));
  await recorder.close();
  const path = join(dir, 's-1.jsonl');
  const whole = readFileSync(path);
  const headerEnd = whole.indexOf('\n') + 1;
  for (let size = whole.length - 1; size >= headerEnd; size -= 1) {
    truncateSync(path, size);
    const recording = await recordings.read('s-1');
    const lines = whole.subarray(headerEnd, size).toString().split('\n').length - 1;
    if (recording?.entries.length !== Math.min(3, lines) || recording.complete) t.fail(`cut at ${size}`);
  }
  truncateSync(path, headerEnd - 1);
  await t.rejects(recordings.read('s-1'), { code: 'recorder-failed' }, 'without a header it says so');
});

t.test('damage in the middle costs that line only', async (t) => {
  const { dir, recordings } = folder(t);
  const recorder = recordings.open('s-1', header('s-1'));
  for (let number = 1; number <= 3; number += 1) recorder.write(entry(number));
  await recorder.close();
  const path = join(dir, 's-1.jsonl');
  writeFileSync(path, readFileSync(path, 'utf8').replace('"actionId":"a-2"', '"actionId":\u0000'));
  appendFileSync(path, 'rubbish\n');
  const recording = await recordings.read('s-1');
  t.strictSame(
    recording?.entries.map((it) => it.actionId),
    ['a-1', 'a-3'],
  );
  t.equal(recording?.complete, false);
});

t.test('what one statement leaves is bounded', async (t) => {
  const { dir, recordings } = folder(t);
  const recorder = recordings.open('s-1', header('s-1'));
  recorder.write(
    entry(1, {
      text: 'x'.repeat(3_000_000),
      parameters: Array.from({ length: 5000 }, () => ({ type: null, text: 'p'.repeat(100_000) })).slice(0, 20),
      results: Array.from({ length: 5000 }, () => ['cell'.repeat(100), null]),
    }),
  );
  await recorder.close();
  t.ok(statSync(join(dir, 's-1.jsonl')).size < 2_500_000);
  const [read] = (await recordings.read('s-1'))?.entries ?? [];
  t.match(read?.text, /x… \(\d+ more characters\)$/);
  t.ok((read?.results?.length ?? 0) > 0 && (read?.results?.length ?? 0) <= 1000);
});

t.test('a session id never leads out of the folder', async (t) => {
  const { dir, recordings } = folder(t);
  for (const id of ['../x', '..', '.', '', 'a/b', 'a\\b', 'a\0b', 'x'.repeat(65), '-rf', 'ä', 'a.jsonl']) {
    t.throws(() => recordings.open(id, header(id)), { code: 'recorder-failed' }, JSON.stringify(id));
    t.equal(await recordings.read(id), undefined);
  }
  t.strictSame(readdirSync(dir), []);
});

t.test('a full disk fails the recorder, once told, and every later write', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-recordings-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const program = `
    import { openRecordings } from ${JSON.stringify(join(import.meta.dirname, '../../src/recordings/recordings.ts'))};
    const told = [];
    const recordings = openRecordings({ dir: ${JSON.stringify(dir)}, clock: null, onFailed: (id, fault) => told.push(id + ' ' + fault.code) });
    const recorder = recordings.open('s-1', { sessionId: 's-1' });
    let code = '', writes = 0;
    while (code === '' && writes < 10000) try { recorder.write(${JSON.stringify(entry(1, { text: 'x'.repeat(5000) }))}); writes += 1; } catch (e) { code = e.code; }
    const read = await recordings.read('s-1');
    await recorder.close();
    console.log(JSON.stringify({ told, code, entries: read.entries.length, complete: (await recordings.read('s-1')).complete }));
  `;
  const script = `trap '' XFSZ; ulimit -f 400; exec "$0" --input-type=module -e "$1"`;
  const child = spawn('bash', ['-c', script, process.execPath, program], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const chunk of child.stdout) output += String(chunk);
  if (child.exitCode === null) await once(child, 'exit');
  const seen = JSON.parse(output) as { entries: number };
  t.match(seen, { told: ['s-1 recorder-failed'], code: 'recorder-failed', complete: false });
  t.ok(seen.entries > 10, 'what was written before is readable');
});

t.test('more recordings than files that may be open: each is whole, and one whose file was removed fails', async (t) => {
  const { dir, recordings } = folder(t);
  const names = Array.from({ length: openFilesMax + 20 }, (_, number) => `s-${number}`);
  const recorders = names.map((name) => recordings.open(name, header(name)));
  const isOpen = (path: string) => path.startsWith(dir);
  const openFiles = () => readdirSync('/proc/self/fd').filter((fd) => isOpen(linkOf(fd))).length;
  t.equal(openFiles(), openFilesMax);
  for (const [number, recorder] of recorders.entries()) recorder.write(entry(number));
  for (const [number, name] of names.entries()) t.match(await recordings.read(name), { entries: [entry(number)], complete: false });
  t.equal(openFiles(), openFilesMax);
  const failed: string[] = [];
  recordings.onFailed((session) => failed.push(session));
  rmSync(join(dir, 's-0.jsonl'));
  recorders[0]?.write(entry(1));
  for (const recorder of recorders) await recorder.close();
  t.same(failed, ['s-0']);
  t.equal(openFiles(), 0);
});

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ''; // the one that listed them
  }
}

t.test('a write that fails closes the recording while it is flushed, and no more happens', async (t) => {
  const { dir } = folder(t);
  const failed: string[] = [];
  const recorder = new FileRecorder(join(dir, 's-full.jsonl'), header('s-full'), new Chunks(), {
    opened: () => undefined,
    dirty: () => undefined,
    closed: () => undefined,
    failed: (it, fault) => {
      failed.push(fault.code);
      void it.close(); // as the session does, which ends at once
    },
  });
  recorder.write(entry(1));
  recorder.letGo();
  rmSync(join(dir, 's-full.jsonl')); // it is never made anew
  recorder.flush();
  t.strictSame(failed, ['recorder-failed']);
  recorder.flush();
});
