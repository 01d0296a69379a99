// The directory in which a demo keeps everything, with what must survive a restart: passwords, ports, and a lock so that
// two demos never share it.

import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import type { Roles } from './data-set.ts';
import type { MariadbAccounts } from './mariadb-server.ts';
import { reachableRoot } from './postgres-binaries.ts';
import { canEnter } from './unprivileged.ts';
import type { RunAs } from './unprivileged.ts';

export interface Ports {
  readonly http: number;
  readonly postgres: number;
  /** PostgreSQL itself, behind the gateway. */
  readonly database: number;
  readonly mysql: number;
  /** MariaDB itself, behind the gateway. */
  readonly mariadb: number;
  /** The gateway's SSH listener, and sshd behind it. */
  readonly ssh: number;
  readonly sshd: number;
}

/** Makes the directory. When this makes it, others may pass through it (not list it): PostgreSQL's own user has to. */
export function openDataDirectory(directory: string): void {
  if (existsSync(directory)) return;
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, 0o711);
}

/** Takes the lock or throws words. The returned function gives it back. */
export function lock(directory: string): () => void {
  const file = join(directory, 'demo.lock');
  for (const attempt of [1, 2]) {
    try {
      const handle = openSync(file, 'wx', 0o600);
      writeSync(handle, String(process.pid));
      closeSync(handle);
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      const owner = Number(readFileSync(file, 'utf8'));
      if (attempt === 2 || isDemo(owner)) {
        throw new Error(`A demo already runs on ${directory} (process ${owner}). Stop it, or use another directory: --data DIR`, {
          cause: error,
        });
      }
      rmSync(file, { force: true });
    }
  }
  throw new Error(`${file} could not be made`);
}

function isDemo(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 1 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  // A number that another program got meanwhile is no reason to refuse.
  const commandLine = `/proc/${pid}/cmdline`;
  return !existsSync(commandLine) || readFileSync(commandLine, 'utf8').includes('demo/main.ts');
}

/** The passwords of MariaDB's accounts, kept as those of PostgreSQL's roles. */
export function shopPasswords(directory: string): MariadbAccounts {
  return { ownerPassword: password(directory, 'shop_owner'), gatewayPassword: password(directory, 'shop_gateway') };
}

/** The passwords of PostgreSQL's roles: random, made once, readable by their owner only. */
export function passwords(directory: string): Roles {
  return {
    superuserPassword: password(directory, 'postgres'),
    ownerPassword: password(directory, 'orders_owner'),
    gatewayPassword: password(directory, 'gateway'),
  };
}

/** The file that holds the password of a role. */
export function passwordFile(directory: string, role: string): string {
  return join(directory, 'secrets', role);
}

function password(directory: string, role: string): string {
  const file = passwordFile(directory, role);
  if (!existsSync(file)) {
    mkdirSync(join(directory, 'secrets'), { recursive: true, mode: 0o700 });
    writeFileSync(file, randomBytes(18).toString('base64url'), { mode: 0o600 });
  }
  return readFileSync(file, 'utf8').trim();
}

/** The ports of the last start, so that a pasted line works again; null at the first. A version before may have kept fewer. */
export function lastPorts(directory: string): Partial<Ports> | null {
  try {
    return JSON.parse(readFileSync(join(directory, 'ports.json'), 'utf8')) as Ports;
  } catch {
    return null;
  }
}

export function rememberPorts(directory: string, ports: Ports): void {
  writeFileSync(join(directory, 'ports.json'), `${JSON.stringify(ports)}\n`);
}

/**
 * Where a server's data lives: in the data directory, or, when its user cannot get there (root's own home, mode 0700),
 * under /var/lib, tied to this data directory by a random mark, so that a deleted data directory means a fresh cluster.
 */
export function clusterDirectory(directory: string, user: RunAs | null, engine: 'postgres' | 'mariadb' = 'postgres'): string {
  const inside = join(directory, engine);
  mkdirSync(inside, { recursive: true });
  chmodSync(inside, 0o711);
  if (canEnter(inside, user)) return join(inside, 'cluster');
  const name = createHash('sha256').update(directory).digest('hex').slice(0, 16);
  const outside = join(reachableRoot, `${engine === 'postgres' ? 'cluster' : engine}-${name}`);
  const markFile = join(inside, 'mark');
  if (!existsSync(markFile)) writeFileSync(markFile, randomBytes(16).toString('hex'));
  const mark = readFileSync(markFile, 'utf8');
  const outsideMark = join(outside, 'mark');
  if (!existsSync(outsideMark) || readFileSync(outsideMark, 'utf8') !== mark) rmSync(outside, { recursive: true, force: true });
  mkdirSync(outside, { recursive: true });
  for (const path of [reachableRoot, outside]) chmodSync(path, 0o711);
  if (!canEnter(outside, user))
    throw new Error(`${user?.name ?? 'This user'} can reach neither ${inside} nor ${outside}: start as an ordinary user.`);
  writeFileSync(outsideMark, mark);
  return join(outside, 'cluster');
}
