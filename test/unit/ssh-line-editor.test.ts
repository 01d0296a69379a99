// The mediated shell's line editor: which keys make which lines, whatever the chunks.

import t from 'tap';
import { LineEditor } from '../../protocols/ssh/line-editor.ts';

const events = (keys: string, chunk = keys.length): string[] => {
  const editor = new LineEditor(80);
  editor.remember('ls -l');
  editor.remember('uptime');
  const found: string[] = [];
  const bytes = Buffer.from(keys);
  for (let at = 0; at < bytes.length; at += chunk) {
    for (let rest: Buffer = bytes.subarray(at, at + chunk); rest.length > 0;) {
      const step = editor.feed(rest);
      found.push(...step.events.map((event) => (event.kind === 'line' ? event.text : `<${event.kind}>`)));
      rest = step.rest;
    }
  }
  return found;
};

const table: readonly (readonly [string, string, readonly string[]])[] = [
  ['return and line feed end a line', 'a\rb\nc\r\nd\r', ['a', 'b', 'c', 'd']],
  ['backspace', 'lsx\u007f\b\bpwd\r', ['pwd']],
  ['the cursor moves', 'm x\u0001r\u001b[C\u001b[C\u001b[Dy\r', ['rmy x']],
  ['cutting', 'one two\u0017three\r', ['one three']],
  ['to the beginning and to the end', 'abc\u001b[D\u0015x\r', ['xc']],
  ['to the end', 'abc\u001b[D\u000b\r', ['ab']],
  ['history of this shell', '\u001b[A\r', ['uptime']],
  ['back and forth in it', '\u001b[A\u001b[A\u001b[B\r', ['uptime']],
  ['Ctrl-C gives the line up', 'rm x\u0003ls\r', ['<interrupt>', 'ls']],
  ['Ctrl-D on an empty line leaves', '\u0004', ['<end>']],
  ['Ctrl-D elsewhere deletes', 'abc\u0001\u0004\r', ['bc']],
  ['keys of readline mean nothing', 'ls\u000f\u0012\u0019\u001by\u001b.\r', ['ls']],
  ['a paste is typed', '\u001b[200~ls\u001b[201~\r', ['ls']],
  ['letters of several bytes', 'grün 日本\r', ['grün 日本']],
  ['an escape sequence that never ends', `\u001b[${'1;'.repeat(40)}\r`, []],
];

for (const [name, keys, expected] of table) {
  t.test(name, async (t) => {
    t.same(events(keys), expected);
    t.same(events(keys, 1), expected, 'byte by byte');
  });
}

t.test('what is drawn stays on one row', async (t) => {
  const editor = new LineEditor(20);
  editor.begin('$ ');
  const { show } = editor.feed(Buffer.from('x'.repeat(100)));
  const last = show.slice(show.lastIndexOf('\r'));
  t.ok(last.replaceAll(/\u001b\[[0-9]*[KD]|\r/g, '').length < 20);
});
