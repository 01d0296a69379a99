// The drivers that applications use, unchanged, through the gateway: psycopg2, psycopg 3, JDBC, node-postgres, postgres.js.

import { join } from 'node:path';
import pg from 'pg';
import postgres from 'postgres';
import t from 'tap';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { run } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

t.setTimeout(170_000); // a busy machine takes its time

const server = await startPostgres(t);
const gateway = await startTestGateway(t, { targets: [targetOf(server, 'scratch', { env: 'development' })] });
const url = gateway.url('alice', 'scratch');
const program = (name: string) => join(import.meta.dirname, 'drivers', name);
const lines = (text: string) => text.trim().split('\n');

await t.test('psycopg2', async (t) => {
  const { stdout, stderr, code } = await run(t, '/usr/bin/python3', [program('psycopg2_all.py'), url]);
  t.equal(code, 0, stderr);
  t.same(lines(stdout), ['values', 'copy', 'copy error', 'server cursor', 'notify', 'error']);
});

await t.test('psycopg 3', async (t) => {
  const { stdout, stderr, code } = await run(t, '/usr/bin/python3', [program('psycopg3_all.py'), url]);
  t.equal(code, 0, stderr);
  t.same(lines(stdout), [
    'prepared', 'binary', 'pipeline', 'pipeline error', 'pipeline of several syncs', 'binary copy', 'server cursor', 'single rows',
    'savepoint', 'cancel',
  ]); // prettier-ignore
});

await t.test('the JDBC driver', async (t) => {
  const { port } = gateway.address('postgres');
  const java = tool('java', 'default-jdk-headless');
  const jar = '/usr/share/java/postgresql.jar';
  const args = ['-cp', jar, program('Jdbc.java'), `jdbc:postgresql://127.0.0.1:${port}/scratch`, 'alice', gateway.token('alice')];
  const { stdout, stderr, code } = await run(t, java, args, { timeoutMs: 60_000 });
  t.equal(code, 0, stderr);
  t.same(lines(stdout), [
    'batch', 'server-side prepared', 'fetch size', 'error', 'autosave', 'copy in', 'copy out', 'metadata', 'query timeout',
  ]); // prettier-ignore
});

await t.test('node-postgres', async (t) => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  t.teardown(() => client.end());
  t.same((await client.query('SELECT $1::int AS a, $2::text AS b, $3::jsonb AS c', [1, 'ü', { n: 1 }])).rows, [
    { a: 1, b: 'ü', c: { n: 1 } },
  ]);
  const named = { name: 'twice', text: 'SELECT $1::int * 2 AS n' };
  for (let n = 0; n < 5; n++) t.same((await client.query({ ...named, values: [n] })).rows, [{ n: 2 * n }]);
  const all = await Promise.all(Array.from({ length: 50 }, (_, n) => client.query('SELECT $1::int AS n', [n])));
  t.same(all.map(({ rows }) => (rows[0] as { n: number }).n), Array.from({ length: 50 }, (_, n) => n)); // prettier-ignore
  await t.rejects(client.query('SELECT 1/0'), { code: '22012' });
  await t.rejects(client.query({ name: 'bad', text: 'SELECT nothing' }), { code: '42703' });
  t.same((await client.query('SELECT 1 AS it')).rows, [{ it: 1 }], 'the session goes on after errors');
  const told = new Promise((resolve) => client.once('notification', resolve));
  await client.query('LISTEN news');
  await client.query("NOTIFY news, 'hello'");
  t.match(await told, { channel: 'news', payload: 'hello' });
  const { processID } = client as unknown as { processID: number };
  t.match(await told, { processId: processID }, 'its own, as it can tell');
  t.same((await client.query('SELECT pg_backend_pid() AS pid')).rows, [{ pid: processID }]);
});

await t.test('postgres.js', async (t) => {
  const sql = postgres(url, { max: 3, onnotice: () => {} });
  t.teardown(() => sql.end());
  t.same([...(await sql`SELECT ${1}::int AS a, ${'ü'} AS b`)], [{ a: 1, b: 'ü' }]);
  const sums = await Promise.all(Array.from({ length: 100 }, (_, n) => sql<{ n: number }[]>`SELECT ${n}::int + 1 AS n`));
  t.same(
    sums.map(([row]) => row?.n),
    Array.from({ length: 100 }, (_, n) => n + 1),
    'pipelined on three connections',
  );
  await sql.begin(async (tx) => {
    await tx`CREATE TABLE from_js (n int)`;
    await tx`INSERT INTO from_js ${tx([{ n: 1 }, { n: 2 }])}`;
    await t.rejects(
      tx.savepoint((inner) => inner`SELECT 1/0`),
      { code: '22012' },
    );
  });
  t.same([...(await sql`SELECT sum(n)::int AS sum FROM from_js`)], [{ sum: 3 }]);
  let seen = 0;
  await sql`SELECT n FROM generate_series(1, 1000) n`.cursor(100, (rows) => void (seen += rows.length));
  t.equal(seen, 1000, 'cursor');
  await t.rejects(sql.unsafe('SELECT 1; SELECT 1/0'), { code: '22012' });
});
