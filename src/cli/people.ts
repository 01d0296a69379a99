// `sallyport people`: who there is; adding, disabling and helping people, for operators.

import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { PersonBody, PersonView } from '../api/contract.ts';
import type { Command, ListOptions } from './command.ts';
import { printJson, segment } from './command.ts';
import { CommandFailure, exitCode } from './exit-code.ts';
import { printTable } from './table.ts';
import type { Column } from './table.ts';
import { visible } from './visible.ts';

const passwordCharactersMax = 1000;

const columns: readonly Column<PersonView>[] = [
  { title: 'NAME', cell: (person) => person.name },
  { title: 'DISPLAY NAME', cell: (person) => person.display_name, shrinks: true },
  { title: 'KIND', cell: (person) => person.kind },
  { title: 'GROUPS', cell: (person) => person.groups.join(' '), shrinks: true },
  { title: 'STATE', cell: (person) => (person.disabled ? 'disabled' : 'active') },
];

export async function people({ client, terminal }: Command, options: ListOptions): Promise<void> {
  const items = await client.list<PersonView>('/people', {}, options.limit);
  if (options.json === true) return printJson(terminal, items);
  printTable(terminal, columns, items);
}

export async function addPerson(
  { client, terminal }: Command,
  name: string,
  options: { readonly displayName?: string | undefined; readonly group: readonly string[]; readonly json?: boolean | undefined },
): Promise<void> {
  const body: PersonBody = {
    name,
    groups: options.group,
    ...(options.displayName === undefined ? {} : { display_name: options.displayName }),
  };
  const person = await client.post<PersonView>('/people', body);
  if (options.json === true) return printJson(terminal, person);
  terminal.err(`${visible(person.name)} is there, in ${person.groups.length === 0 ? 'no group' : person.groups.map(visible).join(', ')}`);
}

/** What an operator does to somebody, and the words when it is done. */
const deeds = {
  disable: 'may not act any more: sessions, tokens and browsers end',
  enable: 'may act again',
  remove: 'is removed',
  'reset-factors': 'has no second factor any more, and registers new ones on the account page',
  unlink: 'is linked to no account of a sign-in service any more',
} as const;

export type Deed = keyof typeof deeds;

export async function doToPerson({ client, terminal }: Command, name: string, deed: Deed): Promise<void> {
  if (deed === 'remove') await client.delete(`/people/${segment(name)}`);
  else await client.post(`/people/${segment(name)}/${deed}`, {});
  terminal.err(`${visible(name)} ${deeds[deed]}`);
}

/** Reads the password from the terminal without echo, twice, or from stdin; never from arguments. */
export async function setPassword({ client, terminal }: Command, name: string, input: NodeJS.ReadStream): Promise<void> {
  const password = input.isTTY ? await typed(terminal, input) : await piped(input);
  if (password === '') throw new CommandFailure(exitCode.usage, 'there is no password');
  await client.post(`/people/${segment(name)}/password`, { password });
  terminal.err(`${visible(name)} has a new password, and was signed out of all browsers`);
}

async function typed(terminal: Command['terminal'], input: NodeJS.ReadStream): Promise<string> {
  const mute = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: mute, terminal: true });
  try {
    terminal.err('New password (not shown):');
    const first = await lines.question('');
    terminal.err('Again:');
    if ((await lines.question('')) === first) return first;
  } finally {
    lines.close();
  }
  throw new CommandFailure(exitCode.usage, 'the two are not the same');
}

async function piped(input: NodeJS.ReadStream): Promise<string> {
  let text = '';
  for await (const chunk of input) {
    text += String(chunk);
    if (text.length > passwordCharactersMax) throw new CommandFailure(exitCode.usage, 'the password on stdin is too long');
  }
  return text.replace(/\r?\n$/, '');
}
