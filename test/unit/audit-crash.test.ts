// What is left after kill -9 and after a full disk: a chain that verifies, with everything in it that was accepted.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { messageOf } from '../../src/core/errors.ts';
import { openAuditLog } from '../../src/audit/log.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { event, options, temporaryFolder } from './audit-fixtures/log.ts';

const fixture = (name: string): string => join(import.meta.dirname, 'audit-fixtures', name);

for (const killAfter of [1, 9_000, 27_000]) {
  t.test(`kill -9 after event ${killAfter} of 50,000`, async (t) => {
    const dir = temporaryFolder();
    t.teardown(() => rmSync(dir, { recursive: true }));
    const child = spawn(process.execPath, [fixture('appender.ts'), dir, '50000'], { stdio: ['ignore', 'pipe', 'inherit'] });
    let reached = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      if (line === 'done') throw new Error('it finished before it was killed');
      reached = Number(line);
      if (reached >= killAfter) break;
    }
    child.kill('SIGKILL');
    if (child.signalCode === null && child.exitCode === null) await once(child, 'exit');
    t.equal(child.signalCode, 'SIGKILL');

    const log = await openAuditLog(options(dir, { segmentBytes: 2 * 1024 * 1024 }));
    t.ok(log.head().seq > reached, 'what it said it had written is there');
    log.append(event(1));
    const { seq } = log.head();
    const [recovered] = (await log.search({ type: 'gateway.recovered' })).items;
    t.equal(recovered?.seq, seq - 1, 'the log says itself that the gateway was not stopped in order');
    await log.close();
    t.match(await verifyAudit(dir), { ok: true, events: seq });
  });
}

t.test('half a line at the end is cut off at start, and said', async (t) => {
  const dir = temporaryFolder();
  t.teardown(() => rmSync(dir, { recursive: true }));
  const log = await openAuditLog(options(dir));
  log.append(event(1));
  await log.close();
  const name = readdirSync(dir).find((it) => it.startsWith('audit-')) as string;
  appendFileSync(join(dir, name), '{"seq":3,"prev":"');
  appendFileSync(join(dir, 'checkpoints.jsonl'), '{"log":"');
  t.match(await verifyAudit(dir), { ok: true, events: 2, tornBytes: 17 });
  const again = await openAuditLog(options(dir));
  t.equal(again.head().seq, 3);
  t.match((await again.since(2)).at(0), { type: 'gateway.recovered', detail: { torn_bytes: 17, last_event: 2 } });
  await again.close();
  t.match(await verifyAudit(dir), { ok: true, events: 3, tornBytes: 0, checkpointSeq: 3 });
});

t.test('zeros at the end, as a power cut leaves them, are cut off like half a line, however many', async (t) => {
  const dir = temporaryFolder();
  t.teardown(() => rmSync(dir, { recursive: true }));
  const log = await openAuditLog(options(dir));
  log.append(event(1));
  await log.close();
  const path = join(dir, readdirSync(dir).find((it) => it.startsWith('audit-')) as string);
  const [half, zeros] = ['{"seq":3,"prev":"', 3_000_000];
  appendFileSync(path, Buffer.concat([Buffer.from(half), Buffer.alloc(zeros)]));
  t.match(await verifyAudit(dir), { ok: true, events: 2, tornBytes: half.length + zeros });
  const again = await openAuditLog(options(dir));
  t.match((await again.since(2)).at(0), { type: 'gateway.recovered', detail: { torn_bytes: half.length + zeros, last_event: 2 } });
  await again.close();
  t.match(await verifyAudit(dir), { ok: true, events: 3, tornBytes: 0 });

  // What a signed checkpoint names is not cut off unseen.
  const length = statSync(path).size;
  const bytes = readFileSync(path).fill(0, length - 100);
  writeFileSync(path, bytes);
  t.match(await verifyAudit(dir), { ok: false });
  await t.rejects(openAuditLog(options(dir)), { code: 'audit-chain-broken', message: /event 3 was removed/ });
});

