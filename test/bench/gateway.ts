// Starts the gateway under test as its own process, with everything on: classification, 50 rules, audit, recording. The same server
// may be a target twice: dialled by the gateway, and through an agent, which is a process of its own with a link over TLS.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { EnrolmentTokenIssued } from '../../src/api/contract.ts';
import { temporaryDirectory } from '../support/directories.ts';
import type { Teardown } from '../support/directories.ts';
import { sallyport } from '../support/gateway-process.ts';
import { freePort } from '../support/ports.ts';
import { run, start } from '../support/processes.ts';
import { certificateFiles } from '../unit/agent-fixture.ts';
import type { Contender, Endpoint } from './contender.ts';
import { benchPolicies } from './policies.ts';
import type { CertificateFiles } from './proxies.ts';

export const person = 'alice';
const approver = 'dana';
const operator = 'erin';
const auditor = 'carol';
export const targetName = 'bench';
/** The same server behind an agent. */
export const farTargetName = 'bench-far';

export interface StartedGateway {
  readonly endpoint: Endpoint;
  readonly pid: number;
  /** The agent's process; null without one. */
  readonly agentPid: number | null;
  /** Of the API, and a token of somebody who may answer holds. */
  readonly http: string;
  readonly approverToken: string;
  /** Of somebody who may look at recordings. */
  readonly auditorToken: string;
  /** Signs them in to the console, once. */
  readonly auditorLink: string;
  readonly dataDir: string;
}

export interface GatewayStart {
  readonly protocol: 'postgres' | 'mysql' | 'ssh';
  readonly target: Endpoint;
  /** What a target of this protocol has besides. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Keys of the engineer, for SSH. */
  readonly publicKeys?: readonly string[];
  /** Flags for node before the script, such as --cpu-prof. */
  readonly nodeFlags: readonly string[];
  /** Both sides encrypt. */
  readonly tls?: boolean;
  readonly agent?: boolean;
  /** Missing: as many as it has by itself. */
  readonly relayThreads?: number;
  /** Another checkout of the same project, to measure a change against what was before. */
  readonly checkout?: string;
}

/** All come from one address, and wait for one person, here. */
const connectionsMax = 20_000;
const readyTimeoutMs = 30_000;

export async function startBenchGateway(t: Teardown, options: GatewayStart): Promise<StartedGateway> {
  const { protocol, target, nodeFlags, checkout, tls = false, agent = false } = options;
  const directory = temporaryDirectory(t, 'bench-gateway');
  const policyDir = join(directory, 'policies');
  mkdirSync(policyDir);
  for (const [name, text] of Object.entries(benchPolicies())) writeFileSync(join(policyDir, name), text);
  const certificate = tls || agent ? certificateFiles(t) : null;
  const httpPort = await freePort();
  const file = join(directory, 'sallyport.yaml');
  writeFileSync(file, stringify(configuration(options, directory, httpPort, certificate)));
  const script = join(checkout ?? join(import.meta.dirname, '../..'), 'test/bench/gateway-process.ts');
  const people = [person, approver, operator, auditor];
  const running = start(t, process.execPath, ['--disable-warning=ExperimentalWarning', ...nodeFlags, script, file, ...people]);
  const ready = await running.waitFor(/^\{"addresses":.*\}$/m, readyTimeoutMs);
  const {
    addresses,
    tokens,
    links = [],
  } = JSON.parse(ready[0]) as {
    addresses: Record<string, { host: string; port: number }> & { http: string };
    tokens: string[];
    links?: string[]; // older checkouts say none
  };
  const [token = '', approverToken = '', operatorToken = '', auditorToken = ''] = tokens;
  const address = addresses[protocol];
  if (address === undefined || running.child.pid === undefined) throw new Error(`the gateway does not serve ${protocol}`);
  const link = { httpPort, certificate, operatorToken, directory, targetPort: target.port };
  return {
    // MySQL clients name the target as the database too.
    endpoint: { ...address, user: person, password: token, database: targetName, tls, ...(certificate === null ? {} : { certificate }) },
    pid: running.child.pid,
    agentPid: agent && certificate !== null ? await startAgent(t, { ...link, certificate }) : null,
    http: addresses.http,
    approverToken,
    auditorToken,
    auditorLink: links[people.indexOf(auditor)] ?? '',
    dataDir: join(directory, 'data'),
  };
}

