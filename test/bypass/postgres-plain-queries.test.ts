// What reads plain queries early says of a text just what PostgreSQL's own parser says of it, node for node and place for place, or nothing:
// of the whole corpus, of made-up queries, and of those with pieces taken out, put in, doubled and exchanged. A tree that differed
// would be one statement that is judged as another.

import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { Parser } from '../../policies/classify/postgres/parser.ts';
import { freeKeywords, otherKeywords } from '../../policies/classify/postgres/plain/keywords.ts';
import { PlainQueries } from '../../policies/classify/postgres/plain/query.ts';
import { madeQuery, type Spelling } from '../support/plain-queries.ts';
import { seededRandom } from '../support/seeded-random.ts';

const parser = await Parser.create();
t.teardown(() => parser.close());
const plain = new PlainQueries();

/** 'equal', 'left' to the parser, or what is wrong. */
function compared(text: string): string {
  const read = plain.read(text);
  if (read === null) return 'left';
  const parsed = parser.parseInFull(text);
  if (parsed.kind !== 'statements') return `read, and the parser says ${parsed.kind}`;
  const [mine, its] = [JSON.stringify([read]), JSON.stringify(parsed.statements)];
  return mine === its ? 'equal' : `${mine}\nis not\n${its}`;
}

/** Counts what was read; the first text that is read in another way ends the test. */
function all(t: Test, texts: Iterable<string>): { read: number; left: number } {
  const counted = { read: 0, left: 0 };
  for (const text of texts) {
    const result = compared(text);
    if (result === 'equal') counted.read += 1;
    else if (result === 'left') counted.left += 1;
    else {
      t.equal(result, 'equal', text);
      break;
    }
  }
  return counted;
}

const tables = [
  { name: 'people', columns: ['id', 'name', 'email', 'created_at', 'type'] },
  { name: 'Orders', columns: ['id', 'person_id', 'total', 'key', 'stateOf'] },
  { name: 'pgbench_accounts', columns: ['aid', 'bid', 'abalance', 'filler'] },
];

function spellings(below: (sides: number) => number): Spelling[] {
  const value = (column: string): string =>
    [String(below(3_000_000_000)), `'${column}'`, `$${1 + below(9)}`, `${below(100)}.${below(100)}`, 'NULL', "'it''s'", '-7', 'true'][
      below(8)
    ] as string;
  return [
    { name: (name) => `"${name}"`, value },
    { name: (name) => name, value },
  ];
}

t.test('the corpus', (t) => {
  const corpus = ['cases.jsonl', 'more-postgres.jsonl'].flatMap((file) =>
    readFileSync(new URL(file, import.meta.url), 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { input: string }).input),
  );
  const ofTools = JSON.parse(readFileSync(new URL('../unit/classify-postgres-tools.json', import.meta.url), 'utf8')) as string[];
  const { read, left } = all(t, [...corpus, ...ofTools]);
  t.ok(read > 50, `${read} read, ${left} left to the parser`);
  t.end();
});

t.test('made-up queries are all read', (t) => {
  const below = seededRandom(20261121);
  const texts = Array.from({ length: 2_000 }, () => madeQuery(below, tables, 12, spellings(below)[below(2)] as Spelling));
  const { read, left } = all(t, texts);
  t.equal(read, 2_000);
  t.equal(left, 0);
  t.end();
});

