// A gateway, an agent of it and one server, each as a process of its own. The server is a target twice: "near" is dialled by the
// gateway, "far" through the agent, whose link is TLS as anywhere else. What is measured is the difference.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { AgentView, EnrolmentTokenIssued } from '../../src/api/contract.ts';
import { temporaryDirectory } from '../support/directories.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { sallyport } from '../support/gateway-process.ts';
import { freePort } from '../support/ports.ts';
import { run, start } from '../support/processes.ts';
import { certificateFiles } from '../unit/agent-fixture.ts';
import { benchPolicies } from './policies.ts';

export type Way = 'near' | 'far';

/** A target of the configuration, but for its name and its agent. */
export interface ServedTarget {
  readonly protocol: 'postgres' | 'ssh';
  readonly port: number;
  readonly [setting: string]: unknown;
}

export interface AgentWorld {
  readonly port: number;
  /** Of the engineer who does the work. */
  readonly token: string;
  readonly dataDir: string;
}

const readyTimeoutMs = 30_000;

/** `publicKeys` are the engineer's, for SSH. */
export async function startAgentWorld(t: Teardown, target: ServedTarget, publicKeys: readonly string[] = []): Promise<AgentWorld> {
  const directory = temporaryDirectory(t, 'bench-agent');
  const policyDir = join(directory, 'policies');
  mkdirSync(policyDir);
  for (const [name, text] of Object.entries({ ...benchPolicies(), ...commandPolicy })) writeFileSync(join(policyDir, name), text);
  const http = await freePort();
  const certificate = certificateFiles(t);
  const served = { ...target, host: '127.0.0.1', labels: { env: 'production' } };
  const configuration = {
    data_dir: 'data',
    listen: { http: { host: '127.0.0.1', port: http }, [target.protocol]: { host: '127.0.0.1', port: 0 } },
    public_url: `https://127.0.0.1:${http}`,
    tls: { certificate: certificate.cert, key: certificate.key },
    people: [
      { name: 'alice', groups: ['engineers'], ssh_keys: publicKeys },
      { name: 'erin', groups: ['operators'] },
    ],
    rights: { operate: ['operators'] },
    targets: [
      { ...served, name: 'near' },
      { ...served, name: 'far', agent: 'vpc' },
    ],
    policies: { dir: 'policies' },
    log: { level: 'warn' },
  };
  const file = join(directory, 'sallyport.yaml');
  writeFileSync(file, stringify(configuration));
  const flags = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'gateway-process.ts')];
  const gateway = start(t, process.execPath, [...flags, file, 'alice', 'erin']);
  const ready = await gateway.waitFor(/^\{"addresses":.*\}$/m, readyTimeoutMs);
  const { addresses, tokens } = JSON.parse(ready[0]) as { addresses: Record<string, { port: number }>; tokens: [string, string] };
  const [token, operator] = tokens;
  const env = { NODE_EXTRA_CA_CERTS: certificate.cert, SALLYPORT_SERVER: configuration.public_url, SALLYPORT_TOKEN: operator };
  const command = async <T>(...args: readonly string[]): Promise<T> => {
    const { stdout, stderr, code } = await run(t, process.execPath, [sallyport, ...args, '--json'], { env });
    if (code !== 0) throw new Error(`sallyport ${args.join(' ')}: ${stderr}`);
    return JSON.parse(stdout) as T;
  };
  const issued = await command<EnrolmentTokenIssued>('agents', 'token', 'vpc');
  const link = ['--gateway', `wss://127.0.0.1:${http}`, '--state', join(directory, 'state'), '--ca', certificate.cert];
  start(t, process.execPath, [sallyport, 'agent', ...link, '--allow', `127.0.0.1:${target.port}`], {
    env: { SALLYPORT_AGENT_TOKEN: issued.token },
  });
  await eventually('the agent is linked', async () => (await command<AgentView[]>('agents')).some(({ connected }) => connected));
  return { port: addresses[target.protocol]?.port ?? 0, token, dataDir: join(directory, 'data') };
}

const commandPolicy = {
  'commands.yaml': stringify({
    policy: 'commands',
    rules: [
      {
        id: 'all',
        title: 'Engineers work',
        actions: ['command', 'subsystem', 'file', 'environment'],
        principals: { groups: ['engineers'] },
        decision: 'allow',
      },
    ],
  }),
};
