// What the MySQL classifier says of statements: kind, access, tables read and written, functions, missing WHERE.

import t from 'tap';
import { createMysqlClassifier } from '../../policies/classify/mysql/classifier.ts';
import { readCatalogue } from '../../protocols/mysql/catalogue.ts';
import type { Action, Catalogue, ReadingMode } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import { statementOf } from '../support/statements.ts';

const classifier = createMysqlClassifier();

function modeOf(more: Readonly<Record<string, string>> = {}): ReadingMode {
  const settings = {
    sql_mode: 'STRICT_TRANS_TABLES',
    character_set_client: 'utf8mb4',
    flavour: 'mariadb',
    database: 'shop',
    lower_case_table_names: '0',
    ...more,
  };
  return { key: JSON.stringify(settings), settings, catalogue: null };
}

function classify(text: string, mode: ReadingMode = modeOf()): Classification {
  const action: Action = statementOf(text, mode);
  return classifier.classify(action) as Classification;
}

interface Expected {
  readonly kinds: string;
  readonly access: string;
  readonly tables?: string;
  readonly written?: string;
  readonly functions?: string;
  readonly every?: true;
}

const table: readonly (readonly [string, Expected])[] = [
  ['SELECT 1', { kinds: 'select', access: 'read' }],
  ['', { kinds: '', access: 'read' }],
  ['-- nothing', { kinds: '', access: 'read' }],
  [
    'SELECT * FROM orders o, other.items AS i JOIN `odd name` USING (id)',
    { kinds: 'select', access: 'read', tables: 'shop.orders other.items shop.odd name' },
  ],
  [
    'SELECT (SELECT MAX(id) FROM a) FROM b WHERE EXISTS (SELECT 1 FROM (c, d) WHERE c.x = EXTRACT(DAY FROM d.y))',
    { kinds: 'select', access: 'read', tables: 'shop.a shop.b shop.c shop.d' },
  ],
  ['WITH a AS (SELECT * FROM a) SELECT * FROM a', { kinds: 'select', access: 'read', tables: 'shop.a' }],
  [
    'WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT * FROM n',
    { kinds: 'select', access: 'read', tables: '' },
  ],
  [
    "WITH x AS (SELECT * FROM a) SELECT REPLACE(c, '1', ''), INSERT (c, 1, 2, '') FROM x",
    { kinds: 'select', access: 'read', tables: 'shop.a' },
  ],
  [
    'WITH x AS (SELECT * FROM a) REPLACE INTO b SELECT * FROM x',
    { kinds: 'replace', access: 'write', tables: 'shop.a shop.b shop.x', written: 'shop.b' },
  ],
  ['SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x) y, x', { kinds: 'select', access: 'read', tables: 'shop.x' }],
  ['SELECT * FROM a USE INDEX FOR JOIN (i), b FOR SYSTEM_TIME ALL, c', { kinds: 'select', access: 'read', tables: 'shop.a shop.b shop.c' }],
  ['INSERT INTO t (a, b) VALUES (1, NOW())', { kinds: 'insert', access: 'write', tables: 'shop.t', written: 'shop.t' }],
  [
    'INSERT INTO x.t SELECT f(a) FROM s ON DUPLICATE KEY UPDATE a = 1',
    { kinds: 'insert', access: 'unknown', tables: 'x.t shop.s', written: 'x.t', functions: 'shop.f' },
  ],
  ['UPDATE t SET a = 1', { kinds: 'update', access: 'write', tables: 'shop.t', written: 'shop.t', every: true }],
  ['UPDATE t SET a = 1 WHERE id = 5', { kinds: 'update', access: 'write', tables: 'shop.t', written: 'shop.t' }],
  [
    'UPDATE a JOIN b ON a.id = b.id SET b.x = 1 WHERE a.y > 2',
    { kinds: 'update', access: 'write', tables: 'shop.b shop.a', written: 'shop.b' },
  ],
  ['DELETE FROM t WHERE TRUE', { kinds: 'delete', access: 'write', tables: 'shop.t', written: 'shop.t', every: true }],
  ['DELETE FROM t WHERE (1 = 1) OR id = 4', { kinds: 'delete', access: 'write', tables: 'shop.t', written: 'shop.t', every: true }],
  ['DELETE FROM t WHERE id = id AND 1', { kinds: 'delete', access: 'write', tables: 'shop.t', written: 'shop.t', every: true }],
  ['DELETE FROM t WHERE id BETWEEN 1 AND 2', { kinds: 'delete', access: 'write', tables: 'shop.t', written: 'shop.t' }],
  [
    'DELETE FROM t WHERE id IN (SELECT id FROM u WHERE x = 1)',
    { kinds: 'delete', access: 'write', tables: 'shop.t shop.u', written: 'shop.t' },
  ],
  ['DELETE FROM t LIMIT 10', { kinds: 'delete', access: 'write', tables: 'shop.t', written: 'shop.t' }],
  ['DELETE FROM t LIMIT 100000', { kinds: 'delete', access: 'write', tables: 'shop.t', written: 'shop.t', every: true }],
  [
    'DELETE a.*, b FROM x.t1 AS a JOIN t2 b WHERE a.id = 1',
    { kinds: 'delete', access: 'write', tables: 'x.t1 shop.t2', written: 'x.t1 shop.t2' },
  ],
  ['TRUNCATE TABLE a', { kinds: 'truncate', access: 'write', tables: 'shop.a', written: 'shop.a' }],
  ['DROP TABLE IF EXISTS a, x.b', { kinds: 'drop table', access: 'write', tables: 'shop.a x.b', written: 'shop.a x.b' }],
  [
    'CREATE TABLE t (id int DEFAULT (1), KEY k (id)) ENGINE=InnoDB',
    { kinds: 'create table', access: 'write', tables: 'shop.t', written: 'shop.t' },
  ],
  ['CREATE TABLE t SELECT * FROM u', { kinds: 'create table', access: 'write', tables: 'shop.t shop.u', written: 'shop.t' }],
  ['CREATE UNIQUE INDEX i ON t (a)', { kinds: 'create index', access: 'write', tables: 'shop.t', written: 'shop.t' }],
  ['ALTER TABLE t DROP COLUMN a', { kinds: 'alter table', access: 'write', tables: 'shop.t', written: 'shop.t' }],
  ['SHOW CREATE TABLE t', { kinds: 'show', access: 'read', tables: 'shop.t' }],
  ['EXPLAIN DELETE FROM t', { kinds: 'explain', access: 'read', tables: 'shop.t' }],
  ['DESC t', { kinds: 'describe', access: 'read', tables: 'shop.t' }],
  ['BEGIN', { kinds: 'begin', access: 'session' }],
  ['SET NAMES utf8mb4 COLLATE utf8mb4_bin', { kinds: 'set', access: 'session' }],
  ['SELECT SLEEP(1)', { kinds: 'select', access: 'session', functions: 'sleep' }],
  ['SELECT my_function(1)', { kinds: 'select', access: 'unknown', functions: 'shop.my_function' }],
  ['SELECT x.my_function(1)', { kinds: 'select', access: 'unknown', functions: 'x.my_function' }],
  ['CALL p(1)', { kinds: 'call', access: 'unknown', functions: 'shop.p' }],
];

