// Texts that differ only in literals share one classification: whatever numbers and strings are put into any statement of the
// corpus, the answer out of that cache equals the direct one, and nothing but plain reads is ever answered out of it.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import { Judge } from '../../policies/classify/postgres/judge.ts';
import { withoutLiterals } from '../../policies/classify/postgres/masked-literals.ts';
import { Parser } from '../../policies/classify/postgres/parser.ts';
import type { ReadingMode } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import { startFixture } from './postgres-classify-catalogue.ts';
import { statementOf } from '../support/statements.ts';

interface Case {
  readonly protocol: string;
  readonly input: string;
}

const ofCorpus = ['cases.jsonl', 'more-postgres.jsonl'].flatMap((file) =>
  readFileSync(new URL(file, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Case)
    .filter(({ protocol }) => protocol === 'postgres')
    .map(({ input }) => input),
);
const ofTools = JSON.parse(readFileSync(new URL('../unit/classify-postgres-tools.json', import.meta.url), 'utf8')) as string[];

/** Places where a number stands that the server, its grammar or this classifier might look at. */
const ofNumbers = [
  'SELECT 1',
  '  SELECT abalance FROM pgbench_accounts WHERE aid = 17 ;  ',
  'SELECT a::float(24), b::numeric(10,2), c::varchar(20), d::bit(3), e::int[4] FROM s',
  "SELECT now() - interval '1 day', interval(3) '1.5 s', '12:00'::time(2), timestamp(0) '2020-01-01 10:11:12'",
  'SELECT * FROM s ORDER BY 1, 2 LIMIT 10 OFFSET 20',
  'SELECT * FROM s FETCH FIRST 3 ROWS ONLY',
  'SELECT count(*) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING) FROM s',
  'SELECT * FROM s TABLESAMPLE bernoulli (10) REPEATABLE (4)',
  'SELECT x[1], x[2:3] FROM s WHERE id IN (1,2,3) AND -id < -5 AND id BETWEEN 7 AND 9',
  'SELECT CASE 1 WHEN 2 THEN 3 ELSE 4 END, f(5), abs(-6), 1+2*3, 1=1',
  "SELECT set_config('work_mem', 1, false)",
  "SELECT set_config('search_path', 'a', 1::boolean)",
  "SELECT pg_input_is_valid('1', 16), pg_input_is_valid('1', 'int4')",
  'SELECT pg_sleep(0), pg_sleep(1000), pg_terminate_backend(17), lo_unlink(5), nextval(1)',
  'SELECT 1; SELECT 2',
  'SELECT * FROM s WHERE id IN (1, 2, 3) AND NOT id in(4,5) AND (id, id) IN ((1,2),(3,4))',
  "SELECT * FROM s WHERE a IN ('1', '2') OR a NOT IN ( '3' ,'4' ) OR b IN (5, '6') OR c IN (7, 8.5) OR d IN (9, NULL)",
  "SELECT position('1' IN ('2', '3')), public.in (4, 5), public . in (6, 7), f.in(8, 9), extract(day from '10'), 'a' in ('b', 'c')",
  'SELECT * FROM s WHERE id IN (VALUES (1), (2)) OR id = ANY (ARRAY[3, 4]) OR id IN (SELECT 5) ORDER BY id IN (6, 7)',
  'SELECT 1.5, 2.25 * price, a[1.5], 3.50::numeric(4,2) FROM s WHERE p BETWEEN 19.99 AND 29.95 LIMIT 1.5 OFFSET 2.0',
  'SELECT 1 /* 2 */, 3 /* 4 */ FROM s /* 5 */ WHERE id = 6 /* 7 */',
  "SELECT a FROM s WHERE b = '1' /*controller='x',action='y',traceparent='00-2'*/",
  '/* 1 */ SELECT 2 /* 3 */; /* 4 */',
  "SELECT '1' /* 2 */ '3', 4 /* 5 */ + /* 6 */ - 7, 8*/* 9 */10, 11/* 12 */::text, set_config /* 13 */ ('a', '14', false)",
  'DELETE FROM victim /* 1 */ WHERE id IN (2, 3)',
  'SELECT id, a, b FROM s ORDER/* 1 */BY 2, /* 3 */ 4',
  'SELECT id, a, b FROM s GROUP /* 1 */ BY/* 2 */3',
  'SELECT DISTINCT/* 1 */ON/* 2 */( /* 3 */ 2) id, a, b FROM s',
  'SELECT f(1, 2), f (3), g( /* 4 */ 5, 6), (7, 8), ROW(9, 10), ARRAY[11, 12], (s).in FROM s',
  'SELECT 1 FROM s FOR UPDATE',
  'SELECT 1 INTO made',
  'DELETE FROM victim WHERE 1 = 1',
  'DELETE FROM victim WHERE id = 1 OR 2 = 3',
  'UPDATE victim SET id = 1 WHERE 0::boolean',
  'WITH gone AS (DELETE FROM victim WHERE 1 = 1 RETURNING 1) SELECT 1 FROM gone',
  'EXPLAIN (ANALYZE 0) DELETE FROM victim WHERE id = 1',
  'EXPLAIN (ANALYZE 1) SELECT 1',
  'PREPARE p AS SELECT 1',
  'SET work_mem = 1',
  'SET row_security = 0',
  'SET default_transaction_read_only = 1',
  'FETCH 5 FROM c',
  'COPY (SELECT 1) TO STDOUT',
  'VALUES (1, 2), (3, 4)',
  'SELECT 1a, 2_000, 0x1f, 1e5, .5, 5., 1.5, 07, 123456789012345678901234567890',
  'SELECT \'1\', \'2\'\'3\', "t4"."5", t6.id7 FROM t6 "t4" WHERE n = 8',
  "SELECT 1 WHERE E'9' = '10' AND U&'11' = B'12' OR 13 = X'14'",
  "SELECT 'open 15",
  'SELECT 16 -- 17\n, 18 /* 19 */',
  'SELECT $20, $$21$$, $a$22$a$, 23',
  "SELECT 'a\\' OR 24",
  'SELECT OPERATOR(pg_catalog.-) 25, 26 OPERATOR(public.+) 27',
  'SELECT s.wipe, 28 FROM safe s',
  'SELECT a::float(7) FROM s',
  "SELECT pg_input_is_valid('x', 'int4')",
  "SELECT pg_catalog.pg_input_error_info('x', 'int4')",
  "SELECT set_config('work_mem', '1', false)",
  "SELECT set_config(name, 'off', false) FROM pg_settings WHERE name = 'row_security'",
  "SELECT query_to_xml('SELECT 1', true, false, '')",
  "SELECT a FROM s WHERE b = 'x' AND c LIKE 'y%' ESCAPE '!' OR d = ''",
  "SELECT date '2020-01-01', 'a'::regclass, 'b'::text, interval '1' day, n'c', extract('year' from now())",
  "SELECT 'a'\n'b', 'c' 'd'",
  "SELECT 'a', \"b'c\", 'd\"e'",
  "DELETE FROM victim WHERE 'true'::boolean",
  "SELECT nextval('s'), currval('s'), to_regclass('s'), pg_read_file('s')",
  "SELECT x->'a'->>'b', y #> '{a,b}' FROM s WHERE z @> '{}'",
  "SELECT xmlparse(content 'a'), json_value(x, '$.a'), json_query(x, 'strict $.b')",
  "SELECT * FROM json_table('{}', '$' columns (a int path '$.a'))",
  "SELECT current_setting('role'), now() at time zone 'UTC'",
];

const numbers = [
  '0',
  '1',
  '2',
  '7',
  '007',
  '24',
  '25',
  '53',
  '54',
  '4096',
  '999999999',
  '2147483647',
  '2147483648',
  '0000000000012',
  '9999999999',
  '9223372036854775807',
  '18446744073709551616',
];

const strings = [
  '',
  'a',
  's',
  'int4',
  'no_such_type',
  'true',
  'off',
  'public',
  "it''s",
  "''",
  'a"b',
  '$1',
  '$$',
  '; DROP TABLE victim; --',
  '/*',
  'a\\b',
  'é',
  'a\vb',
  '12',
  'Müller',
  '\u{1F600}',
  'a\\b',
];

/** In the place of one number: a list, where one may stand. */
const lists = ['1, 2', '3,4 , 5', '6', '2147483648, 1', '1.5, 2.5', "7, '8'"];
const comments = ['', ' a ', ' x, 1 ', ' order by 2 ', ' float ', '*', ' /* ', ' -- ', " it's ", ' é ', ' b\n'];

const server = await startFixture(t);
const { catalogue } = server;
const modes: readonly ReadingMode[] = [
  { key: 'known', settings: { server_version: '15.18', default_transaction_read_only: 'off' }, catalogue },
  { key: 'unknown', settings: { server_version: '15.18' }, catalogue: null },
  { key: 'shadowing', settings: { server_version: '15.18', search_path: 'public, pg_catalog' }, catalogue },
];

/** Linear congruential, of Numerical Recipes: the same numbers at every run. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Long enough for the second and the third of a form to come along. */
const rounds = 8;

/** At times only one kind is varied, so that texts of the same form come again. */
function varied(pattern: string, random: (below: number) => number): string {
  const kind = random(3);
  const some = <T>(all: readonly T[]): T => all[random(kind === 2 ? all.length : 6)] as T;
  const withStrings = kind === 0 ? pattern : pattern.replace(/'[^']*'/g, () => `'${some(strings)}'`);
  const withComments =
    random(2) === 0 ? withStrings : withStrings.replace(/\/\*.*?\*\//g, () => `/*${comments[random(comments.length)] ?? ''}*/`);
  if (kind === 1) return withComments;
  const listed =
    random(3) > 0 ? withComments : withComments.replace(/\((?: ?\d+[ ,]*)+\)/g, () => `(${lists[random(lists.length)] ?? ''})`);
  return listed.replace(/(?<![\w.])\d+/g, () => some(numbers));
}

t.test('whatever is put in, the answer equals the direct one', async (t) => {
  const parser = await Parser.create();
  const judge = new Judge(parser);
  const classifier = await createPostgresClassifier();
  t.teardown(() => Promise.all([classifier.close(), parser.close()]));
  const seed = 20261121;
  const random = randomFrom(seed);
  let masked = 0;
  for (const pattern of [...ofNumbers, ...ofCorpus, ...ofTools]) {
    for (const mode of modes) {
      for (let round = 0; round < rounds; round += 1) {
        const text = round === 0 ? pattern : varied(pattern, random);
        const direct = judge.judge(text, mode).classification;
        const answer = (await classifier.classify(statementOf(text, mode))) as Classification;
        if (withoutLiterals(text) !== null && direct.understood) masked += 1;
        if (JSON.stringify(answer) !== JSON.stringify(direct)) {
          t.same(answer, direct, `seed ${seed}: ${text}`);
          return;
        }
      }
    }
  }
  t.ok(masked > 500, `${masked} texts took part`);
});

t.test('a third text of the same form is not parsed any more', async (t) => {
  const classifier = await createPostgresClassifier();
  const [mode] = modes as [ReadingMode];
  const ask = (text: string) => classifier.classify(statementOf(text, mode)) as Classification;
  const first = ask('SELECT abalance FROM pgbench_accounts WHERE aid = 1');
  const second = ask('SELECT abalance FROM pgbench_accounts WHERE aid = 22');
  t.not(second.statements[0]?.effects, first.statements[0]?.effects, 'the second is judged in full');
  t.equal(second.summary, first.summary, 'but what reads the same shares what is said of it');
  const third = ask('SELECT abalance FROM pgbench_accounts WHERE aid = 333');
  t.equal(third.statements[0]?.effects, second.statements[0]?.effects);
  t.not(third, second, 'but what it is remembered by stays its own');
  t.same(third.statements[0]?.span, { start: 0, end: 53 });
  await classifier.close();
  t.equal(ask('SELECT abalance FROM pgbench_accounts WHERE aid = 4444').understood, true, 'no parser is left, and none is asked');
  t.equal(ask('SELECT abalance FROM pgbench_accounts WHERE bid = 1').understood, false);
});

t.test('what the scanner leaves alone', async (t) => {
  const left = [
    'SELECT a FROM s',
    'SELECT .5',
    'SELECT 1.5.2',
    'SELECT 1..2',
    'SELECT t.1.5',
    'SELECT 5.',
    'SELECT 1e5',
    'SELECT 0x1f',
    'SELECT 1_000',
    'SELECT 12345678901234567890',
    'SELECT $1 + 1',
    'SELECT 1 -- one',
    'SELECT 1 /* one /* two */ */',
    'SELECT 1 /* one\n*/',
    'SELECT 1 /* é */',
    'SELECT 1; /* two */',
    'SELECT a FROM s ORDER/**/BY 1',
    'SELECT a FROM s ORDER /* x */ BY/* y */1',
    'SELECT a FROM s GROUP /* x */ /* y */ BY a,/* z */2',
    'SELECT DISTINCT/* x */ON/* y */(/* z */1) a FROM s',
    '/* one */ SELECT 1',
    "SELECT 1, 'a\ud83d'",
    "SELECT 1, '\ude00a'",
    "SELECT 1, E'a'",
    "SELECT 1, U&'a'",
    'SELECT 1, é',
    'SELECT 1\v',
    "SELECT 1, 'open",
    'SELECT 1::float(3)',
    "SELECT 1'a'",
    "SELECT pg_input_is_valid('1', 'int4')",
    "SELECT 'a\vb'",
    "SELECT date'2020-01-01'",
    'SELECT 1"a"',
    '$$1$$',
  ];
  for (const text of left) t.equal(withoutLiterals(text), null, text);
  t.equal(
    withoutLiterals("SELECT t1.\"2\", '3', 45 + -6, 2147483647, 2147483648, '', 'a''b'''"),
    "SELECT t1.\"2\", 's', 0 + -0, 0, 9999999999, '', 's'",
  );
  t.equal(withoutLiterals("SELECT 1.5, 'é', 'a\\' /* 1, 'x' */ FROM s"), "SELECT 9999999999, 's', 's' /**/ FROM s");
  t.equal(
    withoutLiterals('SELECT 1 FROM s WHERE a IN (2, 3 ,4) AND b NOT IN (5 ) OR c in\n( 6,7.5)'),
    'SELECT 0 FROM s WHERE a IN (0) AND b NOT IN (0 ) OR c in\n( 0,9999999999)',
  );
  t.equal(
    withoutLiterals("SELECT f.in (2, 3), f. in (4, 5), f . /* a */ in (6, 7), (8, 9) IN ('a', '')"),
    "SELECT f.in (0, 0), f. in (0, 0), f . /**/ in (0, 0), (0, 0) IN ('s', '')",
  );
});
