// Clients and targets with different capabilities: what a client reads through the gateway is, byte for byte, what it reads from
// the server itself, with and without EOF packets on either side, behind the read-only fence or not.

import { once } from 'node:events';
import t from 'tap';
import { extendedFlag, flag } from '../../protocols/mysql/capabilities.ts';
import { readPacket } from '../../protocols/mysql/byte-stream.ts';
import { framed } from '../../protocols/mysql/codec.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import type { Upstream } from '../../protocols/mysql/upstream.ts';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { olderServer } from '../support/mysql-older-server.ts';
import { rawClient, wireSignal } from '../support/mysql-wire.ts';

const server = await startMariadb(t);
await server.sql(`
  CREATE TABLE things (id int PRIMARY KEY, name varchar(20));
  INSERT INTO things VALUES (1, 'a'), (2, 'b'), (3, NULL);
  CREATE TABLE none_in (id int);
  CREATE TABLE typed (id int PRIMARY KEY, j json, i inet6, p point);
  INSERT INTO typed VALUES (1, '{"a":1}', '::1', POINT(1, 2));
  CREATE PROCEDURE own_cursor() BEGIN
    DECLARE a int;
    DECLARE c CURSOR FOR SELECT id FROM things;
    OPEN c; FETCH c INTO a; CLOSE c;
    SELECT 'first', a; SELECT 'second';
  END;`);
const noEof = await olderServer(t, server.port, flag.deprecateEof);
const old = await olderServer(t, server.port, flag.deprecateEof | flag.sessionTrack);
const wordless = await olderServer(t, server.port, 0, extendedFlag.extendedMetadata);
const wordlessEof = await olderServer(t, server.port, flag.deprecateEof, extendedFlag.extendedMetadata);
const at = (name: string, port: number) => ({ ...mariadbTarget(server, name, {}), port });
const gateway = await startTestGateway(t, {
  targets: [
    ...[at('today', server.port), at('no-eof', noEof), at('old', old), at('fenced', server.port), at('old-fenced', noEof)],
    ...[at('wordless', wordless), at('wordless-eof', wordlessEof)],
  ],
  policies: {
    'p.yaml': `policy: p
rules:
  - { id: in, actions: [connect], decision: allow }
  - { id: all, targets: { names: [today, no-eof, old, fenced, old-fenced, wordless, wordless-eof] }, decision: allow }
  - { id: fenced, targets: { names: [fenced, old-fenced] }, effects: { access: [read, session] }, fence: read-only, decision: allow }
`,
  },
});
const { port } = gateway.address('mysql');

type Ask = readonly [name: string, ...commands: Buffer[]];
const { command } = wire;
const of = (code: number, ...rest: (Buffer | number)[]) =>
  Buffer.concat([Buffer.from([code]), ...rest.map((it) => (typeof it === 'number' ? Buffer.from([it]) : it))]);
/** The statement prepared last, as MariaDB names it. */
const last = wire.uint32(0xffffffff);
const prepare = (text: string) => of(command.prepare, Buffer.from(text));
const execute = (cursor: boolean) => of(command.execute, last, cursor ? 1 : 0, wire.uint32(1));
const fetch = (rows: number) => of(command.fetch, last, wire.uint32(rows));

const asks: readonly Ask[] = [
  ['rows', wire.query('SELECT id, name FROM things')],
  ['no rows', wire.query('SELECT id FROM none_in')],
  ['an OK', wire.query('DO 1')],
  ['words in an OK', wire.query('UPDATE things SET name = name')],
  ['an error', wire.query('SELECT nope FROM things')],
  ['warnings', wire.query("SELECT CAST('x' AS SIGNED), id FROM things")],
  ['several results', wire.query('SELECT id FROM things; DO 1; SELECT name FROM things WHERE id = 2')],
  ['several results, the last an error', wire.query('SELECT id FROM things; SELECT nope FROM things')],
  ['prepared without anything', prepare('DO 1'), execute(false)],
  ['prepared with columns', prepare('SELECT id, name FROM things'), execute(false)],
  ['prepared with parameters', prepare('SELECT id, ? AS p FROM things WHERE id > ?')],
  ['a prepare that fails', prepare('SELECT nope FROM things')],
  ['a cursor', prepare('SELECT id, name FROM things'), execute(true), fetch(2), fetch(5)],
  ['a cursor, left open and run again', prepare('SELECT id FROM things'), execute(true), fetch(1), execute(true), fetch(9)],
  ['a procedure with a cursor of its own', wire.query('CALL own_cursor()'), wire.query('SELECT id FROM things')],
  ['such a procedure, prepared', prepare('CALL own_cursor()'), execute(false), wire.query('SELECT id FROM things')],
  ['types that mean more', wire.query('SELECT j, i, p, JSON_COMPACT(j) FROM typed')],
  ['such types, prepared', prepare('SELECT id, j, i, p FROM typed WHERE id = ?')],
  ['columns of such types', of(command.fieldList, Buffer.from('typed\0'))],
  ['columns of a table', of(command.fieldList, Buffer.from('things\0'))],
  ['multi-statements off and on', of(command.setOption, wire.uint16(1)), of(command.setOption, wire.uint16(0))],
  ['ping', of(command.ping)],
  ['in a transaction', wire.query('BEGIN'), wire.query('SELECT id FROM things'), wire.query('COMMIT')],
  ['without autocommit', wire.query('SET autocommit = 0'), wire.query('SELECT id FROM things'), wire.query('COMMIT'), wire.query('SET autocommit = 1')],
  ['reset', of(command.resetConnection), wire.query('SELECT id FROM things')],
]; // prettier-ignore

