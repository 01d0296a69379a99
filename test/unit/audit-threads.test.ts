// One log that several threads write: one chain, each thread's events in its own order, all of what was told as written and nothing
// of what was told as refused; with disks that refuse, with threads that are terminated wherever they are.

import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import t, { type Test as TapTest } from 'tap';
import type { Durability } from '../../src/audit/appender.ts';
import { checkpointEvents } from '../../src/audit/checkpoints.ts';
import { openAuditLog, type AuditLogOptions, type OpenedAuditLog } from '../../src/audit/log.ts';
import { listSegments, segmentBytesMax } from '../../src/audit/segments.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { eventually } from '../support/eventually.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { event, options, realClock, temporaryFolder } from './audit-fixtures/log.ts';
import type { Disk, ThreadData } from './audit-fixtures/thread.ts';

const told = { notAsked: 0, soon: 1, waits: 2, written: 3, refused: 4, wrong: 5 } as const;

interface Thread {
  readonly name: string;
  readonly worker: Worker;
  /** Of the worker, which forgets it when it ends. */
  readonly id: number;
  readonly results: Int32Array;
  readonly hanging: Int32Array<SharedArrayBuffer>;
  /** What its log failed with, when it has come to its end; null when it was terminated. */
  readonly ended: Promise<string[] | null>;
}

function opened(t: TapTest, more: Partial<AuditLogOptions> = {}): Promise<{ log: OpenedAuditLog; dir: string }> {
  const dir = temporaryFolder();
  return openAuditLog(options(dir, more)).then((log) => {
    t.teardown(async () => {
      await log.close();
      rmSync(dir, { recursive: true });
    });
    return { log, dir };
  });
}

const ints = (count: number) => new Int32Array(new SharedArrayBuffer(4 * count));

function started(log: OpenedAuditLog, name: string, seed: number, events: number, disk: Disk = 'good'): Thread {
  const results = ints(events);
  const hanging = ints(1);
  const workerData: ThreadData = { shared: log.share(), name, seed, results, disk, hanging };
  const worker = new Worker(new URL('./audit-fixtures/thread.ts', import.meta.url), { workerData });
  const id = worker.threadId;
  let failures: string[] | null = null;
  worker.on('message', (said: string[]) => (failures = said));
  const ended = once(worker, 'exit').then(() => {
    log.releaseDead(id);
    return failures;
  });
  return { name, worker, id, results, hanging, ended };
}

function linesIn(dir: string): number {
  return listSegments(dir).reduce((sum, { path }) => sum + readFileSync(path, 'utf8').split('\n').length - 1, 0);
}

/** The numbers of each session's actions, in the order of the files. */
function numbersIn(dir: string): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const { path } of listSegments(dir)) {
    for (const [, session, number] of readFileSync(path, 'utf8').matchAll(/"action":"([^"]+)-([0-9]+)"/g)) {
      const numbers = found.get(session as string) ?? [];
      numbers.push(Number(number));
      found.set(session as string, numbers);
    }
  }
  return found;
}

/** Says what is wrong with the events of a thread that stand in the log. */
function wrongOf({ name, results }: Thread, numbers: readonly number[], wasTerminated: boolean): string[] {
  const wrong: string[] = [];
  numbers.forEach((number, place) => {
    if (place > 0 && number <= (numbers[place - 1] as number)) wrong.push(`${name}-${number} stands behind ${name}-${numbers[place - 1]}`);
  });
  const inLog = new Set(numbers);
  results.forEach((result, number) => {
    const is = inLog.has(number) ? 'is' : 'is not';
    const must = { [told.notAsked]: 'is not', [told.refused]: 'is not', [told.written]: 'is', [told.soon]: wasTerminated ? null : 'is' }[
      result
    ];
    if (result === told.wrong || (result === told.waits && !wasTerminated)) wrong.push(`${name}-${number} was not told once`);
    if (must !== undefined && must !== null && must !== is) wrong.push(`${name}-${number} ${is} in the log (${result})`);
  });
  return wrong;
}

