// The main job with plain mariadb and with prepared statements: a risky statement waits in the live session until somebody
// answers, and what is refused leaves session and transaction as they were.

import { createConnection, type Connection } from 'mysql2/promise';
import t from 'tap';
import type { HoldView, Page, SessionView } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { run, start } from '../support/processes.ts';
import { temporaryDirectory, type Teardown } from '../support/directories.ts';
import { tool } from '../support/tools.ts';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const server = await startMariadb(t);
await server.sql(`
  CREATE TABLE victim (id int PRIMARY KEY, note varchar(40));
  INSERT INTO victim SELECT seq, CONCAT('note ', seq) FROM seq_1_to_10;
  CREATE FUNCTION wipe_f() RETURNS int MODIFIES SQL DATA BEGIN DELETE FROM victim; RETURN 1; END;
  CREATE VIEW quietview AS SELECT wipe_f() AS x;
  CREATE VIEW plainview AS SELECT id FROM victim;
  CREATE DATABASE other;
  CREATE TABLE other.things (id int);`);
const gateway = await startTestGateway(t, { targets: [mariadbTarget(server, 'shop', { env: 'production' })] });
const { port } = gateway.address('mysql');
const mariadb = tool('mariadb', 'mariadb-client');
const as = (user: string): string[] => ['-h', '127.0.0.1', '-P', String(port), '-u', user, `-p${gateway.token('alice')}`];
const cli = [...as('alice'), '-N', '-B', 'shop'];
const bob = gateway.api('bob');
const count = async (): Promise<number> => Number((await server.sql('SELECT COUNT(*) AS n FROM victim'))[0]?.['n']);
const answer = (hold: HoldView, how: 'approve' | 'deny', reason: string) => bob.post<HoldView>(`/holds/${hold.id}/${how}`, { reason });
const noneOpen = () =>
  eventually(
    'every session of the test is over',
    async () => (await bob.get<Page<SessionView>>('/sessions?state=open')).body.items.length === 0,
  );

/** Waits for its answer in the test, not at once: a refusal in between is not unhandled. */
function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

async function connect(t: Teardown, options: object = {}): Promise<Connection> {
  const connection = await createConnection({
    host: '127.0.0.1',
    port,
    user: 'alice',
    password: gateway.token('alice'),
    database: 'shop',
    ...options,
  });
  t.teardown(() => connection.end().catch(() => connection.destroy()));
  return connection;
}

t.test('a read just runs', async (t) => {
  const { stdout, stderr } = await run(t, mariadb, [...cli, '-e', 'SELECT COUNT(*) FROM victim; SELECT COUNT(*) FROM plainview']);
  t.equal(stdout, '10\n10\n', stderr);
});

t.test('denied: nothing runs, the session and its open transaction go on', async (t) => {
  const session = start(t, mariadb, [...cli, '--force', '--unbuffered']);
  session.write('BEGIN; INSERT INTO other.things VALUES (7);\n');
  await answer(await bob.pendingHold(/INSERT/), 'approve', 'fine');
  session.write('DELETE FROM victim;\n');
  const hold = await bob.pendingHold('DELETE FROM victim');
  t.equal(hold.transaction, 'open', 'the approver sees that a transaction is open');
  t.equal((await answer(hold, 'deny', 'not on a Friday')).status, 200);
  await session.waitFor(/ERROR 1142 \(42000\).*not on a Friday/);
  session.write('COMMIT; SELECT COUNT(*) FROM other.things;\n');
  session.endInput();
  t.match(await session.end(), { stdout: '1\n' });
  t.equal(await count(), 10);
});

t.test('approved: exactly that runs, once', async (t) => {
  const session = start(t, mariadb, [...cli, '-vv', '-e', "UPDATE victim SET note = 'x'"]);
  const hold = await bob.pendingHold(/UPDATE/);
  t.equal((await server.sql("SELECT COUNT(*) AS n FROM victim WHERE note = 'x'"))[0]?.['n'], 0, 'nothing has run while it waits');
  await answer(hold, 'approve', 'agreed');
  t.match(await session.end(), { code: 0, stdout: /10 rows affected/ });
});

