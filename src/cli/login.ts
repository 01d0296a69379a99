// `sallyport login`: keeps a gateway's address and an access token for later commands, after trying them. A person confirms in
// the browser; a token may be given on stdin (a file or pipe), with an option or in the environment instead.

import type { Me } from '../api/contract.ts';
import { browserLogin } from './browser-login.ts';
import { Client } from './client.ts';
import { checkServer, defaultServer, namedServer, saveCredentials } from './credentials.ts';
import type { CredentialOptions, Environment } from './credentials.ts';
import { CommandFailure, exitCode } from './exit-code.ts';
import type { Terminal } from './terminal.ts';
import { visible } from './visible.ts';

/** No token is longer. */
const tokenCharactersMax = 4_096;

export interface LoginOptions extends CredentialOptions {
  /** False: the address is only printed. */
  readonly browser?: boolean | undefined;
  /** Read the token from stdin. */
  readonly tokenStdin?: boolean | undefined;
}

export async function login(terminal: Terminal, options: LoginOptions, environment: Environment, input: NodeJS.ReadStream): Promise<void> {
  const server = checkServer(namedServer(options, environment) ?? defaultServer);
  const given = options.token ?? environment['SALLYPORT_TOKEN'];
  const token = given ?? (await askForToken(terminal, server, options, input));
  if (!/^[\x21-\x7e]+$/.test(token)) throw new CommandFailure(exitCode.usage, 'that is not a token', 'copy it whole from the console');
  const me = await new Client({ server, token }).get<Me>('/me');
  const file = saveCredentials({ server, token }, environment);
  terminal.err(`signed in to ${server} as ${visible(me.display_name)} (${visible(me.name)}); kept in ${file}`);
}

/** A pipe that holds something is a token; at a terminal, or with an empty pipe, the person confirms in the browser. */
async function askForToken(terminal: Terminal, server: string, options: LoginOptions, input: NodeJS.ReadStream): Promise<string> {
  const piped = options.tokenStdin === true ? await readToken(input) : input.isTTY ? '' : await readToken(input);
  if (piped !== '') return piped;
  if (options.tokenStdin === true) throw new CommandFailure(exitCode.usage, 'there is no token on stdin');
  return browserLogin(terminal, server, options.browser !== false && input.isTTY === true);
}

async function readToken(input: NodeJS.ReadStream): Promise<string> {
  let text = '';
  for await (const chunk of input) {
    text += String(chunk);
    if (text.length > tokenCharactersMax) throw new CommandFailure(exitCode.usage, 'the token on stdin is too long');
  }
  return text.trim();
}
