// The read-only fence, limits and reasons against a real MariaDB: what was judged to only read can't write, whatever hides in it.
// Views are replaced behind the gateway's back, so that its catalogue still calls them harmless and only the fence stands.

import { Readable } from 'node:stream';
import { createConnection, type Connection, type QueryOptions, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import t from 'tap';
import type { HoldView } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { run, start } from '../support/processes.ts';
import type { Teardown } from '../support/directories.ts';
import { tool } from '../support/tools.ts';

t.setTimeout(170_000); // a busy machine takes its time

const server = await startMariadb(t);
await server.sql(`
  CREATE TABLE victim (id int PRIMARY KEY, name varchar(20));
  CREATE TABLE many AS SELECT seq AS id FROM seq_1_to_2000;
  CREATE TABLE other (id int);
  CREATE TABLE flat (id int) ENGINE=MyISAM;
  CREATE SEQUENCE numbers;
  CREATE FUNCTION wipe() RETURNS int MODIFIES SQL DATA BEGIN DELETE FROM victim; RETURN 7; END;
  CREATE FUNCTION wipe_flat() RETURNS int MODIFIES SQL DATA BEGIN DELETE FROM flat; RETURN 7; END;
  CREATE FUNCTION lift() RETURNS int MODIFIES SQL DATA BEGIN SET SESSION tx_read_only = 0; DELETE FROM victim; RETURN 7; END;`);

const policy = `policy: p
rules:
  - { id: in, actions: [connect], decision: allow }
  - { id: reads, effects: { access: [read, session] }, fence: read-only, decision: allow }
  - { id: limited, targets: { names: [limited] }, max_rows: 3, statement_timeout: 1s, decision: allow }
  - { id: why, targets: { names: [why] }, effects: { access: [read, session] }, require_reason: true, decision: allow }
  - { id: changes, effects: { tables: [shop.other] }, decision: allow }
  - { id: rest, effects: { access: [write, unknown] }, otherwise: true, decision: hold, approvers: { groups: [dba] } }
`;
const gateway = await startTestGateway(t, {
  targets: ['shop', 'limited', 'why'].map((name) => mariadbTarget(server, name, {})),
  policies: { 'p.yaml': policy },
});
const bob = gateway.api('bob');
const { port } = gateway.address('mysql');
const victims = async () => Number((await server.sql('SELECT COUNT(*) AS n FROM victim'))[0]?.['n']);

async function connect(t: Teardown, target: string, options: object = {}): Promise<Connection> {
  const to = { host: '127.0.0.1', port, user: `alice:${target}`, password: gateway.token('alice'), database: 'shop' };
  const connection = await createConnection({ ...to, ...options });
  t.teardown(() => connection.destroy());
  return connection;
}

/** A session whose catalogue was read while the view was harmless; now it is `view`. */
async function open(t: Teardown, view: string, options: object = {}): Promise<Connection> {
  await server.sql(`CREATE OR REPLACE VIEW seen AS SELECT 1 AS a; DELETE FROM victim; INSERT INTO victim VALUES (1, 'a'), (2, 'b');
    DELETE FROM flat; INSERT INTO flat VALUES (1); DELETE FROM other`);
  const client = await connect(t, 'shop', options);
  await client.query("ALTER TABLE other COMMENT = 'x'"); // the catalogue is read again
  if ((await rows(client, 'SELECT a FROM seen'))[0]?.['a'] !== 1) throw new Error('the view is not as it was made');
  await server.sql(`CREATE OR REPLACE VIEW seen AS ${view}`);
  return client;
}

const rows = async (client: Connection, text: string): Promise<RowDataPacket[]> => (await client.query<RowDataPacket[]>(text))[0];

/** Waits for its answer in the test, not at once. */
const outcome = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    ([result]: any) => JSON.stringify(result),
    (thrown: Error & { errno?: number }) => `${thrown.errno} ${thrown.message.replace(/hold h-[^ :)]+/g, 'hold h')}`,
  );

async function answered(asked: Promise<unknown>, answer: 'approve' | 'deny'): Promise<string> {
  const ended = outcome(asked);
  const hold = await bob.pendingHold(/seen/);
  t.equal(await victims(), 2, 'nothing has changed while it waits');
  await bob.post<HoldView>(`/holds/${hold.id}/${answer}`, { reason: 'no' });
  return await ended;
}

const wiping = 'SELECT wipe() AS a';

t.test('a write that the fence stops waits for people, and runs without it after their yes', async (t) => {
  const client = await open(t, wiping);
  t.equal(await answered(client.query('SELECT * FROM seen'), 'approve'), '[{"a":7}]');
  t.equal(await victims(), 0);
  t.match(await rows(client, 'SELECT @@tx_read_only AS r'), [{ r: 0 }]);
});

