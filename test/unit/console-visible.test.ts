// Hidden characters must not reach an approver's eye as what they are: each family has a row here.

import t from 'tap';
import { visible } from '../../src/cli/visible.ts';
import { oddCharacters, visibleLine, visibleText } from '../../src/console/visible.ts';
import { visibleText as toldVisibly } from '../../src/notify/visible.ts';

const rows: readonly (readonly [string, string, string])[] = [
  ['a right-to-left override is spelled out', 'admin\u202e;resu', 'admin\\u202e;resu'],
  ['an isolate is spelled out', 'a\u2066b\u2069', 'a\\u2066b\\u2069'],
  ['a zero-width space inside a name is spelled out', 'ord\u200bers', 'ord\\u200bers'],
  ['a byte order mark is spelled out', '\ufeffselect', '\\ufeffselect'],
  ['an escape sequence is spelled out', '\x1b[2Jx', '\\x1b[2Jx'],
  ['a C1 control is spelled out', 'a\x9bb', 'a\\x9bb'],
  ['NUL and DEL are spelled out', '\0\x7f', '\\x00\\x7f'],
  ['a no-break space is spelled out', 'a\u00a0b', 'a\\xa0b'],
  ['a tag character beyond the basic plane is spelled out', 'a\u{e0041}b', 'a\\u{e0041}b'],
  ['a variation selector is spelled out', 'a\ufe0f', 'a\\ufe0f'],
  ['a Hangul filler is spelled out', 'a\u3164b', 'a\\u3164b'],
  ['a lone surrogate is spelled out', 'a\ud800b', 'a\\ud800b'],
  ['a bare carriage return is spelled out', 'drop\rselect', 'drop\\x0dselect'],
  ['a carriage return before a newline is ordinary', 'a\r\nb', 'a\r\nb'],
  ['newline and tab are ordinary', 'a\n\tb', 'a\n\tb'],
  ['a Cyrillic letter inside a Latin word is spelled out', 'p\u0430yments', 'p\\u0430yments'],
  ['a Greek letter inside a Latin word is spelled out', 'c\u03bfde', 'c\\u03bfde'],
  ['a word of Cyrillic letters only is ordinary', 'заказы', 'заказы'],
  ['a private-use character is spelled out', 'a\ue000b\u{f0000}', 'a\\ue000b\\u{f0000}'],
  ['a character that is none yet is spelled out', 'a\u0378b', 'a\\u0378b'],
  ['a format character of another script is spelled out', 'a\u06ddb', 'a\\u06ddb'],
  ['marks piled on a letter are spelled out', `e${'\u0301'.repeat(6)}`, `e${'\u0301'.repeat(4)}\\u0301\\u0301`],
  ['accents and emoji are ordinary', 'café Łódź 日本 🚀', 'café Łódź 日本 🚀'],
];

for (const [name, text, shown] of rows) {
  t.test(name, async (t) => {
    t.equal(visibleText(text), shown);
  });
}

t.test('no code point is hidden in the browser or in a message that a terminal would show as its escape', async (t) => {
  const ordinary = ['\t', '\n', '\r'];
  const missed: string[] = [];
  for (let start = 0; start <= 0x10ffff; start += 0x100) {
    // Whole planes are unassigned or private: there every fiftieth will do.
    const step = start < 0x20000 || start === 0xe0000 || start === 0xe0100 ? 1 : 50;
    const block = Array.from({ length: Math.ceil(0x100 / step) }, (_, at) => String.fromCodePoint(start + at * step));
    if (visible(block.join('a')) === block.join('a')) continue;
    for (const character of block) {
      if (ordinary.includes(character) || visible(character) === character) continue;
      if (visibleText(`a${character}b`) === `a${character}b`) missed.push(`browser ${character.codePointAt(0)?.toString(16)}`);
      if (toldVisibly(`a${character}b`) === `a${character}b`) missed.push(`message ${character.codePointAt(0)?.toString(16)}`);
    }
  }
  t.same(missed.slice(0, 20), []);
});

t.test('letters of another alphabet inside a Latin word are spelled out wherever people read', async (t) => {
  const table: readonly (readonly [string, string])[] = [
    ['DROP TABLE \u043erders', 'DROP TABLE \\u043erders'],
    ['u\u0301\u0430', 'u\u0301\\u0430'],
    ['\uff4fff \u{1d5c8}ff', '\\uff4fff \\u{1d5c8}ff'],
    ['заказы\u200bы orders Größe λόγος', 'заказы\\u200bы orders Größe λόγος'],
  ];
  for (const [text, shown] of table) for (const show of [visible, visibleText, toldVisibly]) t.equal(show(text), shown);
});

t.test('a line has no newline and no hidden character', async (t) => {
  t.equal(visibleLine('  drop\n\ttable\u202e x  '), 'drop table\\u202e x');
});

t.test('ranges are in order and cover exactly the odd characters', async (t) => {
  const text = 'a\u200bp\u0430y\x1b';
  t.same(
    oddCharacters(text).map(({ start, end, oddity }) => [start, end, oddity]),
    [
      [1, 2, 'invisible'],
      [3, 4, 'look-alike'],
      [5, 6, 'control'],
    ],
  );
});
