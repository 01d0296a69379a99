// A real MariaDB (Debian's) in a directory of its own, for the demo's target `shop`: made once, started on a port, stopped with
// this process in any event, as the PostgreSQL beside it. Listens on 127.0.0.1 only. Its root account has no way in: what root
// must do stands in a file that the server runs before it takes connections.

import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { KeptServer } from './kept-server.ts';
import { endOrphan } from './orphan.ts';
import { cleanEnvironment, runToEnd } from './to-end.ts';
import type { RunAs } from './unprivileged.ts';

const program = '/usr/sbin/mariadbd';
const installer = '/usr/bin/mariadb-install-db';

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
  readonly #kept: KeptServer;

  private constructor(place: MariadbPlace, port: number, kept: KeptServer) {
    this.place = place;
    this.port = port;
    this.#kept = kept;
  }

  /** Makes the data directory when it is missing, ends what an earlier run left behind, and waits until it takes connections. */
  static async start(place: MariadbPlace, port: number, accounts: MariadbAccounts, signal?: AbortSignal): Promise<MariadbServer> {
    const { directory, user } = place;
    await endOrphan(directory, { name: 'MariaDB', pidFile: 'mariadb.pid', stop: 'SIGTERM', kill: 'SIGKILL' });
    if (!existsSync(join(directory, 'mysql'))) await makeDirectory(place, signal);
    signal?.throwIfAborted();
    const kept = await KeptServer.start(
      {
        name: 'MariaDB',
        command: [program, ...settings(directory, port, writeAccounts(place, accounts))],
        stop: 'TERM',
        logFile: `${directory}.log`,
        user,
        env: cleanEnvironment(),
      },
      // Ready is who knows the password of this directory: the port alone could be somebody else's.
      () => accepts(port, accounts.ownerPassword),
      signal,
    );
    return new MariadbServer(place, port, kept);
  }

  /** Ends its connections, writes everything, and resolves when it is gone. Idempotent. */
  stop(): Promise<void> {
    return this.#kept.stop();
  }

  /** Resolves when the server has ended for whatever reason. */
  get ended(): Promise<void> {
    return this.#kept.ended;
  }
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
    const args = ['--no-defaults', `--datadir=${unfinished}`, '--skip-test-db', '--auth-root-authentication-method=socket'];
    await runToEnd(installer, args, { user, env: cleanEnvironment({ TMPDIR: unfinished }) }, signal);
    renameSync(unfinished, directory);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
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
