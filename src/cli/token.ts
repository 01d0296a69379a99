// `sallyport token`: a short-lived access token, to be used as the password of psql or mysql. Only the token goes to stdout:
// PGPASSWORD=$(sallyport token) psql …

import type { TokenBody, TokenIssued } from '../api/contract.ts';
import type { Command } from './command.ts';
import { clockTime, printJson } from './command.ts';
import { CommandFailure, exitCode } from './exit-code.ts';
import { visible } from './visible.ts';

export interface TokenOptions {
  readonly name: string;
  readonly ttl: string;
  readonly person?: string | undefined;
  readonly json?: boolean | undefined;
}

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export async function token(command: Command, options: TokenOptions): Promise<void> {
  const body: TokenBody = {
    name: options.name,
    ttl_ms: ttlMs(options.ttl),
    ...(options.person === undefined ? {} : { person: options.person }),
  };
  const issued = await command.client.post<TokenIssued>('/tokens', body);
  if (options.json === true) return printJson(command.terminal, issued);
  command.terminal.out(visible(issued.token));
  command.terminal.err(`for ${visible(issued.person)}, until ${clockTime(issued.expires_at)}`);
}

/** "30m", "8h" in milliseconds. Throws CommandFailure in words. */
export function ttlMs(text: string): number {
  const match = /^(\d{1,9})(s|m|h|d)$/.exec(text);
  const ms = match === null ? 0 : Number(match[1]) * (unitMs[match[2] ?? ''] ?? 0);
  if (ms > 0) return ms;
  throw new CommandFailure(exitCode.usage, `"${visible(text)}" is not a time to live`, 'write a number and a unit, as in 30m or 8h');
}