/** One of each thing that is read, in as many places as it may stand. */
const samples = [
  'SELECT a, "b" AS "c", t.d e, t.*, * FROM s.t AS u, "v" w CROSS JOIN x WHERE a = 1;',
  "SELECT DISTINCT count(*), count(DISTINCT a), f(a, b), f(), lower('x')::text, a::int + 1 * -2 / (3 - b) FROM t GROUP BY a, b HAVING f(a) > 1.5",
  "SELECT CASE WHEN a = 1 THEN 'x' ELSE NULL END, CASE a WHEN 1 THEN 2 WHEN 3 THEN 4 END, coalesce(a, b, $1) FROM t ORDER BY a DESC NULLS LAST, 2",
  'SELECT a FROM t JOIN u ON t.a = u.b LEFT OUTER JOIN v ON NOT v.a IS NULL OR a AND b OR (c OR d) OR (e AND f) AND g LIMIT 10 OFFSET $2',
  "SELECT 1 FROM t WHERE a IN (1, 'b', NULL) AND b NOT IN (SELECT c FROM u WHERE d LIKE 'x%') AND e NOT ILIKE f AND EXISTS (SELECT 1) OFFSET 1 LIMIT 2",
  'SELECT (SELECT max(a) FROM t), ((b)), (c + 1) * 2 FROM (SELECT a FROM t) AS s RIGHT JOIN (SELECT 1 one) r ON true WHERE a BETWEEN 1 AND 2 AND b NOT BETWEEN $1 AND c + 1',
];
const signs = '( ) , ; . * + - / < > = <= >= <> != :: : [ ] % ^ | || & ! ~ @ # ? -- /* */ => := .. $ $1 $0 $$ $a$ \\'.split(' ');
const literals =
  "1 0 007 1.5 .5 5. 1e5 0x1f 1_000 1a 2147483647 2147483648 99999999999999999999 'a' '' 'it''s' E'a' U&'a' N'a' B'1' X'f' \"a\" \"\" \"a\"\"b\" U&\"a\" a$b é 'é' \"é\" 'a\\b' 'a".split(
    ' ',
  );
const spaces = ['', ' ', '  ', '\n', '\t', '\r\n', '\f', '\v', ' -- x\n', '/* x */', '\u00a0'];
const phrases = [
  ...[
    'ORDER BY',
    'GROUP BY',
    'IS NULL',
    'IS NOT NULL',
    'NOT IN',
    'NOT LIKE',
    'NULLS FIRST',
    'LEFT JOIN',
    'AS x',
    'x',
    'f(1)',
    '(SELECT 1)',
  ],
  ...[
    '= ANY (',
    'UNION',
    'INTO x',
    'FOR UPDATE',
    'OVER ()',
    'FILTER (WHERE a)',
    '::text',
    'AS (',
    'AND',
    'OR',
    'NOT',
    '(1, 2)',
    '((SELECT 1))',
  ],
  ...[
    'LIMIT ALL',
    'FETCH FIRST 1 ROW ONLY',
    'DISTINCT ON (a)',
    'USING (a)',
    'NATURAL',
    'ROW(1)',
    'a.b.c',
    'a.b.c.d',
    'a.*',
    "date '2020-01-01'",
  ],
  ...[
    "interval '1 day'",
    'AT TIME ZONE',
    'COLLATE "C"',
    'ISNULL',
    'IS TRUE',
    'IS DISTINCT FROM',
    'ESCAPE',
    'SIMILAR TO',
    '[1]',
    '.x',
    'ONLY t',
  ],
];
const pieceOf = /"(?:[^"]|"")*"|'(?:[^']|'')*'|\w+|\s+|::|<=|>=|<>|!=|./gs;

