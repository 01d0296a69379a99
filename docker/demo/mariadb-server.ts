// A real MariaDB (Debian's) in a directory of its own, for the demo's target `shop`: made once, started on a port, stopped with
// this process in any event, as the PostgreSQL beside it. Listens on 127.0.0.1 only. Its root account has no way in: what root
// must do stands in a file that the server runs before it takes connections.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { endOrphan } from './postgres-orphan.ts';
import { credentials } from './unprivileged.ts';
import type { RunAs } from './unprivileged.ts';

const program = '/usr/sbin/mariadbd';
const installer = '/usr/bin/mariadb-install-db';
const startTimeoutMs = 60_000;
const stopTimeoutMs = 15_000;
const pollMs = 50;
const logCharactersMax = 2000;

/** Stops the server at the end of file 3, or when told to; ends with the server's own status. */
const keeper = `
trap '' HUP INT
"$@" </dev/null 3<&- &
server=$!
trap 'kill -TERM $server' TERM
( cat <&3 >/dev/null; kill -TERM $server ) 2>/dev/null &
watch=$!
while kill -0 $server 2>/dev/null; do wait $server; status=$?; done
kill $watch 2>/dev/null
exit $status
`;

export interface MariadbPlace {
  /** The data directory; made when missing. Its parent must be reachable by `user`. */
  readonly directory: string;
  readonly user: RunAs | null;
}

export interface MariadbAccounts {
  readonly ownerPassword: string;
  readonly gatewayPassword: string;
}

export const owner = 'shop_owner';
export const gatewayAccount = 'gateway';
export const database = 'shop';

export function mariadbIsInstalled(): boolean {
  return existsSync(program) && existsSync(installer);
}

export class MariadbServer {
  readonly place: MariadbPlace;
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #running = true;

  private constructor(place: MariadbPlace, port: number, child: ChildProcess) {
    this.place = place;
    this.port = port;
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => {
        this.#running = false;
        resolve();
      });
    });
  }

  /** Makes the data directory when it is missing, ends what an earlier run left behind, and waits until it takes connections. */
  static async start(place: MariadbPlace, port: number, accounts: MariadbAccounts, signal?: AbortSignal): Promise<MariadbServer> {
    const { directory, user } = place;
    await endOrphan(directory, { name: 'MariaDB', pidFile: 'mariadb.pid', stop: 'SIGTERM', kill: 'SIGKILL' });
    if (!existsSync(join(directory, 'mysql'))) await makeDirectory(place, signal);
    signal?.throwIfAborted();
    const accountsFile = writeAccounts(place, accounts);
    const log = openSync(logOf(directory), 'w', 0o600);
    const child = spawn('/bin/sh', ['-c', keeper, 'sh', program, ...settings(directory, port, accountsFile)], {
      cwd: '/',
      detached: true,
      stdio: ['ignore', log, log, 'pipe'],
      env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
      ...credentials(user),
    });
    closeSync(log);
    child.on('error', () => {});
    const server = new MariadbServer(place, port, child);
    try {
      await server.#ready(accounts, signal);
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** Ends its connections, writes everything, and resolves when it is gone. Idempotent. */
  async stop(): Promise<void> {
    this.#child.stdio[3]?.destroy();
    const timer = setTimeout(() => this.#kill(), stopTimeoutMs);
    await this.#ended;
    clearTimeout(timer);
  }

  /** Resolves when the server has ended for whatever reason. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Ready is who knows the password of this directory: the port alone could be somebody else's. */
  async #ready({ ownerPassword }: MariadbAccounts, signal: AbortSignal | undefined): Promise<void> {
    const deadlineMs = performance.now() + startTimeoutMs;
    for (;;) {
      signal?.throwIfAborted();
      if (!this.#running) throw new Error(`MariaDB did not start:\n${endOf(logOf(this.place.directory))}`);
      if (await accepts(this.port, ownerPassword)) return;
      if (performance.now() > deadlineMs) throw new Error(`MariaDB was not ready in time:\n${endOf(logOf(this.place.directory))}`);
      await delay(pollMs);
    }
  }

  #kill(): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  }
}

export function logOf(directory: string): string {
  return `${directory}.log`;
}

function settings(directory: string, port: number, accountsFile: string): string[] {
  return [
    '--no-defaults',
    `--datadir=${directory}`,
    `--pid-file=${join(directory, 'mariadb.pid')}`,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    '--socket=',
    '--skip-name-resolve',
    `--init-file=${accountsFile}`,
    '--character-set-server=utf8mb4',
    '--default-time-zone=+00:00',
    '--performance-schema=OFF',
    '--max-connections=400',
  ];
}

/** Made beside, then renamed: one that was interrupted while being made is never used. */
async function makeDirectory({ directory, user }: MariadbPlace, signal: AbortSignal | undefined): Promise<void> {
  const unfinished = `${directory}.new`;
  for (const path of [unfinished, directory]) rmSync(path, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  if (user !== null) chownSync(unfinished, user.uid, user.gid);
  try {
    await install(unfinished, user, signal);
    renameSync(unfinished, directory);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

function install(directory: string, user: RunAs | null, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const args = ['--no-defaults', `--datadir=${directory}`, '--skip-test-db', '--auth-root-authentication-method=socket'];
    const child = spawn(installer, args, {
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], LC_ALL: 'C', TMPDIR: directory },
      ...credentials(user),
    });
    let output = '';
    const keep = (chunk: Buffer) => (output = (output + chunk.toString('utf8')).slice(-logCharactersMax));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const abort = () => child.pid !== undefined && process.kill(-child.pid, 'SIGTERM');
    signal?.addEventListener('abort', abort);
    child.on('error', reject);
    child.on('close', (code) => {
      signal?.removeEventListener('abort', abort);
      if (code === 0) resolve();
      else reject(signal?.aborted ? new Error('interrupted') : new Error(`mariadb-install-db failed:\n${output.trim()}`));
    });
  });
}

/** The gateway's account may do whatever the owner may, so that only policy makes the difference. */
function writeAccounts({ directory, user }: MariadbPlace, accounts: MariadbAccounts): string {
  const file = join(directory, 'accounts.sql');
  const account = (name: string, password: string) => [
    `CREATE USER IF NOT EXISTS ${name}@'127.0.0.1' IDENTIFIED BY '${password}';`,
    `ALTER USER ${name}@'127.0.0.1' IDENTIFIED BY '${password}';`,
    `GRANT ALL ON ${database}.* TO ${name}@'127.0.0.1';`,
  ];
  const lines = [
    `CREATE DATABASE IF NOT EXISTS ${database} CHARACTER SET utf8mb4;`,
    ...account(owner, accounts.ownerPassword),
    ...account(gatewayAccount, accounts.gatewayPassword),
  ];
  rmSync(file, { force: true });
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
  if (user !== null) chownSync(file, user.uid, user.gid);
  return file;
}

async function accepts(port: number, password: string): Promise<boolean> {
  try {
    const connection = await createConnection({ host: '127.0.0.1', port, user: owner, password, database });
    connection.on('error', () => {});
    await connection.end();
    return true;
  } catch {
    return false;
  }
}

function endOf(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').slice(-logCharactersMax).trim() : '';
}
