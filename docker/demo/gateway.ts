// The gateway inside the demo's process: started from its configuration file, and asked for tokens and links as its own
// operator would ask.

import { loadConfig } from '../../src/config/load.ts';
import { startGateway } from '../../src/gateway.ts';

export interface DemoGateway {
  readonly httpUrl: string;
  issueToken(person: string): string;
  /** A link that signs this person in to the console, once. */
  loginLink(person: string): string;
  close(): Promise<void>;
}

const tokenTtlMs = 24 * 3_600_000;
const linkTtlMs = 12 * 3_600_000;

export async function openGateway(configFile: string, dataDir: string): Promise<DemoGateway> {
  const gateway = await startGateway(loadConfig(configFile), {});
  void dataDir;
  return {
    httpUrl: gateway.addresses.http,
    issueToken: (person) => gateway.identity.issueToken(person, { name: 'demo', ttlMs: tokenTtlMs }).token,
    loginLink: (person) => gateway.identity.createLoginLink(person, linkTtlMs),
    close: () => gateway.close(),
  };
}
