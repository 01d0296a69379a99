// The PostgreSQL classifier, statement by statement: kinds, verbs, access, tables and missing WHERE, without a catalogue.

import t from 'tap';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import type { Action } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import { statementOf } from '../support/statements.ts';

const classifier = await createPostgresClassifier();
t.teardown(() => classifier.close());

function action(text: string, settings: Record<string, string> = {}): Action {
  const mode = { key: JSON.stringify(settings), settings, catalogue: null };
  return statementOf(text, mode);
}

function classify(text: string, settings: Record<string, string> = {}): Classification {
  const answer = classifier.classify(action(text, settings));
  if (answer instanceof Promise) throw new Error('a short text must be answered at once');
  return answer;
}

type Row = readonly [text: string, kinds: string, access: string, verbs: string, tables: string, missingWhere?: boolean];

const rows: readonly Row[] = [
  ['', '', 'read', '', ''],
  ['-- nothing', '', 'read', '', ''],
  ['SELECT 1', 'select', 'read', 'read', ''],
  ['select * from Orders o join public."Weird.Name" w using (id)', 'select', 'read', 'read', 'orders public."Weird.Name"'],
  ['TABLE a', 'select', 'read', 'read', 'a'],
  ['SELECT * FROM pg_class', 'select', 'read', 'read', 'pg_catalog.pg_class'],
  ['WITH a AS (SELECT * FROM b) SELECT * FROM a', 'select', 'read', 'read', 'b'],
  ['WITH a AS (SELECT * FROM a) SELECT * FROM a', 'select', 'read', 'read', 'a'],
  ['WITH RECURSIVE a AS (SELECT 1 UNION SELECT 2 FROM a) TABLE a', 'select', 'read', 'read', ''],
  ['SELECT * FROM a FOR SHARE', 'select', 'write', 'lock read', 'a'],
  ['SELECT 1 INTO x', 'select into', 'write', 'create', 'x'],
  ['INSERT INTO a VALUES (1) ON CONFLICT (id) DO UPDATE SET b = 1', 'insert', 'write', 'insert update', 'a'],
  ['UPDATE a SET b = 1', 'update', 'write', 'update', 'a', true],
  ['UPDATE a SET b = 1 WHERE id = $1', 'update', 'write', 'update', 'a', false],
  ['DELETE FROM a WHERE true', 'delete', 'write', 'delete', 'a', true],
  ['DELETE FROM a WHERE 1 = 1', 'delete', 'write', 'delete', 'a', true],
  ['DELETE FROM a WHERE id = 1 OR true', 'delete', 'write', 'delete', 'a', true],
  ['DELETE FROM a WHERE id IS NULL OR id IS NOT NULL', 'delete', 'write', 'delete', 'a', true],
  ["DELETE FROM a WHERE 'true'::boolean AND now() > '2020-01-01'", 'delete', 'write', 'delete', 'a', true],
  ['DELETE FROM a WHERE id = 1 AND true', 'delete', 'write', 'delete', 'a', false],
  ['DELETE FROM a WHERE false', 'delete', 'write', 'delete', 'a', false],
  ['DELETE FROM a WHERE CURRENT OF c', 'delete', 'write', 'delete', 'a', false],
  ['DELETE FROM a USING b WHERE b.id = 1', 'delete', 'write', 'delete read', 'a b', true],
  ['DELETE FROM a USING b WHERE b.id = a.id', 'delete', 'write', 'delete read', 'a b', false],
  ['DELETE FROM a x WHERE EXISTS (SELECT FROM b)', 'delete', 'write', 'delete read', 'a b', true],
  [
    'MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (1)',
    'merge',
    'write',
    'delete insert read',
    'a b',
    false,
  ],
  ['TRUNCATE a, b', 'truncate', 'write', 'truncate', 'a b'],
  ['COPY a TO STDOUT', 'copy to', 'read', 'export read', 'a'],
  ['COPY a FROM STDIN', 'copy from', 'write', 'bulk-load insert', 'a'],
  ["COPY a FROM PROGRAM 'curl x'", 'copy from', 'write', 'bulk-load insert server-program', 'a'],
  ['DROP TABLE a, b.c', 'drop table', 'write', 'drop', 'a b.c'],
  ['DROP VIEW v CASCADE', 'drop view', 'write', 'drop', 'v'],
  ['ALTER TABLE a DROP COLUMN b', 'alter table', 'write', 'alter drop', 'a'],
  ['ALTER TABLE a RENAME TO b', 'alter table', 'write', 'rename', 'a'],
  ['ALTER TABLE a DISABLE TRIGGER ALL', 'alter table', 'write', 'alter guard', 'a'],
  ['CREATE TABLE a (id int PRIMARY KEY, b text DEFAULT lower(current_user))', 'create table', 'write', 'create', 'a'],
  ['CREATE INDEX ON a (b)', 'create index', 'write', 'create', 'a'],
  ['CREATE VIEW v AS SELECT * FROM a', 'create view', 'write', 'create read', 'a v'],
  ["CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", 'create function', 'write', 'code create', ''],
  ["CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'x.so'", 'create function', 'write', 'code create server-program', ''],
  ['CREATE PROCEDURE f() LANGUAGE "plpython3u" AS $$ $$', 'create procedure', 'write', 'code create server-program', ''],
  ['CREATE FUNCTION f() RETURNS int LANGUAGE plperl AS $$ $$', 'create function', 'write', 'code create', ''],
  ["DO LANGUAGE 'plperlu' $$ $$", 'do', 'unknown', 'code server-program', ''],
  ["LOAD 'x'", 'load', 'write', 'admin code server-program', ''],
  ["ALTER SYSTEM SET archive_command = 'sh'", 'alter system', 'write', 'admin guard server-program', ''],
  ["ALTER SYSTEM SET work_mem = '1MB'", 'alter system', 'write', 'admin guard', ''],
  ['ALTER ROLE a SET "Session_Preload_Libraries" = x', 'alter role', 'write', 'guard privilege server-program', ''],
  ['ALTER DATABASE a SET dynamic_library_path = x', 'alter database', 'write', 'alter guard server-program', ''],
  ['GRANT SELECT ON a TO b', 'grant', 'write', 'privilege read', 'a'],
  ['REVOKE x FROM b', 'revoke role', 'write', 'privilege', ''],
  ['CREATE ROLE x', 'create role', 'write', 'privilege', ''],
  ['VACUUM FULL a', 'vacuum', 'write', 'maintenance', 'a'],
  ['ANALYZE', 'analyze', 'write', 'maintenance', ''],
  ['DO $$ BEGIN END $$', 'do', 'unknown', 'code', ''],
  ['CALL p(1)', 'call', 'unknown', 'call', ''],
  ['EXPLAIN DELETE FROM a', 'explain', 'read', 'explain', 'a'],
  ['EXPLAIN (ANALYZE off) DELETE FROM a', 'explain', 'read', 'explain', 'a'],
  ['EXPLAIN ANALYZE DELETE FROM a', 'explain analyze', 'write', 'delete explain', 'a', true],
  ['EXPLAIN SELECT my_function()', 'explain', 'unknown', 'call explain', ''],
  ['BEGIN', 'begin', 'session', 'transaction', ''],
  ['BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY', 'begin', 'session', 'transaction', ''],
  ['COMMIT', 'commit', 'session', 'transaction', ''],
  ['ROLLBACK TO SAVEPOINT a', 'rollback to savepoint', 'session', 'transaction', ''],
  ["PREPARE TRANSACTION 'x'", 'prepare transaction', 'write', 'transaction', ''],
  ['SHOW ALL', 'show', 'read', 'read', ''],
  ["SET TimeZone = 'UTC'", 'set', 'session', 'session', ''],
  ["SET TIME ZONE INTERVAL '1' HOUR", 'set', 'session', 'session', ''],
  ['SET ROLE postgres', 'set', 'write', 'guard', ''],
  ['SET LOCAL session_replication_role = replica', 'set', 'write', 'guard', ''],
  ['RESET ALL', 'reset', 'session', 'session', ''],
  ['DISCARD PLANS', 'discard', 'session', 'session', ''],
  ['LISTEN x', 'listen', 'session', 'session', ''],
  ["NOTIFY x, 'y'", 'notify', 'write', 'notify', ''],
  ['PREPARE p AS DELETE FROM a', 'prepare', 'session', 'prepare', ''],
  ['DEALLOCATE ALL', 'deallocate', 'session', 'prepare', ''],
  ['DECLARE c CURSOR FOR SELECT * FROM a', 'declare cursor', 'session', 'cursor read', 'a'],
  ['FETCH 10 FROM c', 'fetch', 'session', 'cursor', ''],
  ['LOCK a IN ACCESS SHARE MODE', 'lock', 'read', 'read', 'a'],
  ['LOCK a', 'lock', 'write', 'lock', 'a'],
  ['CHECKPOINT', 'checkpoint', 'write', 'admin', ''],
  ["ALTER SYSTEM SET work_mem = '1GB'", 'alter system', 'write', 'admin guard', ''],
  ['SELECT pg_sleep(1)', 'select', 'session', 'session', ''],
  ['SELECT 1; DROP TABLE a', 'drop table select', 'write', 'drop read', 'a'],
];

