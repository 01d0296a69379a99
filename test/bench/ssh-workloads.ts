// The SSH rows: a program that does nothing, bytes down and up, by the shell and by sftp, and the echo of a key in a recorded terminal.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { SshEndpoint } from './ssh-stage.ts';
import { median } from './statistics.ts';
import { runTool } from './tools-output.ts';
import type { LoadResult } from './tools-output.ts';
import { throughAgent } from './workload.ts';
import type { Criterion, Load, Workload } from './workload.ts';

const runTimeoutMs = 120_000;
const megabyte = 2 ** 20;
const transferMegabytes = 500;
const echoesWarmingUp = 100;

const contenders: Workload['contenders'] = ['direct', 'jump', 'sallyport', 'agent'];
const throughput: readonly Criterion[] = [{ metric: 'rate', against: 'direct', must: 0.7, aim: 0.9 }, throughAgent];

export const sshWorkloads: readonly Workload<SshEndpoint>[] = [
  {
    name: 'ssh-true',
    title: 'ssh host true',
    protocol: 'ssh',
    unit: 'connections',
    contenders,
    criteria: [{ metric: 'rate', against: 'direct', must: 1, aim: 1.5 }, throughAgent],
    run: trueAgainAndAgain,
  },
  transfer('ssh-down', 'ssh download', (endpoint, megabytes) => ssh(endpoint, `head -c ${megabytes * megabyte} /dev/zero`)),
  transfer('ssh-up', 'ssh upload', (endpoint, megabytes) => ssh(endpoint, 'cat > /dev/null', endpoint.file(megabytes))),
  transfer('sftp-down', 'sftp get', sftpGet),
  transfer('sftp-up', 'sftp put', sftpPut),
  {
    name: 'ssh-echo',
    title: 'echo of a key in a terminal that is recorded',
    protocol: 'ssh',
    unit: 'echoes',
    contenders,
    criteria: [
      { metric: 'latency', against: 'jump', must: 1, aim: 1 },
      { metric: 'latency', against: 'direct', must: null, aim: 2 },
      throughAgent,
    ],
    run: echoes,
  },
];

function transfer(
  name: string,
  title: string,
  work: (endpoint: SshEndpoint, megabytes: number) => Promise<unknown>,
): Workload<SshEndpoint> {
  return {
    name,
    title,
    protocol: 'ssh',
    unit: 'MB',
    megabytes: transferMegabytes,
    contenders,
    criteria: throughput,
    run: async (endpoint, { megabytes }) => {
      endpoint.file(megabytes);
      const startMs = performance.now();
      await work(endpoint, megabytes);
      return { amount: megabytes, perSecond: megabytes / ((performance.now() - startMs) / 1000), latencyMicros: null };
    },
  };
}

function ssh({ config, host }: SshEndpoint, command: string, inputFile = '/dev/null'): Promise<string> {
  return runTool({ command: 'ssh', args: ['-F', config, host, command], timeoutMs: runTimeoutMs, inputFile, discardOutput: true });
}

async function trueAgainAndAgain(endpoint: SshEndpoint, { seconds }: Load): Promise<LoadResult> {
  const startMs = performance.now();
  let amount = 0;
  do {
    await ssh(endpoint, 'true');
    amount += 1;
  } while (performance.now() - startMs < seconds * 1000);
  const perSecond = amount / ((performance.now() - startMs) / 1000);
  return { amount, perSecond, latencyMicros: 1e6 / perSecond };
}

async function sftpGet(endpoint: SshEndpoint, megabytes: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-sftp-'));
  const to = join(directory, 'read.bin');
  try {
    await sftp(endpoint, `get ${endpoint.file(megabytes)} ${to}`);
    arrivedWhole(to, megabytes);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function sftpPut(endpoint: SshEndpoint, megabytes: number): Promise<void> {
  await sftp(endpoint, `put ${endpoint.file(megabytes)} ${endpoint.written}`);
  arrivedWhole(endpoint.written, megabytes);
}

function arrivedWhole(path: string, megabytes: number): void {
  if (statSync(path).size !== megabytes * megabyte) throw new Error(`${path} did not arrive whole`);
}

function sftp({ config, host }: SshEndpoint, line: string): Promise<string> {
  const input = (write: (chunk: Buffer) => Promise<void>) => write(Buffer.from(`${line}\n`));
  return runTool({ command: 'sftp', args: ['-F', config, '-q', '-b', '-', host], timeoutMs: runTimeoutMs, input });
}

/** One key at a time: the next is pressed when this one is seen. */
async function echoes({ config, host }: SshEndpoint, { seconds }: Load): Promise<LoadResult> {
  const program = 'stty raw -echo; printf ready; exec cat';
  const child = spawn('ssh', ['-F', config, '-tt', host, program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const signal = AbortSignal.timeout(seconds * 1000 + runTimeoutMs);
  try {
    let seen = '';
    while (!seen.endsWith('ready')) seen += String(((await once(child.stdout, 'data', { signal })) as [Buffer])[0]);
    const times: number[] = [];
    const untilMs = performance.now() + seconds * 1000;
    while (performance.now() < untilMs || times.length <= echoesWarmingUp) {
      const echoed = once(child.stdout, 'data', { signal });
      const pressedMs = performance.now();
      child.stdin.write('k');
      await echoed;
      times.push(performance.now() - pressedMs);
    }
    const measured = times.slice(echoesWarmingUp);
    const latencyMicros = median(measured) * 1000;
    return { amount: measured.length, perSecond: 1e6 / latencyMicros, latencyMicros };
  } finally {
    child.kill();
  }
}
