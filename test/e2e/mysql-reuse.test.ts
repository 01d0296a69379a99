// A target's connection that is used again by the same person: only after a session that left nothing, reset, and never for anybody
// else. What a connection is, CONNECTION_ID() tells; what was asked on it, the server's general log.

import { createConnection } from 'mysql2/promise';
import t from 'tap';
import { flag } from '../../protocols/mysql/capabilities.ts';
import { framed } from '../../protocols/mysql/codec.ts';
import { command, query } from '../../protocols/mysql/messages.ts';
import { ownQuery } from '../../protocols/mysql/own-query.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb, tlsOptions } from '../support/mariadb.ts';
import { ask, rawClient, wireSignal } from '../support/mysql-wire.ts';
import { run } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import { certificateFiles } from '../unit/agent-fixture.ts';

t.setTimeout(120_000);

const options = [...tlsOptions(t, certificateFiles(t)), '--general-log=ON', '--log-output=TABLE'];
// A sign-in decides what these are; a reset goes back to the server's own.
const atSignIn = ['--interactive-timeout=1111', '--wait-timeout=2222', '--character-set-server=latin1'];
const server = await startMariadb(t, [...options, ...atSignIn]);
await server.sql(`
  CREATE TABLE things (id int AUTO_INCREMENT PRIMARY KEY);
  INSERT INTO things VALUES (), (), ();
  CREATE DATABASE elsewhere;
  CREATE ROLE reader;
  CREATE FUNCTION three() RETURNS int RETURN 3;
  CREATE USER gate@'%' IDENTIFIED BY 'gate-of-the-test';
  GRANT ALL ON *.* TO gate@'%';
  GRANT reader TO gate@'%';`);
const shop = { ...mariadbTarget(server, 'shop', { env: 'scratch' }), user: 'gate', password: 'gate-of-the-test' };
const gateway = await startTestGateway(t, {
  targets: [shop, { ...shop, name: 'secured', ...{ tls: { mode: 'require' } } }],
  policies: {
    'all.yaml': `
policy: all
description: A database to try things in.
applies_to: { protocols: [mysql] }
rules:
  - { id: all, title: Everything, actions: [connect, statement], decision: allow }
`,
  },
});
const client = tool('mariadb', 'mariadb-client');
const { port } = gateway.address('mysql');
const place = (person: string, target: string) => ['-h127.0.0.1', `-P${port}`, `-u${person}:${target}`, `-p${gateway.token(person)}`];

/** Runs texts in one mariadb; gives what it printed. */
const inOne = (person: string, ...texts: string[]): Promise<string[]> => inOneAt('shop', person, ...texts);
async function inOneAt(target: string, person: string, ...texts: string[]): Promise<string[]> {
  const { stdout, stderr } = await run(t, client, [...place(person, target), '-BN', '-e', texts.join(';')]);
  if (stderr !== '') throw new Error(stderr);
  return stdout.trim().split('\n');
}

const connectionId = 'SELECT CONNECTION_ID()';

/** Numbers of the account's connections, but for those that the gateway asks by itself. */
async function connections(): Promise<number[]> {
  const rows = await server.sql(`SELECT id FROM information_schema.processlist WHERE user = 'gate' ORDER BY id`);
  return rows.map(({ id }) => Number(id));
}

/** True when the last that was asked on a connection is what the gateway asks after a reset, which the log says nothing of. */
async function isReset(id: number): Promise<boolean> {
  const rows = await server.sql(`SELECT CONVERT(argument USING utf8mb4) AS text FROM mysql.general_log WHERE thread_id = ${id}`);
  const [restored = '', looked = ''] = rows.slice(-2).map(({ text }) => String(text));
  return /^SET SESSION .*wait_timeout = /.test(restored) && looked.startsWith('SELECT @@version');
}

const kept = (count = 1) =>
  eventually(`${count} connections are kept, and reset`, async () => {
    const ids = await connections();
    return ids.length === count && (await Promise.all(ids.map(isReset))).every(Boolean) ? ids : undefined;
  });