t.test('events behind zeros, as a power cut leaves them, are cut off and kept beside the log', async (t) => {
  const dir = temporaryFolder();
  t.teardown(() => rmSync(dir, { recursive: true }));
  const log = await openAuditLog(options(dir));
  for (let number = 1; number <= 6; number += 1) log.append(event(number));
  const path = join(dir, readdirSync(dir).find((it) => it.startsWith('audit-')) as string);
  const crashed = readFileSync(path);
  await log.close();
  const lines = crashed.toString('latin1').split('\n');
  const from = lines.slice(0, 4).join('\n').length + 1;
  // As it was before the end was signed.
  const signed = join(dir, 'checkpoints.jsonl');
  writeFileSync(signed, `${readFileSync(signed, 'utf8').split('\n')[0]}\n`);
  writeFileSync(path, crashed.fill(0, from, from + (lines[4]?.length ?? 0) + 20));
  const tornBytes = crashed.length - from;
  t.match(await verifyAudit(dir), { ok: true, events: 4, tornBytes });
  const again = await openAuditLog(options(dir));
  t.match((await again.since(4)).at(0), { type: 'gateway.recovered', detail: { torn_bytes: tornBytes, last_event: 4 } });
  t.same(readFileSync(`${path}.cut-at-${from}`), crashed.subarray(from), 'nothing is lost');
  await again.close();
  t.match(await verifyAudit(dir), { ok: true, events: 5, tornBytes: 0 });
});

t.test('zeros in a file before the newest, which no power cut leaves, are said to be there', async (t) => {
  const dir = temporaryFolder();
  t.teardown(() => rmSync(dir, { recursive: true }));
  const log = await openAuditLog(options(dir, { segmentBytes: 1024 }));
  for (let number = 1; number <= 20; number += 1) log.append(event(number));
  await log.close();
  const [name = '', next = ''] = readdirSync(dir)
    .filter((it) => it.startsWith('audit-'))
    .slice(-2);
  const bytes = readFileSync(join(dir, name));
  writeFileSync(join(dir, name), bytes.fill(0, bytes.length - 100));
  const from = bytes.lastIndexOf('\n', bytes.length - 101) + 1;
  const message = `the audit log is not whole (${name}): it has no whole lines from byte ${from} on, and ${next} was begun`;
  const refused = await openAuditLog(options(dir)).then(() => 'it was opened', messageOf);
  t.equal(refused.slice(0, message.length), message);
});

t.test('a disk that takes half a write: the event is refused, the chain stays whole', async (t) => {
  const dir = temporaryFolder();
  t.teardown(() => rmSync(dir, { recursive: true }));
  // ulimit counts in 1024 bytes; with the signal ignored, write(2) writes a part and then fails with EFBIG.
  const script = `trap '' XFSZ; ulimit -f 200; exec "$0" "$1" "$2"`;
  const child = spawn('bash', ['-c', script, process.execPath, fixture('full-disk.ts'), dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const chunk of child.stdout) output += String(chunk);
  const seen = JSON.parse(output) as Record<string, unknown>;
  t.match(seen, { code: 'audit-write-failed', again: 'audit-write-failed', verified: { ok: true, tornBytes: 0 } });
  const { events } = seen['verified'] as { events: number };
  t.equal(events, seen['accepted'], 'exactly the accepted events are in the log');
  t.equal(events, seen['headSeq'], 'the refused event took no number');
  t.ok(events > 20);
  const log = await openAuditLog(options(dir));
  log.append(event(1));
  await log.close();
  t.match(await verifyAudit(dir), { ok: true });
});

t.test('a disk that refuses is told once, and once when it takes events again', async (t) => {
  const dir = temporaryFolder();
  t.teardown(() => rmSync(dir, { recursive: true }));
  const told: string[] = [];
  let isFull = false;
  const log = await openAuditLog(
    options(dir, {
      onRefusing: (fault) => void told.push(fault?.message ?? 'over'),
      write: (fd, bytes, offset) => {
        if (isFull) throw new Error('ENOSPC: no space left on device, write');
        return writeSync(fd, bytes, offset);
      },
    }),
  );
  log.append(event(1));
  t.same(told, []);
  isFull = true;
  for (const nth of [2, 3]) t.throws(() => log.append(event(nth)), { code: 'audit-write-failed' });
  await new Promise<void>((resolve) => log.appendInTurn(event(4), () => resolve()));
  t.same(told, ["the audit log can't be written: ENOSPC: no space left on device, write"]);
  isFull = false;
  log.append(event(5));
  t.equal(told.at(-1), 'over');
  t.equal(told.length, 2);
  await log.close();
  t.equal(told.length, 2, 'closing is no failure');
  t.match(await verifyAudit(dir), { ok: true });
});
