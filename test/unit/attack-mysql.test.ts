// Statements of MySQL and MariaDB that were once judged as less than they are: what a real server does with each, where this one
// can, and how they are judged now.

import { chmodSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import t from 'tap';
import { createMysqlClassifier } from '../../policies/classify/mysql/classifier.ts';
import { catalogueQueries, readCatalogue } from '../../protocols/mysql/catalogue.ts';
import { Settings } from '../../protocols/mysql/settings.ts';
import { Statements } from '../../protocols/mysql/statements.ts';
import type { Action, Catalogue } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { startMariadb } from '../support/mariadb.ts';

const classifier = createMysqlClassifier();

function judged(text: string, flavour = 'mariadb', catalogue: Catalogue | null = null): string[] {
  const settings = { sql_mode: '', character_set_client: 'utf8mb4', flavour, database: 'shop', lower_case_table_names: '0' };
  const key = `${flavour} ${catalogue?.version ?? ''}`;
  const action = { kind: 'statement', text, mode: { key, settings, catalogue } } as unknown as Action;
  const { understood, summary } = classifier.classify(action) as Classification;
  return understood ? summary.effects.map((it) => `${it.verb} ${it.access} ${it.object ?? '-'}`) : ['not understood'];
}

/** The text loses its backslash (or backquote) on its way through character_set_connection, and with it what holds the quote. */
const lostBackslash = `EXECUTE IMMEDIATE 'SELECT "\\\\", wipe() -- "'`;
const lostBackquotes = "EXECUTE IMMEDIATE 'SELECT 1 + ` , wipe() , `' USING 1, 2";
const bracesHideTable = 'SELECT * FROM {x secret}';

/** Each is true for every row of `secret`, and speaks of none of its columns. */
const trueByThemselves = [
  'CURRENT_DATE',
  'CURRENT_USER IS NOT NULL',
  'EXISTS (SELECT 1)',
  '(SELECT 1)',
  '(SELECT 1 FROM DUAL WHERE 1 AND 2)',
  '1 IN (SELECT 1)',
  'EXISTS (SELECT a FROM other)',
  "CAST('1' AS SIGNED)",
  "CONVERT('1', SIGNED)",
  "CONVERT('1' USING utf8mb4)",
  "'a' COLLATE utf8mb4_bin = 'a'",
  "_utf8mb4'1'",
  "DATE '2020-01-01'",
  "EXTRACT(YEAR FROM '2020-01-01')",
  '1 SOUNDS LIKE 1',
  '1 IS NOT UNKNOWN',
  "b'1'",
  '@@global.port',
  "TRIM(LEADING 'a' FROM 'ab') = 'b'",
  'CASE WHEN 1 THEN 1 END',
];
const everyRow = [
  ...trueByThemselves.map((condition) => `DELETE FROM secret WHERE ${condition}`),
  'REPLACE INTO secret SELECT a, 0 FROM secret',
  'REPLACE INTO secret SELECT a, 0 FROM secret WHERE 1',
  'INSERT INTO secret SELECT * FROM secret ON DUPLICATE KEY UPDATE b = 0',
  'INSERT INTO secret TABLE secret ON DUPLICATE KEY UPDATE b = 0',
  'REPLACE INTO secret SELECT s.a, 0 FROM secret s CROSS JOIN (SELECT 1) x',
  'REPLACE INTO secret SELECT s.a, 0 FROM secret s JOIN (SELECT 1) x ON 1 = 1',
  'INSERT INTO secret SELECT s.* FROM secret s STRAIGHT_JOIN (SELECT 1) x WHERE 1 ON DUPLICATE KEY UPDATE b = 0',
  'REPLACE INTO secret SELECT s.a, 0 FROM secret s LEFT JOIN other o ON o.a = s.a',
  'REPLACE INTO secret SELECT s.a, 0 FROM secret s LEFT OUTER JOIN other o USING (a)',
  'REPLACE INTO secret SELECT s.a, 0 FROM secret s NATURAL LEFT JOIN other o',
  'REPLACE INTO secret SELECT s.a, 0 FROM other o RIGHT JOIN secret s ON o.a = s.a',
  'REPLACE INTO secret SELECT s.a, 0 FROM secret s LEFT JOIN other o JOIN other p ON o.a = p.a ON o.a = s.a',
];

function reachesEveryRow(text: string): boolean {
  const settings = { sql_mode: '', character_set_client: 'utf8mb4', flavour: 'mariadb', database: 'shop', lower_case_table_names: '0' };
  const action = { kind: 'statement', text, mode: { key: 'k', settings, catalogue: null } } as unknown as Action;
  return (classifier.classify(action) as Classification).summary.missingWhere;
}

t.test('every row, by conditions that speak of no column and by rows that are put in again', async (t) => {
  const server = await startMariadb(t);
  const connection = await createConnection({ host: server.host, port: server.port, user: server.user, password: server.password });
  for (const text of [
    'CREATE DATABASE attack',
    'USE attack',
    'CREATE TABLE secret (a INT PRIMARY KEY, b INT)',
    'CREATE TABLE other (a INT)',
    'INSERT INTO secret VALUES (1, 42), (2, 42), (3, 42)',
    'INSERT INTO other VALUES (1)',
  ])
    await connection.query(text);
  for (const text of everyRow) {
    t.ok(reachesEveryRow(text), text);
    // MariaDB has no TABLE statement.
    if (text.includes('TABLE secret')) continue;
    await connection.query('BEGIN');
    await connection.query(text);
    t.same((await connection.query('SELECT COUNT(*) AS n FROM secret WHERE b = 42'))[0], [{ n: 0 }], `it is an attack: ${text}`);
    await connection.query('ROLLBACK');
  }
  await connection.end();
  for (const text of [
    'DELETE FROM t WHERE year = 2020',
    'UPDATE t SET a = 1 WHERE month = 5 AND day = 3',
    'DELETE FROM t WHERE end < NOW()',
    'DELETE FROM t WHERE `select` = 1',
    'DELETE FROM t WHERE created < NOW() - INTERVAL 30 DAY',
    "DELETE FROM t WHERE a = 'x' COLLATE utf8mb4_bin",
    'DELETE FROM t WHERE id IN (SELECT t_id FROM x)',
    'DELETE FROM t WHERE EXISTS (SELECT 1 FROM x WHERE x.t_id = t.id)',
    'UPDATE t p SET a = 1 WHERE EXISTS (SELECT 1 FROM x WHERE x.t_id = p.id)',
    'DELETE FROM shop.t WHERE shop.t.id = 3',
    'REPLACE INTO t VALUES (1, 2)',
    'REPLACE INTO t SELECT * FROM staging',
    'REPLACE INTO t SELECT * FROM t WHERE id = 3',
    'INSERT INTO t SELECT t.* FROM t JOIN x ON x.t_id = t.id ON DUPLICATE KEY UPDATE a = 1',
    'INSERT INTO t SELECT * FROM t',
    'REPLACE INTO t SELECT t.* FROM t JOIN x USING (id)',
    'REPLACE INTO t SELECT t.* FROM t NATURAL JOIN x',
    'INSERT INTO t SELECT x.* FROM x LEFT JOIN t ON x.t_id = t.id ON DUPLICATE KEY UPDATE a = 1',
    'REPLACE INTO t SELECT t.* FROM t LEFT JOIN x ON x.t_id = t.id WHERE x.a = 3',
    'REPLACE INTO t SELECT t.* FROM t RIGHT JOIN x ON x.t_id = t.id',
  ])
    t.notOk(reachesEveryRow(text), text);
});

t.test('what the server makes of them', async (t) => {
  const server = await startMariadb(t);
  const connection = await createConnection({ host: server.host, port: server.port, user: server.user, password: server.password });
  const rows = async (): Promise<unknown> => (await connection.query('SELECT COUNT(*) AS n FROM secret'))[0];
  for (const text of [
    'CREATE DATABASE attack',
    'USE attack',
    'CREATE TABLE secret (a INT)',
    'CREATE FUNCTION wipe() RETURNS INT BEGIN DELETE FROM secret; RETURN 1; END',
    'INSERT INTO secret VALUES (42)',
    'SET character_set_connection = swe7',
  ])
    await connection.query(text);
  t.same((await connection.query(bracesHideTable))[0], [{ a: 42 }]);
  for (const text of [lostBackslash, lostBackquotes]) {
    await connection.query('DELETE FROM secret');
    await connection.query('INSERT INTO secret VALUES (42)');
    await connection.query(text);
    t.same(await rows(), [{ n: 0 }], text);
  }
  await connection.query('CREATE TABLE scratch (a INT)');
  await connection.query('ALTER TABLE scratch RENAME taken');
  t.same((await connection.query("SHOW TABLES LIKE 'taken'"))[0], [{ 'Tables_in_attack (taken)': 'taken' }]);
  await connection.end();
});

t.test('DELETE of several tables: which of two of the same name is meant, as the server takes it', async (t) => {
  const server = await startMariadb(t);
  const connection = await createConnection({ host: server.host, port: server.port, user: server.user, password: server.password });
  for (const text of ['CREATE DATABASE IF NOT EXISTS shop', 'CREATE DATABASE scratch', 'USE shop']) await connection.query(text);
  for (const table of ['scratch.orders', 'shop.orders']) await connection.query(`CREATE TABLE ${table} SELECT seq AS id FROM seq_1_to_3`);
  for (const [text, deleted] of [
    ['DELETE orders FROM scratch.orders JOIN orders USING (id)', 'shop.orders'],
    ['DELETE orders FROM scratch.orders, shop.orders WHERE scratch.orders.id = shop.orders.id', 'shop.orders'],
    ['DELETE FROM orders USING scratch.orders JOIN orders', 'shop.orders'],
    ['DELETE orders FROM scratch.orders AS orders JOIN orders AS o USING (id)', 'scratch.orders'],
    ['DELETE scratch.orders FROM scratch.orders JOIN orders USING (id)', 'scratch.orders'],
  ] as const) {
    await connection.query('BEGIN');
    await connection.query(text);
    t.same((await connection.query(`SELECT COUNT(*) AS n FROM ${deleted}`))[0], [{ n: 0 }], `the server: ${text}`);
    await connection.query('ROLLBACK');
    const written = judged(text).filter((it) => it.startsWith('delete'));
    t.same(written, [`delete write ${deleted}`], text);
  }
  await connection.end();
});

t.test('a character set that is set in the same text: what follows is read by the server in the new one', async (t) => {
  const server = await startMariadb(t, ['--character-set-server=gbk', '--secure-file-priv=']);
  const { host, port, user, password } = server;
  const connection = await createConnection({ host, port, user, password, database: 'shop', multipleStatements: true });
  t.teardown(() => connection.end());
  // In gbk the last byte of 你 and the backslash are one character, and the quote ends the string.
  const hidesDelete = "SELECT '你\\'; DELETE FROM secret; -- '";
  const prepared = "PREPARE p FROM 'SET NAMES DEFAULT'; EXECUTE p";
  for (const set of ['SET NAMES DEFAULT', 'SET CHARACTER SET DEFAULT', "EXECUTE IMMEDIATE 'SET NAMES DEFAULT'", prepared]) {
    await connection.query('CREATE OR REPLACE TABLE secret SELECT 1 AS a');
    await connection.query('SET NAMES utf8mb4');
    await connection.query(`${set}; ${hidesDelete}`);
    t.same((await connection.query('SELECT COUNT(*) AS n FROM secret'))[0], [{ n: 0 }], `the server: ${set}`);
    t.same(judged(`${set}; ${hidesDelete}`), ['not understood'], set);
  }
  // To latin1 the second byte of this space is white space.
  const file = join(temporaryDirectory(t, 'written'), 'x');
  chmodSync(dirname(file), 0o777);
  const hidesFile = `SET NAMES latin1; SELECT 1 AS x\u00a0INTO OUTFILE '${file}'`;
  await connection.query('SET NAMES utf8mb4');
  await connection.query(hidesFile);
  t.ok(existsSync(file), 'the server: a file is written');
  t.same(judged(hidesFile), ['not understood']);
  for (const text of ['SET sql_mode = DEFAULT; SELECT 1', 'SET character_set_client = latin1; SELECT 1'])
    t.same(judged(text), ['not understood'], text);
  for (const text of ['SET NAMES utf8; SELECT 1', "SET NAMES 'utf8mb4' COLLATE utf8mb4_bin; SELECT 1", "SET sql_mode = ''; SELECT 1"])
    t.not(judged(text)[0], 'not understood', text);
});

t.test('HISTORY is a name to MySQL, behind DELETE too, and one of a table behind UPDATE', async (t) => {
  const both = 'DELETE HISTORY FROM o JOIN secret HISTORY';
  t.same(judged(both, 'mysql'), ['delete write shop.secret', 'read read shop.o', 'read read shop.secret']);
  t.match(judged(both, 'neither'), ['delete write shop.o', 'delete write shop.secret']);
  t.same(judged('DELETE HISTORY FROM t BEFORE SYSTEM_TIME NOW()'), ['delete write shop.t']);
  t.match(judged('DELETE HISTORY, o FROM secret HISTORY JOIN o', 'mysql'), ['delete write shop.secret', 'delete write shop.o']);
  for (const flavour of ['mysql', 'mariadb'])
    t.same(judged('UPDATE history SET a = 1 WHERE id = 2', flavour), ['update write shop.history'], flavour);
});

t.test('a change through a view runs the functions of the view, and the triggers of what is below it', async (t) => {
  const server = await startMariadb(t);
  await server.sql(`CREATE TABLE secret (id int); INSERT INTO secret VALUES (1); CREATE TABLE t (id int); INSERT INTO t VALUES (1);
    CREATE FUNCTION wipe() RETURNS int BEGIN DELETE FROM secret; RETURN 1; END; CREATE VIEW calls AS SELECT id, wipe() AS w FROM t;
    CREATE TABLE reacting (id int); CREATE TRIGGER r AFTER INSERT ON reacting FOR EACH ROW DELETE FROM secret;
    CREATE VIEW below AS SELECT * FROM reacting; CREATE VIEW above AS SELECT * FROM below; CREATE VIEW plain AS SELECT * FROM t`);
  const rows = async (text: string) => (await server.sql(text)).map((row) => Object.values(row) as string[]);
  const catalogue = readCatalogue(
    {
      routines: await rows(catalogueQueries.routines),
      views: await rows(catalogueQueries.views),
      triggers: await rows(catalogueQueries.triggers),
      columns: [],
      references: [],
      engines: [],
      loaded: null,
    },
    server.user,
  );
  for (const [text, runs] of [
    ['UPDATE calls SET id = id WHERE w = 1', 'call unknown shop.wipe'],
    ['DELETE FROM calls WHERE w = 7', 'call unknown shop.wipe'],
    ['INSERT INTO above VALUES (2)', 'call unknown triggers of shop.above'],
    ['INSERT INTO plain VALUES (2)', null],
  ] as const) {
    await server.sql(`DELETE FROM secret; INSERT INTO secret VALUES (1); ${text}`);
    t.equal((await server.sql('SELECT * FROM secret')).length, runs === null ? 1 : 0, `the server: ${text}`);
    t.equal(judged(text, 'mariadb', catalogue).find((it) => it.startsWith('call')) ?? null, runs, text);
  }
});

t.test('how they are judged', async (t) => {
  const rows: readonly (readonly [string, readonly string[]])[] = [
    [lostBackslash, ['code unknown -']],
    [lostBackquotes, ['code unknown -']],
    [bracesHideTable, ['read read shop.secret']],
    ['UPDATE {x secret} SET a = 1', ['update write shop.secret']],
    // MySQL compares the names of WITH letter by letter.
    ['WITH Secret AS (SELECT 1) SELECT * FROM secret', ['read read shop.secret']],
    ['ALTER TABLE scratch RENAME taken', ['alter write shop.scratch', 'rename write shop.taken']],
    ['ALTER TABLE scratch RENAME = other.taken', ['alter write shop.scratch', 'rename write other.taken']],
    [
      'ALTER TABLE scratch ADD FULLTEXT INDEX f (c) WITH PARSER ngram, RENAME TO taken',
      ['alter write shop.scratch', 'rename write shop.taken'],
    ],
    ['ALTER TABLE scratch EXCHANGE PARTITION p WITH TABLE secret', ['alter write shop.scratch', 'alter write shop.secret']],
    [
      'ALTER TABLE scratch CONVERT TABLE secret TO PARTITION p VALUES LESS THAN (1)',
      ['alter write shop.scratch', 'rename write shop.secret'],
    ],
    ['ALTER TABLE orders TRUNCATE PARTITION ALL', ['alter write shop.orders', 'truncate write shop.orders']],
    ['CREATE TABLE copy TABLE secret', ['create write shop.copy', 'read read shop.secret']],
    ['CREATE VIEW v AS TABLE secret', ['create write shop.v', 'read read shop.secret']],
    ['CREATE TABLE m (a INT) ENGINE = MERGE UNION = (secret, o.b)', ['create write shop.m', 'alter write shop.secret', 'alter write o.b']],
    // Rows and columns go, without a DROP TABLE or TRUNCATE.
    ['ALTER TABLE t DROP PARTITION p', ['alter write shop.t', 'drop write shop.t']],
    ['ALTER TABLE t DROP COLUMN c', ['alter write shop.t', 'drop write shop.t']],
    ['ALTER TABLE t DROP c, ADD d INT', ['alter write shop.t', 'drop write shop.t']],
    ['ALTER TABLE t DISCARD TABLESPACE', ['alter write shop.t', 'drop write shop.t']],
    ['ALTER TABLE t CONVERT PARTITION p TO TABLE x', ['alter write shop.t', 'drop write shop.t', 'create write shop.x']],
    ['ALTER TABLE t ENGINE = BLACKHOLE', ['alter write shop.t', 'truncate write shop.t']],
    // The rows are elsewhere than in the database.
    ["CREATE TABLE t (a INT) DATA DIRECTORY = '/x'", ['create write shop.t', 'server-file write /x']],
    ["CREATE TABLE t (a INT) ENGINE = CONNECT FILE_NAME = '/x'", ['create write shop.t', 'network write shop.t', 'server-file write /x']],
    ["CREATE TABLE t (a INT) ENGINE = FEDERATED CONNECTION = 'mysql://x'", ['create write shop.t', 'network write shop.t']],
    ["CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x')", ['create write shop.s', 'network write shop.s']],
    // MySQL: hints that lift a guard, or whose quotes go beyond what looks like their end.
    ['INSERT /*+ SET_VAR(foreign_key_checks = OFF) */ INTO t VALUES (1)', ['not understood']],
    ['SELECT /*+ QB_NAME(`*/ a FROM b -- `) */ 1', ['not understood']],
    // MySQL 8.3: FOR SCHEMA stands between EXPLAIN and what is run.
    ['EXPLAIN ANALYZE FOR SCHEMA shop DELETE a FROM a JOIN b', ['not understood']],
    ['DESCRIBE a b DELETE FROM a', ['not understood']],
    ['SHOW BINLOG EVENTS', ['replication unknown -']],
    ['SHOW COLUMNS IN secret IN o', ['read read o.secret']],
  ];
  for (const [text, effects] of rows) t.same(judged(text), effects, text);
});

t.test('what stays as it was', async (t) => {
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['EXECUTE IMMEDIATE \'SELECT a FROM t WHERE b = "x"\'', ['read read shop.t']],
    ["PREPARE p FROM 'SELECT a FROM t WHERE b = ?'", ['prepare session p']],
    ['ALTER TABLE t RENAME COLUMN a TO b', ['alter write shop.t']],
    ['SELECT /*+ SET_VAR(sort_buffer_size = 16M) */ a FROM t', ['read read shop.t']],
    ['SELECT /*+ MAX_EXECUTION_TIME(1000) INDEX(t `i`) */ a FROM t', ['read read shop.t']],
    ['ALTER TABLE t ALTER c DROP DEFAULT', ['alter write shop.t']],
    ['ALTER TABLE t ADD COLUMN discard INT, ENGINE = InnoDB', ['alter write shop.t']],
    ['CREATE TABLE t (engine INT, connection VARCHAR(3), directory TEXT)', ['create write shop.t']],
    ['ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4', ['alter write shop.t']],
    ['CREATE TABLE t (a INT) WITH SYSTEM VERSIONING', ['create write shop.t']],
    ['WITH x AS (SELECT 1) SELECT * FROM x', ['read read -']],
    ['DESCRIBE t a', ['read read shop.t']],
    ["DESC shop.t 'a%'", ['read read shop.t']],
    ["SELECT {d '2020-01-01'}", ['read read -']],
    ['SELECT * FROM {oj a LEFT JOIN b ON a.i = b.i}', ['read read shop.a', 'read read shop.b']],
  ];
  for (const [text, effects] of rows) t.same(judged(text), effects, text);
});

