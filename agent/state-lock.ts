// One process has a state folder at a time: a second one beside it would be a copy of the same agent, and cut the sessions of the
// first. It is found by process number and start time, which no later process has both of; where these can't be seen (another
// container, no /proc) nothing is said, and the gateway finds the copy out.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const lockFile = 'lock';

/** Takes the folder for this process. Throws an Error in words while another one has it; the returned function gives it back. */
export function lockState(dir: string): () => void {
  const file = join(dir, lockFile);
  const own = markOf(process.pid);
  if (own === null) return () => {};
  const holder = textOf(file);
  const pid = Number(/^\d+/.exec(holder)?.[0] ?? 0);
  if (holder !== own && pid > 0 && markOf(pid) === holder)
    throw new Error(
      `--state ${dir}: another agent runs with this folder (process ${pid}): stop it first, or give this one a folder of its own`,
    );
  writeFileSync(file, own, { mode: 0o600 });
  return () => {
    if (textOf(file) === own) rmSync(file, { force: true });
  };
}

/** "PID START", or null when there is no such process to be seen. proc(5): the start time is field 22, and the name before may hold anything. */
function markOf(pid: number): string | null {
  const stat = textOf(`/proc/${pid}/stat`);
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return stat === '' || started === undefined ? null : `${pid} ${started}`;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