t.test('statements', (t) => {
  for (const [text, expected] of table) {
    const { understood, problem, summary } = classify(text);
    t.ok(understood, `${text}: ${problem?.message}`);
    t.strictSame(
      {
        kinds: summary.kinds.join(' '),
        access: summary.access,
        tables: sorted(summary.tables),
        written: sorted(summary.tablesWritten),
        functions: summary.functions.join(' '),
        every: summary.missingWhere,
      },
      {
        kinds: expected.kinds,
        access: expected.access,
        tables: sorted(expected.tables?.split(' ') ?? [], expected.tables),
        written: sorted(expected.written?.split(' ') ?? []),
        functions: expected.functions ?? '',
        every: expected.every ?? false,
      },
      text,
    );
  }
  t.end();
});

/** Names may hold spaces ("shop.odd name"), so the whole is compared. */
function sorted(names: readonly string[], whole = names.join(' ')): string {
  return whole.split(' ').sort().join(' ');
}

t.test('SET sql_mode is free when the modes that change the reading are after it those that are on', (t) => {
  const table: readonly (readonly [string, string, 'session' | 'write'])[] = [
    ["autocommit=1, sql_mode = concat(@@sql_mode,',STRICT_TRANS_TABLES')", 'IGNORE_SPACE', 'session'], // MariaDB Connector/J
    ["@@SESSION.sql_mode = CONCAT(CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), ',NO_AUTO_VALUE_ON_ZERO')", '', 'session'], // Rails
    ["@@SESSION.sql_mode = REPLACE(REPLACE(@@sql_mode, 'STRICT_TRANS_TABLES', ''), 'TRADITIONAL', '')", 'STRICT_TRANS_TABLES', 'session'],
    ["sql_mode = CONCAT(@@session.sql_mode, ',STRICT_ALL_TABLES')", 'NO_BACKSLASH_ESCAPES', 'session'],
    ["sql_mode = CONCAT('STRICT_ALL_TABLES,', @@sql_mode)", 'ANSI_QUOTES', 'session'],
    ["sql_mode = 'IGNORE_SPACE,STRICT_ALL_TABLES'", 'IGNORE_SPACE', 'session'],
    ["sql_mode = CONCAT('STRICT_', 'ALL_TABLES')", '', 'session'],
    ['sql_mode = TRADITIONAL', '', 'session'],
    ['sql_mode = 0', '', 'session'],
    ["sql_mode = ''", 'IGNORE_SPACE', 'write'],
    ["sql_mode = CONCAT(@@sql_mode, ',ANSI', '_QUOTES')", 'IGNORE_SPACE', 'write'],
    ["sql_mode = CONCAT('STRICT_', 'ALL_TABLES')", 'IGNORE_SPACE', 'write'],
    ["sql_mode = REPLACE(@@sql_mode, 'IGNORE_SPACE', '')", 'IGNORE_SPACE', 'write'],
    ["sql_mode = REPLACE(CONCAT(@@sql_mode, ',NO_BACKSLASH_xESCAPES'), 'x', '')", '', 'write'],
    ["sql_mode = REPLACE('NO_BACKSLASH,ONLY_FULL_GROUP_BY,_ESCAPES', ',ONLY_FULL_GROUP_BY,', '')", '', 'write'],
    ["sql_mode = REPLACE(@@sql_mode, 'STRICT_ALL_TABLES', 'ANSI')", '', 'write'],
    ["sql_mode = CONCAT(@@global.sql_mode, ',STRICT_ALL_TABLES')", '', 'write'],
    ["sql_mode = CONCAT(@@session.lc_messages, ',STRICT_ALL_TABLES')", '', 'write'],
    ["sql_mode = CONCAT(sql_mode, ',STRICT_ALL_TABLES')", '', 'write'],
    ["sql_mode = CONCAT_WS(',', @@sql_mode, 'STRICT_ALL_TABLES')", '', 'write'],
    [`sql_mode = ${'CONCAT('.repeat(100)}''${')'.repeat(100)}`, '', 'write'],
    ['sql_mode = 0x414E53495F51554F544553', '', 'write'], // a string: ANSI_QUOTES
    ["sql_mode = CONCAT('', 0x414E53495F51554F544553)", '', 'write'],
    ['sql_mode = DEFAULT', '', 'write'],
    ['sql_mode = CURRENT_ROLE', '', 'write'],
    ["sql_mode = 'STRICT_ALL_TABLES'", 'IGNORE_SPACE', 'write'],
  ];
  for (const [text, mode, access] of table) {
    const { summary } = classify(`SET ${text}`, modeOf({ sql_mode: mode }));
    t.equal(summary.access, access, `${text.slice(0, 100)}, ${mode}`);
  }
  t.end();
});

