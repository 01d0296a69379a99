// Commands that no plain client sends by itself, and bytes that no client should send: raw packets against a gateway in front
// of a real server. The rows of the corpus that only the protocol can show.

import t from 'tap';
import { readPacket, writePacket } from '../../protocols/mysql/byte-stream.ts';
import { flag } from '../../protocols/mysql/capabilities.ts';
import { framed } from '../../protocols/mysql/codec.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import type { Upstream } from '../../protocols/mysql/upstream.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { ask, errorOf, rawClient, wireSignal as signal } from '../support/mysql-wire.ts';

const server = await startMariadb(t);
await server.sql('CREATE TABLE victim (id int PRIMARY KEY, note longtext); INSERT INTO victim SELECT seq, "n" FROM seq_1_to_5');
const gateway = await startTestGateway(t, { targets: [mariadbTarget(server, 'shop', { env: 'production' })] });
const { port } = gateway.address('mysql');
const bob = gateway.api('bob');
const count = async () => Number((await server.sql('SELECT COUNT(*) AS n FROM victim'))[0]?.['n']);

/** A raw client: signed in as this person, ready for commands. */
function client(
  t: Teardown,
  person = 'alice',
  standard: number = flag.deprecateEof | flag.multiStatements | flag.multiResults,
): Promise<Upstream> {
  return rawClient(t, { port, user: `${person}:shop`, password: gateway.token(person), capabilities: { standard, extended: 0 } });
}

const text = (sql: string): Buffer => wire.query(sql);

/** Sends a command that must wait, and denies it. */
async function heldThenDenied(it: Upstream, payload: Buffer, pattern: RegExp): Promise<string> {
  const answered = ask(it, payload);
  const hold = await bob.pendingHold(pattern);
  await bob.post(`/holds/${hold.id}/deny`, { reason: 'no' });
  return errorOf(await answered);
}

t.test('commands that are not served are refused in words, and the session goes on', async (t) => {
  const it = await client(t);
  t.match(errorOf(await ask(it, [wire.command.binlogDump, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0])), /1047.*replication/);
  t.match(errorOf(await ask(it, [wire.command.registerReplica])), /1047.*replication/);
  t.match(errorOf(await ask(it, [0x05, 0x78])), /1047.*say CREATE DATABASE/, 'COM_CREATE_DB');
  t.match(errorOf(await ask(it, [0x06, 0x78])), /1047.*say DROP DATABASE/, 'COM_DROP_DB');
  t.match(errorOf(await ask(it, [0x08, 0x00])), /1047.*say SHUTDOWN/, 'COM_SHUTDOWN');
  t.match(errorOf(await ask(it, [wire.command.bulkExecute, 1, 0, 0, 0, 0, 0])), /1047.*bulk/, 'bulk execution was not agreed');
  t.match(errorOf(await ask(it, [wire.command.processKill, 1, 0, 0, 0])), /1095/);
  t.match(errorOf(await ask(it, [wire.command.execute, 9, 0, 0, 0, 0, 1, 0, 0, 0])), /1243/);
  t.equal((await ask(it, [wire.command.ping]))[0], 0x00);
  t.match((await ask(it, [wire.command.statistics])).toString(), /Uptime/);
});

t.test('multi-statements switched on by COM_SET_OPTION are still seen', async (t) => {
  const it = await client(t, 'alice', flag.deprecateEof | flag.multiResults);
  t.notSame((await ask(it, [wire.command.setOption, 0, 0]))[0], 0xff);
  t.match(await heldThenDenied(it, text('SELECT 1; DELETE FROM victim'), /DELETE/), /1142/);
});

t.test('a reset connection is judged as before', async (t) => {
  const it = await client(t);
  t.equal((await ask(it, [wire.command.resetConnection]))[0], 0x00);
  t.match(await heldThenDenied(it, text('DELETE FROM victim'), /DELETE/), /1142/);
});

t.test('the statement prepared last is meant by its id and by -1', async (t) => {
  const it = await client(t, 'alice', flag.multiResults);
  const prepared = await ask(it, Buffer.concat([Buffer.from([wire.command.prepare]), Buffer.from('DELETE FROM victim')]));
  t.equal(prepared[0], 0x00);
  const execute = (id: number[]) => Buffer.from([wire.command.execute, ...id, 0, 1, 0, 0, 0]);
  t.match(await heldThenDenied(it, execute([0xff, 0xff, 0xff, 0xff]), /DELETE/), /1142/);
  t.match(await heldThenDenied(it, execute([...prepared.subarray(1, 5)]), /DELETE/), /1142/);
  t.equal(await count(), 5);
});

t.test('values sent ahead reach the target only with their release, and the approval binds to them', async (t) => {
  const it = await client(t, 'alice', 0);
  const prepared = await ask(
    it,
    Buffer.concat([Buffer.from([wire.command.prepare]), Buffer.from('UPDATE victim SET note = ? WHERE id = 1')]),
  );
  await readPacket(it.stream, 2, 1000, signal);
  await readPacket(it.stream, 3, 1000, signal);
  const id = [...prepared.subarray(1, 5)];
  writePacket(it.stream, Buffer.concat([Buffer.from([wire.command.sendLongData, ...id, 0, 0]), Buffer.from('a long ')]), 0);
  writePacket(it.stream, Buffer.concat([Buffer.from([wire.command.sendLongData, ...id, 0, 0]), Buffer.from('value')]), 0);
  const answered = ask(it, Buffer.from([wire.command.execute, ...id, 0, 1, 0, 0, 0, 0, 1, 0xfb, 0]));
  const hold = await bob.pendingHold(/UPDATE victim/);
  t.match(hold.parameters, [{ text: 'a long value' }]);
  await bob.post(`/holds/${hold.id}/approve`, { reason: 'fine' });
  t.equal((await answered)[0], 0x00);
  t.match(await server.sql('SELECT note FROM victim WHERE id = 1'), [{ note: 'a long value' }]);
});

