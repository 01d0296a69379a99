// docs/operating.md lists every command, and nothing that is not there.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import t from 'tap';
import { program } from '../../src/main.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/operating.md'), 'utf8');
const section = page.slice(page.indexOf('\n## Commands\n'), page.indexOf('| exit code |'));
/** What stands between backticks in the first column. */
const documented = section
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .flatMap((line) => [...(line.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, text = '']) => text));
const silent = {
  out: () => undefined,
  err: () => undefined,
  columns: 80,
  interactive: false,
  paint: (_colour: unknown, text: string) => text,
};
const commands = below(program(silent, { code: 0 }), '');

/** Every command that does something by itself, with its whole name. */
function below(command: Command, name: string): [string, Command][] {
  return command.commands.flatMap((it) => {
    const own = `${name} ${it.name()}`.trim();
    const doesNothing = own === 'policy';
    return [...(doesNothing ? [] : [[own, it] as [string, Command]]), ...below(it, own)];
  });
}

/** The longest name that the text begins with. */
function commandOf(text: string): [string, Command] | undefined {
  return commands.filter(([name]) => `${text} `.startsWith(`${name} `)).sort(([one], [other]) => other.length - one.length)[0];
}

t.test('every command is in the table', (t) => {
  const found = new Set(documented.map((text) => commandOf(text)?.[0]));
  for (const [name] of commands) t.ok(found.has(name), name);
  t.end();
});

t.test('what is in the table is there, with its options and arguments', (t) => {
  for (const text of documented) {
    const [name = '', command] = commandOf(text) ?? [];
    if (command === undefined) {
      t.fail(`there is no ${text}`);
      continue;
    }
    const known = new Set(command.options.map(({ long }) => long).concat('--help', '--'));
    const words = text.slice(name.length).split(/[\s[\]]+/);
    for (const option of words.filter((word) => word.startsWith('-'))) t.ok(known.has(option), `${name} ${option}`);
    if (command.registeredArguments.some(({ required }) => required))
      t.match(text.slice(name.length), /^ [A-Z]/, `${text} names what it needs`);
    for (const { long } of command.options.filter(({ mandatory }) => mandatory)) t.ok(words.includes(long ?? ''), `${name} ${long}`);
  }
  t.end();
});
