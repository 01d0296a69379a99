// The work of the PostgreSQL relay for one statement, with sockets that are only memory and everything else as in hot-path.ts.
// Prints CPU microseconds for each statement: of many small measurements the tenth part that was disturbed least.
// node hot-relay.ts [prepared|simple|long|varied|forms] [SECONDS]

import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { Connection } from '../../protocols/postgres/connection.ts';
import { failingMessages } from '../../protocols/postgres/refusal.ts';
import { CatalogueEntry } from '../../src/core/catalogue-cache.ts';
import type { Session } from '../../src/core/session.ts';
import { clientMessage, targetMessage } from '../transcripts/postgres-messages.ts';
import { newFormScripts } from './new-forms.ts';
import { hotWorld, mode, settings } from './hot-world.ts';

const [kind = 'prepared', secondsText = '3'] = process.argv.slice(2);
const { sessions, clock } = await hotWorld(16);

/** As much of a socket as a connection asks of one. */
class MemorySocket extends EventEmitter {
  /** What was written last. */
  bytes: Buffer | null = null;
  destroyed = false;
  readonly writableNeedDrain = false;

  write(bytes: Buffer): boolean {
    this.bytes = bytes;
    return true;
  }

  pause(): this {
    return this;
  }

  resume(): this {
    return this;
  }

  isPaused(): boolean {
    return false;
  }
}

const client = (...lines: string[]): Buffer => Buffer.concat(lines.map(clientMessage));
const target = (...lines: string[]): Buffer => Buffer.concat(lines.map(targetMessage));
const result = ['T abalance', 'D 0', 'C SELECT 1', 'Z I'];
const answer = kind === 'prepared' ? target('2', ...result) : target(...result);

const entry = new CatalogueEntry(() => Promise.resolve(mode.catalogue as NonNullable<typeof mode.catalogue>), clock, {
  warn: () => undefined,
} as never);
await entry.refresh();
const pairs = sessions.map(connected);

/** As object-relational mappers write them: 1.6 kB, and each text is new. */
const columns = ['aid', 'bid', 'abalance', 'filler'].flatMap((name, at) =>
  Array.from({ length: 8 }, (_, more) => `"t0"."${name}" AS "account_${8 * at + more}_${name}__value"`),
);
const longText = `SELECT ${columns.join(', ')} FROM "pgbench_accounts" "t0"`;
const newForms = newFormScripts().flatMap((script) => script.split('\n').filter((line) => line.startsWith('SELECT')));
let total = 0;
/** Statements of one measurement, and those that warm the compiler up. */
const batch = 1600;
const warmUp = kind === 'forms' ? 8_000 : 40_000;
for (let done = 0; done < warmUp; done += batch) await run(batch);
const costs: number[] = [];
const endMs = performance.now() + Number(secondsText) * 1000;
while (performance.now() < endMs) {
  const before = threadMicros();
  await run(batch);
  costs.push((threadMicros() - before) / batch);
}
costs.sort((a, b) => a - b);
process.stdout.write(`${kind}: ${(costs[Math.floor(costs.length / 10)] ?? NaN).toFixed(2)} µs CPU for each statement\n`);
process.exit(0);

/** CPU time of this thread, as the scheduler counts it: `process.threadCpuUsage` knows ticks of 10 ms only, on many kernels. */
function threadMicros(): number {
  return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]) / 1000;
}

interface Pair {
  readonly client: MemorySocket;
  readonly target: MemorySocket;
}

function connected(session: Session): Pair {
  const pair = { client: new MemorySocket(), target: new MemorySocket() };
  const connection = new Connection({
    client: pair.client as never,
    target: pair.target as never,
    session,
    catalogue: entry,
    clock,
    limits: { maxBytes: () => 1_000_000 },
    failing: failingMessages(Buffer.from('x')),
    heartbeat: Buffer.alloc(0),
    heldBytesMax: 1_000_000,
    reading: { hold: () => true },
    cancelTarget: () => Promise.resolve(),
    giveBack: () => undefined,
    gone: () => undefined,
  });
  for (const [name, value] of Object.entries(settings)) connection.machine.settings.reported(name, value);
  connection.machine.settings.signedIn([]);
  connection.machine.settings.catalogue(entry.current);
  connection.start(Buffer.alloc(0));
  pair.client.emit('data', client('P P_0|SELECT abalance FROM pgbench_accounts WHERE aid = $1;', 'S'));
  pair.target.emit('data', target('1', 'Z I'));
  return pair;
}

/** Chunks come in turns of the event loop, as from sockets: one of each client, then one of each target. */
async function run(statements: number): Promise<void> {
  for (let done = 0; done < statements; done += pairs.length) {
    for (const pair of pairs) {
      total += 1;
      pair.target.bytes = null;
      pair.client.emit('data', chunkOf(total % 100_000));
    }
    await new Promise((resolve) => setImmediate(resolve));
    for (const pair of pairs) {
      pair.client.bytes = null;
      if (pair.target.bytes === null) throw new Error('not released');
      pair.target.emit('data', Buffer.from(answer));
    }
    await new Promise((resolve) => setImmediate(resolve));
    for (const pair of pairs) if (pair.client.bytes === null) throw new Error('not answered');
  }
}

function chunkOf(aid: number): Buffer {
  if (kind === 'prepared') return client(`B |P_0|${aid}`, 'D P ', 'E |0', 'S');
  if (kind === 'varied') return client(`Q ${longText} WHERE ${varied(aid)};`);
  if (kind === 'forms') return client(`Q ${(newForms[total % newForms.length] as string).replace(':n', String(total))}`);
  if (kind === 'long') return client(`Q ${longText} WHERE "t0"."aid" = ${aid} AND "t0"."abalance" <> ${7 * aid};`);
  return client(`Q SELECT abalance FROM pgbench_accounts WHERE aid = ${aid};`);
}

/** A list of another length, text that is not ASCII, a decimal and a comment that is never the same. */
function varied(aid: number): string {
  const ids = Array.from({ length: 1 + (aid % 40) }, (_, more) => aid + more).join(', ');
  return `"t0"."aid" IN (${ids}) AND "t0"."filler" <> 'Größe ${aid}' AND "t0"."abalance" < ${aid}.5 /* request ${aid} */`;
}
