// MySQL behind several relay threads: KILL reaches a person's own connections in all of them, and failed sign-ins are counted
// for all of them. Clients can't choose their thread, so everything is tried by many of them.

import { createConnection, type Connection } from 'mysql2/promise';
import t from 'tap';
import { freeFailures } from '../../src/identity/back-off.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { run, start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const threads = 3;
/** All in one of three threads: one in sixty thousand. */
const many = 11;

const server = await startMariadb(t);
const gateway = await startTestGateway(t, {
  targets: [mariadbTarget(server, 'shop', { env: 'production' }), mariadbTarget(server, 'second', { env: 'production' })],
  config: { relay_threads: threads },
});
const { port } = gateway.address('mysql');
const mariadb = tool('mariadb', 'mariadb-client');
const tokens = { alice: gateway.token('alice'), bob: gateway.token('bob') };

async function open(t: Teardown, person: 'alice' | 'bob', database?: string): Promise<Connection> {
  const options = { host: '127.0.0.1', port, user: person, password: tokens[person], ...(database === undefined ? {} : { database }) };
  const connection = await createConnection(options);
  connection.on('error', () => undefined);
  t.teardown(() => connection.destroy());
  return connection;
}

const said = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'done',
    (thrown: Error) => thrown.message,
  );

const running = async (text: string): Promise<boolean> =>
  (await server.sql('SHOW PROCESSLIST')).some((row) => String(row['Info']).startsWith(text));

t.test('KILL of an own connection, from whichever thread, with a target and without', async (t) => {
  const sleeper = await open(t, 'alice', 'shop');
  const { threadId } = sleeper;
  for (const [index, database] of Array.from({ length: many }, (_none, turn) => (turn % 2 === 0 ? 'shop' : undefined)).entries()) {
    const text = `SELECT SLEEP(60), ${index}`;
    const asleep = sleeper.query(text).then(([rows]) => JSON.stringify(rows), String);
    await eventually('it runs', () => running(text));
    const killer = await open(t, 'alice', database);
    t.equal(await said(killer.query(`KILL QUERY ${threadId}`)), 'done');
    t.match(await asleep, /"SLEEP\(60\)":1|interrupted/, 'it was cancelled at the target, and the session goes on');
    killer.destroy();
  }
  const [rows] = await sleeper.query('SELECT CONNECTION_ID() AS id');
  const { id } = (rows as { id: number }[])[0] as { id: number };
  const other = await open(t, 'alice');
  t.match(await said(other.query(`KILL ${id}`)), /Unknown thread id/, 'the number of a target means nothing without it');
  const gone = new Promise<void>((resolve) => void sleeper.once('end', resolve));
  const killers = await Promise.all(Array.from({ length: 3 }, () => open(t, 'alice', 'shop')));
  t.equal(await said((killers[0] as Connection).query(`KILL ${id}`)), 'done', 'with it, it is the connection to it');
  await gone;
});

t.test('nobody kills what is another person’s', async (t) => {
  const { threadId } = await open(t, 'alice', 'shop');
  const words = [];
  for (let turn = 0; turn < many; turn++) words.push(await said((await open(t, 'bob')).query(`KILL ${threadId}`)));
  t.same(new Set(words), new Set([`Unknown thread id: ${threadId}`]));
  const wanting = await open(t, 'bob', 'shop');
  const asked = said(wanting.query(`KILL QUERY ${threadId}`));
  const hold = await gateway.api('dana').pendingHold(/KILL QUERY/);
  t.equal((await gateway.api('dana').post(`/holds/${hold.id}/deny`, { reason: 'not yours' })).status, 200);
  t.match(await asked, /not yours/, 'with a target it is a statement like others');
});

t.test('a token that is revoked opens no session, however long ago its connection signed in', async (t) => {
  const { identity } = gateway.running;
  const { id, token } = identity.issueToken('alice', { name: 'short', ttlMs: 3_600_000 });
  const connection = await createConnection({ host: '127.0.0.1', port, user: 'alice', password: token });
  connection.on('error', () => undefined);
  t.teardown(() => connection.destroy());
  identity.revokeToken(id, 'erin');
  t.match(await said(connection.query('USE shop')), /access token has ended/);
});

t.test('Ctrl-C in the mariadb client', async (t) => {
  const login = ['-h', '127.0.0.1', '-P', String(port), '-u', 'alice', `-p${tokens.alice}`];
  const session = start(t, mariadb, [...login, '-N', '-B', '--force', '--unbuffered', 'shop']);
  for (let turn = 0; turn < 4; turn++) {
    const text = `SELECT SLEEP(60), ${100 + turn}`;
    session.write(`${text};\n`);
    await eventually('it runs', () => running(text));
    session.kill('SIGINT');
    await eventually('it ends', async () => !(await running(text)));
    session.write(`SELECT 'still ${turn}';\n`);
    await session.waitFor(new RegExp(`still ${turn}`));
  }
  session.endInput();
  t.match(await session.end(), { stdout: /still 0[^]*still 3/ });
});

t.test('failed sign-ins are counted for all threads together', async (t) => {
  const attempt = async (password: string): Promise<string> => {
    const given = ['-h', '127.0.0.1', '-P', String(port), '-u', 'carol', `-p${password}`, '-e', 'SELECT 1', 'shop'];
    return (await run(t, mariadb, given)).stderr;
  };
  for (let turn = 0; turn <= freeFailures; turn++) t.match(await attempt('wrong'), /access denied/, `wrong for the ${turn + 1}. time`);
  // The first wait is of a second: the next wrong one may come after it.
  const next = await attempt('wrong');
  if (/access denied/.test(next)) t.match(await attempt('wrong'), /too many failed sign-ins/);
  else t.match(next, /too many failed sign-ins/);
});