t.test('the mode decides how text is read', (t) => {
  const text = "SELECT 'a\\'; DELETE FROM victim; -- '";
  t.strictSame(classify(text).summary.kinds, ['select']);
  t.strictSame(classify(text, modeOf({ sql_mode: 'NO_BACKSLASH_ESCAPES' })).summary.kinds, ['select', 'delete']);
  const quoted = 'SELECT "a;DROP TABLE t"';
  t.strictSame(classify(quoted, modeOf({ sql_mode: 'ANSI_QUOTES' })).summary.kinds, ['select']);
  t.equal(classify('SELECT "f"()', modeOf({ sql_mode: 'ANSI_QUOTES' })).summary.access, 'unknown');
  t.equal(classify("SELECT '\\\\'", modeOf({ sql_mode: 'ORACLE' })).understood, false);
  t.equal(classify("SELECT 'é'", modeOf({ character_set_client: 'sjis' })).problem?.kind, 'encoding');
  t.equal(classify("SELECT 'é'", modeOf({ character_set_client: 'latin1' })).understood, true);
  t.equal(classify('SELECT é', modeOf({ character_set_client: 'latin1' })).understood, false);
  t.equal(classify('DELETE FROM t WHERE id = 1 || 0', modeOf({ sql_mode: '' })).summary.missingWhere, false);
  t.strictSame(classify('SELECT * FROM Orders', modeOf({ lower_case_table_names: '1' })).summary.tables, ['shop.orders']);
  t.end();
});

