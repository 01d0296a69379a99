// A real PostgreSQL with pgbench's tables, and the proxies in front of it; all without TLS, or all with it.

import { spawnSync } from 'node:child_process';
import { startPostgres, tlsSettings } from '../support/postgres.ts';
import type { Teardown } from '../support/directories.ts';
import type { Contender, ContenderName, Endpoint, Stage } from './contender.ts';
import { certificateFiles } from '../unit/agent-fixture.ts';
import { contendersOf, startBenchGateway } from './gateway.ts';
import { startHaproxy, startPgbouncer } from './proxies.ts';
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
