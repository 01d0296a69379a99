// A real PostgreSQL with pgbench's tables, and the proxies in front of it; all without TLS, or all with it.

import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { unprivilegedUser } from '../../docker/demo/unprivileged.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { startPostgres } from '../support/postgres.ts';
import type { Teardown } from '../support/directories.ts';
import type { Contender, ContenderName, Endpoint, Stage } from './contender.ts';
import { certificateFiles } from '../unit/agent-fixture.ts';
import { contendersOf, startBenchGateway } from './gateway.ts';
import { startHaproxy, startPgbouncer } from './proxies.ts';
import type { CertificateFiles } from './proxies.ts';
import { runTool } from './tools-output.ts';

export interface StageOptions {
  /** Which contenders the chosen rows need. */
  readonly wanted: ReadonlySet<ContenderName>;
  readonly nodeFlags: readonly string[];
  /** Checkout of the contender "before". */
  readonly before: string | null;
  /** Of the contender "threads". */
  readonly relayThreads: number | null;
}

/** Enough that rows are spread over pages, small enough to stay in memory: the server must not be what is measured. */
const scale = 1;
const connectionsMax = 300;
const database = 'bench';

export async function startPostgresStage(
  t: Teardown,
  { wanted, nodeFlags, before, relayThreads }: StageOptions,
  encryption: 'plain' | 'tls' = 'plain',
): Promise<Stage> {
  const tls = encryption === 'tls';
  const certificate = tls ? certificateFiles(t) : null;
  const server = await startPostgres(t, {
    settings: {
      max_connections: String(connectionsMax),
      shared_buffers: '128MB',
      ...(certificate === null ? {} : tlsSettings(t, certificate)),
    },
  });
  await server.sql(`CREATE DATABASE ${database}`);
  await server.sql('CREATE UNLOGGED TABLE bench_rows (line text)', database);
  const { host, port, user, password } = server;
  const target: Endpoint = { host, port, user, password, database, tls };
  await runTool({
    command: 'pgbench',
    args: ['-i', '-q', '-s', String(scale), '-h', host, '-p', String(port), '-U', user, database],
    env: { PGPASSWORD: password },
    timeoutMs: 60_000,
  });
  const contenders: Contender[] = [{ name: 'direct', endpoint: target, pids: [] }];
  if (wanted.has('haproxy')) contenders.push(await startHaproxy(t, target));
  if (wanted.has('pgbouncer')) contenders.push(await startPgbouncer(t, target, certificate));
  if (before !== null) {
    const { endpoint, pid } = await startBenchGateway(t, { protocol: 'postgres', target, nodeFlags: [], tls, checkout: before });
    contenders.push({ name: 'before', endpoint, pids: [pid] });
  }
  if (relayThreads !== null) {
    const { endpoint, pid } = await startBenchGateway(t, { protocol: 'postgres', target, nodeFlags: [], tls, relayThreads });
    contenders.push({ name: 'threads', endpoint, pids: [pid] });
  }
  if (wanted.has('sallyport')) {
    const agent = wanted.has('agent');
    contenders.push(
      ...contendersOf(await startBenchGateway(t, { protocol: 'postgres', target, nodeFlags, tls, agent, ...withoutThreads(relayThreads) })),
    );
  }
  const [version] = await server.sql('SHOW server_version');
  return {
    contenders,
    versions: { PostgreSQL: String(version?.['server_version']), ...proxyVersions(wanted) },
    reset: () => server.sql('TRUNCATE bench_rows', database),
  };
}

/** The server reads its key as its own user, and only when nobody else can. */
function tlsSettings(t: Teardown, { cert, key }: CertificateFiles): Record<string, string> {
  const directory = temporaryDirectory(t, 'bench-postgres-tls');
  const [ownCert, ownKey] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  copyFileSync(cert, ownCert);
  copyFileSync(key, ownKey);
  chmodSync(ownKey, 0o600);
  const as = unprivilegedUser();
  if (as !== null) for (const path of [directory, ownCert, ownKey]) chownSync(path, as.uid, as.gid);
  return { ssl: 'on', ssl_cert_file: ownCert, ssl_key_file: ownKey };
}

export function proxyVersions(wanted: ReadonlySet<ContenderName>): Record<string, string> {
  const versions: Record<string, string> = {};
  if (wanted.has('haproxy')) versions['HAProxy'] = versionOf('haproxy', ['-v']);
  if (wanted.has('pgbouncer')) versions['PgBouncer'] = versionOf('pgbouncer', ['--version']);
  return versions;
}

function versionOf(program: string, args: readonly string[]): string {
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  const { stdout } = spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, PATH: path } });
  return /\d+\.\d+(?:\.\d+)*/.exec(stdout)?.[0] ?? 'unknown';
}

/** Where a contender has threads, ours has none to be compared with. */
export function withoutThreads(relayThreads: number | null): { readonly relayThreads?: number } {
  return relayThreads === null ? {} : { relayThreads: 0 };
}