t.test('what a server of the other make would not have is a stored function there', (t) => {
  t.equal(classify('SELECT ANY_VALUE(a) FROM t').summary.access, 'unknown');
  t.equal(classify('SELECT ANY_VALUE(a) FROM t', modeOf({ flavour: 'mysql' })).summary.access, 'read');
  t.equal(classify('SELECT NVL(a, 1) FROM t', modeOf({ flavour: 'mysql' })).summary.access, 'unknown');
  t.end();
});

t.test('an UPDATE of several tables changes those that SET names, with a dot before them too, and all where it names none', (t) => {
  const written = (text: string): readonly (string | null)[] =>
    classify(text).statements.flatMap((it) => it.effects.filter(({ verb }) => verb === 'update').map(({ object }) => object));
  for (const [set, tables] of [
    ['b.y = 1', ['shop.b']],
    ['.b.y = 1', ['shop.b']],
    ['a.x = 1, . b . y = 1', ['shop.a', 'shop.b']],
    ['y = 1', ['shop.a', 'shop.b']],
    ['1 = 2', ['shop.a', 'shop.b']],
    ["'y' = 1", ['shop.a', 'shop.b']],
  ] as const) {
    t.strictSame(written(`UPDATE a, b SET ${set}`), tables, set);
  }
  t.end();
});

t.test('what begins with $ and has another is a string in MySQL 9 and a name elsewhere: nobody knows', (t) => {
  for (const text of [
    "CREATE FUNCTION f() RETURNS int LANGUAGE JAVASCRIPT AS $$ ' $$; DELETE FROM a; -- '",
    'SELECT $x$ FROM a WHERE $x$ = 1',
  ]) {
    t.match(classify(text), { understood: false }, text);
  }
  for (const text of ['SELECT $x, a$b$c FROM a', 'select $$', 'SELECT $x$ FROM a']) {
    t.match(classify(text), { understood: true, summary: { access: 'read' } }, text);
  }
  t.end();
});

t.test('executable comments: six digits are a version before white space, else nobody knows how many are', (t) => {
  const [unknown, read] = [{ understood: false }, { understood: true, summary: { access: 'read' } }];
  for (const text of ['SELECT 1+/*!101100,2*/', 'SELECT 1 /*!101100*/', 'SELECT 1 /*!0504000 ,2*/']) t.match(classify(text), unknown, text);
  for (const text of ['SELECT 1/*!101100 ,2*/', 'SELECT 1/*!080000\n,2*/', 'SELECT 1/*!50000,2*/', 'SELECT 1/*M!101100,2*/'])
    t.match(classify(text), read, text);
  t.match(classify('/*!999999\\- enable the sandbox mode */ SELECT 1'), read, 'as mariadb-dump writes it');
  t.end();
});

