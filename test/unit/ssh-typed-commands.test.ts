// The command index of raw terminals: what stood behind the prompt, read from what was shown.

import t from 'tap';
import { TypedCommands } from '../../protocols/ssh/typed-commands.ts';

/** Steps: `< keys` typed, `> text` shown. */
function index(cols: number, ...steps: readonly string[]): string[] {
  const found: string[] = [];
  const commands = new TypedCommands({ cols }, (command) => found.push(command));
  for (const step of steps) {
    const bytes = Buffer.from(step.slice(2));
    if (step.startsWith('<')) commands.typed(bytes);
    else commands.output(bytes);
  }
  return found;
}

const rows: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['a command, key by key', ['> $ ', '< l', '> l', '< s', '> s', '< \r', '> \r\nfile\r\n$ '], ['ls']],
  ['all at once, the echo later', ['> $ ', '< ls -l\r', '> ls -l\r\nfile\r\n$ '], ['ls -l']],
  ['several lines pasted', ['> $ ', '< one\rtwo\r', '> one\r\nout\r\n$ two\r\nout\r\n$ '], ['one', 'two']],
  ['corrected with backspace', ['> $ ', '< lx\u007fs\r', '> lx\b\u001b[Ks\r\n'], ['ls']],
  ['from the history', ['> $ ', '< \u001b[A', '> rm -rf x', '< \r', '> \r\n$ '], ['rm -rf x']],
  ['completed', ['> $ ', '< cat de\t', '> cat deploy.log ', '< \r', '> \r\n'], ['cat deploy.log']],
  ['a password is not shown and not indexed', ['> [sudo] password: ', '< hunter2\r', '> \r\n$ ', '< id\r', '> id\r\n'], ['id']],
  ['a coloured prompt, a title', ['> \u001b]0;title\u0007\u001b[01;32mweb\u001b[0m$ ', '< id\r', '> id\r\n'], ['id']],
  ['a second line that is wrapped', ['> $ ', '< 1234567890\r', '> 12345678 \r90\r\n'], ['1234567890']],
  ['lines typed into a program without a prompt', ['> $ ', '< cat\r', '> cat\r\n', '< words\r', '> words\r\nwords\r\n'], ['cat']],
  [
    'an editor on its own screen',
    ['> $ ', '< vi\r', '> vi\r\n\u001b[?1049h~', '< :q\r', '> :q\r\n\u001b[?1049l$ ', '< id\r', '> id\r\n'],
    ['vi', 'id'],
  ],
  ['Ctrl-C leaves the line', ['> $ ', '< rm x\u0003', '> rm x^C\r\n$ ', '< id\r', '> id\r\n'], ['id']],
  ['inserted in the middle', ['> $ ', '< s\u001b[Dl\r', '> s\b\u001b[1@l\r\n'], ['ls']],
];
for (const [name, steps, expected] of rows) t.test(name, async (t) => t.same(index(10, ...steps), expected));

t.test('endless lines and endless keys are cut', async (t) => {
  t.equal(index(80, '> $ ', `< ${'\r'.repeat(5000)}`, `> ${'x'.repeat(5_000_000)}`, '> \n').length, 1);
});
