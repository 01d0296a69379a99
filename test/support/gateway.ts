// A whole gateway in this process, from a small description: temporary data directory, free ports, the demo's people, the
// shipped policies unless others are given, and an API client for anybody.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { people as demoPeople } from '../../docker/demo/gateway-files.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Log } from '../../src/core/driver.ts';
import { startGateway } from '../../src/gateway.ts';
import type { GatewayOptions, RunningGateway } from '../../src/gateway.ts';
import { api } from './api.ts';
import type { ApiClient } from './api.ts';
import { temporaryDirectory } from './directories.ts';
import type { Teardown } from './directories.ts';
import type { TestPostgres } from './postgres.ts';
import { relayThreads } from './relay-threads.ts';

export interface TestTarget {
  readonly name: string;
  readonly protocol: 'postgres' | 'mysql' | 'ssh';
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string | undefined;
  readonly database?: string | undefined;
  readonly labels?: Readonly<Record<string, string>>;
  /** Roles that access may be asked for as. */
  readonly roles?: readonly string[];
  /** The agent that reaches it, by name. */
  readonly agent?: string;
  readonly tls?: object;
}

export interface TestGatewayOptions extends Omit<GatewayOptions, 'log'> {
  readonly targets?: readonly TestTarget[];
  /** File names to YAML texts; default: the shipped production and development policies. */
  readonly policies?: Readonly<Record<string, string>>;
  /** As in sallyport.yaml; default: alice (engineers), bob and dana (dba), carol (auditors), erin (operators). */
  readonly people?: readonly object[];
  /** Further sections of sallyport.yaml, over those made here. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** One line of the gateway's own log. */
export interface LogLine {
  readonly level: keyof Log;
  readonly fields: object;
  readonly message: string;
}

export interface TestGateway {
  readonly running: RunningGateway;
  readonly http: string;
  readonly dataDir: string;
  readonly policyDir: string;
  readonly log: readonly LogLine[];
  /** Where a protocol listens; throws when it does not. */
  address(protocol: 'postgres' | 'mysql' | 'ssh'): { readonly host: string; readonly port: number };
  token(person: string): string;
  /** The API as this person, by token. */
  api(person: string): ApiClient;
  /** postgres://person:token@… through the gateway. */
  url(person: string, target: string): string;
  close(): Promise<void>;
  /** Stops it and starts it again on the same data and ports. */
  restart(): Promise<void>;
}

const tokenTtlMs = 3_600_000;
const pack = (name: string) => readFileSync(join(import.meta.dirname, '../../policies/packs', name), 'utf8');

/** The shipped policies for production and development databases, under their own file names. */
export function shippedPolicies(): Record<string, string> {
  return Object.fromEntries(['production-database.yaml', 'development-database.yaml'].map((name) => [name, pack(name)]));
}

/** A database of a test server as a target of the same rights. */
export function targetOf(server: TestPostgres, name: string, labels: Readonly<Record<string, string>>, database = 'postgres'): TestTarget {
  return {
    name,
    protocol: 'postgres',
    host: server.host,
    port: server.port,
    user: server.user,
    password: server.password,
    database,
    labels,
  };
}

export async function startTestGateway(t: Teardown, options: TestGatewayOptions = {}): Promise<TestGateway> {
  const { targets = [], policies = shippedPolicies(), people = demoPeople, config = {}, ...parts } = options;
  const directory = temporaryDirectory(t, 'gateway');
  const policyDir = join(directory, 'policies');
  mkdirSync(policyDir);
  for (const [name, text] of Object.entries(policies)) writeFileSync(join(policyDir, name), text);
  const served = new Set(targets.length === 0 ? ['postgres' as const] : targets.map(({ protocol }) => protocol));
  const ports = new Map<string, number>();
  const listen = () =>
    Object.fromEntries(['http' as const, ...served].map((name) => [name, { host: '127.0.0.1', port: ports.get(name) ?? 0 }]));
  const written = () => ({
    data_dir: 'data',
    relay_threads: relayThreads,
    listen: listen(),
    people,
    rights: { approve: ['dba'], audit: ['auditors'], operate: ['operators'] },
    targets: targets.map((target) => writtenTarget(directory, target)),
    policies: { dir: 'policies' },
    ...config,
  });
  const log: LogLine[] = [];
  const file = join(directory, 'sallyport.yaml');
  const launch = async () => {
    writeFileSync(file, stringify(written()));
    const started = await startGateway(loadConfig(file), { ...parts, log: keepLog(log) });
    ports.set('http', Number(new URL(started.addresses.http).port));
    for (const protocol of served) ports.set(protocol, started.addresses[protocol]?.port ?? 0);
    return started;
  };
  let running = await launch();
  t.teardown(() => running.close());
  const tokens = new Map<string, string>();
  const token = (person: string) => {
    const known = tokens.get(person) ?? running.identity.issueToken(person, { name: 'test', ttlMs: tokenTtlMs }).token;
    tokens.set(person, known);
    return known;
  };
  const address = (protocol: 'postgres' | 'mysql' | 'ssh') => {
    const found = running.addresses[protocol];
    if (found === undefined) throw new Error(`this test's gateway does not serve ${protocol}`);
    return found;
  };
  return {
    get running() {
      return running;
    },
    get http() {
      return running.addresses.http;
    },
    dataDir: join(directory, 'data'),
    policyDir,
    log,
    address,
    token,
    api: (person) => api(running.addresses.http, token(person)),
    url: (person, target) => `postgres://${person}:${token(person)}@127.0.0.1:${address('postgres').port}/${target}`,
    close: () => running.close(),
    restart: async () => {
      await running.close();
      running = await launch();
    },
  };
}

function writtenTarget(directory: string, { password, ...target }: TestTarget): object {
  if (password === undefined) return target;
  const file = join(directory, `${target.name}.password`);
  writeFileSync(file, password, { mode: 0o600 });
  return { ...target, password_file: file };
}

function keepLog(lines: LogLine[]): Log {
  const at = (level: keyof Log) => (fields: object, message: string) => void lines.push({ level, fields, message });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