t.test('spans and risks lie in the text', (t) => {
  const text = '  SELECT 1 ;\n DELETE  FROM victim ; ';
  const { statements } = classify(text);
  t.strictSame(
    statements.map(({ span }) => text.slice(span.start, span.end)),
    ['SELECT 1', 'DELETE  FROM victim'],
  );
  const [risk] = statements[1]?.risks ?? [];
  t.match(risk, { why: 'deletes every row' });
  t.match(text.slice(risk?.start, risk?.end), /^DELETE/);
  t.end();
});

t.test('the same text and mode give the same object', (t) => {
  t.equal(classify('SELECT 7'), classify('SELECT 7'));
  t.end();
});

t.test('what one server has built in is a stored function in another, by make and version', (t) => {
  const mariadb = (server_version: string) => modeOf({ server_version });
  const mysql = (server_version: string) => modeOf({ flavour: 'mysql', server_version });
  const [ten, eleven, eight, nine] = [
    mariadb('10.11.19-MariaDB'),
    mariadb('11.8.9-MariaDB-4 from Debian'),
    mysql('8.0.46'),
    mysql('9.7.4'),
  ];
  const cases: readonly (readonly [string, string, readonly ReadingMode[], readonly ReadingMode[]])[] = [
    ['host', 'SELECT host(1), owner(1), socket(1), id(1), clob(1), page_checksum(1)', [], [ten, eleven, eight, nine]],
    ['uuid_v7', 'SELECT UUID_v7(), VEC_DISTANCE(v, w) FROM t', [eleven], [ten, eight, nine, modeOf()]],
    ['to_char', "SELECT TO_CHAR(a, 'YYYY') FROM t", [ten, eleven], [mariadb('10.5.29-MariaDB'), eight, nine, modeOf()]],
    ['x', 'SELECT x(p), decode(a, b), encrypt(a) FROM t', [ten, eleven], [eight, nine]],
    ['md5', 'SELECT MD5(a) FROM t', [ten, eleven, eight], [nine]],
    ['vector_dim', 'SELECT VECTOR_DIM(v) FROM t', [nine], [ten, eleven, eight]],
    ['regexp_like', "SELECT REGEXP_LIKE(a, 'x') FROM t", [eight, nine], [ten, eleven]],
    ['lateral', 'SELECT * FROM t, LATERAL (SELECT u.a FROM u) AS z', [ten, eleven, eight, nine], []],
    ['except', 'SELECT a FROM t EXCEPT (SELECT b FROM u)', [ten, eleven, eight, nine], []],
    ['except', 'SELECT except(1)', [], [ten, eleven, eight, nine]],
    ['any', 'SELECT a = ANY (SELECT 1), CONVERT(a, DATETIME(6)) FROM t PARTITION (p)', [ten, eleven, eight, nine], []],
    ['over', 'SELECT FIRST_VALUE(a) IGNORE NULLS OVER (ORDER BY a) FROM t', [eight, nine], []],
  ];
  const functionsOf = (text: string, mode: ReadingMode) => classify(text, mode).summary.functions.map((it) => it.toLowerCase());
  for (const [name, text, own, stored] of cases) {
    for (const mode of own) t.strictSame(functionsOf(text, mode), [], `${text} ${mode.key}`);
    for (const mode of stored) t.ok(functionsOf(text, mode).includes(`shop.${name}`), `${text} ${mode.key}`);
  }
  t.end();
});

t.test('MD5 of MySQL 9 is of a component: read, where the target is known to have no function of the name', (t) => {
  const nine = (catalogue: Catalogue | null) => ({ ...modeOf({ flavour: 'mysql', server_version: '9.7.4' }), key: `9 ${catalogue?.version}`, catalogue }); // prettier-ignore
  const catalogueOf = (routines: readonly (readonly string[])[]) =>
    readCatalogue({ routines, views: [], triggers: [], columns: [], references: [], engines: [], loaded: null }, 'owner');
  const effects = (text: string, catalogue: Catalogue | null) =>
    classify(text, nine(catalogue)).summary.effects.map((it) => `${it.verb} ${it.access} ${it.object ?? ''}`);
  t.strictSame(effects('SELECT MD5(a)', null), ['call unknown shop.MD5']);
  t.strictSame(effects('SELECT MD5(a)', catalogueOf([['x', 'other', 'FUNCTION']])), ['read read md5']);
  t.strictSame(effects('EXPLAIN SELECT SHA1(a)', catalogueOf([])), ['explain read ', 'read read sha1']);
  t.strictSame(effects('SELECT MD5(a)', catalogueOf([['x', 'Md5', 'FUNCTION']])), ['call unknown shop.MD5']);
  t.strictSame(effects('SELECT shop.MD5(a)', catalogueOf([])), ['call unknown shop.MD5']);
  t.end();
});

