// Ways around the read-only fence that were tried: each begins with a function that the gateway's catalogue takes for harmless,
// and that writes when it runs. Whatever stands beside its call, and however it is sent, nothing may be written.

import t from 'tap';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import * as pg from '../support/postgres-wire.ts';
import { summary, WireClient } from '../support/postgres-wire.ts';

t.setTimeout(170_000); // a busy machine takes its time

const server = await startPostgres(t, { from: 'debian' });
await server.sql(`
  CREATE TABLE victim (id int PRIMARY KEY, name text);
  CREATE FUNCTION peek(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1'`);
const policy = `policy: p
rules:
  - { id: in, actions: [connect], decision: allow }
  - { id: reads, effects: { access: [read, session] }, fence: read-only, decision: allow }
  - { id: cursors, effects: { verbs: [cursor, prepare, transaction, guard] }, decision: allow }
`;
const gateway = await startTestGateway(t, { targets: [targetOf(server, 'orders', {})], policies: { 'p.yaml': policy } });

const harmless = "CREATE OR REPLACE FUNCTION peek(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1'";
const writing = `CREATE OR REPLACE FUNCTION peek(int) RETURNS int LANGUAGE plpgsql VOLATILE AS
  'BEGIN IF $1 < 100 THEN RETURN $1; END IF; INSERT INTO victim VALUES ($1, NULL); RETURN $1; END'`;

async function open(): Promise<WireClient> {
  await server.sql(`${harmless}; DELETE FROM victim`);
  const { host, port } = gateway.address('postgres');
  const client = await WireClient.open(t, { host, port, user: 'alice', password: gateway.token('alice'), database: 'orders' });
  t.equal(summary(await client.query('SELECT peek(1)')), 'T D C(SELECT 1) ZI');
  await server.sql(writing);
  return client;
}

const simple = [
  'SELECT peek(100)',
  'SELECT peek(100); SHOW server_version',
  'SELECT peek(100); COMMIT',
  "SET application_name = 'x'; SELECT peek(100)",
  'BEGIN; SELECT peek(100); COMMIT',
  'COMMIT; SELECT peek(100)',
  'SAVEPOINT x; SELECT peek(100)',
  'BEGIN READ WRITE; SELECT peek(100); COMMIT',
  'BEGIN;; SET TRANSACTION READ WRITE; SELECT peek(100);; COMMIT',
  'BEGIN;; SET LOCAL transaction_read_only = off;; SELECT peek(100);; COMMIT',
  'BEGIN;; SAVEPOINT sallyport_fence;; SELECT peek(100);; ROLLBACK TO sallyport_fence;; SELECT peek(100);; COMMIT',
  'BEGIN;; SAVEPOINT sallyport_fence;; SELECT peek(1);; RELEASE sallyport_fence;; SELECT peek(100);; COMMIT',
  'BEGIN;; DECLARE c CURSOR FOR SELECT peek(100);; FETCH c;; COMMIT',
  'BEGIN;; DECLARE c CURSOR FOR SELECT peek(100); FETCH c;; COMMIT',
  'BEGIN; DECLARE c CURSOR FOR SELECT peek(100); FETCH c; COMMIT',
  'BEGIN;; DECLARE c SCROLL CURSOR FOR SELECT peek(100);; MOVE ALL IN c;; COMMIT',
  'PREPARE p AS SELECT peek(100);; EXECUTE p',
  'PREPARE p AS SELECT peek(100); EXECUTE p',
  'PREPARE p AS SELECT peek(100);; EXPLAIN ANALYZE EXECUTE p',
  'EXPLAIN ANALYZE SELECT peek(100)',
  'COPY (SELECT peek(100)) TO STDOUT',
  'SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE;; SELECT peek(100)',
  "SELECT set_config('transaction_read_only', 'off', true), peek(100)",
  "SELECT set_config('transaction_read_only', 'off', true); SELECT peek(100)",
  'SET transaction_read_only = off; SELECT peek(100)',
  'VALUES (peek(100))',
  'SET search_path = public; VALUES (peek(100))',
  'SHOW search_path; TABLE victim; VALUES (peek(100))',
  'DEALLOCATE ALL; SELECT peek(100)',
  'DISCARD PLANS; SELECT peek(100)',
  'LISTEN x; SELECT peek(100)',
  'CLOSE ALL; SELECT peek(100)',
  'SELECT 1; CLOSE ALL; SELECT peek(100)',
];

t.test('simple queries', async (t) => {
  for (const text of simple) {
    const client = await open();
    const seen: string[] = [];
    for (const one of text.split(';;')) seen.push(summary(await client.query(one)));
    const [row] = await server.sql('SELECT count(*)::int AS n FROM victim');
    t.equal(row?.['n'], 0, `${text} → ${seen.join(' | ')}`);
    client.socket.destroy();
  }
});

