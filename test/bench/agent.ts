// The same work on the same server through the same gateway, without and with an agent between: pairs in turns, with what the
// pairs spread over, since other work on the machine moves both.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeKeyPair, publicKeyOf, SshServer } from '../../docker/demo/ssh-server.ts';
import { unprivilegedUser } from '../../docker/demo/unprivileged.ts';
import { temporaryDirectory } from '../support/directories.ts';
import type { Teardown } from '../support/directories.ts';
import { freePort } from '../support/ports.ts';
import { startPostgres } from '../support/postgres.ts';
import { tool } from '../support/tools.ts';
import { startAgentWorld } from './agent-world.ts';
import type { Way } from './agent-world.ts';
import type { Probe, ProbeLoad, ProbeResult } from './probe.ts';
import { spreadOf } from './statistics.ts';
import { readPgbench, runTool } from './tools-output.ts';

const pairs = 5;
const selectSeconds = 3;
const runTimeoutMs = 120_000;
const megabyte = 2 ** 20;
const rowBytes = 1000;

/** The rate of one way: transactions or megabytes a second. */
type Work = (way: Way) => Promise<number>;

export const agentProbes: readonly Probe[] = [
  probe('agent-select-c1', 'pgbench -S simple, 1 client', (t) => selects(t, 1)),
  probe('agent-select-c16', 'pgbench -S simple, 16 clients', (t) => selects(t, 16)),
  probe('agent-copy-out', 'COPY TO STDOUT', copyOut),
  probe('agent-ssh-down', 'ssh download', sshDown),
];

function probe(name: string, title: string, prepare: (t: Teardown, load: ProbeLoad) => Promise<Work>): Probe {
  return {
    name,
    title: `${title}, rate through an agent beside without`,
    unit: '×',
    must: 0.7,
    run: async (t, load) => compared(await prepare(t, load)),
  };
}

async function compared(work: Work): Promise<ProbeResult> {
  for (const way of ['near', 'far'] as const) await work(way); // both ends compile
  const rates: Record<Way, number[]> = { near: [], far: [] };
  for (let pair = 0; pair < pairs; pair += 1) {
    const order: readonly Way[] = pair % 2 === 0 ? ['near', 'far'] : ['far', 'near'];
    for (const way of order) rates[way].push(await work(way));
  }
  const ratios = spreadOf(rates.far.map((rate, pair) => rate / (rates.near[pair] ?? Number.NaN)));
  const details = {
    'without/s': spreadOf(rates.near).median,
    'with/s': spreadOf(rates.far).median,
    'lowest %': ratios.min * 100,
    'highest %': ratios.max * 100,
  };
  return { value: ratios.median, details };
}

async function selects(t: Teardown, clients: number): Promise<Work> {
  const { server, connection, env } = await postgresWorld(t);
  const admin = ['-h', server.host, '-p', String(server.port), '-U', server.user];
  await runTool({
    command: 'pgbench',
    args: ['-i', '-q', '-s', '1', ...admin, 'postgres'],
    env: { PGPASSWORD: server.password },
    timeoutMs: runTimeoutMs,
  });
  const load = ['-n', '-S', '-M', 'simple', '-c', String(clients), '-j', '1', '-T', String(selectSeconds)];
  return async (way) => {
    const output = await runTool({ command: 'pgbench', args: [...load, ...connection, way], env, timeoutMs: runTimeoutMs });
    return readPgbench(output, clients).perSecond;
  };
}

async function copyOut(t: Teardown, { megabytes }: ProbeLoad): Promise<Work> {
  const { connection, env } = await postgresWorld(t);
  const rows = Math.round((megabytes * megabyte) / rowBytes);
  const text = `COPY (SELECT repeat('x', ${rowBytes - 1}) FROM generate_series(1, ${rows})) TO STDOUT`;
  return (way) =>
    megabytesPerSecond(megabytes, async () => {
      const args = ['-X', ...connection, '-d', way, '-Atqc', text];
      await runTool({ command: 'psql', args, env, timeoutMs: runTimeoutMs, discardOutput: true });
    });
}

async function postgresWorld(t: Teardown) {
  const server = await startPostgres(t, { settings: { shared_buffers: '128MB' } });
  const passwordFile = join(temporaryDirectory(t, 'bench-agent-password'), 'password');
  writeFileSync(passwordFile, server.password, { mode: 0o600 });
  const world = await startAgentWorld(t, {
    protocol: 'postgres',
    port: server.port,
    user: server.user,
    password_file: passwordFile,
    database: 'postgres',
    tls: { mode: 'disable' },
  });
  const connection = ['-h', '127.0.0.1', '-p', String(world.port), '-U', 'alice'];
  return { server, connection, env: { PGPASSWORD: world.token, PGSSLMODE: 'disable', PGGSSENCMODE: 'disable' } };
}

async function sshDown(t: Teardown, { megabytes }: ProbeLoad): Promise<Work> {
  tool('sshd', 'openssh-server');
  const directory = temporaryDirectory(t, 'bench-agent-ssh');
  const server = await SshServer.start({ directory: join(directory, 'server'), user: unprivilegedUser() }, await freePort());
  t.teardown(() => server.stop());
  const key = join(directory, 'alice');
  makeKeyPair(key, 'alice');
  const target = { user: server.user, host_keys: [server.hostKey], private_key_file: server.privateKeyFile };
  const world = await startAgentWorld(t, { protocol: 'ssh', port: server.port, ...target }, [publicKeyOf(key)]);
  const knownHosts = join(directory, 'known_hosts');
  writeFileSync(knownHosts, `[127.0.0.1]:${world.port} ${publicKeyOf(join(world.dataDir, 'ssh_host_ed25519_key'))}\n`);
  const settings = [`UserKnownHostsFile=${knownHosts}`, 'IdentitiesOnly=yes', 'BatchMode=yes', 'LogLevel=ERROR'];
  const options = ['-F', '/dev/null', '-i', key, ...settings.flatMap((it) => ['-o', it]), '-p', String(world.port)];
  return (way) =>
    megabytesPerSecond(megabytes, async () => {
      const args = [...options, `alice:${way}@127.0.0.1`, `head -c ${megabytes * megabyte} /dev/zero`];
      await runTool({ command: tool('ssh', 'openssh-client'), args, timeoutMs: runTimeoutMs, discardOutput: true });
    });
}

async function megabytesPerSecond(megabytes: number, work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return megabytes / ((performance.now() - startMs) / 1000);
}