t.test('a library that is loaded is a program of the server, and RESET MASTER takes its logs away as PURGE does', (t) => {
  const verbsOf = (text: string): string => {
    const classification = classify(text);
    return classification.understood ? classification.summary.verbs.join(' ') : 'not understood';
  };
  for (const text of ["CREATE FUNCTION f RETURNS INTEGER SONAME 'x.so'", "CREATE AGGREGATE FUNCTION f RETURNS REAL SONAME 'x.so'"])
    t.equal(verbsOf(text), 'create code server-program', text);
  t.equal(verbsOf('CREATE FUNCTION soname() RETURNS int RETURN 1'), 'create code');
  for (const text of ["INSTALL PLUGIN x SONAME 'x.so'", "INSTALL SONAME 'x'", "INSTALL COMPONENT 'file://x'"])
    t.equal(verbsOf(text), 'server-program admin', text);
  for (const text of ['RESET MASTER', 'RESET SLAVE ALL', 'RESET REPLICA', 'RESET BINARY LOGS AND GTIDS'])
    t.equal(verbsOf(text), 'replication', text);
  t.equal(verbsOf('RESET QUERY CACHE'), 'admin');
  t.end();
});

t.test('HANDLER gives back whole rows, of whatever table its name was given to', (t) => {
  const columnsOf = (text: string): unknown => {
    const classification = classify(text);
    return classification.understood && classification.summary.columns;
  };
  for (const text of ['HANDLER a OPEN', 'HANDLER a OPEN AS b', 'HANDLER b READ FIRST', 'HANDLER a READ k >= (1) WHERE x = 1'])
    t.strictSame(columnsOf(text), { read: ['*'], asked: ['*'], written: [] }, text);
  t.strictSame(columnsOf('HANDLER a CLOSE'), { read: [], asked: [], written: [] });
  t.end();
});

t.test('SETVAL moves a sequence', (t) => {
  t.match(classify('SELECT SETVAL(s, 100)').summary, { access: 'write' });
  t.match(classify('SELECT SETVAL(s, 100)', modeOf({ flavour: 'mysql', server_version: '8.0.46' })).summary, { access: 'unknown' });
  t.end();
});

t.test('hostile text is answered quickly and never throws', (t) => {
  const hostile = [
    '('.repeat(100_000),
    `SELECT ${'('.repeat(400)}1${')'.repeat(400)}`,
    `SELECT ${'1+'.repeat(100_000)}1`,
    `SELECT ${'f('.repeat(400)}`,
    '/*!50000 '.repeat(1000),
    "'",
    '/*',
    '`',
    '@',
    '@@',
    '.',
    'SELECT \ud800',
    `/*${'a'.repeat(1_200_000)}*/DELETE FROM victim`,
    'x'.repeat(3_000_000),
    ';'.repeat(10_000),
    'SELECT 1;'.repeat(6_000),
    'PREPARE a FROM \'PREPARE b FROM "SELECT 1"\'',
    'SET',
    'UPDATE',
    'DELETE',
    'WITH',
    'EXPLAIN',
    'SET STATEMENT',
    'INSERT INTO',
    'CREATE',
    'GRANT',
  ];
  const startMs = performance.now();
  for (const text of hostile) t.doesNotThrow(() => classify(text), text.slice(0, 30));
  t.ok(performance.now() - startMs < 5_000, 'in bounded time');
  t.equal(classify('x'.repeat(3_000_000)).problem?.kind, 'too-large');
  t.strictSame(classify(`/*${'a'.repeat(1_200_000)}*/DELETE FROM victim`).summary.tablesWritten, ['shop.victim']);
  t.end();
});