/** Sooner than a kept one would be given up. */
const noneAtOnce = () => eventually('the connection is ended, not kept', async () => (await connections()).length === 0 || undefined, 3000);
const none = () => eventually('no connection is kept', async () => (await connections()).length === 0 || undefined);
/** Sooner than they are given up. */
async function dropKept(): Promise<void> {
  await server.sql('KILL USER gate');
  await none();
}

await t.test('after a session that only read, the same person gets the same connection, without its past', async (t) => {
  const texts = ['BEGIN', 'SELECT COUNT(*) FROM things', 'COMMIT', 'SELECT @seen := 7', 'SHOW TABLES', connectionId];
  const first = await inOne('alice', ...texts);
  t.strictSame(first.slice(0, 3), ['3', '7', 'things']);
  const [id] = await kept();
  t.equal(first[3], String(id));
  const asked = ['@seen', 'DATABASE()', '@@sql_mode', '@@wait_timeout', '@@character_set_client', '@@collation_connection'];
  const state = `SELECT ${asked.join(', ')}`;
  const again = await inOne('alice', connectionId, state);
  t.equal(again[0], String(id), 'the same connection');
  await kept();
  await none();
  const fresh = await inOne('alice', connectionId, state);
  t.not(fresh[0], String(id));
  t.equal(again[1], fresh[1], 'and the settings of a fresh one');
  t.match(fresh[1], /^NULL\tshop\t.*\t2222\t/);
  await kept();
  await run(t, client, [...place('alice', 'shop'), '--default-character-set=latin1', '-e', 'SELECT 1']);
  t.equal((await connections()).length, 2, 'another way to sign in is another connection');
  await dropKept();
});

await t.test('settings that are tracked are followed on it', async (t) => {
  await inOne('alice', connectionId);
  const [id] = await kept();
  const ansi = await inOne('alice', connectionId, `SET sql_mode = 'ANSI_QUOTES'`, 'SELECT COUNT(*) FROM "things"');
  t.strictSame(ansi, [String(id), '3']);
  await noneAtOnce();
});

await t.test('settings that a client made before it had named the target are made on a connection of its own', async (t) => {
  await inOne('alice', 'SELECT 1');
  const [id] = await kept();
  const connection = await createConnection({ host: '127.0.0.1', port, user: 'alice', password: gateway.token('alice') });
  await connection.query(`SET sql_mode = 'ANSI_QUOTES'`);
  await connection.query('USE shop');
  const [rows] = await connection.query('SELECT CONNECTION_ID() AS id, COUNT(*) AS n FROM "things"');
  const [row] = rows as { id: number; n: number }[];
  t.equal(row?.n, 3);
  t.not(row?.id, id);
  await connection.end();
  await eventually('it is ended, not kept', async () => !(await connections()).includes(Number(row?.id)) || undefined, 3000);
  await dropKept();
});

await t.test('prepared statements go with the session that made them', async (t) => {
  const to = { host: '127.0.0.1', port, user: 'alice:shop', password: gateway.token('alice'), flags: ['INTERACTIVE'] };
  const ids: number[] = [];
  for (const said of [1, 2, 3]) {
    const connection = await createConnection(to);
    const [rows] = await connection.execute(
      'SELECT CONNECTION_ID() AS id, COUNT(*) + ? AS n, @@sql_mode AS mode, @@wait_timeout AS timeout FROM things',
      [said],
    );
    const [row] = rows as { id: number; n: number | string; mode: string; timeout: number }[];
    t.equal(Number(row?.n), 3 + said);
    t.match(row?.mode, 'IGNORE_SPACE', 'as this client asks at its sign-in');
    t.equal(row?.timeout, 1111, 'of a client that says that a person types');
    ids.push(Number(row?.id));
    await connection.end();
    await kept();
  }
  t.equal(new Set(ids).size, 1, 'one connection');
  await dropKept();
});

await t.test('the same over TLS, again and again', async (t) => {
  const cipher = `SELECT variable_value > '' FROM information_schema.session_status WHERE variable_name = 'Ssl_cipher'`;
  t.strictSame(await inOneAt('secured', 'alice', cipher), ['1']);
  const [id] = await kept();
  const large = await inOneAt('secured', 'alice', `SELECT seq, REPEAT(MD5(seq), 20) FROM seq_1_to_5000`);
  t.match(large[4999], /^5000\t/);
  for (const said of ['one', 'two']) {
    t.strictSame(await kept(), [id]);
    t.strictSame(await inOneAt('secured', 'alice', connectionId, `SELECT '${said}'`, cipher), [String(id), said, '1']);
  }
  await inOneAt('secured', 'alice', 'SET @x = 1');
  await noneAtOnce();
});

