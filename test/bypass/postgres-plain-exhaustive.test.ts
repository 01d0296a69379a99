// Every pair of tokens, and every pair of ASCII characters, in the places where plain queries have something: what the early reader reads of
// them, PostgreSQL's parser reads alike. Random texts find what is likely; this finds what is short.

import t, { type Test } from 'tap';
import { Parser } from '../../policies/classify/postgres/parser.ts';
import { firstDifference } from '../../policies/classify/postgres/plain/difference.ts';
import { PlainQueries } from '../../policies/classify/postgres/plain/query.ts';

const parser = await Parser.create();
t.teardown(() => parser.close());
const plain = new PlainQueries();

/** How many were read; the first that is read in another way fails. */
function readAlike(t: Test, texts: Iterable<string>): number {
  let count = 0;
  for (const text of texts) {
    const read = plain.read(text);
    if (read === null) continue;
    count += 1;
    const parsed = parser.parseInFull(text);
    const difference = parsed.kind === 'statements' ? firstDifference([read], parsed.statements) : parsed.kind;
    if (difference !== null) {
      t.equal(difference, null, text);
      break;
    }
  }
  return count;
}

const tokens = [
  ...'select distinct all as from where group by having order limit offset on join inner left full outer cross natural using'.split(' '),
  ...'and or not is null in like ilike similar between symmetric exists case when then else end coalesce true asc desc nulls'.split(' '),
  ...'first last int bigint boolean with without format time date interval double precision char setof array row any some only'.split(' '),
  ...'lateral table values isnull notnull collate at escape over filter within ordinality cube rollup variadic union for into'.split(' '),
  ...'fetch rows window default user current_user operator overlaps unknown document text name recheck constructor'.split(' '),
  ...`a "b" "select" f(1) f(*) t.* (select\u00a01) ((select\u00a01)) 1 007 -1 1.5 2147483648 $1 $01 's' 'it''s' '' e's' b'1' u&"x"`.split(
    ' ',
  ),
  ...'( ) , ; . * + - / < > = <= >= <> != :: : := => [ ] % ^ | || & ! ~ @ # ? .. -- /* */'.split(' '),
].map((token) => token.replaceAll('\u00a0', ' '));

const places: readonly (readonly [string, string])[] = [
  ['select ', ''],
  ['select a ', ' b'],
  ['select a from t ', ''],
  ['select a from t where b ', ' c'],
  ['select a from t order by b ', ''],
  ['select (select a ', ')'],
  ['select 1 from a ', ' on c'],
  ['select a::', ' from t'],
  ['select case ', ' end'],
  ['select f(', ')'],
  ['select 1 from (select 1) ', ''],
  ['select a from t group by ', ''],
  ['select 1 as ', ', 2'],
  ['select a.', ''],
  ['select a in (', ')'],
  ['select a between ', ' and 3'],
  ['select 1 from t limit ', ''],
  ['select not ', ' and b'],
];

t.test('two tokens', (t) => {
  function* texts(): Generator<string> {
    for (const [before, behind] of places) {
      for (const one of tokens) for (const other of tokens) yield `${before}${one} ${other}${behind}`;
    }
  }
  const count = readAlike(t, texts());
  t.ok(count > 3_000, `${count} read`);
  t.end();
});

t.test('two characters', (t) => {
  const ascii = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));
  const gaps: readonly (readonly [string, string])[] = [
    ['select a', 'b'],
    ['select 1', '2 from t'],
    ['select "x', 'y" z'],
    [`select 'p`, `q' r`],
    ['select a', '"b"'],
    ['select t.', 'a'],
    ['select $1', ' x'],
    ['select a::', 'int'],
    ['', 'select 1'],
    ['select 1', ''],
    ['select a =', '1'],
  ];
  function* texts(): Generator<string> {
    for (const [before, behind] of gaps) {
      for (const one of ascii) for (const other of ascii) yield `${before}${one}${other}${behind}`;
    }
  }
  const count = readAlike(t, texts());
  t.ok(count > 10_000, `${count} read`);
  t.end();
});
