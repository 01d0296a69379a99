// What is particular to Oracle's MySQL, on the real one: its client waiting for an approval, its sign-in towards a target, what it says
// when it closes, masks through subqueries, a text that servers read in two ways. Run by scripts/oracle-mysql.mjs, not by `npm test`.

import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import t from 'tap';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { programOf } from '../support/oracle-mysql.ts';
import { run, start } from '../support/processes.ts';

const root = process.env['SALLYPORT_TEST_MYSQL'];
if (root === undefined) throw new Error('SALLYPORT_TEST_MYSQL names no folder with a MySQL: run node scripts/oracle-mysql.mjs FOLDER');

const policies = {
  'a.yaml': `policy: orders
rules:
  - { id: sign-in, title: Everybody, actions: [connect], decision: allow }
  - { id: reads, title: Reads, effects: { access: [read, session] }, decision: allow, fence: read-only, mask: [{ columns: [customers.email], with: fixed }] }
  - { id: changes, title: Changes wait, effects: { access: [write, unknown] }, decision: hold, approvers: { groups: [dba] } }
  - { id: unread, title: What is not understood waits, understood: false, decision: hold, approvers: { groups: [dba] } }
`,
};
const server = await startMariadb(t);
await server.sql(`CREATE TABLE customers (id int PRIMARY KEY, email varchar(40)); INSERT INTO customers VALUES (1, 'ann@example.org');
  CREATE TABLE victim (id int PRIMARY KEY); INSERT INTO victim VALUES (1), (2)`);
const target = mariadbTarget(server, 'orders', { env: 'production' });
const gateway = await startTestGateway(t, {
  policies,
  targets: [
    { ...target, ...{ tls: { mode: 'require' } } },
    { ...target, name: 'plain', ...{ tls: { mode: 'disable' } } },
  ],
});
const { port } = gateway.address('mysql');
const bob = gateway.api('bob');

const client = programOf(root, 'usr/bin/mysql');
const argumentsOf = (database: string): readonly string[] => [
  ...client.args,
  ...['--no-defaults', '--ssl-mode=DISABLED', '-h127.0.0.1', `-P${port}`, '-ualice', database],
];
const env = { MYSQL_PWD: gateway.token('alice') };

async function open(database = 'orders'): Promise<Connection> {
  const connection = await createConnection({ host: '127.0.0.1', port, user: 'alice', password: gateway.token('alice'), database });
  connection.on('error', () => undefined);
  t.teardown(() => connection.destroy());
  return connection;
}

async function rows(connection: Connection, text: string): Promise<RowDataPacket[]> {
  return (await connection.query<RowDataPacket[]>(text))[0];
}

async function held(): Promise<string> {
  return eventually('a hold', async () => {
    const { body } = await bob.get('/holds?state=pending');
    return (body as { items: { id: string }[] }).items[0]?.id ?? null;
  });
}

t.test("sign-in: by the server's key, by TLS, and by what it then remembers", async (t) => {
  for (const database of ['plain', 'plain', 'orders']) {
    const [row] = await rows(await open(database), 'SELECT VERSION() AS v, 1 + 1 AS n');
    t.match(row, { n: 2 });
    t.notMatch(row?.['v'], /MariaDB/);
  }
});

t.test("MySQL's own client: held, approved, and the session lives on", async (t) => {
  const waiting = start(t, client.command, [...argumentsOf('orders'), '-vv', '-e', 'DELETE FROM victim WHERE id = 1; SELECT COUNT(*) AS left_over FROM victim'], { env }); // prettier-ignore
  t.equal((await bob.post(`/holds/${await held()}/approve`, {})).status, 200);
  const { code, stdout, stderr } = await waiting.ended;
  t.equal(code, 0, stderr);
  t.match(stdout, /1 row affected[^]*left_over\s+1\n/);
});