function seedOf(t: TapTest): number {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  t.comment(`SEED=${seed}`);
  return seed;
}

for (const [durability, events, disk] of [
  ['kernel', 1500, 'good'],
  ['kernel', 800, 'fails'],
  ['fsync', 150, 'fails'],
] as const satisfies readonly (readonly [Durability, number, Disk])[]) {
  t.test(
    `four threads and the main thread; the disk of one ${disk === 'good' ? 'is as good as the others' : 'fails'} (${durability})`,
    async (t) => {
      const seed = seedOf(t);
      const { log, dir } = await opened(t, { durability, segmentBytes: 24 * 1024 });
      const threads = [0, 1, 2, 3].map((place) => started(log, `s${place}`, seed + place, events, place === 0 ? disk : 'good'));
      let areRunning = true;
      const ends = Promise.all(threads.map(({ ended }) => ended)).finally(() => (areRunning = false));
      const own: number[] = [];
      for (let number = 0; areRunning; number += 1) {
        await log.append(event(number, { sessionId: 'main', actionId: `main-${number}` }));
        own.push(number);
        await delay(1);
      }
      t.strictSame(await ends, [[], [], [], []], 'no failure that lasted');
      const verified = await log.verify();
      t.match(verified, { ok: true, tornBytes: 0 });
      t.equal(log.head().seq, verified.ok ? verified.events : -1);
      const found = numbersIn(dir);
      t.strictSame(
        threads.flatMap((it) => wrongOf(it, found.get(it.name) ?? [], false)),
        [],
      );
      t.strictSame(found.get('main'), own);
      const refused = threads.map(({ results }) => results.filter((it) => it === told.refused).length);
      t.equal(refused[0] !== 0, disk === 'fails');
      t.strictSame(refused.slice(1), [0, 0, 0]);
      t.ok(listSegments(dir).length > 5);
    },
  );
}

t.test('threads that are terminated wherever they are', async (t) => {
  const seed = seedOf(t);
  const die = seededRandom(seed);
  // Some lines in a segment, so that threads die while they begin one, too.
  const { log, dir } = await opened(t, { segmentBytes: 4000 });
  const steady = [0, 1].map((place) => started(log, `steady${place}`, seed + place, 800));
  let areRunning = true;
  const ends = Promise.all(steady.map(({ ended }) => ended)).finally(() => (areRunning = false));
  const killed: Thread[] = [];
  for (let round = 0; round < 6 && (areRunning || round < 2); round += 1) {
    const victims = [0, 1].map((place) => started(log, `v${round}x${place}`, seed + 7 * round + place, 20_000));
    const enough = 1 + die(300);
    await eventually('the thread has written', () => victims[0]?.results[enough] !== told.notAsked);
    await Promise.all(victims.map(({ worker }) => worker.terminate()));
    await Promise.all(victims.map(({ ended }) => ended));
    killed.push(...victims);
    log.append(event(round));
  }
  t.strictSame(await ends, [[], []]);
  t.comment(`${killed.length} terminated`);
  t.match(await log.verify(), { ok: true, tornBytes: 0 });
  const found = numbersIn(dir);
  t.strictSame(
    steady.flatMap((it) => wrongOf(it, found.get(it.name) ?? [], false)),
    [],
  );
  t.strictSame(
    killed.flatMap((it) => wrongOf(it, found.get(it.name) ?? [], true)),
    [],
  );
});

