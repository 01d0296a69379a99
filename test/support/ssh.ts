// A gateway with a real sshd behind it, and OpenSSH's own client in front: what the SSH tests drive.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startEmbeddedSshServer } from '../../docker/demo/embedded-ssh-server.ts';
import { makeKeyPair, publicKeyOf, SshServer } from '../../docker/demo/ssh-server.ts';
import type { Machine } from '../../docker/demo/ssh-server.ts';
import { unprivilegedUser } from '../../docker/demo/unprivileged.ts';
import { temporaryDirectory } from './directories.ts';
import type { Teardown } from './directories.ts';
import { startTestGateway } from './gateway.ts';
import type { TestGateway } from './gateway.ts';
import { freePort } from './ports.ts';
import { run, start } from './processes.ts';
import type { Ended, Running } from './processes.ts';
import { tool } from './tools.ts';

export interface SshWorld {
  readonly gateway: TestGateway;
  readonly server: Machine;
  readonly directory: string;
  readonly port: number;
  /** OpenSSH's options for alice's key and the gateway's pinned host key, to be put before anything else. */
  readonly options: readonly string[];
  /** `ssh alice:TARGET@gateway …` to its end. */
  ssh(
    args: readonly string[],
    more?: { input?: string | Buffer; timeoutMs?: number; target?: string; options?: readonly string[] },
  ): Promise<Ended>;
  /** The same, watched while it runs. */
  startSsh(args: readonly string[], more?: { target?: string; options?: readonly string[] }): Running;
  /** ssh inside a pseudo-terminal (`script`), with what is typed from `write`. */
  startTerminal(args: readonly string[], more?: { target?: string; options?: readonly string[] }): Running;
}

type ShellMode = 'none' | 'recorded' | 'guarded' | 'mediated';
/** What web-1's interactive shell is; a list: the first that no policy denies. */
export type ShellWish = ShellMode | readonly ShellMode[];

export interface SshWorldOptions {
  readonly shell?: ShellWish;
  readonly policies: Readonly<Record<string, string>>;
  /** "another": a key is pinned that is not the server's. */
  readonly hostKeyOf?: 'server' | 'another';
  /** The demo's own server instead of sshd. */
  readonly embedded?: boolean;
  /** Lines for sshd_config, and for each target; the same for the gateway's configuration. */
  readonly sshd?: (directory: string) => string;
  readonly target?: Readonly<Record<string, unknown>>;
  readonly config?: (directory: string) => Readonly<Record<string, unknown>>;
}

/** The shipped policies for machines. */
export function sshPolicies(): Record<string, string> {
  const names = ['production-ssh.yaml', 'development-ssh.yaml'];
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(import.meta.dirname, '../../policies/packs', name), 'utf8')]));
}

/** Targets web-1 (production) and dev-1 (development), both the same sshd. */
export async function startSshWorld(
  t: Teardown,
  { shell = 'mediated', policies, hostKeyOf = 'server', embedded = false, sshd, target: more = {}, config }: SshWorldOptions,
): Promise<SshWorld> {
  if (!embedded) tool('sshd', 'openssh-server');
  const directory = temporaryDirectory(t, 'ssh');
  const place = { directory: join(directory, 'web-1'), user: unprivilegedUser(), settings: sshd?.(directory) ?? '' };
  const server = await (embedded ? startEmbeddedSshServer(place, await freePort()) : SshServer.start(place, await freePort()));
  t.teardown(() => server.stop());
  const key = join(directory, 'alice');
  makeKeyPair(key, 'alice');
  const target = (name: string, env: string) => ({
    name,
    protocol: 'ssh' as const,
    host: '127.0.0.1',
    port: server.port,
    user: server.user,
    labels: { env },
    host_keys: [hostKeyOf === 'server' ? server.hostKey : publicKeyOf(key)],
    ...('certificate' in more ? {} : { private_key_file: server.privateKeyFile }),
    ...more,
    shell: env === 'production' ? shell : 'recorded',
  });
  const people = [
    { name: 'alice', groups: ['engineers'], ssh_keys: [publicKeyOf(key)] },
    { name: 'bob', groups: ['dba'] },
    { name: 'carol', groups: ['auditors'] },
    { name: 'erin', groups: ['operators'] },
  ];
  const gateway = await startTestGateway(t, {
    targets: [target('web-1', 'production'), target('dev-1', 'development')],
    policies,
    people,
    config: config?.(directory) ?? {},
  });
  const { port } = gateway.address('ssh');
  const knownHosts = join(directory, 'known_hosts');
  writeFileSync(knownHosts, `[127.0.0.1]:${port} ${publicKeyOf(join(gateway.dataDir, 'ssh_host_ed25519_key'))}\n`);
  const settings = [
    'IdentitiesOnly=yes',
    `UserKnownHostsFile=${knownHosts}`,
    'StrictHostKeyChecking=yes',
    'BatchMode=yes',
    'LogLevel=ERROR',
  ];
  const options = ['-F', '/dev/null', '-i', key, ...settings.flatMap((it) => ['-o', it])];
  const line = (args: readonly string[], target = 'web-1', more: readonly string[] = []) => [
    ...options,
    '-p',
    String(port),
    ...more,
    `alice:${target}@127.0.0.1`,
    ...args,
  ];
  const client = tool('ssh', 'openssh-client');
  const env = { SSH_AUTH_SOCK: undefined, LC_ALL: undefined, LANG: 'C.UTF-8' };
  const words = (args: readonly string[]) => args.map((it) => `'${it.replaceAll("'", "'\\''")}'`).join(' ');
  return {
    gateway,
    server,
    directory,
    port,
    options,
    ssh: (args, { target: name, options: more, ...rest } = {}) => run(t, client, line(args, name, more), { env, ...rest }),
    startSsh: (args, { target: name, options: more } = {}) => start(t, client, line(args, name, more), { env }),
    startTerminal: (args, { target: name, options: more } = {}) =>
      start(t, tool('script', 'bsdutils'), ['-qefc', words([client, '-tt', ...line(args, name, more)]), '/dev/null'], {
        env: { ...env, TERM: 'xterm' },
      }),
  };
}

/** The shipped policies, and a guarded shell for engineers. */
export function guardedPolicies(): Record<string, string> {
  return {
    ...Object.fromEntries(
      Object.entries(sshPolicies()).map(([name, text]) => [name, text.replace(/\n  - id: deny-raw-shell\n[^]*?\n\n/, '\n')]),
    ),
    'guarded.yaml': `policy: guarded
applies_to: { protocols: [ssh] }
rules:
  - id: allow-guarded-shell
    title: A terminal in which bash asks
    actions: [shell]
    principals: { groups: [engineers] }
    effects: { objects: [guarded] }
    decision: allow
`,
  };
}
