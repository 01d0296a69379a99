// COM_CHANGE_USER: another person on the same connection is signed in, judged and recorded like any other, and what the one
// before had open is gone.

import { connect } from 'node:net';
import { createConnection, type RowDataPacket } from 'mysql2';
import t from 'tap';
import { readPacket, writePacket } from '../../protocols/mysql/byte-stream.ts';
import { flag } from '../../protocols/mysql/capabilities.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import { nativeAnswer, sha2Answer } from '../../protocols/mysql/passwords.ts';
import { handshakeResponse, readAuthSwitch, readGreeting } from '../../protocols/mysql/sign-in-messages.ts';
import type { Upstream } from '../../protocols/mysql/upstream.ts';
import type { Page, SessionView } from '../../src/api/contract.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { ask, errorOf, rawClient, wireSignal } from '../support/mysql-wire.ts';

const server = await startMariadb(t);
await server.sql('CREATE TABLE victim (id int PRIMARY KEY); INSERT INTO victim VALUES (1), (2); CREATE DATABASE other');
const gateway = await startTestGateway(t, {
  targets: [mariadbTarget(server, 'shop', { env: 'production' }), mariadbTarget(server, 'second', { env: 'production' })],
});
const { port } = gateway.address('mysql');
const bob = gateway.api('bob');
const openSessions = async () => (await gateway.api('carol').get<Page<SessionView>>('/sessions?state=open')).body.items;

function client(t: Teardown): Promise<Upstream> {
  const standard = flag.deprecateEof | flag.multiResults;
  return rawClient(t, { port, user: 'alice:shop', password: gateway.token('alice'), capabilities: { standard, extended: 0 } });
}

/** Says who it wants to be, and proves it by this method with this password. The last packet. */
async function changeUser(it: Upstream, user: string, password: string, database = '', method = 'caching_sha2_password'): Promise<Buffer> {
  const asked = Buffer.from(`${user}\0\0${database}\0`);
  const first = await ask(
    it,
    Buffer.concat([Buffer.from([wire.command.changeUser]), asked, Buffer.from([45, 0]), Buffer.from(`${method}\0`)]),
  );
  if (first[0] !== 0xfe) return first;
  const { plugin, nonce } = readAuthSwitch(first);
  t.equal(plugin, method);
  const proof = method === 'mysql_native_password' ? nativeAnswer : sha2Answer;
  writePacket(it.stream, proof(password, nonce.subarray(0, 20)), 2);
  for (let sequence = 3; ; sequence++) {
    const { payload } = await readPacket(it.stream, sequence, 10_000, wireSignal);
    if (payload[0] !== 0x01 || payload[1] !== 3) return payload;
  }
}

t.test('mysql2 becomes another person, at the same target', async (t) => {
  const connection = createConnection({ host: '127.0.0.1', port, user: 'alice', password: gateway.token('alice'), database: 'shop' });
  t.teardown(() => connection.destroy());
  const query = (sql: string) =>
    new Promise<RowDataPacket[]>((resolve, reject) =>
      connection.query<RowDataPacket[]>(sql, (why, rows) => (why === null ? resolve(rows) : reject(why))),
    );
  await query('SET @mine = 1');
  await new Promise<void>((resolve, reject) =>
    connection.changeUser({ user: 'bob', password: gateway.token('bob'), database: 'other' }, (why) =>
      why === null ? resolve() : reject(why),
    ),
  );
  t.match(await query('SELECT DATABASE() AS d, @mine AS mine'), [{ d: 'other', mine: null }], 'a session of its own, in that database');
  t.match(await openSessions(), [{ principal: 'bob', target: 'shop' }], "alice's is closed");
});

