// Pairs of texts that are one text when their literals are masked: made of a small grammar that puts literals, lists and comments where
// the server's grammar, or this classifier, might look at them. Whatever the one is judged to be, the other is, but for its length:
// otherwise one statement would be let run as another.

import t from 'tap';
import { Judge } from '../../policies/classify/postgres/judge.ts';
import { withoutLiterals } from '../../policies/classify/postgres/masked-literals.ts';
import { Parser } from '../../policies/classify/postgres/parser.ts';
import type { SqlCatalogue } from '../../src/core/catalogue.ts';
import type { Classification } from '../../src/core/classification.ts';
import { seededRandom } from '../support/seeded-random.ts';

const seed = 20261124;
const textsTotal = 6_000;
/** Of each text. */
const neighbours = 5;

const below = seededRandom(seed);
const some = (...all: readonly string[]): string => all[below(all.length)] as string;
/** Puts something of each kind in the place of its letter: `$l` a literal, `$x` an expression, and so on. */
const filled = (pattern: string, depth = 0): string => pattern.replace(/\$([a-z])/g, (_, kind: string) => pieces[kind]?.(depth) ?? '');
const repeated = (item: () => string): string => Array.from({ length: 1 + below(4) }, item).join(some(',', ', ', ' , '));

const literals = [
  ...[
    '1',
    '42',
    '0',
    '007',
    '2147483648',
    '1.5',
    '10.25',
    "'a'",
    "''",
    "'it''s'",
    "'é'",
    String.raw`'\'`,
    "'\u{1F600}'",
    "'true'",
    "'int4'",
  ],
  ...["'public'", "'1 day'", "'2020-01-01'", "'{1,2}'", "'$.a'", "'off'"],
];
const expressions = [
  ...[
    '$l',
    '$c',
    '$l',
    '$c = $l',
    '$x + $x',
    '$x || $x',
    '-$x',
    '+$x',
    '$c IN ($h)',
    '$c in($h)',
    '$c NOT IN ( $h )',
    '$c in ($m)',
    '$c In\n($h)',
  ],
  ...['abs($m)', 'set_config($m)', 'f.in ($h)', 'f . in ($h)', 'f.$o in ($h)', 'pg_sleep($m)', 'float8($m)', 'lo_unlink($m)', 'f($h)'],
  ...[
    'position($l IN ($h))',
    'position($x in $x)',
    '($m)',
    'ARRAY[$m]',
    '($h) IN (($h),($h))',
    '$x IN (SELECT $l)',
    '$x BETWEEN $x AND $x',
  ],
  ...['$l::numeric(10,2)', '$l::bit(3)', '$l::regclass', 'interval $l', 'date $l', 'e $l', '$l $o::text', 'CASE $x WHEN $x THEN $x END'],
  ...[
    '$c LIKE $l ESCAPE $l',
    'extract($l from $x)',
    'substring($x from $l for $l)',
    '$x at time zone $l',
    '(s).in',
    'cast($l as numeric($l))',
  ],
  ...[
    'count(*) FILTER (WHERE $x)',
    'sum(a) OVER (ORDER BY $x ROWS $l PRECEDING)',
    'a[$l:$l]',
    'xmlparse(content $l)',
    'pg_input_is_valid($l, $l)',
  ],
];
const statements = [
  ...[
    'SELECT $x$o, $x FROM s$o WHERE $x',
    'SELECT $x',
    'SELECT a, b, c FROM s $k LIMIT $l',
    'SELECT a FROM s WHERE $x AND $x $k OFFSET $l;$o',
  ],
  ...[
    'SELECT$sDISTINCT$sON$s($s$y$s) a, b, c FROM s WHERE id IN ($h)',
    'SELECT * FROM (SELECT a, b FROM s $k) x WHERE $x $k',
    '$oSELECT $x$o',
  ],
  ...[
    'SELECT a, b, id FROM s UNION SELECT $l, b, $l FROM s $k',
    'VALUES ($m)',
    'WITH q AS (SELECT $x) SELECT $x FROM q $k',
    'SELECT 1; SELECT $x',
  ],
  ...[
    'SELECT * FROM s TABLESAMPLE bernoulli ($m)',
    'SELECT * FROM f($m) WITH ORDINALITY AS x WHERE $x',
    'SELECT $x FOR UPDATE',
    'EXPLAIN SELECT $x',
  ],
];
const orders = ['', 'ORDER$sBY$s$y', 'GROUP$sBY$s$y,$s$y', 'ORDER BY $y$s,$y DESC', 'group by rollup$s($s$y,$y)', 'HAVING $x'];