for (const [text, kinds, access, verbs, tables, missingWhere = false] of rows) {
  t.test(`${text || '(empty)'}`, async (t) => {
    const { understood, problem, summary } = classify(text);
    t.ok(understood, problem?.message ?? 'understood');
    t.equal([...summary.kinds].sort().join(' '), kinds.split(', ').join(' '), 'kinds');
    t.equal(summary.access, access, 'access');
    t.equal([...summary.verbs].sort().join(' '), verbs, 'verbs');
    t.equal([...summary.tables].sort().join(' '), tables, 'tables');
    t.equal(summary.missingWhere, missingWhere, 'missing WHERE');
  });
}

t.test('a syntax error of a server newer than the parser says so', (t) => {
  const words = (server_version: string) => classify('REPACK orders', { server_version }).problem?.message;
  t.equal(words('18.6 (Debian 18.6-3)'), 'syntax error at or near "REPACK"');
  t.match(words('19rc1 (Debian 19~rc1-1)'), /^syntax error at or near "REPACK" \(read by the grammar of PostgreSQL 18: .* PostgreSQL 19 /);
  t.end();
});

t.test('functions and views new in PostgreSQL 19 are known', (t) => {
  t.equal(
    classify('SELECT error_on_null(1), tid_block(ctid), (SELECT count(*) FROM pg_get_multixact_stats()) FROM pg_stat_lock').summary.access,
    'read',
  );
  t.equal(classify("SELECT pg_clear_extended_stats('s', 'o', 't', 'u', false)").summary.access, 'write');
  t.end();
});

t.test('the same text in the same mode is the same object, in another mode another one', async (t) => {
  const one = classify('SELECT 42');
  t.equal(classify('SELECT 42'), one);
  t.not(classify('SELECT 42', { search_path: 'x' }), one);
});

t.test('a syntax error keeps the words of the parser and the place in UTF-16', async (t) => {
  t.match(classify('SELEC 1').problem, { kind: 'syntax', message: 'syntax error at or near "SELEC"', offset: 0 });
  t.match(classify("SELECT 'é😀', * FORM x").problem, { kind: 'syntax', message: 'syntax error at or near "FORM"' });
  const text = "SELECT 'é😀' FROM FROM";
  t.equal(classify(text).problem?.offset, text.lastIndexOf('FROM'));
});

t.test('spans and risks are UTF-16 offsets', async (t) => {
  const text = 'SELECT \'é😀\';\n DELETE FROM "kündé" ;SELECT my_func(1)';
  const { statements } = classify(text);
  t.same(
    statements.map(({ span }) => text.slice(span.start, span.end)),
    ["SELECT 'é😀'", 'DELETE FROM "kündé"', 'SELECT my_func(1)'],
  );
  t.same(
    statements.flatMap(({ risks }) => risks.map((risk) => text.slice(risk.start, risk.end))),
    ['DELETE FROM "kündé"', 'my_func'],
  );
});

t.test('session changes say what later statements must know', async (t) => {
  const changes = (text: string) => classify(text).statements.flatMap((statement) => statement.changes);
  t.same(changes('SET search_path = a, "B c", "$user"'), [
    { kind: 'set', setting: 'search_path', value: 'a, "B c", "$user"', local: false },
  ]);
  t.same(changes("SELECT set_config('search_path', '', true)"), [{ kind: 'set', setting: 'search_path', value: '', local: true }]);
  t.same(changes('DEALLOCATE p'), [{ kind: 'deallocate', name: 'p' }]);
  t.same(changes('DISCARD ALL'), [{ kind: 'discard-all' }]);
  t.same(changes('CREATE TABLE a ()'), [{ kind: 'schema-changed', names: [] }]);
  t.match(changes('PREPARE p AS DELETE FROM a'), [{ kind: 'prepare', name: 'p', inner: { kind: 'delete', missingWhere: true } }]);
});

t.test('EXECUTE is what the session prepared, and is not remembered for others', async (t) => {
  const text = 'EXECUTE p';
  const asked = (inner: string) =>
    classifier.classify({ ...action(text), prepared: () => ({ text: inner, classification: classify(inner) }) });
  t.match(asked('SELECT 1'), { summary: { access: 'session' } });
  t.match(asked('DELETE FROM a'), { summary: { access: 'write', verbs: ['prepare', 'delete'] } });
  t.match(classify(text), { summary: { access: 'unknown' } });
});

t.test('settings of one message hold for its next statement', async (t) => {
  t.equal(classify("SET search_path = x, pg_catalog; SELECT lower('x')").statements[1]?.effects[0]?.access, 'unknown');
});
