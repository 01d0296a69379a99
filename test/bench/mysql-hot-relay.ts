// The work of the MySQL relay for one statement, with sockets that are only memory and everything else as in hot-path.ts.
// Prints CPU microseconds for each statement: of many small measurements the tenth part that was disturbed least.
// node mysql-hot-relay.ts [prepared|simple|new|range] [SECONDS]
// prepared, range: one row, or a hundred, of a prepared statement. simple: a text out of 1,000. new: a text never seen before.

import { EventEmitter } from 'node:events';
import { framed } from '../../protocols/mysql/codec.ts';
import { Connection } from '../../protocols/mysql/connection.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import { Settings } from '../../protocols/mysql/settings.ts';
import { CatalogueEntry } from '../../src/core/catalogue-cache.ts';
import type { Session } from '../../src/core/session.ts';
import { hotWorld } from './hot-world.ts';

const [kind = 'prepared', secondsText = '3'] = process.argv.slice(2);
const { sessions, clock } = await hotWorld(16, 'mysql');

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

// What MariaDB and its client library agree on: EOF packets, session tracking, definitions that are told once.
const definition = Buffer.concat([
  ...['def', 'shop', 'sbtest1', 'sbtest1', 'c', 'c'].map(textField),
  Buffer.from('0c2d00e0010000fe0100000000', 'hex'),
]);
const row = textField('9'.repeat(119));
const eof = Buffer.from('fe00000200', 'hex');
const isText = kind === 'simple' || kind === 'new';
const rows = Array.from({ length: kind === 'range' ? 100 : 1 }, () => (isText ? row : Buffer.concat([Buffer.from([0, 0]), row])));
const answer = isText
  ? packets(1, [Buffer.from([1, 1]), definition, eof, ...rows, eof])
  : packets(1, [Buffer.from([1, 0]), eof, ...rows, eof]);
const text = 'SELECT c FROM sbtest1 WHERE id=?';

const nothing = { functions: [], types: [], relations: [], builtins: [] };
const table = { id: '1', schema: 'shop', name: 'sbtest1', kind: 'table' as const, columns: ['id', 'k', 'c', 'pad'] };
const catalogue = {
  searchPath: '',
  user: 'root',
  functions: [],
  operators: [],
  types: [],
  relations: [{ ...table, reading: nothing, writing: nothing, reacts: false }],
};
const entry = new CatalogueEntry(() => Promise.resolve({ version: '1', content: catalogue }), clock, { warn: () => undefined } as never);
await entry.refresh();
const pairs = sessions.map(connected);

let total = 0;
/** Statements of one measurement, and those that warm the compiler up. */
const batch = 1600;
const warmUp = 40_000;
for (let done = 0; done < warmUp; done += batch) await run(batch);
const costs: { user: number; system: number }[] = [];
const endMs = performance.now() + Number(secondsText) * 1000;
while (performance.now() < endMs) {
  const before = process.threadCpuUsage();
  await run(batch);
  const { user, system } = process.threadCpuUsage(before);
  costs.push({ user: user / batch, system: system / batch });
}
costs.sort((a, b) => a.user + a.system - b.user - b.system);
const { user, system } = costs[Math.floor(costs.length / 10)] ?? { user: NaN, system: NaN };
process.stdout.write(`${kind}: ${(user + system).toFixed(2)} µs CPU for each statement (${user.toFixed(2)} user)\n`);
process.exit(0);

interface Pair {
  readonly client: MemorySocket;
  readonly target: MemorySocket;
}

function connected(session: Session): Pair {
  const pair = { client: new MemorySocket(), target: new MemorySocket() };
  const connection = new Connection({
    client: pair.client as never,
    numbered: true,
    target: pair.target as never,
    targetConnectionId: 1,
    session,
    catalogue: entry,
    clock,
    payloadBytesMax: 1_000_000,
    heldBytesMax: 1_000_000,
    settings: new Settings({
      flavour: 'mariadb',
      serverVersion: '10.11.0-MariaDB',
      sqlMode: 'STRICT_TRANS_TABLES',
      characterSetClient: 'utf8mb4',
      database: 'shop',
      lowerCaseTableNames: '0',
    }),
    statusFlags: wire.status.autocommit,
    machine: {
      deprecatesEof: false,
      clientDeprecatesEof: false,
      tracks: true,
      clientTracks: true,
      cachesMetadata: true,
      clientCachesMetadata: true,
      takesBulk: true,
      attributes: 'none',
      statementBytesMax: 1_000_000,
      targetName: 'bench',
      targetDatabase: 'shop',
      role: null,
    },
    showsProgress: false,
    cancelTarget: () => Promise.resolve(),
    kill: () => false,
    gone: () => undefined,
    changeUser: () => undefined,
  });
  connection.start(null);
  pair.client.emit('data', framed(Buffer.concat([Buffer.from([wire.command.prepare]), Buffer.from(text)]), 0));
  // One column, one parameter, and their definitions.
  pair.target.emit('data', packets(1, [Buffer.from('000100000001000100000000', 'hex'), definition, eof, definition, eof]));
  pair.client.emit('data', execution(1, true));
  pair.target.emit('data', Buffer.from(answer));
  return pair;
}

/** Chunks come in turns of the event loop, as from sockets: one of each client, then one of each target. */
async function run(statements: number): Promise<void> {
  for (let done = 0; done < statements; done += pairs.length) {
    for (const pair of pairs) {
      total += 1;
      pair.target.bytes = null;
      pair.client.emit('data', chunkOf(total));
    }
    await new Promise((resolve) => setImmediate(resolve));
    for (const pair of pairs) {
      pair.client.bytes = null;
      if (pair.target.bytes === null) throw new Error('not released');
      pair.target.emit('data', Buffer.from(answer));
      if (pair.client.bytes === null) throw new Error('not answered');
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function chunkOf(number: number): Buffer {
  if (!isText) return execution(number % 100_000, false);
  const id = kind === 'new' ? number : number % 1000;
  return framed(Buffer.concat([Buffer.from([wire.command.query]), Buffer.from(text.replace('?', String(id)))]), 0);
}

/** COM_STMT_EXECUTE of statement 1 with one bigint; `tells`: with its type. */
function execution(id: number, tells: boolean): Buffer {
  const value = Buffer.alloc(8);
  value.writeBigInt64LE(BigInt(id));
  const head = Buffer.from('1701000000000100000000' + (tells ? '010800' : '00'), 'hex');
  return framed(Buffer.concat([head, value]), 0);
}

function packets(sequence: number, payloads: readonly Buffer[]): Buffer {
  return Buffer.concat(payloads.map((it, index) => framed(it, sequence + index)));
}

function textField(value: string): Buffer {
  return wire.lenencBytes(Buffer.from(value));
}