t.test('every key word in every place', (t) => {
  function* texts(): Generator<string> {
    for (const sample of samples) {
      const pieces = sample.match(pieceOf) ?? [];
      for (let at = 2; at < pieces.length; at += 1) {
        const wordsHere = /^[\s(]/.test(pieces[at] as string) ? [] : [...freeKeywords, ...otherKeywords];
        for (let index = at % 7; index < wordsHere.length; index += 7)
          yield [...pieces.slice(0, at), wordsHere[index] as string, ...pieces.slice(at + 1)].join('');
      }
    }
  }
  const { read, left } = all(t, texts());
  t.ok(read > 1_000 && left > 5_000, `${read} read, ${left} left to the parser`);
  t.end();
});

t.test('pieces taken out, put in, doubled, exchanged', (t) => {
  const seed = Number(process.env['SALLYPORT_TEST_SEED'] ?? 20261121);
  const below = seededRandom(seed);
  const some = (items: readonly string[]): string => items[below(items.length)] as string;
  const put = (): string =>
    ` ${some([signs, literals, phrases, freeKeywords, otherKeywords][below(5)] as readonly string[])} `.slice(below(2));
  function* texts(): Generator<string> {
    for (let round = 0; round < 40_000; round += 1) {
      const made = below(8) === 0 ? madeQuery(below, tables, 9, spellings(below)[below(2)] as Spelling) : some(samples);
      const pieces: string[] = made.match(pieceOf) ?? [];
      for (let changes = 1 + below(2); changes > 0; changes -= 1) {
        const at = 1 + below(pieces.length - 1);
        const kind = below(7);
        if (kind === 0) pieces.splice(at, 1);
        else if (kind === 1) pieces.splice(at, 0, put());
        else if (kind === 2) pieces.splice(at, 1, put());
        else if (kind === 3) pieces.splice(at, 0, pieces[at] as string);
        else if (kind === 4) pieces.splice(at, 0, some(spaces));
        else if (kind === 5) pieces.splice(at, 1, some(pieces));
        else pieces.splice(at, 1 + below(4), ...pieces.slice(below(pieces.length), below(pieces.length)));
      }
      yield pieces.join('');
    }
  }
  const { read, left } = all(t, texts());
  t.ok(read > 4_000 && left > 4_000, `seed ${seed}: ${read} read, ${left} left to the parser`);
  t.end();
});

t.test('what looks plain and is not', (t) => {
  const texts = [
    ...['', ';', 'SELECT', 'SELECT;', ' SELECT 1', 'SELECT 1;;', 'SELECT 1; SELECT 2', 'SELECT 1 -- x', '/**/SELECT 1', 'SELECT 1 /* x */'],
    ...[
      'SELECT ""',
      'SELECT "a',
      "SELECT 'a",
      'SELECT a--b',
      'SELECT U&"d\\0061t"',
      "SELECT E'a'",
      'SELECT "é"',
      "SELECT 'a' 'b'",
      "SELECT 'a'\n'b'",
    ],
    ...[
      `SELECT ${'a'.repeat(64)}`,
      `SELECT "${'a'.repeat(64)}"`,
      `SELECT 1 AS ${'a'.repeat(64)}`,
      'SELECT $0',
      'SELECT $123456',
      'SELECT 1a',
    ],
    ...[
      'SELECT a = b = c',
      'SELECT a = b IS NULL',
      'SELECT a IS NULL IS NULL',
      'SELECT a LIKE b LIKE c',
      'SELECT - a',
      'SELECT +1',
      'SELECT a =-1',
    ],
    ...[
      'SELECT ((SELECT 1))',
      'SELECT (a, b)',
      'SELECT left(a, 1)',
      'SELECT a[1]',
      'SELECT (a).b',
      'SELECT f(a).b',
      'SELECT a || b',
      'SELECT a::int4(3)',
    ],
    ...[
      'SELECT 1 FROM a JOIN b JOIN c ON x ON y',
      'SELECT 1 FROM a NATURAL JOIN b',
      'SELECT 1 FROM f(1)',
      'SELECT 1 FROM f(1) AS x',
      'SELECT 1 FROM a (b)',
    ],
    ...[
      'SELECT 1 FROM a AS b (c)',
      'SELECT 1 INTO a',
      'SELECT 1 FROM a FOR UPDATE',
      'SELECT 1 UNION SELECT 2',
      'SELECT 1 FROM (SELECT 1)',
      '(SELECT 1)',
    ],
    ...[
      'SELECT a USING b',
      'SELECT -5::int',
      'SELECT 1 LIMIT ALL',
      'SELECT 1 LIMIT 1 LIMIT 2',
      'SELECT 1 OFFSET 1 ROWS',
      'SELECT count(*) OVER ()',
    ],
    ...[
      'SELECT a ORDER BY b USING <',
      'SELECT a GROUP BY cube (a)',
      'SELECT a GROUP BY ()',
      "SELECT date '2020-01-01'",
      'SELECT f(VARIADIC a)',
    ],
    ...[
      'SELECT f(a => 1)',
      'SELECT f(a ORDER BY b)',
      'SELECT f(ALL a)',
      'SELECT t.*.a',
      'SELECT a.b.c.d',
      'SELECT a AS',
      'SELECT a FROM',
      'SELECT a,',
    ],
  ];
  for (const text of texts) t.equal(plain.read(text), null, text);
  t.ok(plain.read(`SELECT ${'('.repeat(20)}1${')'.repeat(20)}`));
  t.equal(plain.read(`SELECT ${'('.repeat(2_000)}1${')'.repeat(2_000)}`), null, 'nested too deeply');
  t.equal(plain.read(`SELECT ${'NOT '.repeat(3_000)}true`), null);
  t.equal(plain.read(`SELECT '${'x'.repeat(20_000)}'`), null, 'long');
  t.ok(plain.read('SELECT 1'), 'and what was given up leaves nothing behind');
  t.end();
});
