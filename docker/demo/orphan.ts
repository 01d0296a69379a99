// What an earlier run may have left: a server whose keeper was killed too, or the pid file of a dead one whose number
// another process has now. PostgreSQL refuses to start over either, MariaDB over the first.

import { readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const fastStopMs = 10_000;
const hardStopMs = 5_000;
const pollMs = 20;

interface Kind {
  readonly name: string;
  readonly pidFile: string;
  readonly stop: NodeJS.Signals;
  readonly kill: NodeJS.Signals;
}

const postgres: Kind = { name: 'PostgreSQL', pidFile: 'postmaster.pid', stop: 'SIGINT', kill: 'SIGQUIT' };

/** Ends the server that still runs on this cluster directory, if any, and removes a stale pid file. */
export async function endOrphan(directory: string, kind: Kind = postgres): Promise<void> {
  const file = join(directory, kind.pidFile);
  let pid: number;
  try {
    pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  } catch {
    return;
  }
  if (isServerOf(pid, directory)) {
    process.kill(pid, kind.stop);
    if (!(await gone(pid, directory, fastStopMs))) {
      process.kill(pid, kind.kill);
      if (!(await gone(pid, directory, hardStopMs)))
        throw new Error(`${kind.name} of an earlier start (process ${pid}) does not end: kill it.`);
    }
  }
  rmSync(file, { force: true });
}

async function gone(pid: number, directory: string, withinMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + withinMs;
  while (performance.now() < deadlineMs) {
    if (!isServerOf(pid, directory)) return true;
    await delay(pollMs);
  }
  return false;
}

/** Both servers' working directory is their data directory, which tells it from whatever else got the same number. */
function isServerOf(pid: number, directory: string): boolean {
  if (!Number.isInteger(pid) || pid <= 1) return false;
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === directory && !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    // No /proc, or not ours to look at: then it isn't one that we started.
    return false;
  }
}
