// The demo: a real PostgreSQL with a small shop in it, and the gateway in front. In the foreground until it is told to stop,
// or until whoever started it is gone. Progress goes to stderr; stdout gets the greeting or one line of JSON, nothing else.

import { mkdirSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as paint from '../../scripts/progress.mjs';
import { clusterDirectory, lastPorts, lock, openDataDirectory, passwords, rememberPorts, shopPasswords } from './data-directory.ts';
import type { Ports } from './data-directory.ts';
import { dataLoaded, loadData } from './data-set.ts';
import { freePort } from './free-port.ts';
import { copyPolicies, people, sshTarget, writeConfiguration } from './gateway-files.ts';
import { openGateway } from './gateway.ts';
import { readOptions } from './options.ts';
import type { DemoOptions } from './options.ts';
import { postgresBinaries } from './postgres-binaries.ts';
import { PostgresServer } from './postgres-server.ts';
import { greeting } from './ready.ts';
import type { Ready } from './ready.ts';
import { fillShop, mariadbIsInstalled, MariadbServer, shopUrls } from './shop.ts';
import { startEmbeddedSshServer } from './embedded-ssh-server.ts';
import { SshServer, sshdIsInstalled } from './ssh-server.ts';
import type { Machine } from './ssh-server.ts';
import { unprivilegedUser } from './unprivileged.ts';

const { say, step } = paint;
const preferred: Ports = { http: 8080, postgres: 6432, database: 54329, mysql: 3307, mariadb: 54330, ssh: 2222, sshd: 54322 };
/** A second Ctrl-C this long after the first means: now. (npm, the shell and the terminal each pass the first one on.) */
const impatientMs = 2000;
const shutdownMs = 25_000;

type Closer = () => Promise<void> | void;

/** What must be undone, newest first. */
const closers: Closer[] = [];
const stopping = new AbortController();
let stoppedAtMs: number | null = null;

function askedToStop(): void {
  const nowMs = performance.now();
  if (stoppedAtMs === null) {
    stoppedAtMs = nowMs;
    stopping.abort(new Error('interrupted'));
    // The keeper of PostgreSQL stops it even then, when this process ends.
    setTimeout(() => process.exit(1), shutdownMs).unref();
  } else if (nowMs - stoppedAtMs > impatientMs) {
    process.exit(130);
  }
}

async function closeAll(): Promise<void> {
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
}

async function choosePorts(dataDir: string): Promise<Ports> {
  const last = lastPorts(dataDir) ?? preferred;
  const taken = new Set<number>();
  const choose = async (name: keyof Ports) => {
    const port = await freePort([last[name] ?? preferred[name], preferred[name]], taken);
    taken.add(port);
    return port;
  };
  const ports: Ports = {
    http: await choose('http'),
    postgres: await choose('postgres'),
    database: await choose('database'),
    mysql: await choose('mysql'),
    mariadb: await choose('mariadb'),
    ssh: await choose('ssh'),
    sshd: await choose('sshd'),
  };
  rememberPorts(dataDir, ports);
  return ports;
}

async function start({ dataDir }: DemoOptions): Promise<{ ready: Ready; ports: Ports }> {
  const signal = stopping.signal;
  openDataDirectory(dataDir);
  closers.push(lock(dataDir));
  const roles = passwords(dataDir);
  const ports = await choosePorts(dataDir);

  const server = await step('Starting PostgreSQL', async () => {
    const user = unprivilegedUser();
    const place = { binaries: postgresBinaries(user), directory: clusterDirectory(dataDir, user), user };
    return PostgresServer.start(place, { port: ports.database, superuserPassword: roles.superuserPassword }, signal);
  });
  closers.push(() => server.stop());
  void server.ended.then(() => {
    if (stoppedAtMs !== null) return;
    say(`${paint.red('✗')} PostgreSQL ended by itself; the demo ends too. Its log: ${server.place.directory}.log`);
    process.exitCode = 1;
    askedToStop();
  });
  if (!(await dataLoaded(ports.database, roles))) {
    // A load that is cut short leaves no mark, so the next start does it again: no need to wait for its end.
    const abandon = () => void server.stop();
    signal.addEventListener('abort', abandon);
    await step('Filling the shop: customers, products, orders, payments', () => loadData(ports.database, roles));
    signal.removeEventListener('abort', abandon);
  }
  signal.throwIfAborted();

  const shop = await startShop(dataDir, ports, signal);
  const machine = await startMachine(dataDir, ports, signal);
  const gateway = await step('Starting the gateway', () => {
    copyPolicies(dataDir);
    return openGateway(writeConfiguration(dataDir, ports, machine, shop), dataDir);
  });
  closers.push(() => gateway.close());
  signal.throwIfAborted();

  const tokens = Object.fromEntries(people.map(({ name }) => [name, { token: gateway.issueToken(name) }]));
  const target = (database: string) => ({
    protocol: 'postgres',
    url: `postgres://alice:${tokens['alice']?.token ?? ''}@127.0.0.1:${ports.postgres}/${database}`,
    direct: `postgres://orders_owner:${roles.ownerPassword}@127.0.0.1:${ports.database}/${database}`,
  });
  const ready = {
    console: gateway.loginLink('bob'),
    api: `${gateway.httpUrl}/api/v1`,
    people: tokens,
    targets: {
      orders: target('orders'),
      scratch: target('scratch'),
      ...(shop === null ? {} : { shop: shopUrls(tokens['alice']?.token ?? '', ports.mysql, shop.port, shopPasswords(dataDir)) }),
      'web-1': sshTarget(dataDir, ports.ssh),
    },
  };
  return { ready, ports };
}

/** Target shop: Debian's MariaDB where it is installed; without it the demo has no MySQL target, and says so. */
async function startShop(dataDir: string, ports: Ports, signal: AbortSignal): Promise<MariadbServer | null> {
  if (!mariadbIsInstalled()) {
    say(`${paint.dim('○')} No target shop: MariaDB is not installed (apt-get install mariadb-server)`);
    return null;
  }
  const starting = step('Starting MariaDB', async () => {
    const user = unprivilegedUser();
    const accounts = shopPasswords(dataDir);
    const place = { directory: clusterDirectory(dataDir, user, 'mariadb'), user };
    const server = await MariadbServer.start(place, ports.mariadb, accounts, signal);
    closers.push(() => server.stop());
    void server.ended.then(() => {
      if (stoppedAtMs !== null) return;
      say(`${paint.red('✗')} MariaDB ended by itself; the demo ends too. Its log: ${place.directory}.log`);
      process.exitCode = 1;
      askedToStop();
    });
    const abandon = () => void server.stop();
    signal.addEventListener('abort', abandon);
    await fillShop(server, accounts);
    signal.removeEventListener('abort', abandon);
    return server;
  });
  return starting.catch((error: unknown) => {
    signal.throwIfAborted();
    // One that is installed and broken is no reason to show nothing.
    say(`${paint.dim('○')} No target shop: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  });
}

/** Target web-1: Debian's sshd where it is installed, otherwise a small server of the demo's own, which says so. */
async function startMachine(dataDir: string, ports: Ports, signal: AbortSignal): Promise<Machine> {
  const installed = sshdIsInstalled();
  const words = installed ? 'Starting sshd' : 'Starting an embedded SSH server: sshd is not installed (apt-get install openssh-server)';
  return step(words, async () => {
    const user = unprivilegedUser();
    const directory = join(dirname(clusterDirectory(dataDir, user)), 'web-1');
    mkdirSync(directory, { recursive: true });
    const place = { directory, user };
    const machine = await (installed ? SshServer.start(place, ports.sshd, signal) : startEmbeddedSshServer(place, ports.sshd));
    closers.push(() => machine.stop());
    return machine;
  });
}

/** Through the starter, which owns the real stdout; or directly when there is none. */
function print(text: string): void {
  if (process.send !== undefined && process.connected) process.send({ print: text });
  else writeSync(1, text);
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, askedToStop);
  process.on('disconnect', askedToStop);
  const { ready, ports } = await start(options);
  print(options.json ? `${JSON.stringify(ready)}\n` : `${greeting(ready, ports, options.dataDir, paint)}\n`);
  if (!stopping.signal.aborted) await new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve()));
}

try {
  await main();
} catch (error) {
  if (!stopping.signal.aborted) {
    say(`\n${paint.red('The demo could not start.')} ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
const wasAsked = stoppedAtMs !== null;
stoppedAtMs ??= performance.now();
if (wasAsked && closers.length > 0) say('\nStopping …');
await closeAll();
if (wasAsked) say('Stopped; nothing is left running.');
process.exit();