const pieces: Readonly<Record<string, (depth: number) => string>> = {
  l: () => some(...literals),
  c: () => some('a', 's.b', '"t0"."c"', 'id'),
  /** Literals of one kind, and of several. */
  h: () =>
    below(3) === 0
      ? repeated(() => some("'x'", "'é'"))
      : repeated(below(2) === 0 ? () => some('1', '77') : () => some('1.5', '3000000000')),
  m: () => repeated(() => some(...literals)),
  o: () => some('', '', '', ' /* a */', '/**/', ' /* b, 1 */ ', '/*order by*/'),
  s: () => some(' ', ' ', '\n', ' /* x */ ', '/**/', ' /* a *//* b */'),
  y: () => some('a', '1', '2', '3', 's.c', '(2)', "'a'", '2.5', 'a IN (1, 2)', '+2', '-1'),
  k: (depth) => filled(some(...orders), depth + 1),
  x: (depth) => (depth > 2 ? some('a', '1', "'a'") : filled(some(...expressions), depth + 1)),
};

/** The same text with other literals, lists of other lengths, and other comments. */
function neighbourOf(text: string): string {
  return text
    .replace(/\(((?:\s*(?:\d[\d.]*|'[^']*')\s*,?)+)\)/g, (list) => (below(3) > 0 ? list : `(${filled(some('$h', '$m'))})`))
    .replace(/'(?:[^']|'')*'/g, (it) =>
      below(2) > 0 ? it : some("'a'", "'zz'", "'é'", "'int4'", String.raw`'\\'`, "'order by 1'", "'public'"),
    )
    .replace(/(?<![\w."])\d+(?:\.\d+)?(?![\w."])/g, (it) => (below(2) > 0 ? it : some('5', '123456', '2147483648', '9.75', '0', '07')))
    .replace(/\/\*.*?\*\//g, (it) => (below(2) > 0 ? it : some('/*q*/', '/* 1 */', '/***/', '/* , 2 */')));
}

const nothing = { functions: [], types: [], relations: [], builtins: [] };
const table = { id: '1', schema: 'public', name: 's', kind: 'table', reading: nothing, writing: nothing, reacts: false } as const;
const content: SqlCatalogue = {
  searchPath: 'public',
  user: 'p',
  functions: [],
  operators: [],
  types: [],
  relations: [{ ...table, columns: ['a', 'b', 'c', 'id'] }],
};
const settings = { server_version: '15.18', client_encoding: 'UTF8', standard_conforming_strings: 'on' };

/** What is judged, with the statement's end as if the text had the masked one's length. */
function asMasked({ statements: all, ...rest }: Classification, units: number): string {
  return JSON.stringify({ ...rest, statements: all.map((it) => ({ ...it, span: { start: it.span.start, end: it.span.end + units } })) });
}

t.test('texts with one masked text are judged alike', async (t) => {
  const parser = await Parser.create();
  t.teardown(() => parser.close());
  const judge = new Judge(parser);
  const judged = (text: string) => judge.judge(text, { settings, catalogue: { version: '1', content } }).classification;
  let pairs = 0;
  for (let count = 0; count < textsTotal; count += 1) {
    const text = filled(some(...statements));
    const masked = withoutLiterals(text);
    const one = masked === null ? null : judged(text);
    // Only plain reads are ever answered by what another text was judged to be.
    if (masked === null || one === null || !one.understood || one.summary.access !== 'read' || one.statements.length !== 1) continue;
    for (let more = 0; more < neighbours; more += 1) {
      const neighbour = neighbourOf(text);
      if (neighbour === text || withoutLiterals(neighbour) !== masked) continue;
      pairs += 1;
      const expected = asMasked(one, masked.length - text.length);
      const other = asMasked(judged(neighbour), masked.length - neighbour.length);
      if (other !== expected) {
        t.same(other, expected, `seed ${seed}: ${text} | ${neighbour}`);
        return;
      }
    }
  }
  t.ok(pairs > 3_000, `${pairs} pairs`);
});
