// A real MariaDB with sysbench's table, and the proxies in front of it; all without TLS, or all with it.

import { spawnSync } from 'node:child_process';
import { certificateFiles } from '../unit/agent-fixture.ts';
import type { Teardown } from '../support/directories.ts';
import { startMariadb, tlsOptions } from '../support/mariadb.ts';
import type { Contender, Endpoint, Stage } from './contender.ts';
import { contendersOf, startBenchGateway } from './gateway.ts';
import { sysbench } from './mysql-workloads.ts';
import type { StageOptions } from './postgres-stage.ts';
import { proxyVersions, withoutThreads } from './postgres-stage.ts';
import { startHaproxy } from './proxies.ts';

export async function startMysqlStage(
  t: Teardown,
  { wanted, nodeFlags, before, relayThreads }: StageOptions,
  encryption: 'plain' | 'tls' = 'plain',
): Promise<Stage> {
  const tls = encryption === 'tls';
  const certificate = tls ? certificateFiles(t) : null;
  const ofServer = certificate === null ? [] : tlsOptions(t, certificate);
  const server = await startMariadb(t, ['--max-connections=300', '--innodb-buffer-pool-size=128M', ...ofServer]);
  const { host, port, user, password, database } = server;
  const files = certificate === null ? {} : { tls, certificate };
  const target: Endpoint = { host, port, user, password, database, ...files };
  const gateway = { protocol: 'mysql', target, tls } as const;
  await sysbench({ ...target, tls: false }, 'oltp_point_select', ['prepare'], 60_000);
  const contenders: Contender[] = [{ name: 'direct', endpoint: target, pids: [] }];
  if (wanted.has('haproxy')) contenders.push(await startHaproxy(t, target));
  if (before !== null) {
    const { endpoint, pid } = await startBenchGateway(t, { ...gateway, nodeFlags: [], checkout: before });
    contenders.push({ name: 'before', endpoint, pids: [pid] });
  }
  if (relayThreads !== null) {
    const { endpoint, pid } = await startBenchGateway(t, { ...gateway, nodeFlags: [], relayThreads });
    contenders.push({ name: 'threads', endpoint, pids: [pid] });
  }
  if (wanted.has('sallyport')) {
    const agent = wanted.has('agent');
    contenders.push(...contendersOf(await startBenchGateway(t, { ...gateway, nodeFlags, agent, ...withoutThreads(relayThreads) })));
  }
  const [row] = await server.sql('SELECT version() AS version');
  const tool = spawnSync('sysbench', ['--version'], { encoding: 'utf8' }).stdout.trim();
  return {
    contenders: contenders.map((it) => ({ ...it, endpoint: { ...files, ...it.endpoint } })),
    versions: { MariaDB: String(row?.['version']), sysbench: tool.replace('sysbench ', ''), ...proxyVersions(wanted) },
    reset: () => Promise.resolve(),
  };
}
