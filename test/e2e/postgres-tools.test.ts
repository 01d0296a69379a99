// PostgreSQL's own tools, unchanged, through the gateway: psql, pgbench in every mode, pg_dump into pg_restore.

import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import { temporaryDirectory } from '../support/directories.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { run } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

t.setTimeout(170_000); // a busy machine takes its time

const server = await startPostgres(t, { from: 'debian' });
const gateway = await startTestGateway(t, { targets: [targetOf(server, 'scratch', { env: 'development' })] });
const through = (database: string) => gateway.url('alice', `scratch%2F${database}`);
const psql = tool('psql', 'postgresql-client');
const folder = temporaryDirectory(t, 'tools');
/** The number in a temporary schema's name is that of the server's process. */
const anyTemporary = (output: string) => output.replaceAll(/pg_temp_\d+/g, 'pg_temp_N');
const same = async (t: Test, command: string, args: (url: string) => string[], input = '') => {
  const direct = await run(t, command, args(server.url('tools')), { input });
  const guarded = await run(t, command, args(through('tools')), { input });
  t.equal(anyTemporary(guarded.stdout), anyTemporary(direct.stdout), 'the same output as without the gateway');
  t.equal(guarded.stderr, direct.stderr, 'the same errors and notices');
  t.equal(guarded.code, direct.code);
  return guarded;
};

await server.sql('CREATE DATABASE tools');

await t.test('psql: results, errors, notices, meta commands, \\copy, cursors, big fetches', async (t) => {
  const script = `
CREATE TEMP TABLE people (id int PRIMARY KEY, name text NOT NULL);
\\copy people FROM stdin
1\tAda
2\tGrace
\\.
INSERT INTO people VALUES (1, 'again');
SELECT * FROM people ORDER BY id;
SELECT 1/0;
SELEC 1;
SELECT nothing FROM people;
SELECT 'a' AS "ünïcödé", 'ö' || U&'\\00fc';
DO $$ BEGIN RAISE NOTICE 'noted % %', 1, 'ä'; RAISE WARNING 'warned'; END $$;
\\copy (SELECT * FROM people) TO stdout csv header
COPY people TO STDOUT (FORMAT csv);
BEGIN; SAVEPOINT a; INSERT INTO people VALUES (1, 'x'); ROLLBACK TO a; SELECT count(*) FROM people; COMMIT;
SELECT 1 \\; SELECT 2 \\; SELECT 3;
\\gdesc
SELECT 1 AS n \\gset
SELECT :n + 1;
SELECT $1::int + 1 \\bind 41 \\g
\\d people
\\set FETCH_COUNT 7
SELECT n FROM generate_series(1, 20) n;
\\echo :ROW_COUNT :SQLSTATE
;
/* nothing */;
SELECT E'\\\\x' \\x \\g \\x
`;
  const { stdout } = await same(t, psql, (url) => [url, '-X', '-a'], script);
  t.match(stdout, /Grace/);
});

await t.test('psql -c with several statements is one transaction', async (t) => {
  const script = 'CREATE TABLE one (a int); INSERT INTO one VALUES (1); SELECT 1/0; DROP TABLE one';
  await same(t, psql, (url) => [url, '-X', '-c', script]);
  t.same(await server.sql("SELECT to_regclass('one') AS it", 'tools'), [{ it: null }], 'undone as a whole');
});

await t.test('pgbench in every mode, and pipelines', async (t) => {
  const pgbench = tool('pgbench', 'postgresql-contrib');
  const init = await run(t, pgbench, ['-i', '-q', '-s', '1', through('tools')], { timeoutMs: 60_000 });
  t.equal(init.code, 0, init.stderr);
  const pipeline = join(folder, 'pipeline.sql');
  writeFileSync(
    pipeline,
    `\\set aid random(1, 100000)
\\startpipeline
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
COMMIT;
SELECT 1;
\\endpipeline
`,
  );
  const runs = [
    ...['simple', 'extended', 'prepared'].map((mode) => ['-M', mode]),
    ...['extended', 'prepared'].map((mode) => ['-M', mode, '-f', pipeline]),
  ];
  for (const mode of runs) {
    const { code, stdout, stderr } = await run(t, pgbench, ['-n', '-c', '2', '-t', '30', ...mode, through('tools')]);
    t.equal(code, 0, stderr);
    t.match(stdout, /transactions actually processed: 60\/60/, mode.slice(0, 3).join(' '));
  }
  const [row] = await server.sql('SELECT sum(abalance)::int AS sum FROM pgbench_accounts', 'tools');
  t.not(row?.['sum'], 0, 'rows have changed at the target');
});

