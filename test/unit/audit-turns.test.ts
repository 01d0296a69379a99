// Releases that share the write of their turn of the event loop: whatever is mixed with them and whenever the disk refuses, the
// log has exactly what was accepted, in the order of calls, and has it before anybody is told.

import { readFileSync, rmSync, writeSync } from 'node:fs';
import { setImmediate as turnEnd } from 'node:timers/promises';
import t, { type Test as TapTest } from 'tap';
import type { Durability } from '../../src/audit/appender.ts';
import { openAuditLog, type AuditLogOptions, type OpenedAuditLog } from '../../src/audit/log.ts';
import { listSegments } from '../../src/audit/segments.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import type { Fault } from '../../src/core/errors.ts';
import { event, options, temporaryFolder } from './audit-fixtures/log.ts';

async function opened(t: TapTest, more: Partial<AuditLogOptions> = {}): Promise<{ log: OpenedAuditLog; dir: string }> {
  const dir = temporaryFolder();
  const log = await openAuditLog(options(dir, more));
  t.teardown(async () => {
    await log.close();
    rmSync(dir, { recursive: true });
  });
  return { log, dir };
}

/** The action ids in the files, in order. */
function actionsIn(dir: string): string[] {
  const text = listSegments(dir)
    .map((it) => readFileSync(it.path, 'utf8'))
    .join('');
  return [...text.matchAll(/"action":"([^"]+)"/g)].map(([, action]) => action as string);
}

const numbered = (number: number) => event(number, { actionId: `a-${number}` });

/** After this the log has seen a turn with several releases and gathers them. */
async function busy(log: OpenedAuditLog): Promise<void> {
  for (let number = 0; number < 40; number += 1) log.appendInTurn(event(number, { actionId: null }), () => undefined);
  await turnEnd();
}

t.test('a client alone hears before the call returns; many hear at the end of the turn, after one write', async (t) => {
  let writes = 0;
  const write = (fd: number, bytes: Buffer, offset: number) => {
    writes += 1;
    return writeSync(fd, bytes, offset);
  };
  const { log, dir } = await opened(t, { write });
  const told: number[] = [];
  for (let number = 0; number < 40; number += 1) {
    log.appendInTurn(numbered(number), () => void told.push(number));
    t.equal(told.length, number + 1, 'at once');
    await turnEnd();
  }
  await busy(log);
  writes = 0;
  for (let number = 40; number < 56; number += 1) {
    log.appendInTurn(numbered(number), (failed) => {
      t.equal(failed, null);
      t.ok(actionsIn(dir).includes(`a-${number}`), 'it is in the file');
      told.push(number);
    });
  }
  t.equal(told.length, 40, 'not yet');
  await turnEnd();
  t.strictSame(
    told,
    Array.from({ length: 56 }, (_, number) => number),
  );
  t.equal(writes, 1);
  for (let number = 0; number < 40; number += 1) {
    log.appendInTurn(event(number), () => undefined);
    await turnEnd();
  }
  let heard = false;
  log.appendInTurn(event(1), () => (heard = true));
  t.ok(heard, 'alone again, at once again');
});

t.test('an append in between writes all; who waits hears at the end of the turn', async (t) => {
  const { log, dir } = await opened(t);
  await busy(log);
  let heard: Fault | null | undefined;
  log.appendInTurn(numbered(1), (failed) => (heard = failed));
  log.appendSoon(numbered(2));
  log.append(numbered(3));
  t.strictSame(actionsIn(dir), ['a-1', 'a-2', 'a-3']);
  await turnEnd();
  t.equal(heard, null);
});

t.test('a detail that is no JSON is refused, its neighbours are not', async (t) => {
  const { log, dir } = await opened(t);
  await busy(log);
  const heard: (string | null)[] = [];
  const then = (failed: Fault | null) => void heard.push(failed?.code ?? null);
  log.appendInTurn(numbered(1), then);
  log.appendInTurn({ ...numbered(2), detail: { rows: 1n } }, then);
  log.appendInTurn(numbered(3), then);
  await turnEnd();
  t.strictSame(heard.sort(), ['audit-write-failed', null, null]);
  t.strictSame(actionsIn(dir), ['a-1', 'a-3']);
});

