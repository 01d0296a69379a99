// PostgreSQL refuses to run as root. Finds who runs it instead, and a place that this user can reach: a checkout under
// /root (mode 0700) is out of bounds for everybody else, and opening somebody's home directory is not ours to do.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/** Who a child runs as; null means as this process. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

/** Debian has `nobody` on the barest system; `postgres` is there when the Debian package is installed. */
const candidates = ['postgres', 'nobody'];

/** The unprivileged user for PostgreSQL when this process is root, else null. */
export function unprivilegedUser(): RunAs | null {
  if (process.getuid?.() !== 0) return null;
  const entries = existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8').split('\n') : [];
  for (const name of candidates) {
    const fields = entries.map((line) => line.split(':')).find((entry) => entry[0] === name);
    const uid = Number(fields?.[2]);
    const gid = Number(fields?.[3]);
    if (Number.isInteger(uid) && Number.isInteger(gid) && uid !== 0) return { uid, gid, name };
  }
  throw new Error('PostgreSQL does not run as root, and there is neither a user "postgres" nor "nobody": start as an ordinary user.');
}

/** Whether that user can enter the directory. Asked of the kernel, so that ACLs and mounts count. */
export function canEnter(directory: string, user: RunAs | null): boolean {
  return succeeds('/bin/sh', ['-c', 'cd -- "$1"', 'sh', directory], user);
}

/** Whether that user can run the program. */
export function canRun(program: string, args: readonly string[], user: RunAs | null): boolean {
  return succeeds(program, args, user);
}

function succeeds(program: string, args: readonly string[], user: RunAs | null): boolean {
  const result = spawnSync(program, args, { cwd: '/', stdio: 'ignore', ...credentials(user) });
  return result.status === 0;
}

/** The part of spawn's options that makes a child run as that user. */
export function credentials(user: RunAs | null): { uid?: number; gid?: number } {
  return user === null ? {} : { uid: user.uid, gid: user.gid };
}
