// `sallyport credentials`: where the credential of each target is kept; setting, trying and removing those that the gateway
// keeps. A value goes in from stdin or a prompt, and never comes out.

import type {
  CredentialBody,
  CredentialChecked,
  CredentialSet,
  CredentialView,
  CredentialsRemoved,
  CredentialsRewrapped,
} from '../api/contract.ts';
import type { Command, ListOptions } from './command.ts';
import { clockTime, printJson, segment } from './command.ts';
import { CommandFailure, exitCode } from './exit-code.ts';
import { readSecret } from './read-secret.ts';
import { printTable } from './table.ts';
import type { Column } from './table.ts';
import { visible } from './visible.ts';

const passwordCharactersMax = 4_096;
const privateKeyCharactersMax = 32_768;

interface JsonOption {
  readonly json?: boolean | undefined;
}

export async function credentials(command: Command, options: ListOptions): Promise<void> {
  const items = await command.client.list<CredentialView>('/credentials', {}, options.limit);
  if (options.json === true) return printJson(command.terminal, items);
  if (items.length === 0) return command.terminal.err('no targets');
  printTable(command.terminal, columns, items);
}

export async function setCredential(
  command: Command,
  target: string,
  options: JsonOption & { readonly privateKey?: boolean | undefined },
  input: NodeJS.ReadStream,
): Promise<void> {
  const { terminal, client } = command;
  const body = options.privateKey === true ? await readPrivateKey(command, target, input) : await readPassword(command, target, input);
  const answer = await client.post<CredentialSet>(`/credentials/${segment(target)}/versions`, body);
  if (options.json === true) return printJson(terminal, answer);
  terminal.err(`version ${answer.version} of the credential of "${visible(answer.target)}" is kept; new sessions sign in with it`);
}

export async function checkCredential(command: Command, target: string, options: JsonOption): Promise<void> {
  const answer = await command.client.post<CredentialChecked>(`/credentials/${segment(target)}/check`, {});
  if (options.json === true) return printJson(command.terminal, answer);
  command.terminal.out(`${visible(answer.target)}: can be read (${visible(answer.version)}), for the account ${visible(answer.user)}`);
}

export async function removeCredential(command: Command, target: string, options: JsonOption): Promise<void> {
  const answer = await command.client.delete<CredentialsRemoved>(`/credentials/${segment(target)}`);
  if (options.json === true) return printJson(command.terminal, answer);
  command.terminal.err(`${answer.removed} ${answer.removed === 1 ? 'version' : 'versions'} removed; open sessions go on`);
}

export async function rewrapCredentials(command: Command, options: JsonOption): Promise<void> {
  const answer = await command.client.post<CredentialsRewrapped>('/credentials/rewrap', {});
  if (options.json === true) return printJson(command.terminal, answer);
  command.terminal.err(
    `${answer.rewrapped} ${answer.rewrapped === 1 ? 'version was' : 'versions were'} put under the present master key; former_master_keys are not needed any more`,
  );
}

async function readPassword({ terminal }: Command, target: string, input: NodeJS.ReadStream): Promise<CredentialBody> {
  const prompt = `The password of the gateway's account at "${visible(target)}" (it is not shown):`;
  const password = (await readSecret(terminal, input, prompt, 'password', passwordCharactersMax)).replace(/\r?\n$/, '');
  if (password === '') throw new CommandFailure(exitCode.usage, 'that is no password', 'write it to stdin, or type it at the prompt');
  if (/[\r\n\0]/.test(password)) throw new CommandFailure(exitCode.usage, 'a password is one line', 'for a key add --private-key');
  return { password };
}

async function readPrivateKey({ terminal }: Command, target: string, input: NodeJS.ReadStream): Promise<CredentialBody> {
  if (input.isTTY)
    throw new CommandFailure(
      exitCode.usage,
      'a key comes from a file',
      `sallyport credentials set ${visible(target)} --private-key < FILE`,
    );
  const key = await readSecret(terminal, input, '', 'private key', privateKeyCharactersMax);
  if (!/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(key))
    throw new CommandFailure(exitCode.usage, 'that is no private key', 'it begins with -----BEGIN … PRIVATE KEY-----');
  return { private_key: key };
}

const columns: readonly Column<CredentialView>[] = [
  { title: 'TARGET', cell: (it) => it.target },
  { title: 'PROTOCOL', cell: (it) => it.protocol },
  { title: 'KEPT', cell: (it) => it.where, shrinks: true },
  { title: 'VERSION', cell: (it) => versionWords(it) },
  {
    title: 'SET',
    cell: (it) => (it.versions[0] === undefined ? '' : `${clockTime(it.versions[0].created_at)} by ${it.versions[0].created_by}`),
  },
  { title: 'CONNECTIONS', cell: (it) => String(it.connections) },
];

/** "3", "3 (and 2 until it worked)", "3 (master key missing)". */
function versionWords({ source, versions: [newest, older] }: CredentialView): string {
  if (source !== 'stored') return '';
  if (newest === undefined) return 'none: not set';
  if (!newest.readable) return `${newest.version} (its master key is not configured)`;
  return older === undefined ? String(newest.version) : `${newest.version} (and ${older.version} until it worked)`;
}
