// `sallyport token`: a short-lived access token, to be used as the password of psql or mysql. Only the token goes to stdout:
// PGPASSWORD=$(sallyport token) psql …

import type { TokenBody, TokenIssued } from '../api/contract.ts';
import type { Command } from './command.ts';
import { clockTime, printJson } from './command.ts';
import { durationMs } from './duration.ts';
import { visible } from './visible.ts';

export interface TokenOptions {
  readonly name: string;
  readonly ttl: string;
  readonly person?: string | undefined;
  readonly json?: boolean | undefined;
}

export async function token(command: Command, options: TokenOptions): Promise<void> {
  const body: TokenBody = {
    name: options.name,
    ttl_ms: durationMs(options.ttl),
    ...(options.person === undefined ? {} : { person: options.person }),
  };
  const issued = await command.client.post<TokenIssued>('/tokens', body);
  if (options.json === true) return printJson(command.terminal, issued);
  command.terminal.out(visible(issued.token));
  command.terminal.err(`for ${visible(issued.person)}, until ${clockTime(issued.expires_at)}`);
}
