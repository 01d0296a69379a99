// How fast bytes go through the SSH front: down, up, sftp in both directions, and `ssh host true`; direct, through the gateway, and through
// OpenSSH's own jump host (-J) with the same sshd behind. Medians of some rounds, taken in turns.
//   node test/bench/ssh-transfer.ts [megabytes] [rounds]

import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../support/processes.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';
import { publicKeyOf } from '../../docker/demo/ssh-server.ts';

const [megabytes = 200, rounds = 3] = process.argv.slice(2).map(Number);
const bytes = megabytes * 1_000_000;
const undo: (() => unknown)[] = [];
const t = { teardown: (step: () => unknown) => void undo.unshift(step) };

try {
  const world = await startSshWorld(t, { policies: sshPolicies(), sshd: () => 'AllowTcpForwarding yes\n' });
  const { directory, server } = world;
  const file = join(directory, 'file');
  writeFileSync(file, Buffer.alloc(bytes, 'some bytes that are not all the same\n'));
  writeFileSync(
    join(directory, 'known'),
    `direct ${server.hostKey}\ngateway ${publicKeyOf(join(world.gateway.dataDir, 'ssh_host_ed25519_key'))}\n`,
  );
  const config = join(directory, 'config');
  const common = `UserKnownHostsFile ${join(directory, 'known')}\nIdentitiesOnly yes\nBatchMode yes\nLogLevel ERROR\nCiphers aes128-gcm@openssh.com\nHostName 127.0.0.1\n`;
  const direct = `User ${server.user}\nPort ${server.port}\nIdentityFile ${server.privateKeyFile}\nHostKeyAlias direct\n`;
  const gateway = `User alice:dev-1\nPort ${world.port}\nIdentityFile ${join(directory, 'alice')}\nHostKeyAlias gateway\n`;
  writeFileSync(config, `Host direct hop\n${direct}Host jump\n${direct}ProxyJump hop\nHost gateway\n${gateway}Host *\n${common}`, {
    mode: 0o600,
  });
  const shell = async (line: string): Promise<number> => {
    const startedMs = performance.now();
    const { code, stderr } = await run(t, 'bash', ['-o', 'pipefail', '-c', line], { timeoutMs: 120_000 });
    if (code !== 0) throw new Error(`${line}: ${stderr}`);
    return (performance.now() - startedMs) / 1000;
  };
  const work: Readonly<Record<string, (host: string) => string>> = {
    'download, MB/s': (host) => `ssh -F ${config} ${host} 'head -c ${bytes} /dev/zero' > /dev/null`,
    'upload, MB/s': (host) => `ssh -F ${config} ${host} 'cat > /dev/null' < ${file}`,
    'sftp put, MB/s': (host) => `echo 'put ${file} up' | sftp -F ${config} -b - ${host} > /dev/null`,
    'sftp get, MB/s': (host) => `echo 'get up ${join(directory, 'down')}' | sftp -F ${config} -b - ${host} > /dev/null`,
    'ssh host true, ms': (host) => `ssh -F ${config} ${host} true`,
  };
  console.log(`${megabytes} MB, medians of ${rounds}; AES-GCM; direct / gateway / ssh -J`);
  for (const [name, line] of Object.entries(work)) {
    const seconds: Record<string, number[]> = { direct: [], gateway: [], jump: [] };
    for (let round = 0; round < rounds; round += 1) for (const host of Object.keys(seconds)) seconds[host]?.push(await shell(line(host)));
    const median = (host: string) => (seconds[host] ?? []).sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? Number.NaN;
    const value = (host: string) => (name.endsWith('ms') ? median(host) * 1000 : statSync(file).size / 1e6 / median(host));
    const ratio = name.endsWith('ms') ? value('direct') / value('gateway') : value('gateway') / value('direct');
    console.log(
      `${name.padEnd(18)} ${['direct', 'gateway', 'jump'].map((it) => value(it).toFixed(0).padStart(5)).join(' / ')}   ${ratio.toFixed(2)} of direct`,
    );
  }
} finally {
  for (const step of undo) await step();
}
