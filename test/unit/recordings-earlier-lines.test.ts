// Lines of a recording that name an earlier one instead of saying all of it again: whatever comes in what order, from wherever it is read,
// the entries are those that were written, and damage costs no more than the lines that lean on it.

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { JsonEntry, Recorder } from '../../src/core/recording.ts';
import { reachBytes } from '../../src/recordings/earlier-lines.ts';
import { openFilesMax, openRecordings, type OpenedRecordings } from '../../src/recordings/recordings.ts';
import { seededRandom } from '../support/seeded-random.ts';

const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
const header = { sessionId: 's', principal: 'alice', target: 'orders', protocol: 'postgres', clientAddress: '', startedAtMs: 1 };

interface Opened {
  readonly recordings: OpenedRecordings;
  readonly recorder: Recorder;
  readonly path: string;
}

function opened(t: Test): Opened {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-earlier-'));
  const recordings = openRecordings({ dir, clock });
  t.teardown(async () => {
    await recordings.close();
    rmSync(dir, { recursive: true });
  });
  return { recordings, recorder: recordings.open('s', header), path: join(dir, 's.jsonl') };
}

const effects = 'read public.orders '.repeat(20);
const restOf = (rule: string) => new Uint8Array(Buffer.from(`"rule":"${rule}","effects":["${effects}"]`));
const reads = restOf('reads');

function entry(number: number, text: string | Uint8Array = '"SELECT 1"', rest: Uint8Array = reads): JsonEntry {
  return { actionId: `s-${number}`, askedMs: number, releasedMs: number, finishedMs: number + 0.5, rows: 1, text, rest };
}

/** What a reader is to be given of it. */
function readAs({ text, rest, ...it }: JsonEntry): object {
  const bytes = (part: string | Uint8Array) => Buffer.from(part).toString();
  return { kind: 'statement', ...it, ...(JSON.parse(`{"text":${bytes(text)},${bytes(rest)}}`) as object) };
}

t.test('a statement that repeats takes little of the file', async (t) => {
  const { recordings, recorder, path } = opened(t);
  const count = 1000;
  const written = Array.from({ length: count }, (_, number) => entry(number));
  for (const it of written) recorder.writeJson?.(it);
  await recorder.close();
  t.same((await recordings.read('s'))?.entries, written.map(readAs));
  const whole = count * Buffer.byteLength(JSON.stringify(readAs(entry(1))));
  t.ok(statSync(path).size < whole / 3, `${statSync(path).size} of ${whole} bytes`);
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  const full = lines.filter((line) => line.includes('"effects"')).length;
  t.equal(full, Math.ceil(statSync(path).size / reachBytes), 'one in full for each piece of the file');
});

t.test('statements in any order, read from any place', async (t) => {
  const { recordings, recorder, path } = opened(t);
  const random = seededRandom(7);
  const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T;
  const rests = Array.from({ length: 12 }, (_, number) => restOf(`rule-${number}`));
  const long = JSON.stringify('é'.repeat(1500));
  const texts = ['"SELECT 1"', '"SELECT 2"', '"SELECT \\"é\\""', long, '"SELECT 1 "'];
  const bytes = texts.map((text) => new Uint8Array(Buffer.from(text)));
  const written = Array.from({ length: 3000 }, (_, number) =>
    entry(number, random(5) === 0 ? `"SELECT ${number}"` : pick<string | Uint8Array>(random(2) === 0 ? texts : bytes), pick(rests)),
  );
  for (const it of written) {
    recorder.writeJson?.(it);
    if (random(100) === 0) recordings.flush('s');
  }
  const expected = written.map(readAs);
  t.same((await recordings.read('s'))?.entries, expected, 'from its beginning');
  let from = 0;
  const inParts: unknown[] = [];
  for (;;) {
    const part = await recordings.read('s', { from, entriesMax: 1 + random(200) });
    inParts.push(...(part?.entries ?? []));
    if (part === undefined || part.next === from) break;
    from = part.next;
  }
  t.same(inParts, expected, 'in parts');
  t.ok(statSync(path).size < 0.9 * Buffer.byteLength(expected.map((it) => JSON.stringify(it)).join('\n')));
});

t.test('a damaged line costs those that name it, and no more', async (t) => {
  const { recordings, recorder, path } = opened(t);
  const written = Array.from({ length: 2000 }, (_, number) => entry(number));
  for (const it of written) recorder.writeJson?.(it);
  await recorder.close();
  const lines = readFileSync(path, 'utf8').split('\n');
  const second = lines.findIndex((line, index) => index > 1 && line.includes('"effects"'));
  const behind = lines.findIndex((line, index) => index > second && line.includes('"effects"'));
  t.ok(second > 1 && behind > second);
  lines[second] = lines[second]?.replace('"kind"', '"kinf"') ?? '';
  writeFileSync(path, lines.join('\n'));
  const recording = await recordings.read('s');
  t.same(recording?.entries, [...written.slice(0, second - 1), ...written.slice(behind - 1)].map(readAs));
  t.equal(recording?.complete, false, 'and it says that something is missing');
  for (const wrong of ['-1', '1.5', '"0"', 'null', '1e300', '7', '0', '999999999']) {
    writeFileSync(path, lines.map((line) => line.replace(/"as":\d+/, `"as":${wrong}`)).join('\n'));
    t.ok(
      (await recordings.read('s'))?.entries.every((it) => 'rule' in it),
      `a place that is ${wrong}`,
    );
  }
});

t.test('a recording whose file was let go begins with a line in full again', async (t) => {
  const { recordings, recorder, path } = opened(t);
  const written = [entry(1), entry(2), entry(3)];
  recorder.writeJson?.(written[0] as JsonEntry);
  recordings.flush('s');
  for (let number = 0; number < openFilesMax; number += 1) recordings.open(`o-${number}`, { ...header, sessionId: `o-${number}` });
  for (const it of written.slice(1)) recorder.writeJson?.(it);
  t.same((await recordings.read('s'))?.entries, written.map(readAs));
  const inFull = readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.includes('"effects"'));
  t.same(inFull.slice(1, 4), [true, true, false], 'nothing of it was kept in memory');
});