t.test('rows by cursor', async (t) => {
  const it = await client(t);
  const prepared = await ask(it, Buffer.concat([Buffer.from([wire.command.prepare]), Buffer.from('SELECT id FROM victim ORDER BY id')]));
  await readPacket(it.stream, 2, 1000, signal); // column
  const id = [...prepared.subarray(1, 5)];
  await ask(it, Buffer.from([wire.command.execute, ...id, 1, 1, 0, 0, 0]));
  await readPacket(it.stream, 2, 1000, signal);
  const end = (await readPacket(it.stream, 3, 1000, signal)).payload;
  t.ok((wire.readOk(end, true).statusFlags & wire.status.cursorExists) !== 0);
  const row = await ask(it, Buffer.from([wire.command.fetch, ...id, 2, 0, 0, 0]));
  t.equal(row[0], 0x00);
  t.equal((await readPacket(it.stream, 2, 1000, signal)).payload[0], 0x00);
  t.equal((await readPacket(it.stream, 3, 1000, signal)).payload[0], 0xfe);
});

t.test('a statement in two packets of 16 MB is read whole, not only its first packet', async (t) => {
  const it = await client(t);
  const sql = `SELECT 1 /*${'a'.repeat(0xffffff)}*/; DELETE FROM victim`;
  t.match(errorOf(await ask(it, text(sql))), /^1153/);
  t.equal((await ask(it, [wire.command.ping]))[0], 0x00, 'the session goes on');
  t.equal(await count(), 5);
});

t.test("only one's own connections can be killed", async (t) => {
  const held = await client(t);
  const answered = ask(held, text('DELETE FROM victim'));
  const hold = await bob.pendingHold('DELETE FROM victim');
  const other = await client(t, 'bob');
  const stolen = ask(other, text(`KILL QUERY ${held.connectionId}`));
  const asked = await bob.pendingHold(/KILL QUERY/).catch(() => null);
  if (asked !== null) await gateway.api('dana').post(`/holds/${asked.id}/deny`, { reason: 'no' });
  t.equal((await stolen)[0], 0xff);
  t.equal((await bob.get<{ state: string }>(`/holds/${hold.id}`)).body.state, 'pending', 'it still waits');
  const own = await client(t);
  t.equal((await ask(own, text(`KILL QUERY ${held.connectionId}`)))[0], 0x00);
  t.match(errorOf(await answered), /^1317/);
});

t.test("the gateway's own OK promises no changes of the session behind it", async (t) => {
  const it = await client(t, 'alice', flag.deprecateEof | flag.sessionTrack);
  const tracked = wire.readOk(await ask(it, text('SET NAMES latin1')), true);
  t.not(tracked.statusFlags & wire.status.sessionStateChanged, 0, 'the target told one');
  const other = await client(t);
  const killed = wire.readOk(await ask(it, text(`KILL QUERY ${other.connectionId}`)), true);
  t.equal(killed.statusFlags & wire.status.sessionStateChanged, 0);
});

t.test('columns of a table by COM_FIELD_LIST', async (t) => {
  const it = await client(t);
  const first = await ask(it, Buffer.concat([Buffer.from([wire.command.fieldList]), Buffer.from('victim\0%')]));
  t.match(first.toString('latin1'), /victim/);
});

t.test('bytes that make no sense end this connection in words, and no other', async (t) => {
  const fine = await client(t);
  const cases: readonly (readonly [string, Buffer, RegExp])[] = [
    ['out of order', Buffer.from([1, 0, 0, 7, wire.command.ping]), /out of order/],
    ['an empty command', Buffer.from([0, 0, 0, 0]), /empty command/],
    [
      'larger than the limit',
      Buffer.concat([0, 1, 2, 3, 4].flatMap((n) => [Buffer.from([0xff, 0xff, 0xff, n]), Buffer.alloc(0xffffff)])),
      /more than \d+ bytes/,
    ],
    ['an execution cut short', framed(Buffer.from([wire.command.execute, 1]), 0), /ends in the middle/],
  ];
  for (const [name, bytes, words] of cases) {
    const it = await client(t);
    it.stream.write(bytes);
    const { payload } = await readPacket(it.stream, 1, 100_000, signal);
    t.match(errorOf(payload), words, name);
    await eventually(`${name}: the connection ends`, () => {
      it.stream.read();
      return it.stream.readableEnded || it.stream.destroyed;
    });
  }
  t.equal((await ask(fine, [wire.command.ping]))[0], 0x00);
});

t.test('a connection that the target has closed ends with the error that pools of connections know as an end', async (t) => {
  const it = await client(t);
  t.equal((await ask(it, text('SET SESSION wait_timeout = 1')))[0], 0x00);
  const { payload } = await readPacket(it.stream, 1, 100_000, signal);
  t.equal(errorOf(payload), '1927 Connection was killed: the target closed the connection');
});
