// A statement cut into pieces must still be the statement: no character lost, none added, every risk where it was.

import t from 'tap';
import { placesOf } from '../../src/console/found-marks.ts';
import { highlight, languageOf } from '../../src/console/highlight.ts';
import { preview, statementLines } from '../../src/console/statement-lines.ts';
import { oddCharacters } from '../../src/console/visible.ts';

const hostile =
  "DROP TABLE \u202eorders; -- <img src=x onerror=alert(1)>\r\nSELECT E'\\'', $$a\n$b$ </span>&amp; 🚀$$, \"p\u0430y\" /* \x1b */;";
const texts = ['', '\n', 'select 1', hostile, `${hostile}\n\n${hostile}`, 'rm -rf "$HOME" # \u200b', '😀\n😀'];

t.test('pieces put together again are the text, for every grammar', async (t) => {
  for (const text of texts) {
    for (const language of ['pgsql', 'sql', 'bash', 'yaml'] as const) {
      const risks = [{ start: 2, end: 9, why: 'x' }];
      const { lines } = statementLines(text, highlight(text, language), risks);
      const back = lines
        .map((line) =>
          line.map((piece) => (piece.oddity === null ? piece.text : text.slice(piece.start, oddEnd(text, piece.start)))).join(''),
        )
        .join('\n');
      t.equal(back, text, `${language}: ${JSON.stringify(text.slice(0, 20))}`);
    }
  }
});

function oddEnd(text: string, start: number): number {
  return oddCharacters(text).find((character) => character.start === start)?.end ?? start;
}

t.test('a keyword is coloured, and no markup is made', async (t) => {
  const { lines } = statementLines('DROP TABLE x', highlight('DROP TABLE x', 'pgsql'), []);
  t.match(
    lines[0]?.find((piece) => piece.text === 'DROP'),
    { scope: 'keyword' },
  );
  const all = statementLines(hostile, highlight(hostile, 'pgsql'), []).lines.flat();
  t.ok(
    all.some((piece) => piece.text.includes('<img src=x')),
    'angle brackets stay as they are',
  );
});

t.test('a risk covers exactly its range, across colours and lines', async (t) => {
  const text = "DELETE FROM a\nWHERE x = 'y'";
  const risk = { start: 7, end: 19, why: 'all rows' };
  const { lines } = statementLines(text, highlight(text, 'pgsql'), [risk]);
  const marked = lines.flat().filter((piece) => piece.risks.includes(0));
  t.equal(marked.map((piece) => piece.text).join(''), text.slice(7, 19).replace('\n', ''));
});

t.test('a risk beyond the text marks nothing and breaks nothing', async (t) => {
  const { lines } = statementLines('abc', [], [{ start: 10, end: 20, why: 'far' }]);
  t.equal(
    lines
      .flat()
      .map((piece) => piece.text)
      .join(''),
    'abc',
  );
  t.same(
    lines.flat().flatMap((piece) => piece.risks),
    [],
  );
});

t.test('a very long text is not coloured', async (t) => {
  t.same(highlight('select 1; '.repeat(10_000), 'pgsql'), []);
});

t.test('a preview shows the first risk, however much padding stands before it', async (t) => {
  const text = `${'-- nothing to see\n'.repeat(500)}DROP TABLE orders`;
  const start = text.indexOf('DROP');
  const part = preview(text, [{ start, end: start + 10, why: 'drops' }]);
  t.equal(part.risk, 'DROP TABLE');
  t.ok(part.before.length < 80);
  t.ok(part.before.startsWith('… '));
});

t.test('a preview for a search shows the place that was found, and stays at the risk when that is beside it', async (t) => {
  const text = `DROP TABLE orders; ${'-- more\n'.repeat(500)}SELECT 'Needle'`;
  const risks = [{ start: 0, end: 10, why: 'drops' }];
  const part = preview(text, risks, 'needle');
  t.match(part.before, /Needle'$/);
  t.ok(part.before.length < 100);
  t.same(preview(text, risks, 'TABLE'), preview(text, risks));
  t.same(preview(text, risks, 'nowhere'), preview(text, risks));
});

t.test('words that were searched are found whatever their case, and not in letters that grow with it', async (t) => {
  t.same(placesOf('Alice on ORDERS', ['orders', 'al']), [
    { start: 9, end: 15 },
    { start: 0, end: 2 },
  ]);
  t.same(placesOf('aaa', ['a']).length, 3);
  t.same(placesOf('İ orders', ['orders']), [{ start: 2, end: 8 }]);
});

t.test('each protocol has a grammar', async (t) => {
  t.equal(languageOf('postgres'), 'pgsql');
  t.equal(languageOf('mysql'), 'sql');
  t.equal(languageOf('ssh'), 'bash');
});

t.test('what runs from right to left is a piece by itself, so that what stands between two of them keeps its order', async (t) => {
  const text = "f('שלום עולם', 100, 1, 'كل')";
  for (const tokens of [[], highlight(text, 'pgsql')]) {
    const pieces = statementLines(text, tokens, []).lines.flat();
    t.same(
      pieces.filter((piece) => piece.rightToLeft).map((piece) => piece.text),
      ['שלום עולם', 'كل'],
    );
    t.equal(pieces.map((piece) => piece.text).join(''), text);
  }
  const overridden = statementLines('א\u202eב', [], []).lines.flat();
  t.same(
    overridden.map((piece) => [piece.text, piece.rightToLeft]),
    [
      ['א', true],
      ['\\u202e', false],
      ['ב', true],
    ],
  );
});
