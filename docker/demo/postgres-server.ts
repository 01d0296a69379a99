// A real PostgreSQL in a directory of its own: made once, started on a port, stopped with this process in any event.
// A small shell stands between: it holds the reading end of a pipe, and when this process is gone, however it died, the
// pipe closes and the shell stops the server. Listens on 127.0.0.1 only, and on no Unix socket.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endOrphan } from './postgres-orphan.ts';
import { credentials } from './unprivileged.ts';
import type { RunAs } from './unprivileged.ts';

export interface ServerPlace {
  /** Directory with `postgres` and `initdb`. */
  readonly binaries: string;
  /** The cluster; made when missing. Its parent must be reachable by `user`. */
  readonly directory: string;
  readonly user: RunAs | null;
}

export interface ServerOptions {
  readonly port: number;
  /** Password of the superuser `postgres`, set when the cluster is made. */
  readonly superuserPassword: string;
  /** Further settings, as in `-c name=value`. */
  readonly settings?: Readonly<Record<string, string>>;
}

const startTimeoutMs = 60_000;
const stopTimeoutMs = 15_000;
const pollMs = 20;

/** Stops the server at the end of file 3, or when told to; ends with the server's own status. */
const keeper = `
trap '' HUP INT
"$@" </dev/null 3<&- &
server=$!
trap 'kill -INT $server' TERM
( cat <&3 >/dev/null; kill -INT $server ) 2>/dev/null &
watch=$!
while kill -0 $server 2>/dev/null; do wait $server; status=$?; done
kill $watch 2>/dev/null
exit $status
`;

export class PostgresServer {
  readonly place: ServerPlace;
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #running = true;

  private constructor(place: ServerPlace, port: number, child: ChildProcess) {
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

  /** Makes the cluster when it is missing, ends what an earlier run left behind, and waits until it takes connections. */
  static async start(place: ServerPlace, options: ServerOptions, signal?: AbortSignal): Promise<PostgresServer> {
    await endOrphan(place.directory);
    if (!existsSync(join(place.directory, 'PG_VERSION'))) await makeCluster(place, options.superuserPassword, signal);
    signal?.throwIfAborted();
    const settings = {
      listen_addresses: '127.0.0.1',
      port: String(options.port),
      unix_socket_directories: '',
      logging_collector: 'off',
      ...options.settings,
    };
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const log = openSync(`${place.directory}.log`, 'w', 0o600);
    const program = [join(place.binaries, 'postgres'), '-D', place.directory, ...args];
    const child = spawn('/bin/sh', ['-c', keeper, 'sh', ...program], {
      cwd: '/',
      detached: true,
      stdio: ['ignore', log, log, 'pipe'],
      env: cleanEnvironment(),
      ...credentials(place.user),
    });
    closeSync(log);
    child.on('error', () => {});
    const server = new PostgresServer(place, options.port, child);
    try {
      await server.#ready(signal);
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** Fast shutdown: ends its connections, writes everything, and resolves when it is gone. Idempotent. */
  async stop(): Promise<void> {
    this.#child.stdio[3]?.destroy();
    const timer = setTimeout(() => this.#kill(), stopTimeoutMs);
    await this.#ended;
    clearTimeout(timer);
  }

  get running(): boolean {
    return this.#running;
  }

  /** Resolves when the server has ended for whatever reason. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  async #ready(signal: AbortSignal | undefined): Promise<void> {
    const deadlineMs = performance.now() + startTimeoutMs;
    for (;;) {
      signal?.throwIfAborted();
      if (!this.#running) throw new Error(`PostgreSQL did not start:\n${endOf(`${this.place.directory}.log`)}`);
      if (pidFileSaysReady(this.place.directory) && (await accepts(this.port))) return;
      if (performance.now() > deadlineMs) throw new Error(`PostgreSQL was not ready in time:\n${endOf(`${this.place.directory}.log`)}`);
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

/** initdb beside, then rename: a cluster that was interrupted while being made is never used. */
async function makeCluster(place: ServerPlace, password: string, signal: AbortSignal | undefined): Promise<void> {
  const unfinished = `${place.directory}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  rmSync(place.directory, { recursive: true, force: true });
  const passwordFile = join(dirname(unfinished), `.${basename(unfinished)}.pw`);
  writeFileSync(passwordFile, password, { mode: 0o600 });
  mkdirSync(unfinished, { mode: 0o700 });
  if (place.user !== null) for (const path of [passwordFile, unfinished]) chownSync(path, place.user.uid, place.user.gid);
  chmodSync(unfinished, 0o700);
  try {
    const args = ['-D', unfinished, '-U', 'postgres', '--encoding=UTF8', '--locale=C', '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
    await run(join(place.binaries, 'initdb'), [...args, '--no-sync'], place.user, signal);
    renameSync(unfinished, place.directory);
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(unfinished, { recursive: true, force: true });
  }
}

function run(program: string, args: readonly string[], user: RunAs | null, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: cleanEnvironment(),
      ...credentials(user),
    });
    let output = '';
    const keep = (chunk: Buffer) => (output = (output + chunk.toString('utf8')).slice(-8192));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const abort = () => child.pid !== undefined && process.kill(-child.pid, 'SIGTERM');
    signal?.addEventListener('abort', abort);
    child.on('error', reject);
    child.on('close', (code) => {
      signal?.removeEventListener('abort', abort);
      if (code === 0) resolve();
      else reject(signal?.aborted ? new Error('interrupted') : new Error(`${basename(program)} failed:\n${output.trim()}`));
    });
  });
}

/** PG… variables of the person's own shell must not reach this server. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };
}

/** Line 8 of postmaster.pid: "ready", padded. The port alone could be somebody else's. */
function pidFileSaysReady(directory: string): boolean {
  try {
    return readFileSync(join(directory, 'postmaster.pid'), 'utf8').split('\n')[7]?.trim() === 'ready';
  } catch {
    return false;
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => socket.destroy());
    socket.once('connect', () => socket.destroy());
  });
}

function endOf(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').slice(-2000).trim() : '';
}