const batch = (...texts: string[]) => [...texts.flatMap((text) => [pg.parse('', text), pg.bind('', ''), pg.execute('')]), pg.sync];
const batches: string[][] = [
  ['SELECT peek(100)'],
  ['SELECT peek(1)', 'SELECT peek(100)'],
  ["SET application_name = 'x'", 'SELECT peek(100)'],
  ['SELECT peek(1)', 'COMMIT', 'SELECT peek(100)'],
  ['BEGIN', 'SELECT peek(100)', 'COMMIT'],
  ['BEGIN READ WRITE', 'SELECT peek(100)', 'COMMIT'],
  ['COMMIT', 'SELECT peek(100)'],
  ['SELECT 1', 'BEGIN', 'SELECT peek(100)', 'COMMIT'],
  ['BEGIN', 'SAVEPOINT sallyport_fence', 'SELECT peek(1)', 'ROLLBACK TO sallyport_fence', 'SELECT peek(100)', 'COMMIT'],
  ['SELECT peek(1)', 'ROLLBACK TO sallyport_fence', 'SELECT peek(100)'],
  ['SELECT peek(1)', 'RELEASE sallyport_fence', 'SELECT peek(100)'],
  ['SELECT peek(1)', 'SET TRANSACTION READ WRITE', 'SELECT peek(100)'],
  ['BEGIN', 'DECLARE c CURSOR FOR SELECT peek(100)', 'FETCH c', 'COMMIT'],
  ['SELECT 1', 'DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'SELECT peek(100)'],
  ['PREPARE p AS SELECT peek(100)', 'EXECUTE p'],
  ['SHOW search_path', 'VALUES (peek(100))'],
];

t.test('batches of the extended protocol', async (t) => {
  for (const texts of batches) {
    const client = await open();
    const seen = summary(await client.cycle(...batch(...texts)));
    await client.query('COMMIT');
    const [row] = await server.sql('SELECT count(*)::int AS n FROM victim');
    t.equal(row?.['n'], 0, `${texts.join(' | ')} → ${seen}`);
    client.socket.destroy();
  }
});

t.test('a statement prepared on the wire and executed by SQL, and the other way round', async (t) => {
  const client = await open();
  await client.cycle(pg.parse('w', 'SELECT peek(100)'), pg.sync);
  await client.query('EXECUTE w');
  await client.query('BEGIN; EXECUTE w; COMMIT');
  await client.query('PREPARE s AS SELECT peek(100)');
  await client.cycle(pg.bind('', 's'), pg.execute(''), pg.sync);
  await client.cycle(pg.bind('p', 's'), pg.sync);
  await client.cycle(pg.execute('p'), pg.sync);
  await client.query('BEGIN');
  await client.cycle(pg.bind('p', 's'), pg.sync);
  await client.query('FETCH ALL FROM p');
  await client.query('COMMIT');
  const [row] = await server.sql('SELECT count(*)::int AS n FROM victim');
  t.equal(row?.['n'], 0);
});

t.test('texts of several statements answer behind the fence what they answer without a gateway', async (t) => {
  const client = await open();
  const { host, port, user, password } = server;
  const direct = await WireClient.open(t, { host, port, user, password, database: 'postgres' });
  const texts = [
    'BEGIN; SELECT 1; COMMIT',
    "SELECT 'ä€', 1; SET application_name = 'ü'; SHOW application_name",
    "BEGIN; SELECT 'ä€😀'; COMMIT",
    "BEGIN; SET LOCAL application_name = 'x'; SHOW application_name; SELECT 2;; SHOW application_name;; COMMIT;; SHOW application_name",
    'BEGIN READ ONLY; TABLE victim; ROLLBACK',
    'BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; COMMIT',
    'SELECT 1; COMMIT',
    'BEGIN; SELECT 1;; SAVEPOINT a; SELECT 2; RELEASE a;; SELECT 3; ROLLBACK;; SELECT 4',
    'BEGIN; -- a comment; with marks\n /* and; one */ SELECT nothing FROM victim; COMMIT;; ROLLBACK',
    "SELECT 'ä'; SELECT nothing FROM victim",
    'BEGIN;; SELECT 1; SELECT nothing FROM victim;; ROLLBACK; SELECT 5',
    'BEGIN; DECLARE c CURSOR FOR SELECT g FROM generate_series(1, 5) g; FETCH 2 FROM c;; FETCH 1 FROM c;; COMMIT',
    'PREPARE one AS SELECT 1; EXECUTE one; DEALLOCATE one',
    'COMMIT; SELECT 6;; ROLLBACK; BEGIN; SELECT 7;; COMMIT',
  ];
  const told = (messages: readonly pg.WireMessage[]) =>
    messages.map(({ type, bytes }) => (type === 'E' ? /P(\d+)\0/.exec(bytes.toString())?.[1] : type === 'S' ? '' : bytes.toString('hex')));
  for (const text of texts) {
    for (const one of text.split(';;')) t.same(told(await client.query(one)), told(await direct.query(one)), one);
  }
  t.match(summary(await client.query('SELECT 1; BEGIN')), /^E0A000\(.*no place for the read-only fence.*\) ZI$/);
  t.match(summary(await client.query('BEGIN; SELECT 1; COMMIT; SELECT 2')), /^E0A000/);
});
