// A real sshd, the gateway in front of it (without and with an agent), and OpenSSH's own jump host beside: each is a host of one
// ssh_config, and the clients are OpenSSH's, with their own choice of ciphers.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeKeyPair, publicKeyOf, SshServer } from '../../docker/demo/ssh-server.ts';
import { unprivilegedUser } from '../../docker/demo/unprivileged.ts';
import { temporaryDirectory } from '../support/directories.ts';
import type { Teardown } from '../support/directories.ts';
import { freePort } from '../support/ports.ts';
import { tool } from '../support/tools.ts';
import type { Contender, ContenderName, Stage } from './contender.ts';
import { farTargetName, person, startBenchGateway, targetName } from './gateway.ts';
import type { GatewayStart } from './gateway.ts';
import type { StageOptions } from './postgres-stage.ts';

export interface SshEndpoint {
  /** For ssh -F. */
  readonly config: string;
  /** A host of it. */
  readonly host: string;
  /** A file of so many megabytes that both ends can read. */
  file(megabytes: number): string;
  /** A file at the target that the account may write. */
  readonly written: string;
}

const megabyte = 2 ** 20;

export async function startSshStage(t: Teardown, { wanted, nodeFlags, before }: StageOptions): Promise<Stage<SshEndpoint>> {
  tool('sshd', 'openssh-server');
  const directory = temporaryDirectory(t, 'bench-ssh');
  const place = { directory: join(directory, 'server'), user: unprivilegedUser(), settings: 'AllowTcpForwarding yes\n' };
  const server = await SshServer.start(place, await freePort());
  t.teardown(() => server.stop());
  const key = join(directory, person);
  makeKeyPair(key, person);
  const start: GatewayStart = {
    protocol: 'ssh',
    target: { host: '127.0.0.1', port: server.port, user: server.user, password: '', database: '' },
    settings: { host_keys: [server.hostKey], private_key_file: server.privateKeyFile, shell: 'recorded' },
    publicKeys: [publicKeyOf(key)],
    nodeFlags,
  };
  const hosts = new Map<ContenderName, { readonly lines: readonly string[]; readonly hostKey: string; readonly pids: readonly number[] }>();
  const lines = [`User ${server.user}`, `Port ${server.port}`, `IdentityFile ${server.privateKeyFile}`];
  hosts.set('direct', { lines, hostKey: server.hostKey, pids: [] });
  if (wanted.has('jump')) hosts.set('jump', { lines: [...lines, 'ProxyJump direct'], hostKey: server.hostKey, pids: [] });
  const add = async (name: ContenderName, more: Partial<GatewayStart>) => {
    const gateway = await startBenchGateway(t, { ...start, ...more });
    const hostKey = publicKeyOf(join(gateway.dataDir, 'ssh_host_ed25519_key'));
    const to = (target: string) => [`User ${person}:${target}`, `Port ${gateway.endpoint.port}`, `IdentityFile ${key}`];
    hosts.set(name, { lines: to(targetName), hostKey, pids: [gateway.pid] });
    if (gateway.agentPid !== null) hosts.set('agent', { lines: to(farTargetName), hostKey, pids: [gateway.pid, gateway.agentPid] });
  };
  if (before !== null) await add('before', { nodeFlags: [], checkout: before });
  if (wanted.has('sallyport')) await add('sallyport', { agent: wanted.has('agent') });
  const config = join(directory, 'config');
  const known = join(directory, 'known_hosts');
  const common = ['IdentitiesOnly yes', 'BatchMode yes', 'LogLevel ERROR', 'HostName 127.0.0.1', `UserKnownHostsFile ${known}`];
  const sections = [...hosts].map(([name, { lines: own }]) => [
    'Host',
    name,
    '\n',
    ...own.map((it) => `${it}\n`),
    `HostKeyAlias ${name}\n`,
  ]);
  // Newer clients send what is typed in steps of 20 ms; older ones don't know the word.
  const quick = 'IgnoreUnknown ObscureKeystrokeTiming\nObscureKeystrokeTiming no\n';
  writeFileSync(config, `${quick}${sections.map((it) => it.join(' ')).join('\n')}\nHost *\n${common.join('\n')}\n`, { mode: 0o600 });
  writeFileSync(known, [...hosts].map(([name, { hostKey }]) => `${name} ${hostKey}\n`).join(''));
  const written = join(server.home, 'written.bin');
  writeFileSync(written, '');
  chmodSync(written, 0o666);
  const file = (megabytes: number) => {
    const path = join(server.home, `${megabytes}.bin`);
    if (!existsSync(path))
      writeFileSync(path, Buffer.alloc(megabytes * megabyte, 'some bytes that are not all the same\n'), { mode: 0o644 });
    return path;
  };
  const contenders = [...hosts].map(([name, { pids }]): Contender<SshEndpoint> => ({
    name,
    pids,
    endpoint: { config, host: name, file, written },
  }));
  const version = /OpenSSH_(\S+?),/.exec(spawnSync('ssh', ['-V'], { encoding: 'utf8' }).stderr)?.[1] ?? 'unknown';
  return { contenders, versions: { OpenSSH: version }, reset: () => Promise.resolve() };
}