t.test('denied, it is an error and nothing else; text and prepared', async (t) => {
  const client = await open(t, wiping);
  t.match(await answered(client.query('SELECT * FROM seen'), 'deny'), /^1142 denied by bob/);
  t.match(await answered(client.execute('SELECT * FROM seen WHERE a <> ?', [1]), 'deny'), /^1142 denied by bob/);
  t.equal(await victims(), 2);
  t.match(await rows(client, 'SELECT COUNT(*) AS n FROM victim'), [{ n: 2 }]);
  t.equal(await answered(client.execute('SELECT * FROM seen WHERE a <> ?', [1]), 'approve'), '[{"a":7}]');
  t.equal(await victims(), 0);
});

t.test('whatever hides: other engines, sequences, a function that lifts the mode', async (t) => {
  for (const view of [
    'SELECT wipe_flat() AS a',
    'SELECT NEXTVAL(numbers) AS a',
    'SELECT lift() AS a',
    'SELECT victim.id, wipe() AS a FROM victim',
  ]) {
    const client = await open(t, view);
    t.match(await answered(client.query('SELECT a FROM seen'), 'deny'), /^1142 denied by bob/, view);
    t.equal((await server.sql('SELECT COUNT(*) AS n FROM flat'))[0]?.['n'], 1);
  }
});

t.test('what the client sees is its own session: flags, warnings, found rows, changes', async (t) => {
  const client = await open(t, 'SELECT 1 AS a');
  const [counted] = await client.query('SELECT COUNT(*) FROM victim');
  t.match(counted, [{ 'COUNT(*)': 2 }]);
  const [inserted] = await client.query<ResultSetHeader>('INSERT INTO other VALUES (1)');
  t.equal(inserted.serverStatus & 0x2001, 0, 'no transaction is open');
  await client.query("SELECT CAST('abc' AS SIGNED) FROM victim");
  t.match(await rows(client, 'SHOW WARNINGS'), [{ Code: 1292 }, { Code: 1292 }]);
  await client.query('SELECT SQL_CALC_FOUND_ROWS * FROM many LIMIT 1');
  t.match(await rows(client, 'SELECT FOUND_ROWS() AS n'), [{ n: 2000 }]);
  await client.query('SET completion_type = 2');
  await client.query('SELECT COUNT(*) FROM victim');
  t.match(await rows(client, 'SELECT 1 AS alive'), [{ alive: 1 }]);
  t.match(await outcome(client.query('SELECT nope FROM victim')), /^1054 /);
  await client.query('INSERT INTO other VALUES (2)');
});

t.test('LOCK TABLES holds', async (t) => {
  const client = await open(t, 'SELECT 1 AS a');
  const ended = outcome(client.query('LOCK TABLES victim READ'));
  await bob.post(`/holds/${(await bob.pendingHold(/LOCK/)).id}/approve`, { reason: 'fine' });
  await ended;
  await client.query('SELECT COUNT(*) FROM victim');
  t.match(await outcome(client.query('SELECT * FROM many LIMIT 1')), /^1100 .*not locked/);
});

t.test('inside a transaction: what is read is proved anew, else it waits; the transaction lives on', async (t) => {
  const client = await open(t, wiping);
  await client.query('BEGIN');
  await client.query('INSERT INTO other VALUES (1)');
  t.match(await rows(client, 'SELECT COUNT(*) AS n FROM other'), [{ n: 1 }]);
  t.match(await answered(client.query('SELECT * FROM seen'), 'deny'), /^1142 denied by bob/);
  await client.query('INSERT INTO other VALUES (2)');
  t.equal(await answered(client.query('SELECT * FROM seen'), 'approve'), '[{"a":7}]');
  await client.query('COMMIT');
  t.equal(await victims(), 0);
  t.match(await server.sql('SELECT COUNT(*) AS n FROM other'), [{ n: 2 }]);
});

t.test('without autocommit, and in a text with more than queries', async (t) => {
  const client = await open(t, wiping, { multipleStatements: true });
  await client.query('SET autocommit = 0');
  t.match(await answered(client.query('SELECT * FROM seen'), 'deny'), /^1142 denied by bob/);
  await client.query('SET autocommit = 1');
  const another = await open(t, wiping, { multipleStatements: true });
  t.match(await answered(another.query('SET @a = 1; SELECT * FROM seen'), 'deny'), /^1142 denied by bob/);
  t.equal(await victims(), 2);
});

t.test("the client's own read-only transaction gets the error that the server gives", async (t) => {
  const client = await open(t, 'SELECT 1 AS a');
  await client.query('START TRANSACTION READ ONLY');
  t.match(await outcome(client.query('INSERT INTO other VALUES (1)')), /^1792 /);
});