t.test('the words are seen live in a terminal', async (t) => {
  const command = [mariadb, ...as('alice'), 'shop', '--progress-reports'].map((it) => `'${it}'`).join(' ');
  const terminal = start(t, tool('script', 'bsdutils'), ['-qfc', command, '/dev/null']);
  await terminal.waitFor(/MariaDB \[/);
  terminal.write('DELETE FROM victim;\n');
  await terminal.waitFor(/hold h-\w+.*waiting for approval/);
  const hold = await bob.pendingHold('DELETE FROM victim');
  await answer(hold, 'deny', 'seen');
  await terminal.waitFor(/ERROR 1142.*seen/);
  terminal.write('SELECT 40 + 2;\n');
  await terminal.waitFor(/42/);
  terminal.write('exit\n');
  await terminal.end();
});

t.test('Ctrl-C withdraws, and the session goes on', async (t) => {
  const session = start(t, mariadb, [...cli, '--force', '--unbuffered']);
  session.write('DELETE FROM victim;\n');
  const hold = await bob.pendingHold('DELETE FROM victim');
  session.kill('SIGINT');
  await session.waitFor(/ERROR 1317 \(70100\)/);
  t.equal((await bob.get<HoldView>(`/holds/${hold.id}`)).body.state, 'withdrawn');
  t.equal((await answer(hold, 'approve', 'too late')).status, 409, 'an approval that comes later runs nothing');
  session.write('SELECT 40 + 2;\n');
  session.endInput();
  t.match(await session.end(), { stdout: /42/ });
  t.equal(await count(), 10);
});

t.test('Ctrl-C cancels what runs at the target', async (t) => {
  const session = start(t, mariadb, [...cli, '--force', '--unbuffered']);
  session.write('SELECT SLEEP(60);\n');
  await eventually('it runs', async () => (await server.sql('SHOW PROCESSLIST')).some((row) => String(row['Info']).includes('SLEEP(60)')));
  session.kill('SIGINT');
  session.write('SELECT 40 + 2;\n');
  await session.waitFor(/42/);
  session.endInput();
  await session.end();
});

t.test('a client that is gone withdraws', async (t) => {
  const session = start(t, mariadb, [...cli, '-e', 'DELETE FROM victim']);
  const hold = await bob.pendingHold('DELETE FROM victim');
  session.kill('SIGKILL');
  await eventually('withdrawn', async () => (await bob.get<HoldView>(`/holds/${hold.id}`)).body.state === 'withdrawn');
  t.equal(await count(), 10);
});

t.test('prepared statements are judged when they are executed, with their parameters', async (t) => {
  const connection = await connect(t);
  const sql = 'DELETE FROM victim WHERE id >= ?';
  const first = later(connection.execute(sql, [10]));
  const hold = await bob.pendingHold(sql);
  t.match(hold.parameters, [{ text: '10' }]);
  await answer(hold, 'approve', 'one row');
  t.match((await first)[0], { affectedRows: 1 });
  const second = later(connection.execute(sql, [0]));
  const other = await bob.pendingHold(sql);
  t.match(other.parameters, [{ text: '0' }], 'the same text with another value asks again');
  await answer(other, 'deny', 'that is all of them');
  await t.rejects(second, { errno: 1142, message: /that is all of them/ });
  t.match((await connection.execute('SELECT ? AS a, ? AS b', ['é', null]))[0], [{ a: 'é', b: null }], 'the session goes on');
  const third = later(connection.execute(sql, [11]));
  await answer(await bob.pendingHold(sql), 'approve', 'none is there');
  t.match((await third)[0], { affectedRows: 0 }, 'after a refused execution the types are sent again');
  t.equal(await count(), 9);
});

t.test('a view that runs a function waits, and a new view is known at once', async (t) => {
  const connection = await connect(t);
  const other = await connect(t);
  const held = later(connection.query('SELECT * FROM quietview'));
  await answer(await bob.pendingHold(/quietview/), 'deny', 'it empties a table');
  await t.rejects(held, { message: /h-/ });
  const made = later(connection.query('CREATE VIEW newview AS SELECT wipe_f() AS y'));
  await answer(await bob.pendingHold(/newview/), 'approve', 'for the test');
  await made;
  for (const it of [connection, other]) {
    const again = later(it.query('SELECT * FROM newview'));
    await answer(await bob.pendingHold('SELECT * FROM newview'), 'deny', 'no');
    await t.rejects(again, { message: /h-/ }, it === other ? 'in a session that was open before, too' : 'in the own session');
  }
  t.equal(await count(), 9);
});

t.test("a client's file is read only for a released LOAD DATA LOCAL", async (t) => {
  const directory = temporaryDirectory(t, 'load');
  const file = join(directory, 'rows.txt');
  writeFileSync(file, '100\tfrom a file\n101\tanother\n');
  const text = `LOAD DATA LOCAL INFILE '${file}' INTO TABLE victim`;
  const session = start(t, mariadb, [...cli, '--local-infile=1', '-vv', '-e', text]);
  const hold = await bob.pendingHold(/LOAD DATA LOCAL/);
  await answer(hold, 'approve', 'two rows');
  t.match(await session.end(), { code: 0, stdout: /2 rows affected/ });
  t.equal(await count(), 11);
});

t.test('what changes how text is read is followed', async (t) => {
  const connection = await connect(t, { multipleStatements: true });
  const set = later(connection.query("SET sql_mode = 'NO_BACKSLASH_ESCAPES'"));
  await answer(await bob.pendingHold(/SET sql_mode/), 'approve', 'for the test');
  await set;
  const hidden = later(connection.query({ sql: "SELECT 'a\\'; DELETE FROM victim; -- '" }));
  const hold = await bob.pendingHold(/DELETE FROM victim/);
  t.match(hold.effects.join(), /delete/, 'with the mode on, the backslash ends nothing');
  await answer(hold, 'deny', 'seen');
  await t.rejects(hidden, { message: /h-/ });
  await connection.query('USE other');
  t.match((await connection.query('SELECT DATABASE() AS d'))[0], [{ d: 'other' }]);
  const insert = later(connection.query('INSERT INTO things VALUES (1)'));
  t.match((await bob.pendingHold(/INSERT INTO things/)).effects.join(), /other\.things/, 'names are read in the database of now');
  await answer(await bob.pendingHold(/INSERT INTO things/), 'deny', 'no');
  await t.rejects(insert, { message: /h-/ });
});

t.test('a setting that is put back is judged by what the variable holds', async (t) => {
  const connection = await connect(t);
  const mode = async () => ((await connection.query('SELECT @@sql_mode AS mode'))[0] as { mode: string }[])[0]?.mode;
  const before = await mode();
  // As percona-toolkit and dumps do; nobody is asked.
  await connection.query("/*!40101 SET @OLD_SQL_MODE := @@SQL_MODE, @@SQL_MODE := CONCAT(@@SQL_MODE, ',NO_ZERO_DATE') */");
  t.match(await mode(), /NO_ZERO_DATE/);
  await connection.query('/*!40101 SET @@SQL_MODE := @OLD_SQL_MODE, @@SQL_QUOTE_SHOW_CREATE := 1 */');
  t.equal(await mode(), before);
  await connection.query("SET @OLD_SQL_MODE = 'ANSI_QUOTES'");
  const set = later(connection.query('SET sql_mode = @OLD_SQL_MODE'));
  await answer(await bob.pendingHold('SET sql_mode = @OLD_SQL_MODE'), 'deny', 'not now');
  await t.rejects(set, { message: /not now/ });
  t.equal(await mode(), before, 'and the session goes on');
});

t.test('sessions end with their connections', async () => {
  await noneOpen();
});
