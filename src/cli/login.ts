// `sallyport login`: keeps a gateway's address and an access token for later commands, after trying them. The token is read
// from the terminal without echo, or from stdin when that is a file or pipe; never from the command line's history.

import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { Me } from '../api/contract.ts';
import { Client } from './client.ts';
import { checkServer, defaultServer, saveCredentials } from './credentials.ts';
import type { CredentialOptions, Environment } from './credentials.ts';
import { CommandFailure, exitCode } from './exit-code.ts';
import type { Terminal } from './terminal.ts';
import { visible } from './visible.ts';

/** No token is longer. */
const tokenCharactersMax = 4_096;

export async function login(
  terminal: Terminal,
  options: CredentialOptions,
  environment: Environment,
  input: NodeJS.ReadStream,
): Promise<void> {
  const server = checkServer(options.server ?? environment['SALLYPORT_SERVER'] ?? defaultServer);
  const token = options.token ?? environment['SALLYPORT_TOKEN'] ?? (await readToken(terminal, server, input));
  if (!/^[\x21-\x7e]+$/.test(token)) throw new CommandFailure(exitCode.usage, 'that is not a token', 'copy it whole from the console');
  const me = await new Client({ server, token }).get<Me>('/me');
  const file = saveCredentials({ server, token }, environment);
  terminal.err(`signed in to ${server} as ${visible(me.display_name)} (${visible(me.name)}); kept in ${file}`);
}

async function readToken(terminal: Terminal, server: string, input: NodeJS.ReadStream): Promise<string> {
  if (input.isTTY) {
    terminal.err(`Make an access token in the console (${server}) and paste it here; it is not shown:`);
    const mute = new Writable({ write: (_chunk, _encoding, done) => done() });
    const lines = createInterface({ input, output: mute, terminal: true });
    try {
      return (await lines.question('')).trim();
    } finally {
      lines.close();
    }
  }
  let text = '';
  for await (const chunk of input) {
    text += String(chunk);
    if (text.length > tokenCharactersMax) throw new CommandFailure(exitCode.usage, 'the token on stdin is too long');
  }
  return text.trim();
}
