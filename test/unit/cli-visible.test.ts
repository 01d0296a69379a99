import t from 'tap';
import { clockTime } from '../../src/cli/command.ts';
import { cut, printTable, textWidth } from '../../src/cli/table.ts';
import { wantsColour } from '../../src/cli/terminal.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { visible, visibleJson, visibleLines } from '../../src/cli/visible.ts';

/** What no terminal may be sent, whatever the text was. */
const dangerous =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|[\u{e0000}-\u{e007f}]/u;

t.test('every character that a terminal would obey or hide is shown as its escape', (t) => {
  const table: [string, string, string][] = [
    ['an escape sequence', 'a\u001b[2Jb', 'a\\x1b[2Jb'],
    ['an 8-bit control sequence', '\u009b31m', '\\x9b31m'],
    ['a title change', '\u001b]0;x\u0007', '\\x1b]0;x\\x07'],
    ['backspaces over a WHERE', 'WHERE id=1\b\b\b', 'WHERE id=1\\x08\\x08\\x08'],
    ['a carriage return', 'DROP TABLE x\rSELECT 1', 'DROP TABLE x\\rSELECT 1'],
    ['line ends and tabs', 'a\n\tb', 'a\\n\\tb'],
    ['delete', 'a\u007f', 'a\\x7f'],
    ['NUL', '\0', '\\x00'],
    ['right-to-left override', 'a\u202ecba', 'a\\u202ecba'],
    ['an isolate', '\u2066x\u2069', '\\u2066x\\u2069'],
    ['zero width space, joiner and non-joiner', 'a\u200b\u200c\u200db', 'a\\u200b\\u200c\\u200db'],
    ['byte order mark and word joiner', '\ufeff\u2060', '\\ufeff\\u2060'],
    ['soft hyphen and no-break space', 'a\u00ad\u00a0b', 'a\\xad\\xa0b'],
    ['ideographic space', '\u3000', '\\u3000'],
    ['line and paragraph separators', '\u2028\u2029', '\\u2028\\u2029'],
    ['tags', '\u{e0041}', '\\u{e0041}'],
    ['a lone surrogate', 'a\ud800b', 'a\\ud800b'],
    ['private use', '\ue000', '\\ue000'],
    ['a Hangul filler', '\u3164', '\\u3164'],
    ['a variation selector', 'a\ufe0f', 'a\\ufe0f'],
    ['marks piled on a letter', `e${'\u0301'.repeat(6)}`, `e${'\u0301'.repeat(4)}\\u0301\\u0301`],
    ['plain text of many scripts', 'Größe 東京 😀 é "x" \\n', 'Größe 東京 😀 é "x" \\n'],
  ];
  for (const [name, text, expected] of table) t.equal(visible(text), expected, name);
  t.end();
});

t.test('nothing dangerous passes, for every code unit, in lines and in JSON', (t) => {
  const everything = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).join(' ');
  t.notMatch(visible(everything), dangerous);
  for (const line of visibleLines(everything)) t.notMatch(line, dangerous);
  const json = visibleJson({ text: everything });
  t.notMatch(json, dangerous);
  t.same(JSON.parse(json), { text: everything }, 'the JSON still means the same');
  const astral = Array.from({ length: 0x10 }, (_, plane) => String.fromCodePoint((plane + 1) * 0x10000 + 0x41)).join('');
  t.same(JSON.parse(visibleJson([astral])), [astral]);
  t.end();
});

function terminal(columns: number): { terminal: Terminal; lines: string[] } {
  const lines: string[] = [];
  const made: Terminal = { out: (line) => lines.push(line), err: () => {}, columns, interactive: true, paint: (_colour, text) => text };
  return { terminal: made, lines };
}

t.test('a table fits the terminal and keeps what matters', (t) => {
  const columns = [
    { title: 'HOLD', cell: (row: string[]) => row[0] ?? '' },
    { title: 'WHO', cell: (row: string[]) => row[1] ?? '', shrinks: true },
    { title: 'WHAT', cell: (row: string[]) => row[2] ?? '', shrinks: true },
  ];
  const rows = [
    ['h-7K3M9Q', 'alice', `DELETE FROM payments\nWHERE id IN (${'1,'.repeat(100)}2)`],
    ['h-7K3M9R', '東京'.repeat(20), 'x\u001b[0m'],
  ];
  for (const width of [40, 60, 80, 200]) {
    const { terminal: narrow, lines } = terminal(width);
    printTable(narrow, columns, rows);
    for (const line of lines) t.ok(textWidth(line) <= width, `${width}: ${line}`);
    t.match(lines[1], /^h-7K3M9Q /, 'the number is never cut');
    t.notMatch(lines.join(''), dangerous);
  }
  const { terminal: pipe, lines } = terminal(Infinity);
  printTable(pipe, columns, rows);
  t.match(lines[1], /2\)$/, 'nothing is cut for a pipe');
  t.end();
});

t.test('cutting counts terminal cells', (t) => {
  t.equal(cut('東京都', 5), '東京…');
  t.equal(cut('東京都', 6), '東京都');
  t.equal(cut('abc', 2), 'a…');
  t.equal(textWidth('e\u0301'), 1);
  t.end();
});

t.test('colours only where a person looks and has not said no', (t) => {
  t.equal(wantsColour(true, {}), true);
  t.equal(wantsColour(false, {}), false);
  t.equal(wantsColour(true, { NO_COLOR: '1' }), false);
  t.equal(wantsColour(true, { NO_COLOR: '' }), true);
  t.equal(wantsColour(true, { TERM: 'dumb' }), false);
  t.equal(wantsColour(false, { FORCE_COLOR: '1' }), true);
  t.equal(wantsColour(true, { FORCE_COLOR: '1', NO_COLOR: '1' }), false);
  t.end();
});

t.test('in a pipe a statement of any length is one line that can be read', (t) => {
  const { terminal: pipe, lines } = terminal(Infinity);
  const column = { title: 'WHAT', cell: (text: string) => text };
  printTable(pipe, [{ ...column, shrinks: true }], ['x'.repeat(100_000)]);
  t.equal(lines[1], `${'x'.repeat(499)}…`);
  printTable(pipe, [column], ['y'.repeat(1000)]);
  t.equal(lines[3], 'y'.repeat(1000), 'what is no prose is never cut');
  t.end();
});

t.test('a time of another year says which', (t) => {
  const inYear = (iso: string) => clockTime(iso, Date.parse('2026-06-15T12:00:00Z'));
  t.match(inYear('2026-11-21T10:00:00Z'), /^2[01] Nov \d\d:\d\d:00$/);
  t.match(inYear('2025-11-21T10:00:00Z'), /^2[01] Nov 2025 \d\d:\d\d:00$/);
  t.match(inYear('2027-02-21T10:00:00Z'), /^2[012] Feb 2027 /);
  t.end();
});