t.test('behind results that were sent it is an error, and waits the next time', async (t) => {
  const client = await open(t, wiping, { multipleStatements: true });
  const text = "SELECT id, REPEAT('x', 200) FROM many; SELECT * FROM seen";
  t.match(await outcome(client.query(text)), /^1142 the database stopped a write.*Run it again: it is judged as a change/);
  t.match(await answered(client.query(text), 'deny'), /^1142 denied by bob/);
  t.equal(await victims(), 2);
});

t.test('Ctrl-C while it runs behind the fence', async (t) => {
  const mariadb = tool('mariadb', 'mariadb-client');
  const session = start(t, mariadb, ['-h', '127.0.0.1', '-P', String(port), '-u', 'alice:shop', `-p${gateway.token('alice')}`, '--force', '-N', '-B', '--unbuffered', 'shop']); // prettier-ignore
  session.write('SELECT SLEEP(60), id FROM victim;\n');
  await running('SLEEP(60)');
  session.child.kill('SIGINT');
  await session.waitFor(/1317|interrupted/);
  session.write("SELECT 'alive';\n");
  await session.waitFor(/alive/);
  session.endInput();
  await session.end();
});

async function running(text: string): Promise<void> {
  await eventually(`${text} runs`, async () => {
    const found = await server.sql(
      `SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE INFO LIKE '%${text}%' AND INFO NOT LIKE '%PROCESSLIST%'`,
    );
    return Number(found[0]?.['n']) > 0;
  });
}

t.test('limits of rows and time', async (t) => {
  const client = await connect(t, 'limited', { multipleStatements: true });
  const tooMany = /^1104 the statement returns more than 3 rows, the most that rule p\/limited lets through/;
  t.equal((await rows(client, 'SELECT * FROM many LIMIT 3')).length, 3);
  t.match(await outcome(client.query('SELECT * FROM many')), tooMany);
  t.match(await outcome(client.execute('SELECT * FROM many WHERE id > ?', [5])), tooMany);
  t.match(await outcome(client.query('SELECT * FROM many LIMIT 2; SELECT * FROM many LIMIT 2')), tooMany);
  t.match(
    await outcome(client.query('SELECT SLEEP(60)')),
    /^1969 canceling statement: it ran longer than 1 s, the most that rule p\/limited/,
  );
  t.match(await outcome(client.query('SELECT SLEEP(60), id FROM many')), /^1969 canceling statement/);
  t.match(await rows(client, 'SELECT 1 AS alive'), [{ alive: 1 }]);
});

t.test('a file that is asked for when the limit of rows was met already', async (t) => {
  const asked: string[] = [];
  const infileStreamFactory = (path: string) => {
    asked.push(path);
    return Readable.from([Buffer.from('1\n')]);
  };
  const client = await connect(t, 'limited', { multipleStatements: true, infileStreamFactory });
  const load = "LOAD DATA LOCAL INFILE 'x' INTO TABLE other";
  await client.query({ sql: load, infileStreamFactory } as QueryOptions);
  t.same(asked.splice(0), ['x'], 'files are sent');
  const text = `SELECT * FROM many LIMIT 5; ${load}`;
  t.match(await outcome(client.query({ sql: text, infileStreamFactory } as QueryOptions)), /^1104 .* more than 3 rows/);
  t.same(asked, [], 'the client is shown nothing behind the limit');
  t.match(await rows(client, 'SELECT 1 AS alive'), [{ alive: 1 }]);
});

t.test('a reason', async (t) => {
  const client = await connect(t, 'why');
  t.match(
    await outcome(client.query('SELECT COUNT(*) AS n FROM many')),
    /^1142 this session has not said what it is for.*SET @sallyport_reason/,
  );
  await client.query("SET @sallyport_reason = 'ticket 12'");
  t.match(await rows(client, 'SELECT COUNT(*) AS n FROM many'), [{ n: 2000 }]);
  const { items } = (await gateway.api('carol').get<{ items: { data: { reason?: string } }[] }>('/audit?limit=50')).body;
  t.match(JSON.stringify(items), /ticket 12/);
  await client.query("SET @sallyport_reason = ''");
  t.match(await outcome(client.query('SELECT COUNT(*) AS n FROM many')), /^1142 this session/);
  const mariadb = tool('mariadb', 'mariadb-client');
  const { stdout } = await run(t, mariadb, ['-h', '127.0.0.1', '-P', String(port), '-u', 'alice:why', `-p${gateway.token('alice')}`, "--init-command=SET @sallyport_reason = 'x'", '-N', '-B', '-e', 'SELECT COUNT(*) FROM many', 'shop']); // prettier-ignore
  t.equal(stdout, '2000\n');
});
