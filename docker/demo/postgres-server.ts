// A real PostgreSQL in a directory of its own: made once, started on a port, stopped with this process in any event.
// Listens on 127.0.0.1 only, and on no Unix socket.

import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { KeptServer } from './kept-server.ts';
import { endOrphan } from './orphan.ts';
import { cleanEnvironment, runToEnd } from './to-end.ts';
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

export class PostgresServer {
  readonly place: ServerPlace;
  readonly port: number;
  readonly #kept: KeptServer;

  private constructor(place: ServerPlace, port: number, kept: KeptServer) {
    this.place = place;
    this.port = port;
    this.#kept = kept;
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
    const { directory, user } = place;
    const kept = await KeptServer.start(
      {
        name: 'PostgreSQL',
        command: [join(place.binaries, 'postgres'), '-D', directory, ...args],
        stop: 'INT', // a fast shutdown
        logFile: `${directory}.log`,
        user,
        env: cleanEnvironment(),
      },
      async () => pidFileSaysReady(directory) && (await accepts(options.port)),
      signal,
    );
    return new PostgresServer(place, options.port, kept);
  }

  /** Ends its connections, writes everything, and resolves when it is gone. Idempotent. */
  stop(): Promise<void> {
    return this.#kept.stop();
  }

  get running(): boolean {
    return this.#kept.running;
  }

  /** Resolves when the server has ended for whatever reason. */
  get ended(): Promise<void> {
    return this.#kept.ended;
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
    await runToEnd(join(place.binaries, 'initdb'), [...args, '--no-sync'], { user: place.user, env: cleanEnvironment() }, signal);
    renameSync(unfinished, place.directory);
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(unfinished, { recursive: true, force: true });
  }
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
