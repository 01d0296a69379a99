// The work of the MySQL relay for one statement, with sockets that are only memory and everything else as in hot-path.ts.
// Prints microseconds for each statement: of many measurements of 3 ms the fiftieth part that was disturbed least. A clock tells that
// better than CPU time, which many kernels count in ticks of 4 or 10 ms.
// node mysql-hot-relay.ts [prepared|simple|new|range|mixed] [SECONDS]
// prepared, range: one row, or a hundred, of a prepared statement. simple: a text out of 1,000. new: a text never seen before.
// mixed: the 16 prepared statements of a transaction of sysbench's oltp_read_only, one after the other.

import { EventEmitter } from 'node:events';
import { framed, headerBytes } from '../../protocols/mysql/codec.ts';
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
const textAnswer = packets(1, [Buffer.from([1, 1]), definition, eof, row, eof]);
const inTransaction = Buffer.from('fe00000300', 'hex');
const isText = kind === 'simple' || kind === 'new';
const text = 'SELECT c FROM sbtest1 WHERE id=?';

/** A prepared statement with its number, so many bigints, and the target's answer. */
interface Prepared {
  readonly id: number;
  readonly text: string;
  readonly parameters: number;
  readonly answer: Buffer;
}

const [point, ...others] =
  kind === 'mixed'
    ? [
        reading(1, text, 1, 1, inTransaction),
        { id: 2, text: 'BEGIN', parameters: 0, answer: packets(1, [Buffer.from('00000003000000', 'hex')]) },
        ...['SELECT c', 'SELECT SUM(k)', 'SELECT c', 'SELECT DISTINCT c'].map((start, index) =>
          reading(3 + index, between(start, index), 2, index === 1 ? 1 : 100, inTransaction),
        ),
        { id: 7, text: 'COMMIT', parameters: 0, answer: packets(1, [Buffer.from('00000002000000', 'hex')]) },
      ]
    : [reading(1, text, 1, kind === 'range' ? 100 : 1, eof)];
const statements: readonly Prepared[] = [point as Prepared, ...others];
/** What a client runs, over and over. */
const [begins, ...goesOn] = others;
const turns: readonly Prepared[] =
  begins === undefined ? statements : [begins, ...Array.from({ length: 10 }, () => point as Prepared), ...goesOn];

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
let round = 0;
/** Statements of one measurement, and those that warm the compiler up. */
const batch = 512;
const warmUp = 40_000;
for (let done = 0; done < warmUp; done += batch) await run(batch);
const costs: number[] = [];
const endMs = performance.now() + Number(secondsText) * 1000;
while (performance.now() < endMs) {
  const before = performance.now();
  await run(batch);
  costs.push(((performance.now() - before) * 1000) / batch);
}
costs.sort((a, b) => a - b);
process.stdout.write(`${kind}: ${(costs[Math.floor(costs.length / 50)] ?? NaN).toFixed(2)} µs for each statement\n`);
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
    reading: { hold: () => true },
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
      extendsMetadata: false,
      clientExtendsMetadata: false,
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
    giveBack: () => undefined,
    kill: () => false,
    gone: () => undefined,
    changeUser: () => undefined,
  });
  connection.start(null);
  for (const statement of statements) {
    pair.client.emit('data', framed(Buffer.concat([Buffer.from([wire.command.prepare]), Buffer.from(statement.text)]), 0));
    pair.target.emit('data', preparedOk(statement));
    pair.client.emit('data', execution(statement, 1, true));
    pair.target.emit('data', Buffer.from(statement.answer));
  }
  return pair;
}

/** Chunks come in turns of the event loop, as from sockets: one of each client, then one of each target. */
async function run(count: number): Promise<void> {
  for (let done = 0; done < count; done += pairs.length) {
    round += 1;
    const statement = turns[round % turns.length] as Prepared;
    for (const pair of pairs) {
      total += 1;
      pair.target.bytes = null;
      pair.client.emit('data', chunkOf(statement, total));
    }
    await new Promise((resolve) => setImmediate(resolve));
    for (const pair of pairs) {
      pair.client.bytes = null;
      if (pair.target.bytes === null) throw new Error('not released');
      pair.target.emit('data', isText ? Buffer.from(textAnswer) : Buffer.from(statement.answer));
    }
    await new Promise((resolve) => setImmediate(resolve));
    for (const pair of pairs) if (pair.client.bytes === null) throw new Error('not answered');
  }
}

function chunkOf(statement: Prepared, number: number): Buffer {
  if (!isText) return execution(statement, number % 100_000, false);
  const id = kind === 'new' ? number : number % 1000;
  return framed(Buffer.concat([Buffer.from([wire.command.query]), Buffer.from(text.replace('?', String(id)))]), 0);
}

/** COM_STMT_EXECUTE with bigints; `tells`: with their types. */
function execution({ id, parameters }: Prepared, first: number, tells: boolean): Buffer {
  const head = Buffer.from('17000000000001000000', 'hex');
  head.writeUInt32LE(id, 1);
  if (parameters === 0) return framed(head, 0);
  const values = Buffer.alloc(8 * parameters);
  for (let index = 0; index < parameters; index += 1) values.writeBigInt64LE(BigInt(first + 99 * index), 8 * index);
  const types = tells ? Buffer.from(`01${'0800'.repeat(parameters)}`, 'hex') : Buffer.from([0]);
  return framed(Buffer.concat([head, Buffer.from([0]), types, values]), 0);
}

/** A SELECT of one column. */
function reading(id: number, asked: string, parameters: number, rows: number, end: Buffer): Prepared {
  const binary = Buffer.concat([Buffer.from([0, 0]), row]);
  return {
    id,
    text: asked,
    parameters,
    answer: packets(1, [Buffer.from([1, 0]), end, ...Array.from({ length: rows }, () => binary), end]),
  };
}

function between(start: string, index: number): string {
  return `${start} FROM sbtest1 WHERE id BETWEEN ? AND ?${index > 1 ? ' ORDER BY c' : ''}`;
}

/** Columns and parameters, and their definitions. */
function preparedOk({ id, parameters, answer }: Prepared): Buffer {
  const columns = answer[headerBytes] === 0 ? 0 : 1;
  const ok = Buffer.from('000000000000000000000000', 'hex');
  ok.writeUInt32LE(id, 1);
  ok.writeUInt16LE(columns, 5);
  ok.writeUInt16LE(parameters, 7);
  const told = [parameters, columns].flatMap((count) => (count === 0 ? [] : [...Array.from({ length: count }, () => definition), eof]));
  return packets(1, [ok, ...told]);
}

function packets(sequence: number, payloads: readonly Buffer[]): Buffer {
  return Buffer.concat(payloads.map((it, index) => framed(it, sequence + index)));
}

function textField(value: string): Buffer {
  return wire.lenencBytes(Buffer.from(value));
}