t.test('by every method, and what was open is rolled back', async (t) => {
  const it = await client(t);
  const begun = ask(it, wire.query('BEGIN'));
  t.equal((await begun)[0], 0x00);
  const inserted = ask(it, wire.query('INSERT INTO victim VALUES (9)'));
  const hold = await bob.pendingHold(/INSERT/);
  await bob.post(`/holds/${hold.id}/approve`, { reason: 'fine' });
  t.equal((await inserted)[0], 0x00);
  t.equal((await changeUser(it, 'bob', gateway.token('bob'), '', 'mysql_native_password'))[0], 0x00);
  t.match(await server.sql('SELECT COUNT(*) AS n FROM victim'), [{ n: 2 }]);
  await eventually('one session, of bob', async () => {
    const all = await openSessions();
    return all.some((each) => each.principal === 'bob') && all.every((each) => each.principal !== 'alice');
  });
  t.equal((await changeUser(it, 'alice:second', gateway.token('alice')))[0], 0x00);
  await eventually('and to another target', async () =>
    (await openSessions()).some((each) => each.principal === 'alice' && each.target === 'second'),
  );
});

t.test("MariaDB's client library proves it by the nonce of the greeting, and takes no other", async (t) => {
  const stream = connect(port, '127.0.0.1');
  t.teardown(() => stream.destroy());
  const received = async (sequence: number) => (await readPacket(stream, sequence, 10_000, wireSignal)).payload;
  const { nonce } = readGreeting(await received(0));
  const proof = (password: string) => nativeAnswer(password, nonce.subarray(0, 20));
  const plugin = 'mysql_native_password';
  const standard = flag.protocol41 | flag.secureConnection | flag.pluginAuth;
  const [capabilities, answer] = [{ standard, extended: 0 }, proof(gateway.token('alice'))];
  const signIn = { capabilities, charset: 45, user: 'alice:shop', answer, database: null, plugin, attributes: new Map() };
  writePacket(stream, handshakeResponse(signIn), 1);
  t.equal((await received(2))[0], 0x00);
  const become = (user: string, password: string) => {
    const asked = Buffer.concat([Buffer.from(`${user}\0\x14`), proof(password), Buffer.from(`\0\x2d\0${plugin}\0`)]);
    writePacket(stream, Buffer.concat([Buffer.from([wire.command.changeUser]), asked]), 0);
  };
  become('bob', gateway.token('bob'));
  t.equal((await received(1))[0], 0x00);
  t.match(await openSessions(), [{ principal: 'bob', target: 'shop' }]);
  become('alice', gateway.token('bob'));
  t.match(readAuthSwitch(await received(1)).plugin, plugin, 'what does not prove it is asked for again');
  writePacket(stream, proof(gateway.token('bob')), 2);
  t.match(errorOf(await received(3)), /1045/);
});

t.test('who is refused is refused, and the connection is over', async (t) => {
  const cases: readonly (readonly [string, string, string, RegExp])[] = [
    ['bob', 'wrong', '', /1045.*access denied/],
    ['bob:nothere', gateway.token('bob'), '', /1049/],
    ['carol', gateway.token('carol'), '', /1142.*auditors do not open sessions/],
  ];
  for (const [user, password, database, words] of cases) {
    const it = await client(t);
    const answer = await changeUser(it, user, password, database);
    const last = answer[0] === 0x01 ? await readFullAndFail(it) : answer;
    t.match(errorOf(last), words, user);
    await eventually('the connection ends', () => {
      it.stream.read();
      return it.stream.readableEnded || it.stream.destroyed;
    });
  }
});

/** The fast way failed and the gateway asks for the password itself: what is sent is no password that its key opens. */
async function readFullAndFail(it: Upstream): Promise<Buffer> {
  writePacket(it.stream, Buffer.alloc(256, 1), 4);
  return (await readPacket(it.stream, 5, 10_000, wireSignal)).payload;
}

t.test('commands behind a change of the user are not taken', async (t) => {
  const it = await client(t);
  const change = Buffer.concat([Buffer.from([wire.command.changeUser]), Buffer.from('bob\0\0\0')]);
  const ping = Buffer.from([1, 0, 0, 0, wire.command.ping]);
  it.stream.write(Buffer.concat([Buffer.from([change.length, 0, 0, 0]), change, ping]));
  t.match(errorOf((await readPacket(it.stream, 1, 10_000, wireSignal)).payload), /behind a change of the user/);
});
