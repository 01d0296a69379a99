// A gateway in a process of its own, started as an operator starts it, for tests that kill it, read what it prints, or run the
// command line against it.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { people as demoPeople } from '../../docker/demo/gateway-files.ts';
import type { TokenIssued } from '../../src/api/contract.ts';
import { api } from './api.ts';
import type { ApiClient } from './api.ts';
import { temporaryDirectory } from './directories.ts';
import type { Teardown } from './directories.ts';
import { shippedPolicies } from './gateway.ts';
import type { TestTarget } from './gateway.ts';
import { start } from './processes.ts';
import { relayThreads } from './relay-threads.ts';
import type { Running } from './processes.ts';

export const sallyport = join(import.meta.dirname, '../../bin/sallyport.mjs');
const startMsMax = 30_000;

export interface GatewayProcessOptions {
  readonly targets: readonly TestTarget[];
  readonly policies?: Readonly<Record<string, string>>;
  /** Further sections of sallyport.yaml. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}

export interface GatewayProcess {
  readonly directory: string;
  readonly dataDir: string;
  readonly policyDir: string;
  readonly configFile: string;
  readonly http: string;
  readonly running: Running;
  /** Everything that every run of it printed. */
  output(): string;
  token(person: string): string;
  api(person: string): ApiClient;
  url(person: string, target: string): string;
  /** SIGKILL, and resolves when it is gone. */
  killHard(): Promise<void>;
  /** SIGTERM, or another signal, and resolves with its exit code. */
  stop(signal?: 'SIGTERM' | 'SIGHUP'): Promise<number | null>;
  /** Starts it again on the same data; ports may differ. */
  start(): Promise<void>;
}

/** Starts one with the demo's people and a token for each. */
export async function startGatewayProcess(t: Teardown, options: GatewayProcessOptions): Promise<GatewayProcess> {
  const directory = temporaryDirectory(t, 'gateway-process');
  const policyDir = join(directory, 'policies');
  const dataDir = join(directory, 'data');
  mkdirSync(policyDir);
  for (const [name, text] of Object.entries(options.policies ?? shippedPolicies())) writeFileSync(join(policyDir, name), text);
  const configFile = join(directory, 'sallyport.yaml');
  writeFileSync(configFile, stringify(configuration(directory, options)));
  const earlier: string[] = [];
  const tokens = new Map<string, string>();
  let running: Running;
  let http = '';
  let postgresPort = '';

  const launch = async () => {
    running = start(t, process.execPath, [sallyport, 'gateway', '--config', configFile, '--login-link', 'erin'], {
      ...(options.env === undefined ? {} : { env: options.env }),
    });
    await running.waitFor(/^ready/m, startMsMax);
    http = (await running.waitFor(/console and API {2}(\S+)/))[1] ?? '';
    postgresPort = (await running.waitFor(/^postgres +\S+:(\d+)$/m))[1] ?? '';
    if (tokens.size > 0) return;
    const link = readFileSync(join(dataDir, 'login-link'), 'utf8').trim();
    for (const [name, token] of await issueTokens(http, link.split('#')[1] ?? '')) tokens.set(name, token);
  };
  const ended = async (signal: 'SIGKILL' | 'SIGTERM' | 'SIGHUP') => {
    running.kill(signal);
    const { code } = await running.end();
    earlier.push(running.output);
    return code;
  };
  const token = (person: string) => {
    const found = tokens.get(person);
    if (found === undefined) throw new Error(`there is no token for ${person}`);
    return found;
  };

  await launch();
  return {
    directory,
    dataDir,
    policyDir,
    configFile,
    get http() {
      return http;
    },
    get running() {
      return running;
    },
    output: () => [...earlier, running.running ? running.output : ''].join('\n'),
    token,
    api: (person) => api(http, token(person)),
    url: (person, target) => `postgres://${person}:${token(person)}@127.0.0.1:${postgresPort}/${target}`,
    killHard: async () => void (await ended('SIGKILL')),
    stop: (signal = 'SIGTERM') => ended(signal),
    start: launch,
  };
}

function configuration(directory: string, { targets, config = {} }: GatewayProcessOptions): object {
  const written = targets.map(({ password, ...target }) => {
    const file = join(directory, `${target.name}.password`);
    writeFileSync(file, password ?? '', { mode: 0o600 });
    return { ...target, ...(password === undefined ? {} : { password_file: file }) };
  });
  return {
    data_dir: 'data',
    relay_threads: relayThreads,
    listen: { http: { host: '127.0.0.1', port: 0 }, postgres: { host: '127.0.0.1', port: 0 } },
    people: demoPeople,
    rights: { approve: ['dba'], audit: ['auditors'], operate: ['operators'] },
    targets: written,
    policies: { dir: 'policies' },
    ...config,
  };
}

/** As the first operator does: by the login link, then a token for everybody. */
async function issueTokens(http: string, secret: string): Promise<[string, string][]> {
  const headers = { 'content-type': 'application/json', origin: http };
  const login = await fetch(`${http}/api/v1/login`, { method: 'POST', headers, body: JSON.stringify({ secret }) });
  if (login.status !== 200) throw new Error(`the login link did not sign erin in: ${await login.text()}`);
  const cookie = (login.headers.getSetCookie()[0] ?? '').split(';')[0] ?? '';
  const issued: [string, string][] = [];
  for (const { name: person } of demoPeople) {
    const body = JSON.stringify({ person, name: 'test' });
    const answer = await fetch(`${http}/api/v1/tokens`, { method: 'POST', headers: { ...headers, cookie }, body });
    if (answer.status !== 200) throw new Error(`no token for ${person}: ${await answer.text()}`);
    issued.push([person, ((await answer.json()) as TokenIssued).token]);
  }
  return issued;
}