t.test('closing in the middle of a turn writes it; later releases are refused', async (t) => {
  for (const durability of ['kernel', 'fsync'] as const) {
    const { log, dir } = await opened(t, { durability });
    await busy(log);
    const heard: (string | null)[] = [];
    const then = (failed: Fault | null) => void heard.push(failed?.code ?? null);
    log.appendInTurn(numbered(1), then);
    await log.close();
    t.strictSame(actionsIn(dir), ['a-1']);
    log.appendInTurn(numbered(2), then);
    await turnEnd();
    t.strictSame(heard, [null, 'audit-write-failed']);
  }
});

t.test('one who throws at being told does not keep the others from hearing', async (t) => {
  const { log } = await opened(t);
  await busy(log);
  const heard: number[] = [];
  log.appendInTurn(numbered(1), () => {
    throw new Error('thrown on purpose');
  });
  log.appendInTurn(numbered(2), () => void heard.push(2));
  const thrown = Promise.withResolvers<Error>();
  process.once('uncaughtException', thrown.resolve);
  t.match(await thrown.promise, { message: 'thrown on purpose' });
  t.strictSame(heard, [2]);
});

for (const durability of ['kernel', 'fsync'] as const) {
  t.test(`whatever comes in any order while the disk fails now and then (${durability})`, (t) => anyOrder(t, durability));
}

async function anyOrder(t: TapTest, durability: Durability): Promise<void> {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  t.comment(`SEED=${seed}`);
  const random = randomOf(seed);
  let failing = 0;
  const write = (fd: number, bytes: Buffer, offset: number) => {
    if (random() >= failing) return writeSync(fd, bytes, offset);
    if (random() < 0.5) writeSync(fd, bytes, offset, Math.floor(random() * (bytes.length - offset)));
    throw new Error('no space left on device');
  };
  const { log, dir } = await opened(t, { durability, write, segmentBytes: 24 * 1024 });
  await busy(log);
  const refused = new Set<string>();
  const expected = new Set<string>();
  const wrong: string[] = [];
  let asked = 0;
  let toldLast = 0;
  let waiting = 0;

  const releaseInTurn = (): void => {
    const number = (asked += 1);
    let isTold = false;
    waiting += 1;
    log.appendInTurn(numbered(number), (failed) => {
      if (isTold) wrong.push(`${number} was told twice`);
      isTold = true;
      waiting -= 1;
      if (failed === null) {
        expected.add(`a-${number}`);
        if (!actionsIn(dir).includes(`a-${number}`)) wrong.push(`${number} was told before it was in the file`);
        if (number < toldLast) wrong.push(`${number} was told after ${toldLast}`);
        toldLast = Math.max(toldLast, number);
      } else refused.add(`a-${number}`);
      if (random() < 0.2) step();
    });
  };
  const step = (): void => {
    const kind = random();
    if (kind < 0.5) releaseInTurn();
    else if (kind < 0.8) {
      log.appendSoon(numbered((asked += 1)));
      expected.add(`a-${asked}`);
    } else if (kind < 0.95) {
      const action = `a-${(asked += 1)}`;
      try {
        void log.append(numbered(asked))?.catch(() => wrong.push(`${action}: the sync failed`));
        expected.add(action);
      } catch {
        refused.add(action);
      }
    } else {
      try {
        log.flush();
      } catch {
        // The disk.
      }
    }
  };

  for (let round = 0; round < 40; round += 1) {
    failing = round % 2 === 0 ? 0.4 : 0;
    for (let turn = 0; turn < 6; turn += 1) {
      for (let count = Math.floor(random() * 8); count > 0; count -= 1) step();
      await turnEnd();
    }
    failing = 0;
    log.flush();
    while (waiting > 0) await turnEnd();
    t.match(await verifyAudit(dir), { ok: true });
  }
  log.flush();
  const inFile = actionsIn(dir);
  t.strictSame(wrong, []);
  t.strictSame(
    inFile,
    [...expected].sort((a, b) => Number(a.slice(2)) - Number(b.slice(2))),
    'exactly what was accepted, in the order of calls',
  );
  t.ok(refused.size > 20 && inFile.length > 300, `${refused.size} refused, ${inFile.length} in the log`);
  t.notOk(inFile.some((it) => refused.has(it)));
}

/** mulberry32 */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
