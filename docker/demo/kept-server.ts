// A server program that is stopped with this process in any event. A small shell stands between: it holds the reading end of a
// pipe, and when this process is gone, however it died, the pipe closes and the shell stops the server.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { credentials } from './unprivileged.ts';
import type { RunAs } from './unprivileged.ts';

export interface KeptProgram {
  /** As people call it, for what goes wrong. */
  readonly name: string;
  /** The program's path, then its arguments. */
  readonly command: readonly string[];
  /** What asks the program to end its connections and write everything. */
  readonly stop: 'INT' | 'TERM';
  /** Where its output goes; made anew. */
  readonly logFile: string;
  readonly user: RunAs | null;
  readonly env: NodeJS.ProcessEnv;
}

const startTimeoutMs = 60_000;
const stopTimeoutMs = 15_000;
const pollMs = 20;
const logUnitsShown = 2000;

/** Stops the server at the end of file 3, or when told to; ends with the server's own status. */
const keeper = (stop: KeptProgram['stop']): string => `
trap '' HUP INT
"$@" </dev/null 3<&- &
server=$!
trap 'kill -${stop} $server' TERM
( cat <&3 >/dev/null; kill -${stop} $server ) 2>/dev/null &
watch=$!
while kill -0 $server 2>/dev/null; do wait $server; status=$?; done
kill $watch 2>/dev/null
exit $status
`;

export class KeptServer {
  readonly #program: KeptProgram;
  readonly #child: ChildProcess;
  /** Resolves when the server has ended for whatever reason. */
  readonly ended: Promise<void>;
  #running = true;

  private constructor(program: KeptProgram) {
    this.#program = program;
    const log = openSync(program.logFile, 'w', 0o600);
    this.#child = spawn('/bin/sh', ['-c', keeper(program.stop), 'sh', ...program.command], {
      cwd: '/',
      detached: true,
      stdio: ['ignore', log, log, 'pipe'],
      env: program.env,
      ...credentials(program.user),
    });
    closeSync(log);
    this.#child.on('error', () => {});
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', () => {
        this.#running = false;
        resolve();
      });
    });
  }

  /** Starts it and waits until it answers; `answers` says so and does not reject. Throws with the end of its log, or what `signal` says. */
  static async start(program: KeptProgram, answers: () => Promise<boolean>, signal?: AbortSignal): Promise<KeptServer> {
    const server = new KeptServer(program);
    try {
      await server.#ready(answers, signal);
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Resolves when it is gone; what does not end in time is killed. Idempotent. */
  async stop(): Promise<void> {
    this.#child.stdio[3]?.destroy();
    const timer = setTimeout(() => this.#kill(), stopTimeoutMs);
    await this.ended;
    clearTimeout(timer);
  }

  async #ready(answers: () => Promise<boolean>, signal: AbortSignal | undefined): Promise<void> {
    const { name, logFile } = this.#program;
    const deadlineMs = performance.now() + startTimeoutMs;
    for (;;) {
      signal?.throwIfAborted();
      if (!this.#running) throw new Error(`${name} did not start:\n${endOf(logFile)}`);
      if (await answers()) return;
      if (performance.now() > deadlineMs) throw new Error(`${name} was not ready in time:\n${endOf(logFile)}`);
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

function endOf(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').slice(-logUnitsShown).trim() : '';
}