t.test('EXECUTE of a name that was prepared before a view or function in it changed', async (t) => {
  const statements = new Statements();
  const settings = { sql_mode: '', character_set_client: 'utf8mb4', flavour: 'mariadb', database: 'shop', lower_case_table_names: '0' };
  const catalogueOf = (view: string) =>
    readCatalogue(
      {
        routines: [['shop', 'wipe', 'FUNCTION']],
        views: [['shop', 'v', view]],
        triggers: [],
        columns: [],
        references: [],
        engines: [],
        loaded: null,
      },
      'owner',
    );
  const modeOf = (catalogue: Catalogue, more = {}) => {
    const all = { ...settings, ...more };
    return { key: `${catalogue.version} ${JSON.stringify(all)}`, settings: all, catalogue };
  };
  const classify = (text: string, catalogue: Catalogue, more = {}) => {
    const mode = modeOf(catalogue, more);
    const prepared = (name: string) => statements.named(name, mode);
    return classifier.classify({ kind: 'statement', text, mode, classified: null, prepared } as unknown as Action) as Classification;
  };
  const before = catalogueOf('select 1 AS `x`');
  const text = "PREPARE p FROM 'SELECT * FROM v'";
  statements.changed(text, classify(text, before).statements[0]?.changes ?? [], modeOf(before));
  t.equal(classify('EXECUTE p', before).summary.access, 'read');
  const quotes = { sql_mode: 'ANSI_QUOTES' };
  t.equal(classify('EXECUTE p', before, quotes).summary.access, 'unknown', 'it would read the text by the settings of then');
  const after = catalogueOf('select `wipe`() AS `x`');
  t.equal(classify('EXECUTE p', after).summary.access, 'unknown', 'the server prepares it again, and it calls the function');
  statements.changed(text, classify(text, after).statements[0]?.changes ?? [], modeOf(after));
  t.equal(classify('EXECUTE p', after).summary.access, 'unknown', 'prepared anew it is known to call it');
});