for (const [disk, segmentBytes] of [
  ['hangs', segmentBytesMax],
  ['hangs-behind', segmentBytesMax],
  ['hangs', 1],
  ['hangs-behind', 1],
] as const) {
  const where = `${disk === 'hangs' ? 'in the middle of it' : 'and has not said so'}${segmentBytes === 1 ? ', in a new file' : ''}`;
  t.test(`a thread dies while it writes, ${where}: others go on`, async (t) => {
    const { log, dir } = await opened(t, { segmentBytes });
    const dying = started(log, 'dying', seedOf(t), 20_000, disk);
    await eventually('it hangs', () => Atomics.load(dying.hanging, 0) === 1);
    const others = started(log, 'others', 1, 150);
    await once(others.worker, 'online'); // it waits, or will
    const written = linesIn(dir);
    const seen = (await log.since(0, 1000)).length;
    t.ok(disk === 'hangs' ? seen <= written : seen < written, `${seen} of ${written} lines are shown: the others are not in the log yet`);
    await dying.worker.terminate();
    await dying.ended;
    t.strictSame(await others.ended, []);
    log.append(event(1));
    t.match(await log.verify(), { ok: true, tornBytes: 0 });
    const found = numbersIn(dir);
    t.strictSame(wrongOf(dying, found.get('dying') ?? [], true), []);
    t.strictSame(wrongOf(others, found.get('others') ?? [], false), []);
  });
}

t.test('who waits for the log for too long is refused, and may come again', async (t) => {
  let nowMs = 0;
  // Time goes fast for the main thread.
  const { log } = await opened(t, { clock: { nowMs: realClock.nowMs, monotonicMs: () => (nowMs += 1500) } });
  const slow = started(log, 'slow', 1, 200, 'hangs');
  await eventually('it hangs', () => Atomics.load(slow.hanging, 0) === 1);
  t.throws(() => log.append(event(1)), { code: 'audit-write-failed', message: /another thread/ });
  Atomics.store(slow.hanging, 0, 0);
  Atomics.notify(slow.hanging, 0);
  t.strictSame(await slow.ended, []);
  log.append(event(2));
  t.match(await log.verify(), { ok: true });
});

t.test('a log that one thread has to give up is given up by all', async (t) => {
  const heard: string[] = [];
  const { log, dir } = await opened(t, { onFailed: (fault) => void heard.push(fault.message) });
  log.append(event(1));
  const full = started(log, 'full', 1, 1200, 'is-full');
  t.match(await full.ended, [/too many audit events wait/]);
  await eventually('the main thread hears of it by itself', () => heard.length > 0);
  t.match(heard, [/another thread/]);
  t.throws(() => log.append(event(2)), { code: 'audit-write-failed' });
  const late = started(log, 'late', 1, 20);
  t.match(await late.ended, [/another thread/]);
  t.notOk(late.results.includes(told.written));
  t.match(await verifyAudit(dir), { ok: true, events: 2 });
});

t.test('search sees what other threads have written; checkpoints sign it', async (t) => {
  const { log, dir } = await opened(t);
  const many = started(log, 'many', 1, checkpointEvents + 500);
  t.strictSame(await many.ended, []);
  const { seq } = log.head();
  t.equal(seq, checkpointEvents + 501);
  t.match((await log.search({ session: 'many', limit: 1 })).items, [{ seq, session_id: 'many' }]);
  t.equal((await log.since(seq - 5)).length, 5);
  const signed = await eventually('a checkpoint before its time has come', async () => {
    const verified = await log.verify();
    return verified.ok && verified.checkpointSeq > 1 ? verified.checkpointSeq : null;
  });
  // The thread may have had some to write still when it was signed.
  t.ok(signed > checkpointEvents && signed <= seq, `${signed} of ${seq} are signed`);
  await started(log, 'few', 2, 20).ended;
  await log.close();
  t.match(await verifyAudit(dir), { ok: true, checkpointSeq: seq + 20, events: seq + 20 });
  t.ok(readFileSync(join(dir, 'checkpoints.jsonl'), 'utf8').trim().split('\n').length >= 3);
  const again = await openAuditLog(options(dir));
  t.equal(again.head().seq, seq + 20, 'closed in order');
  await again.close();
});

t.test('threads are refused when the main thread has closed the log', async (t) => {
  const { log } = await opened(t);
  const shared = log.share();
  await log.close();
  const { joinAuditLog } = await import('../../src/audit/joined.ts');
  const joined = joinAuditLog(shared, { clock: realClock, onFailed: () => undefined });
  t.throws(() => joined.append(event(1)), { code: 'audit-write-failed', message: /closed/ });
  await joined.close();
});