await t.test('pg_dump into pg_restore: what comes out is what went in', async (t) => {
  await server.sql(
    `CREATE SCHEMA shop; CREATE TYPE shop.mood AS ENUM ('good', 'bad'); CREATE DOMAIN shop.price AS numeric CHECK (VALUE >= 0);
     CREATE TABLE shop.items (id bigserial PRIMARY KEY, price shop.price, mood shop.mood DEFAULT 'good', doc jsonb, raw bytea);
     INSERT INTO shop.items (price, doc, raw) SELECT n, jsonb_build_object('n', n, 'ü', E'\\t'), decode(md5(n::text), 'hex') FROM generate_series(1, 3000) n;
     CREATE VIEW shop.cheap AS SELECT * FROM shop.items WHERE price < 10;
     CREATE FUNCTION shop.total() RETURNS numeric LANGUAGE sql AS $$ SELECT sum(price) FROM shop.items $$;
     CREATE FUNCTION shop.stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.doc = NEW.doc || '{"seen":true}'; RETURN NEW; END $$;
     CREATE TRIGGER stamp BEFORE UPDATE ON shop.items FOR EACH ROW EXECUTE FUNCTION shop.stamp();
     CREATE INDEX ON shop.items (lower(doc->>'n')); COMMENT ON TABLE shop.items IS 'it''s for sale'`,
    'tools',
  );
  await server.sql('CREATE DATABASE restored');
  const file = join(folder, 'dump');
  const dump = await run(t, tool('pg_dump', 'postgresql-client'), ['-Fc', '-n', 'shop', '-f', file, through('tools')], {
    timeoutMs: 30_000,
  });
  t.equal(dump.code, 0, dump.stderr);
  const restore = await run(t, tool('pg_restore', 'postgresql-client'), ['-e', '--no-owner', '-d', through('restored'), file], {
    timeoutMs: 60_000,
  });
  t.equal(restore.code, 0, restore.stderr);
  const check = `SELECT count(*)::int AS n, md5(string_agg(i::text, ',' ORDER BY id)) AS sum, shop.total()::int AS total FROM shop.items i`;
  t.same(await server.sql(check, 'restored'), await server.sql(check, 'tools'));
});

await t.test('large objects: psql, and pg_dump into pg_restore', async (t) => {
  const [given, taken, dump] = [join(folder, 'given'), join(folder, 'taken'), join(folder, 'objects')];
  writeFileSync(given, randomBytes(100_000));
  const script = `
\\lo_import ${given} 'a note'
\\lo_export :LASTOID ${taken}
\\lo_list
\\lo_unlink 1
SELECT 'the session goes on' WHERE :LASTOID > 0;
`;
  const { code, stdout, stderr } = await run(t, psql, [through('tools'), '-X'], { input: script });
  t.equal(code, 0);
  t.match(stdout, /a note[^]*goes on/);
  t.equal(stderr, 'ERROR:  large object 1 does not exist\n', 'the words of the server');
  t.ok(readFileSync(given).equals(readFileSync(taken)), 'every byte came back');

  await server.sql('CREATE DATABASE objects');
  const pgDump = tool('pg_dump', 'postgresql-client');
  t.match(await run(t, pgDump, ['-Fc', '-f', dump, through('tools')], { timeoutMs: 30_000 }), { code: 0, stderr: '' });
  const restore = await run(t, tool('pg_restore', 'postgresql-client'), ['-e', '-1', '-d', through('objects'), dump], {
    timeoutMs: 60_000,
  });
  t.equal(restore.code, 0, restore.stderr);
  const check = 'SELECT md5(lo_get(oid)) AS sum, obj_description(oid) AS note FROM pg_largeobject_metadata';
  t.same(await server.sql(check, 'objects'), await server.sql(check, 'tools'));
});
