// Runs the load tools and reads what they print. Each run answers how much was done and how long it took.

import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

export interface LoadResult {
  /** Transactions, connections or megabytes. */
  readonly amount: number;
  readonly perSecond: number;
  /** Mean time of one, where that means something. */
  readonly latencyMicros: number | null;
}

export interface ToolRun {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly cwd?: string;
  /** Its stdout goes nowhere, and not through this process; kept otherwise. */
  readonly discardOutput?: boolean;
  /** A file that is its stdin, or what is written to it. */
  readonly inputFile?: string;
  readonly input?: (write: (chunk: Buffer) => Promise<void>) => Promise<void>;
}

/** Runs a tool to its end and gives its stdout. Throws with what it printed when it fails. */
export async function runTool(run: ToolRun): Promise<string> {
  const env = { ...process.env, ...run.env };
  const input = run.inputFile === undefined ? 'pipe' : openSync(run.inputFile, 'r');
  const child = spawn(run.command, run.args, {
    env,
    ...(run.cwd === undefined ? {} : { cwd: run.cwd }),
    stdio: [input, run.discardOutput === true ? 'ignore' : 'pipe', 'pipe'],
    signal: AbortSignal.timeout(run.timeoutMs),
    killSignal: 'SIGKILL',
  });
  if (input !== 'pipe') closeSync(input);
  let output = '';
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString('utf8')).slice(-4096)));
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const { stdin } = child;
  if (stdin !== null) {
    stdin.on('error', () => undefined); // a tool that fails closes its stdin; what it printed says why
    const feed = run.input?.((chunk) => writeWhole(stdin, chunk)) ?? Promise.resolve();
    void feed.then(() => stdin.end());
  }
  const code = await ended;
  if (code !== 0) throw new Error(`${run.command} ${run.args.join(' ')} ended with ${code}:\n${errors}${output.slice(-4096)}`);
  return output;
}

function writeWhole(stream: NodeJS.WritableStream, chunk: Buffer): Promise<void> {
  return new Promise((resolve) => {
    // The callback comes when the tool has read it, or with an error when it is gone; what it printed says why.
    stream.write(chunk, () => resolve());
  });
}

/** Reads the summary of pgbench. */
export function readPgbench(output: string, clients: number): LoadResult {
  const amount = Number(/^number of transactions actually processed: (\d+)/m.exec(output)?.[1]);
  const perSecond = Number(/^tps = ([\d.]+) \((?:without|including)/m.exec(output)?.[1]);
  const failed = Number(/^number of failed transactions: (\d+)/m.exec(output)?.[1] ?? 0);
  if (!(amount > 0) || !(perSecond > 0) || failed > 0) throw new Error(`pgbench did not do its work:\n${output}`);
  return { amount, perSecond, latencyMicros: (clients / perSecond) * 1e6 };
}

/** Reads the summary of sysbench. */
export function readSysbench(output: string, clients: number): LoadResult {
  const found = /^\s*transactions:\s+(\d+)\s+\(([\d.]+) per sec\.\)/m.exec(output);
  const errors = Number(/^\s*ignored errors:\s+(\d+)/m.exec(output)?.[1] ?? 0);
  const perSecond = Number(found?.[2]);
  if (!(perSecond > 0) || errors > 0) throw new Error(`sysbench did not do its work:\n${output}`);
  return { amount: Number(found?.[1]), perSecond, latencyMicros: (clients / perSecond) * 1e6 };
}