await t.test('nobody else gets it', async (t) => {
  await inOne('alice', 'SELECT 1');
  const [alices] = await kept();
  const [bobs] = await inOne('bob', connectionId);
  t.strictSame((await kept(2)).map(String).sort(), [String(alices), bobs].sort());
  await dropKept();
});

for (const text of [
  'INSERT INTO things VALUES ()',
  `SET @seen = 1`,
  'SET SESSION wait_timeout = 5',
  'SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE',
  'SET ROLE reader',
  'USE elsewhere',
  `PREPARE p FROM 'SELECT 1'`,
  'CREATE TEMPORARY TABLE scratchpad (id int)',
  'LOCK TABLES things READ',
  `SELECT GET_LOCK('mine', 0)`,
  'SELECT LAST_INSERT_ID(5)',
  'SELECT three()',
  'HANDLER things OPEN',
  `XA START 'x'; XA END 'x'; XA ROLLBACK 'x'`,
  'SELECT id FROM things FOR UPDATE',
  'BEGIN; SELECT 1',
]) {
  await t.test(`not after ${text}`, async () => {
    await inOne('alice', text);
    await noneAtOnce();
  });
}

const raw = (standard: number) =>
  rawClient(t, { port, user: 'alice:shop', password: gateway.token('alice'), capabilities: { standard, extended: 0 } });
const quit = framed(Buffer.from([command.quit]), 0);

for (const [form, standard] of Object.entries({ new: flag.deprecateEof, old: 0 })) {
  await t.test(`whichever form results have: the ${form} one`, async (t) => {
    const first = await raw(standard);
    t.not((await ask(first, query('SELECT 1')))[0], 0xff);
    first.stream.write(quit);
    const ids = await kept();
    const second = await raw(standard);
    t.strictSame(await ownQuery(second, connectionId, wireSignal), [[String(ids[0])]]);
    second.stream.write(Buffer.concat([framed(query('SELECT 2'), 0), quit]));
    t.strictSame(await kept(), ids, 'also when it leaves before it has read its answer');
    await dropKept();
  });
}

await t.test('not after a command that changes how texts are read', async (t) => {
  const it = await raw(flag.deprecateEof);
  t.equal((await ask(it, [command.setOption, 0, 0]))[0], 0xfe);
  it.stream.write(quit);
  await noneAtOnce();
});

await t.test('not after a client that was cut off', async () => {
  const connection = await createConnection({ host: '127.0.0.1', port, user: 'alice:shop', password: gateway.token('alice') });
  await connection.query('SELECT 1');
  connection.destroy();
  await noneAtOnce();
});

await t.test('not after a statement that was cancelled', async (t) => {
  const connection = await createConnection({ host: '127.0.0.1', port, user: 'alice:shop', password: gateway.token('alice') });
  const [rows] = await connection.query('SELECT CONNECTION_ID() AS id');
  const id = Number((rows as { id: number }[])[0]?.id);
  await inOne('alice', `KILL QUERY ${id}`);
  t.strictSame((await connection.query('SELECT 1 AS n'))[0], [{ n: 1 }]);
  await connection.end();
  t.notMatch(await kept(), [id], 'only the one that has asked for it is');
  await dropKept();
});

await t.test('a kept connection that the server ended is not handed out', async (t) => {
  for (const target of ['shop', 'secured']) {
    await inOneAt(target, 'alice', 'SELECT 1');
    const [id] = await kept();
    await server.sql(`KILL ${id}`);
    t.strictSame(await inOneAt(target, 'alice', 'SELECT 3'), ['3']);
    await kept();
    await dropKept();
  }
});

await t.test('not where the target says what each session begins with', async (t) => {
  await server.sql(`SET GLOBAL init_connect = 'SET @from_init = 1'`);
  t.strictSame(await inOne('alice', 'SELECT 1'), ['1']);
  await noneAtOnce();
  await server.sql(`SET GLOBAL init_connect = ''`);
});
