// The gateway inside the demo's process: started from its configuration file, and asked for tokens and links as its own
// operator would ask. Its log goes to a file, so that the terminal stays readable.

import { join } from 'node:path';
import pino from 'pino';
import { loadConfig } from '../../src/config/load.ts';
import { Fault } from '../../src/core/errors.ts';
import { startGateway } from '../../src/gateway.ts';

export interface DemoGateway {
  readonly httpUrl: string;
  issueToken(person: string): string;
  /** A link that signs this person in to the console, once. */
  loginLink(person: string): string;
  close(): Promise<void>;
}

const tokenName = 'demo';
const tokenTtlMs = 24 * 3_600_000;
const linkTtlMs = 3_600_000;

export async function openGateway(configFile: string, dataDir: string): Promise<DemoGateway> {
  const log = pino({ level: 'info' }, pino.destination({ dest: join(dataDir, 'gateway.log'), sync: true, append: true }));
  const { addresses, identity, close } = await startGateway(loadConfig(configFile), { log });
  // Those of earlier starts were printed on a terminal and are of no use any more.
  for (const token of identity.tokens(null)) if (token.name === tokenName) identity.revokeToken(token.id, null);
  return {
    httpUrl: addresses.http,
    issueToken: (person) => identity.issueToken(person, { name: tokenName, ttlMs: tokenTtlMs }).token,
    loginLink: (person) => {
      try {
        return identity.createLoginLink(person, linkTtlMs);
      } catch (error) {
        // Many starts within an hour, and no link used: the console asks for a token then.
        if (error instanceof Fault && error.code === 'limit-reached') return `${addresses.http}/login`;
        throw error;
      }
    },
    close,
  };
}