t.test('a text that was prepared in another character set: the server reads it anew when a table of it has changed', async (t) => {
  const server = await startMariadb(t, ['--secure-file-priv=']);
  const { host, port, user, password } = server;
  const connection = await createConnection({ host, port, user, password, database: 'shop' });
  t.teardown(() => connection.end());
  const file = join(temporaryDirectory(t, 'written'), 'x');
  chmodSync(dirname(file), 0o777);
  const text = `SELECT id, '你\\' INTO OUTFILE "${file}" FROM plain -- ' FROM plain`;
  await server.sql('CREATE TABLE plain (id int); INSERT INTO plain VALUES (1)');
  const statement = await connection.prepare(text);
  t.equal(((await statement.execute([]))[0] as unknown[]).length, 1);
  await connection.query('SET NAMES gbk');
  await server.sql('ALTER TABLE plain ADD COLUMN a int');
  await statement.execute([]);
  t.ok(existsSync(file), 'the server: a file is written');

  const initial = {
    flavour: 'mariadb',
    serverVersion: '10.11.19-MariaDB',
    sqlMode: '',
    database: 'shop',
    lowerCaseTableNames: '0',
  } as const;
  const settings = new Settings({ ...initial, characterSetClient: 'utf8mb4' });
  const prepared = settings.mode;
  const classify = (it: string) =>
    classifier.classify({ kind: 'statement', text: it, mode: settings.renewed(prepared) } as unknown as Action) as Classification;
  t.equal(classify(text).summary.access, 'read');
  t.equal(settings.renewed(prepared), prepared, 'the same object while nothing has changed');
  settings.reported('character_set_client', 'gbk');
  t.equal(classify(text).understood, false);
  t.equal(classify('SELECT id FROM plain WHERE a = ?').summary.access, 'read', 'what both read alike runs on');
  settings.reported('character_set_client', 'utf8mb4');
  t.equal(classify(text).summary.access, 'read');
  const quoted = 'SELECT "a" FROM plain';
  t.equal(classify(quoted).summary.access, 'read');
  settings.reported('sql_mode', 'ANSI_QUOTES');
  t.equal(classify(`${quoted} WHERE a = '\\'' OR b = "c"`).understood, false);
});