/** The whole answer to each command, as hex of its packets. COM_STATISTICS behind it says where it ends. */
async function answers(client: Upstream, commands: readonly Buffer[]): Promise<string[]> {
  const told: string[] = [];
  for (const each of commands) {
    client.stream.write(framed(each, 0));
    client.stream.write(framed(Buffer.from([command.statistics]), 0));
    let sequence = 1;
    for (;;) {
      const { payload } = await readAny(client, sequence);
      if (payload.toString('latin1').startsWith('Uptime')) break;
      told.push(`${sequence} ${statementIdOut(payload, each)}`);
      sequence += 1;
    }
  }
  return told;
}

/** The next packet of the answer, or the first of the answer to COM_STATISTICS. */
async function readAny({ stream }: Upstream, sequence: number): Promise<{ payload: Buffer }> {
  const head = (await wholeHeader(stream)) as Buffer;
  const number = head[3] as number;
  stream.unshift(head);
  return await readPacket(stream, number === 1 ? 1 : sequence, 0xffffff, wireSignal);
}

async function wholeHeader(stream: Upstream['stream']): Promise<Buffer> {
  for (;;) {
    const head = stream.read(4) as Buffer | null;
    if (head !== null) return head;
    await once(stream, 'readable', { signal: wireSignal });
  }
}

/** Statements are numbered by the server, for all sessions. */
function statementIdOut(payload: Buffer, asked: Buffer): string {
  if (asked[0] === command.prepare && payload[0] === 0 && payload.length === 12) payload.writeUInt32LE(0, 1);
  return payload.toString('hex');
}

const several = flag.multiStatements | flag.multiResults | flag.preparedMultiResults;
for (const [form, standard, tracks] of [
  ['without EOF', flag.deprecateEof | several, true],
  ['with EOF', several, true],
  ['without EOF and session tracking', flag.deprecateEof | several, false],
  ['with EOF, without session tracking', several, false],
] as const) {
  t.test(`a client ${form}`, async (t) => {
    const capabilities = { standard, extended: 0 };
    const { user, password } = server;
    // Who is not offered session tracking does not ask for it.
    const greeted = async (to: number) => (tracks ? to : await olderServer(t, to, flag.sessionTrack));
    const direct = await rawClient(t, { port: await greeted(server.port), user, password, capabilities, database: 'shop' });
    const through = await greeted(port);
    const expected = new Map<string, string[]>();
    for (const [name, ...commands] of asks) expected.set(name, await answers(direct, commands));
    for (const target of ['today', 'no-eof', 'fenced', 'old-fenced', 'old']) {
      const alice = { user: `alice:${target}`, password: gateway.token('alice') };
      const client = await rawClient(t, { port: through, ...alice, capabilities, database: 'shop' });
      for (const [name, ...commands] of asks) {
        const seen = await answers(client, commands);
        // A target that tracks nothing leaves out empty words, and has nothing to tell of what changed.
        if (target !== 'old' || !tracks) t.strictSame(seen, expected.get(name), `${target}: ${name}`);
        else t.equal(seen.length, expected.get(name)?.length, `${target}: ${name}`);
      }
    }
  });
}

t.test('a MariaDB client hears what its types mean', async (t) => {
  const capabilities = { standard: flag.deprecateEof | several, extended: extendedFlag.extendedMetadata };
  const { user, password } = server;
  const direct = await rawClient(t, { port: server.port, user, password, capabilities, database: 'shop' });
  t.match((await answers(direct, [wire.query('SELECT j FROM typed')])).join(), Buffer.from('json').toString('hex'));
  const clients = new Map<string, Upstream>();
  for (const target of ['today', 'fenced', 'wordless', 'wordless-eof']) {
    const alice = { user: `alice:${target}`, password: gateway.token('alice') };
    clients.set(target, await rawClient(t, { port, ...alice, capabilities, database: 'shop' }));
  }
  for (const [name, ...commands] of asks) {
    const expected = await answers(direct, commands);
    for (const [target, client] of clients) {
      const seen = await answers(client, commands);
      // A server that has no such words: there is an empty one.
      t.strictSame(seen, target.startsWith('wordless') ? expected.map(withoutWords) : expected, `${target}: ${name}`);
    }
  }
});

/** A packet as hex; where it is a definition of a column, without the words of its type. */
function withoutWords(told: string): string {
  const [sequence, hex = ''] = told.split(' ');
  const payload = Buffer.from(hex, 'hex');
  if (payload.toString('latin1', 0, 4) !== '\x03def') return told;
  let at = 0;
  for (let strings = 0; strings < 6; strings += 1) at += 1 + (payload[at] as number);
  const rest = payload.subarray(at + 1 + (payload[at] as number));
  return `${sequence} ${Buffer.concat([payload.subarray(0, at), Buffer.from([0]), rest]).toString('hex')}`;
}
