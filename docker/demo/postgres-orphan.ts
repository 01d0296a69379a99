// What an earlier run may have left: a server whose keeper was killed too, or a postmaster.pid of a dead one whose number
// another process has now. PostgreSQL refuses to start over either.

import { readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const fastStopMs = 10_000;
const hardStopMs = 5_000;
const pollMs = 20;

/** Ends the server that still runs on this cluster directory, if any, and removes a stale postmaster.pid. */
export async function endOrphan(directory: string): Promise<void> {
  const file = join(directory, 'postmaster.pid');
  let pid: number;
  try {
    pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  } catch {
    return;
  }
  if (isServerOf(pid, directory)) {
    process.kill(pid, 'SIGINT');
    if (!(await gone(pid, directory, fastStopMs))) {
      process.kill(pid, 'SIGQUIT');
      if (!(await gone(pid, directory, hardStopMs)))
        throw new Error(`PostgreSQL of an earlier start (process ${pid}) does not end: kill it.`);
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

/** PostgreSQL's working directory is its cluster, which tells it from whatever else got the same number. */
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
