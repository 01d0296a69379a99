// Tools as people run them: started, watched while they print, interrupted, and gone when the test is.

import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import type { Teardown } from './directories.ts';
import { eventually } from './eventually.ts';

export interface RunOptions {
  readonly cwd?: string;
  /** Added to this process's environment; undefined removes. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly uid?: number;
  readonly gid?: number;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const killAfterMs = 5_000;
const defaultTimeoutMs = 15_000;

/** A running tool. */
export class Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly command: string;
  /** Resolves when it has ended and everything it printed was read. */
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';
  #over = false;

  constructor(command: string, args: readonly string[], options: RunOptions) {
    this.command = [command, ...args].join(' ');
    this.child = spawn(command, args, { ...options, env: { ...process.env, ...options.env }, stdio: 'pipe', detached: true });
    this.child.stdout.on('data', (chunk: Buffer) => (this.stdout += chunk.toString('utf8')));
    this.child.stderr.on('data', (chunk: Buffer) => (this.stderr += chunk.toString('utf8')));
    // A tool that ends early closes its stdin under our writes; what it printed says why.
    this.child.stdin.on('error', () => {});
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', (error) => {
        this.#over = true;
        reject(new Error(`${command} could not be started`, { cause: error }));
      });
      this.child.once('close', (code, signal) => {
        this.#over = true;
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
    // Whoever awaits `ended` hears of it; a test that failed before must not die of it again.
    this.ended.catch(() => {});
  }

  get running(): boolean {
    return !this.#over;
  }

  /** Everything printed so far. */
  get output(): string {
    return this.stdout + this.stderr;
  }

  /** Waits until what it printed (stdout, then stderr) matches, and gives the match. Ends early when the tool ends. */
  async waitFor(pattern: RegExp, timeoutMs = defaultTimeoutMs): Promise<RegExpMatchArray> {
    const what = `${this.command} prints ${String(pattern)}`;
    const look = () => this.stdout.match(pattern) ?? this.stderr.match(pattern);
    try {
      const found = await eventually(what, () => look() ?? (this.running ? null : 'ended'), timeoutMs);
      if (found !== 'ended') return found;
    } catch (error) {
      throw new Error(`${what}, but:\n${this.output}`, { cause: error });
    }
    const afterEnd = look();
    if (afterEnd !== null) return afterEnd;
    throw new Error(`it ended before ${what}:\n${this.output}`);
  }

  /** Types a text (add the newline). */
  write(text: string): void {
    this.child.stdin.write(text);
  }

  /** Closes its stdin, as Ctrl-D does. */
  endInput(): void {
    this.child.stdin.end();
  }

  /** SIGINT is Ctrl-C. Goes to the tool alone. */
  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Waits for its end, and fails when that takes too long. */
  async end(timeoutMs = defaultTimeoutMs): Promise<Ended> {
    await eventually(`${this.command} ends`, () => !this.running, timeoutMs).catch((error: unknown) => {
      throw new Error(`${this.command} did not end:\n${this.output}`, { cause: error });
    });
    return this.ended;
  }

  /** Ends it and its children, whatever it takes. */
  async stop(): Promise<void> {
    this.#signalGroup('SIGTERM');
    const timer = setTimeout(() => this.#signalGroup('SIGKILL'), killAfterMs);
    await this.ended.catch(() => {});
    clearTimeout(timer);
    // Children that stayed behind in its group.
    this.#signalGroup('SIGKILL');
  }

  #signalGroup(signal: NodeJS.Signals): void {
    if (this.child.pid === undefined) return;
    try {
      process.kill(-this.child.pid, signal);
    } catch {
      // Nobody is left in it.
    }
  }
}

/** Starts a tool in its own process group and ends it with the test. */
export function start(t: Teardown, command: string, args: readonly string[] = [], options: RunOptions = {}): Running {
  const running = new Running(command, args, options);
  t.teardown(() => running.stop());
  return running;
}

/** Runs a tool to its end, with `input` on stdin. */
export async function run(
  t: Teardown,
  command: string,
  args: readonly string[] = [],
  options: RunOptions & { readonly input?: string | Buffer; readonly timeoutMs?: number } = {},
): Promise<Ended> {
  const { input, timeoutMs, ...rest } = options;
  const running = start(t, command, args, rest);
  running.child.stdin.end(input ?? '');
  return running.end(timeoutMs);
}
