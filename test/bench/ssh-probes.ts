// SSH beside a direct connection to the same sshd, with OpenSSH's own programs. The gateway runs in the benchmark's process here.

import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Teardown } from '../support/directories.ts';
import { run } from '../support/processes.ts';
import { startSshWorld, type SshWorld } from '../support/ssh.ts';
import { tool } from '../support/tools.ts';
import type { Probe, ProbeResult } from './probe.ts';
import { median } from './statistics.ts';

const pairs = 7;
const transferPairs = 3;
const transferTimeoutMs = 120_000;
const megabyte = 2 ** 20;

/** Everything is allowed, judged and recorded. */
const policies = {
  'bench.yaml': stringify({
    policy: 'bench',
    rules: [
      {
        id: 'all',
        title: 'Engineers work',
        actions: ['connect', 'command', 'subsystem', 'file', 'environment'],
        principals: { groups: ['engineers'] },
        decision: 'allow',
      },
    ],
  }),
};

export const sshTrue: Probe = {
  name: 'ssh-true',
  title: 'ssh host true, rate beside direct',
  unit: '×',
  must: 1,
  run: async (t) => {
    const world = await startSshWorld(t, { policies });
    const ways = waysOf(world);
    return compared(pairs, async (way) =>
      timed(() =>
        run(t, tool('ssh', 'openssh-client'), [
          ...ways[way].options,
          '-o',
          `User=${ways[way].user}`,
          '-p',
          ways[way].port,
          '127.0.0.1',
          'true',
        ]),
      ),
    );
  },
};

export const sftpDown: Probe = transfer('sftp-down', 'sftp get, rate beside direct', (here, there) => `get ${there} ${here}`);
export const sftpUp: Probe = transfer('sftp-up', 'sftp put, rate beside direct', (here, there) => `put ${there} ${here}`);

function transfer(name: string, title: string, command: (to: string, from: string) => string): Probe {
  return {
    name,
    title: `${title} (--megabytes 500 for the issue’s figure)`,
    unit: '×',
    must: 0.7,
    run: async (t, { megabytes }) => {
      const world = await startSshWorld(t, { policies });
      const ways = waysOf(world);
      const from = join(world.server.home, 'from.bin');
      const to = join(world.server.home, 'to.bin');
      writeFileSync(from, Buffer.alloc(megabytes * megabyte, 'sallyport '), { mode: 0o644 });
      writeFileSync(to, '');
      chmodSync(to, 0o666); // the account at the target writes it
      const result = await compared(transferPairs, (way) => timed(() => sftp(t, ways[way], command(to, from))));
      if (statSync(to).size !== megabytes * megabyte) throw new Error('the file did not arrive whole');
      return result;
    },
  };
}

type WayName = 'direct' | 'gateway';

interface Way {
  readonly user: string;
  readonly port: string;
  readonly options: readonly string[];
}

function waysOf({ port, options, server }: SshWorld): Record<WayName, Way> {
  const direct = ['-F', '/dev/null', '-i', server.privateKeyFile, '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'];
  return {
    direct: {
      user: server.user,
      port: String(server.port),
      options: [...direct, '-o', 'LogLevel=ERROR', '-o', 'BatchMode=yes'],
    },
    gateway: { user: 'alice:web-1', port: String(port), options },
  };
}

async function sftp(t: Teardown, { user, port, options }: Way, command: string): Promise<void> {
  // A colon in `user@host` would begin a path.
  const args = [...options, '-o', `User=${user}`, '-P', port, '-q', '-b', '-', '127.0.0.1'];
  const { stderr, code } = await run(t, tool('sftp', 'openssh-client'), args, { input: `${command}\n`, timeoutMs: transferTimeoutMs });
  if (code !== 0) throw new Error(`sftp: ${stderr}`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

/** Pairs in turns; the median of the ratios of rates. */
async function compared(count: number, timeMs: (way: WayName) => Promise<number>): Promise<ProbeResult> {
  const direct: number[] = [];
  const gateway: number[] = [];
  for (let pair = 0; pair < count; pair += 1) {
    const order: readonly WayName[] = pair % 2 === 0 ? ['direct', 'gateway'] : ['gateway', 'direct'];
    for (const way of order) (way === 'direct' ? direct : gateway).push(await timeMs(way));
  }
  const ratios = direct.map((ms, pair) => ms / (gateway[pair] ?? Number.NaN));
  return { value: median(ratios), details: { 'direct ms': median(direct), 'gateway ms': median(gateway) } };
}