/** The gateway as contenders: without, and where there is an agent, with it. */
export function contendersOf({ endpoint, pid, agentPid }: StartedGateway): Contender[] {
  const near: Contender = { name: 'sallyport', endpoint, pids: [pid] };
  return agentPid === null ? [near] : [near, { name: 'agent', endpoint: { ...endpoint, database: farTargetName }, pids: [pid, agentPid] }];
}

function configuration(
  { protocol, target, settings = {}, publicKeys = [], tls = false, agent = false, relayThreads }: GatewayStart,
  directory: string,
  httpPort: number,
  certificate: CertificateFiles | null,
): object {
  const passwordFile = join(directory, 'password');
  writeFileSync(passwordFile, target.password, { mode: 0o600 });
  const { host, port, user, database } = target;
  const ofDatabase = { password_file: passwordFile, database, tls: { mode: tls ? 'require' : 'disable' } };
  const common = { protocol, host, port, user, labels: { env: 'production' }, ...(protocol === 'ssh' ? {} : ofDatabase), ...settings };
  const secured =
    certificate === null
      ? {}
      : { public_url: `https://127.0.0.1:${httpPort}`, tls: { certificate: certificate.cert, key: certificate.key } };
  return {
    data_dir: 'data',
    ...(relayThreads === undefined ? {} : { relay_threads: relayThreads }),
    listen: { http: { host: '127.0.0.1', port: httpPort }, [protocol]: { host: '127.0.0.1', port: 0 } },
    ...secured,
    people: [
      { name: person, groups: ['engineers'], ssh_keys: publicKeys },
      { name: approver, groups: ['dba'] },
      { name: operator, groups: ['operators'] },
      { name: auditor, groups: ['auditors'] },
    ],
    rights: { approve: ['dba'], operate: ['operators'], audit: ['auditors'] },
    targets: [{ ...common, name: targetName }, ...(agent ? [{ ...common, name: farTargetName, agent: 'vpc' }] : [])],
    policies: { dir: 'policies' },
    limits: {
      connections: connectionsMax,
      connections_per_address: connectionsMax,
      holds: connectionsMax,
      holds_per_person: connectionsMax,
    },
    log: { level: 'warn' },
  };
}

interface AgentStart {
  readonly httpPort: number;
  readonly certificate: CertificateFiles;
  readonly operatorToken: string;
  readonly directory: string;
  readonly targetPort: number;
}

/** Enrols an agent, as an operator would, and waits until it is linked. */
async function startAgent(t: Teardown, { httpPort, certificate, operatorToken, directory, targetPort }: AgentStart): Promise<number> {
  const origin = `127.0.0.1:${httpPort}`;
  const env = { NODE_EXTRA_CA_CERTS: certificate.cert, SALLYPORT_SERVER: `https://${origin}`, SALLYPORT_TOKEN: operatorToken };
  const { stdout, stderr, code } = await run(t, process.execPath, [sallyport, 'agents', 'token', 'vpc', '--json'], { env });
  if (code !== 0) throw new Error(`sallyport agents token: ${stderr}`);
  const issued = JSON.parse(stdout) as EnrolmentTokenIssued;
  const link = ['--gateway', `wss://${origin}`, '--state', join(directory, 'agent'), '--ca', certificate.cert];
  const agent = start(t, process.execPath, [sallyport, 'agent', ...link, '--allow', `127.0.0.1:${targetPort}`], {
    env: { SALLYPORT_AGENT_TOKEN: issued.token },
  });
  await agent.waitFor(/linked/i, readyTimeoutMs);
  if (agent.child.pid === undefined) throw new Error('the agent has no process');
  return agent.child.pid;
}
