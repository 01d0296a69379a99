// Starts the gateway under test as its own process, with everything on: classification, 50 rules, audit, recording.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { temporaryDirectory } from '../support/directories.ts';
import type { Teardown } from '../support/directories.ts';
import { start } from '../support/processes.ts';
import type { Endpoint } from './contender.ts';
import { benchPolicies } from './policies.ts';

export const person = 'alice';
const approver = 'dana';
export const targetName = 'bench';

export interface StartedGateway {
  readonly endpoint: Endpoint;
  readonly pid: number;
  /** Of the API, and a token of somebody who may answer holds. */
  readonly http: string;
  readonly approverToken: string;
  readonly dataDir: string;
}

export interface GatewayStart {
  readonly protocol: 'postgres' | 'mysql';
  readonly target: Endpoint;
  /** Flags for node before the script, such as --cpu-prof. */
  readonly nodeFlags: readonly string[];
  /** Another checkout of the same project, to measure a change against what was before. */
  readonly checkout?: string;
}

/** All come from one address, and wait for one person, here. */
const connectionsMax = 20_000;
const readyTimeoutMs = 30_000;

export async function startBenchGateway(t: Teardown, { protocol, target, nodeFlags, checkout }: GatewayStart): Promise<StartedGateway> {
  const directory = temporaryDirectory(t, 'bench-gateway');
  const policyDir = join(directory, 'policies');
  mkdirSync(policyDir);
  for (const [name, text] of Object.entries(benchPolicies())) writeFileSync(join(policyDir, name), text);
  const passwordFile = join(directory, 'password');
  writeFileSync(passwordFile, target.password, { mode: 0o600 });
  const { host, port, user, database } = target;
  const configuration = {
    data_dir: 'data',
    listen: { http: { host: '127.0.0.1', port: 0 }, [protocol]: { host: '127.0.0.1', port: 0 } },
    people: [
      { name: person, groups: ['engineers'] },
      { name: approver, groups: ['dba'] },
    ],
    rights: { approve: ['dba'] },
    targets: [
      {
        name: targetName,
        protocol,
        host,
        port,
        user,
        password_file: passwordFile,
        database,
        labels: { env: 'production' },
        tls: { mode: 'disable' },
      },
    ],
    policies: { dir: 'policies' },
    limits: {
      connections: connectionsMax,
      connections_per_address: connectionsMax,
      holds: connectionsMax,
      holds_per_person: connectionsMax,
    },
    log: { level: 'warn' },
  };
  const file = join(directory, 'sallyport.yaml');
  writeFileSync(file, stringify(configuration));
  const script = join(checkout ?? join(import.meta.dirname, '../..'), 'test/bench/gateway-process.ts');
  const running = start(t, process.execPath, ['--disable-warning=ExperimentalWarning', ...nodeFlags, script, file, person, approver]);
  const ready = await running.waitFor(/^\{"addresses":.*\}$/m, readyTimeoutMs);
  const { addresses, tokens } = JSON.parse(ready[0]) as {
    addresses: Record<string, { host: string; port: number }> & { http: string };
    tokens: string[];
  };
  const [token = '', approverToken = ''] = tokens;
  const address = addresses[protocol];
  if (address === undefined || running.child.pid === undefined) throw new Error(`the gateway does not serve ${protocol}`);
  return {
    // MySQL clients name the target as the database too.
    endpoint: { ...address, user: person, password: token, database: targetName },
    pid: running.child.pid,
    http: addresses.http,
    approverToken,
    dataDir: join(directory, 'data'),
  };
}