t.test('denied: an error of its own, and the session lives on', async (t) => {
  const waiting = start(t, client.command, [...argumentsOf('orders'), '-f'], { env });
  waiting.child.stdin.end('DELETE FROM victim;\nSELECT 7 AS seven;\n');
  t.equal((await bob.post(`/holds/${await held()}/deny`, { reason: 'not today' })).status, 200);
  const { stdout, stderr } = await waiting.ended;
  t.match(stderr, /ERROR 1142[^]*not today/);
  t.match(stdout, /seven\n7/);
  t.equal((await server.sql('SELECT * FROM victim')).length, 1);
});

t.test('settings that change how texts are read wait, and are followed', async (t) => {
  const connection = await open();
  const approved = async (text: string): Promise<void> => {
    const changed = connection.query(text);
    t.equal((await bob.post(`/holds/${await held()}/approve`, {})).status, 200);
    await changed;
  };
  await approved("SET sql_mode = 'ANSI_QUOTES'");
  t.strictSame(await rows(connection, 'SELECT "id" FROM customers'), [{ id: 1 }]);
  await connection.query("SET session_track_system_variables = 'autocommit'");
  await approved("SET sql_mode = ''");
  t.strictSame(await rows(connection, 'SELECT "id" AS it FROM customers'), [{ it: 'id' }]);
});

t.test('a mask holds whatever a subquery calls its columns', async (t) => {
  const connection = await open();
  for (const text of [
    'SELECT email AS x FROM customers',
    'SELECT x FROM (SELECT email AS x FROM customers) d',
    'SELECT id AS x FROM (SELECT email AS id FROM customers) d',
    'WITH d AS (SELECT email AS id FROM customers LIMIT 5) SELECT id AS x FROM d',
    'SELECT d.id AS x FROM customers c, LATERAL (SELECT c.email AS id) d',
  ]) {
    t.strictSame(await rows(connection, text), [{ x: '***' }], text);
    t.strictSame((await connection.execute(text))[0], [{ x: '***' }], `${text}, prepared`);
  }
});

t.test('a client hears why the server closed its connection', async (t) => {
  const connection = await createConnection({
    host: '127.0.0.1',
    port,
    user: 'alice',
    password: gateway.token('alice'),
    database: 'orders',
  });
  const heard = new Promise<{ code?: number }>((resolve) => connection.on('error', resolve));
  await connection.query('SET SESSION wait_timeout = 1');
  t.equal((await heard).code, 4031);
});

t.test('what servers read in two ways waits', async (t) => {
  for (const text of ['SELECT 1 + /*!101100 , 2*/ 1', 'SELECT 1+/*!101100,2*/']) {
    const isClear = text.includes('101100 ');
    const waiting = start(t, client.command, [...argumentsOf('orders'), '-c', '-N', '-e', text], { env });
    if (!isClear) t.equal((await bob.post(`/holds/${await held()}/deny`, { reason: 'unclear' })).status, 200);
    t.match(await waiting.ended, isClear ? { code: 0, stdout: '2\n' } : { code: 1, stderr: /unclear/ }, text);
  }
});

t.test('a dump by its own mysqldump is what it is without a gateway', async (t) => {
  const { command, args } = programOf(root, 'usr/bin/mysqldump');
  const common = ['--no-defaults', '--ssl-mode=DISABLED', '--get-server-public-key', '--skip-dump-date', '--skip-comments', '--single-transaction', '--no-tablespaces', '--set-gtid-purged=OFF', '-h127.0.0.1']; // prettier-ignore
  const direct = await run(t, command, [...args, ...common, `-P${server.port}`, '-uowner', 'shop', 'victim'], {
    env: { MYSQL_PWD: server.password },
  });
  t.equal(direct.code, 0, direct.stderr);
  const through = await run(t, command, [...args, ...common, `-P${port}`, '-ualice:orders', 'shop', 'victim'], { env });
  t.equal(through.code, 0, through.stderr);
  t.equal(through.stdout, direct.stdout);
});
