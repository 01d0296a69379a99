// Runs a program that makes something and ends, as initdb: in a group of its own, so that an interrupted start ends all of it.

import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import { credentials } from './unprivileged.ts';
import type { RunAs } from './unprivileged.ts';

const outputUnitsMax = 8192;

/** Resolves when it ended well. Rejects with the end of what it said, or "interrupted" when `signal` ended it. */
export function runToEnd(
  program: string,
  args: readonly string[],
  { user, env }: { readonly user: RunAs | null; readonly env: NodeJS.ProcessEnv },
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: '/', detached: true, stdio: ['ignore', 'pipe', 'pipe'], env, ...credentials(user) });
    let output = '';
    const keep = (chunk: Buffer) => (output = (output + chunk.toString('utf8')).slice(-outputUnitsMax));
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

/** An environment in which nothing of the person's own shell (PG… variables, languages) reaches the program. */
export function cleanEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC', ...more };
}
