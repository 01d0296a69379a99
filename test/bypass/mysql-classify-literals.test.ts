// Texts that differ only in literals share one classification: whatever numbers and strings are put into any statement of the
// corpus, in every mode, the answer out of that cache equals the direct one.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { createMysqlClassifier } from '../../policies/classify/mysql/classifier.ts';
import { withoutLiterals } from '../../policies/classify/mysql/masked-literals.ts';
import { readCatalogue } from '../../protocols/mysql/catalogue.ts';
import type { ReadingMode } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { statementOf } from '../support/statements.ts';

interface Case {
  readonly protocol?: string;
  readonly input: string;
}

const ofCorpus = ['cases.jsonl', 'more-mysql.jsonl', 'masking-mysql.jsonl'].flatMap((file) =>
  readFileSync(new URL(file, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Case)
    .filter(({ protocol = 'mysql', input }) => protocol === 'mysql' && typeof input === 'string')
    .map(({ input }) => input),
);

/** Places where a literal stands that a server, its grammar or this classifier might look at. */
const ofLiterals = [
  'SELECT 1',
  '  SELECT c FROM sbtest1 WHERE id = 17 ;  ',
  'SELECT c FROM sbtest1 WHERE id BETWEEN 1 AND 100 ORDER BY c',
  'SELECT a, b FROM t ORDER BY 1, 2 LIMIT 5, 10',
  "SELECT a, b FROM t GROUP BY 1, 'x' HAVING count(*) > 3 ORDER BY 'b'",
  "SELECT a 'x', b AS 'y' FROM t ORDER BY x",
  "SELECT x FROM (SELECT a 'x', 5 FROM t) d WHERE `5` = 6",
  "SELECT 'a' 'b', 'c'\n'd', 'e''f'",
  "SELECT _latin1'a', _utf8 'b', N'c', X'41', x '42', b'01', 0x41, 0b01",
  "SELECT DATE '2020-01-01', TIMESTAMP'2020-01-01 10:00:00', INTERVAL '1' DAY + now(), now() - INTERVAL 1 HOUR",
  "SELECT CAST(a AS CHAR(5)), CAST('1' AS DECIMAL(10,2)), CONVERT('a' USING latin1) FROM t",
  "SELECT a->'$.b', a->>'$.c', JSON_EXTRACT(a, '$.d[1]') FROM t",
  "SELECT * FROM JSON_TABLE('[1]', '$[*]' COLUMNS (a INT PATH '$.a')) jt",
  "SELECT SLEEP(1), BENCHMARK(1000, MD5('a')), GET_LOCK('l', 5), RELEASE_LOCK('l')",
  "SELECT LOAD_FILE('/etc/passwd'), quietview.x FROM quietview",
  "SELECT * FROM victim INTO OUTFILE '/tmp/x'",
  "SELECT a INTO @v FROM t WHERE b = 'c'",
  'SELECT @1, @a, @@sort_buffer_size, @`5` FROM t LIMIT 6',
  'SELECT 1 FROM t FOR UPDATE',
  'SELECT 1 FROM t LOCK IN SHARE MODE',
  'SELECT 1; SELECT 2',
  "SELECT 1 UNION SELECT 2 FROM victim WHERE x = 'a'",
  "WITH q AS (SELECT 1 AS a) SELECT a FROM q WHERE a = '1'",
  'SELECT IF(1, 2, 3), ELT(2, a, b), FIELD(c, 4), CASE 1 WHEN 2 THEN 3 ELSE 4 END FROM t',
  'SELECT wipe_f(1), tp.wipe_f(2), wipe_f (3), COUNT(*), COUNT (4) FROM t',
  "SELECT \"a\", 'b', `c`, \"d'e\", 'f\"g', `h'i` FROM t WHERE x = 1",
  "SELECT 'a\\'b', 'c\\\\', '\\'' FROM t WHERE x = 2",
  "SELECT 'a\\' OR 1=1 -- b'",
  'SELECT 1 -- 2\n, 3 # 4\n, 5 /* 6 */',
  "SELECT /*!50000 7 */ 8, /*M! 9 */ 10, /*+ MAX_EXECUTION_TIME(11) */ '12'",
  'SELECT 5 */ 6 /* 7',
  'SELECT 1a, 2e5, 3., .4, 5.6, 7.e, t.8, t . 9, t.1a, 10 .11',
  'SELECT -1, --2, +3, ~4, !5, 6-7, 8--9, 10%11, 12<=>13, 14:=15',
  "SELECT * FROM t WHERE {d '2020-01-01'} > a AND b = $1",
  "SELECT 'open 15",
  'SELECT `open 16',
  'DELETE FROM victim WHERE 1 = 1',
  "UPDATE victim SET a = 1 WHERE 'a' = 'a' LIMIT 5",
  "INSERT INTO t VALUES (1, 'a')",
  "SET @a = 1, SESSION sql_mode = 'ANSI_QUOTES', NAMES 'utf8'",
  "PREPARE p FROM 'SELECT 1'",
  "EXECUTE IMMEDIATE 'DELETE FROM victim WHERE a = 1'",
  "CALL p(1, 'a')",
  "SHOW TABLES LIKE 'a%'",
  'HANDLER t READ FIRST WHERE a = 1 LIMIT 5',
  'KILL 5',
  "EXPLAIN SELECT 1 FROM t WHERE a = 'b'",
  'DO SLEEP(5)',
  'VALUES (1, 2), (3, 4)',
  "SELECT * FROM t PARTITION (p0) WHERE MATCH (a) AGAINST ('b' IN BOOLEAN MODE) AND c IN (1, 2, 3)",
  "SELECT * FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '2020-01-01 00:00:00' WHERE a = 1",
  "SELECT GROUP_CONCAT(a ORDER BY 1 SEPARATOR ', ') FROM t PROCEDURE ANALYSE(10, 2000)",
  'SELECT ROW_NUMBER() OVER (ORDER BY a ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING) FROM t',
  'SELECT a FROM t WHERE b = ? AND c = 5 AND d = :x',
];

const numbers = ['0', '1', '2', '7', '007', '24', '255', '4096', '999999999', '2147483648', '18446744073709551616', '1'.padEnd(60, '0')];
const strings = [
  ...['', 'a', 's', 'x', 'true', 'off', 'ANSI_QUOTES', "it''s", "''", 'a"b', '"', '`', '@', '$1', '?', '; DROP TABLE victim; --'],
  ...['/*', '*/', '/*!50000', '#', '-- ', 'a\\b', '\\', "\\'", 'é', 'a\vb', 'a\0b', '12', '\n'],
];

const catalogue = readCatalogue(
  {
    routines: [['tp', 'wipe_f', 'FUNCTION']],
    views: [['tp', 'quietview', 'select `wipe_f`() AS `x`']],
    triggers: [],
    columns: [],
    references: [],
    engines: [],
    loaded: null,
  },
  'owner',
);

const settings = { sql_mode: '', character_set_client: 'utf8mb4', flavour: 'mariadb', database: 'tp', lower_case_table_names: '0' };
const { sql_mode: _, ...unknownMode } = settings;
const modes: readonly ReadingMode[] = [
  { key: 'plain', settings, catalogue },
  { key: 'ansi', settings: { ...settings, sql_mode: 'ANSI_QUOTES' }, catalogue },
  { key: 'escapes', settings: { ...settings, sql_mode: 'NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT' }, catalogue },
  { key: 'mysql', settings: { ...settings, flavour: 'mysql', sql_mode: 'IGNORE_SPACE' }, catalogue: null },
  { key: 'latin1', settings: { ...settings, character_set_client: 'latin1' }, catalogue },
  { key: 'gbk', settings: { ...settings, character_set_client: 'gbk' }, catalogue },
  { key: 'oracle', settings: { ...settings, sql_mode: 'ORACLE' }, catalogue },
  { key: 'not known', settings: unknownMode, catalogue },
];

/** Long enough for the second and the third of a form to come along. */
const rounds = 8;

/** At times only one kind is varied, so that texts of the same form come again. */
function varied(pattern: string, dice: (sides: number) => number): string {
  const kind = dice(3);
  const some = (all: readonly string[]): string => all[dice(kind === 2 ? all.length : 6)] as string;
  const withStrings = kind === 0 ? pattern : pattern.replace(/'[^']*'/g, () => `'${some(strings)}'`);
  return kind === 1 ? withStrings : withStrings.replace(/(?<!\w)\d+/g, () => some(numbers));
}

t.test('whatever is put in, the answer equals the direct one', async (t) => {
  const classifier = createMysqlClassifier();
  const seed = 20261121;
  const dice = seededRandom(seed);
  let masked = 0;
  let shared = 0;
  const known = new Set<unknown>();
  for (const pattern of [...ofLiterals, ...ofCorpus]) {
    for (const mode of modes) {
      for (let round = 0; round < rounds; round += 1) {
        const text = round === 0 ? pattern : varied(pattern, dice);
        const direct = createMysqlClassifier().classify(statementOf(text, mode)) as Classification;
        const answer = classifier.classify(statementOf(text, mode)) as Classification;
        if (withoutLiterals(text) !== null && direct.understood) masked += 1;
        const effects = answer.statements[0]?.effects;
        if (effects !== undefined && known.has(effects)) shared += 1;
        known.add(effects);
        if (JSON.stringify(answer) !== JSON.stringify(direct)) {
          t.same(answer, direct, `seed ${seed}, ${mode.key}: ${text}`);
          return;
        }
      }
    }
  }
  t.ok(masked > 1000 && shared > 500, `${masked} texts took part, ${shared} were answered by others of their form`);
});

t.test('a third text of the same form is not read any more', async (t) => {
  const classifier = createMysqlClassifier();
  const [mode] = modes as [ReadingMode];
  const ask = (text: string) => classifier.classify(statementOf(text, mode)) as Classification;
  const first = ask('SELECT c FROM sbtest1 WHERE id = 1');
  const second = ask('SELECT c FROM sbtest1 WHERE id = 22');
  t.not(second.statements[0]?.effects, first.statements[0]?.effects, 'the second is judged in full');
  t.equal(second.summary, first.summary, 'but what reads the same shares what is said of it');
  const third = ask('SELECT c FROM sbtest1 WHERE id = 333');
  t.equal(third.statements[0]?.effects, second.statements[0]?.effects);
  t.not(third, second, 'but what it is remembered by stays its own');
  t.same(third.statements[0]?.span, { start: 0, end: 36 });
  const write = ask("DELETE FROM victim WHERE id = 1 AND a = 'x'");
  ask("DELETE FROM victim WHERE id = 2 AND a = 'y'");
  t.not(ask("DELETE FROM victim WHERE id = 3 AND a = 'z'").summary, write.summary, 'only plain reads');
});

t.test('what the scanner leaves alone', async (t) => {
  const left = [
    ...['SELECT a FROM t', 'SELECT 1.5', 'SELECT .5', 'SELECT 5.', 'SELECT 1e5', 'SELECT 0x1f', 'SELECT 1a', 'SELECT t.1'],
    ...[
      'SELECT 1 -- one',
      'SELECT --1',
      'SELECT 1 # one',
      'SELECT 1 /* one */',
      'SELECT /*!50000 1 */',
      'SELECT 1 */ 2',
      'SELECT /*+ x */ 1',
    ],
    ...[
      "SELECT 1, 'a\\'",
      "SELECT 1, 'a\\\\'",
      "SELECT 1, N'a'",
      "SELECT 1, X'41'",
      "SELECT 1, _latin1'a'",
      "SELECT 1'a'",
      "SELECT DATE'2020-01-01'",
    ],
    ...["SELECT 1, 'é'", 'SELECT 1, é', 'SELECT 1\v', 'SELECT 1\0', "SELECT 'a\vb'", "SELECT 'a\"b'", 'SELECT 1, "a\\"', 'SELECT 1, `a\\`'],
    ...[
      "SELECT 1, 'open",
      'SELECT 1, "open',
      'SELECT 1, `open',
      'SELECT @1',
      "SELECT @'a'",
      'SELECT 1 = @a',
      'SELECT 1 = $1',
      "SELECT {d '1'}",
    ],
  ];
  for (const text of left) t.equal(withoutLiterals(text), null, text);
  t.equal(
    withoutLiterals("SELECT t1.`2`, \"3\", '4', 45 + -6, 2147483648, '', 'a''b', 'c' 'd', _utf8 'e' FROM t LIMIT 5, 10;"),
    "SELECT t1.`2`, \"3\", 's', 0 + -0, 0, 's', 's', 's' 's', _utf8 's' FROM t LIMIT 0, 0;",
  );
});
