// A real sshd (Debian's) in a directory of its own, on the loopback address, with its own host key and configuration: the
// demo's target web-1. What people run there runs as an ordinary user even when root started it, in a home of its own, and the
// server is gone with this process in any event.

import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { newKeyPair } from '../../protocols/ssh/key-pair.ts';
import { KeptServer } from './kept-server.ts';
import { shellWord, sshPath, sshWord } from './quoting.ts';
import type { RunAs } from './unprivileged.ts';

const program = '/usr/sbin/sshd';
/** sshd of a root user wants this folder to lock itself into. */
const privilegeSeparationFolder = '/run/sshd';

export interface SshServerPlace {
  readonly directory: string;
  /** Who commands run as; null means this process's own user. */
  readonly user: RunAs | null;
  /** Lines for sshd_config before the server's own: the first of a kind counts. */
  readonly settings?: string;
}

/** A machine that takes SSH connections on the loopback address. */
export interface Machine {
  readonly port: number;
  /** The account that signs in. */
  readonly user: string;
  readonly home: string;
  /** "ssh-ed25519 AAAA…" */
  readonly hostKey: string;
  /** File of the private key that it lets in. */
  readonly privateKeyFile: string;
  /** Idempotent. */
  stop(): Promise<void>;
}

export function sshdIsInstalled(): boolean {
  return existsSync(program);
}

export class SshServer implements Machine {
  readonly port: number;
  readonly user: string;
  readonly home: string;
  readonly hostKey: string;
  readonly privateKeyFile: string;
  readonly #kept: KeptServer;

  private constructor(port: number, place: SshServerPlace, kept: KeptServer) {
    this.port = port;
    this.user = userInfo().username;
    this.home = join(place.directory, 'home');
    this.hostKey = publicKeyOf(join(place.directory, 'host_key'));
    this.privateKeyFile = join(place.directory, 'gateway_key');
    this.#kept = kept;
  }

  /** Makes keys and configuration when they are missing, and waits until it takes connections. */
  static async start(place: SshServerPlace, port: number, signal?: AbortSignal): Promise<SshServer> {
    const { directory, user } = place;
    prepare(place);
    const configuration = join(directory, 'sshd_config');
    writeFileSync(configuration, `${place.settings ?? ''}\n${configurationText(directory, port)}`);
    if (process.getuid?.() === 0 && !existsSync(privilegeSeparationFolder)) mkdirSync(privilegeSeparationFolder, { mode: 0o755 });
    writeFileSync(join(directory, 'run'), runText(directory, user), { mode: 0o755 });
    const kept = await KeptServer.start(
      {
        name: 'sshd',
        command: [program, '-D', '-e', '-f', configuration],
        stop: 'TERM',
        logFile: join(directory, 'sshd.log'),
        user: null, // it drops to `user` for each command
        env: { PATH: process.env['PATH'], LANG: 'C.UTF-8' },
      },
      () => greets(port),
      signal,
    );
    return new SshServer(port, place, kept);
  }

  stop(): Promise<void> {
    return this.#kept.stop();
  }
}

/** A key pair in OpenSSH's form, made when it is missing: FILE and FILE.pub. */
export function makeKeyPair(file: string, comment: string): void {
  if (existsSync(file)) return;
  const pair = newKeyPair(comment);
  rmSync(`${file}.pub`, { force: true });
  writeFileSync(file, pair.private, { mode: 0o600 });
  writeFileSync(`${file}.pub`, `${pair.public}\n`);
}

export function publicKeyOf(file: string): string {
  return readFileSync(`${file}.pub`, 'utf8').trim();
}

/** Keys and a home with some files, where they are missing. */
export function prepare({ directory, user }: SshServerPlace): void {
  const home = join(directory, 'home');
  const isNew = !existsSync(home);
  mkdirSync(home, { recursive: true });
  chmodSync(directory, 0o711);
  makeKeyPair(join(directory, 'host_key'), 'web-1');
  makeKeyPair(join(directory, 'gateway_key'), 'gateway');
  if (!isNew) return;
  const release = join(home, 'release');
  mkdirSync(release);
  writeFileSync(join(release, 'app.conf'), 'workers = 4\nport = 8443\n');
  writeFileSync(join(release, 'VERSION'), '2026.11.2\n');
  writeFileSync(join(home, 'deploy.log'), '10:02 release 2026.11.1\n10:40 release 2026.11.2\n');
  const owned = [home, release, join(release, 'app.conf'), join(release, 'VERSION'), join(home, 'deploy.log')];
  if (user !== null) for (const path of owned) chownSync(path, user.uid, user.gid);
}

function configurationText(directory: string, port: number): string {
  return `ListenAddress 127.0.0.1
Port ${port}
HostKey ${sshWord(join(directory, 'host_key'))}
AuthorizedKeysFile ${sshWord(sshPath(join(directory, 'gateway_key.pub')))}
PidFile none
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowUsers ${userInfo().username}
UseDNS no
PrintMotd no
PrintLastLog no
MaxStartups 100
AcceptEnv LANG LC_* GIT_PROTOCOL
Subsystem sftp /usr/lib/openssh/sftp-server
ForceCommand ${shellWord(join(directory, 'run'))}
LogLevel ERROR
`;
}

/** Every command, shell and subsystem begins here. */
function runText(directory: string, user: RunAs | null): string {
  const drop = user === null ? '' : `setpriv --reuid=${user.uid} --regid=${user.gid} --clear-groups `;
  return `#!/bin/sh
export HOME=${shellWord(join(directory, 'home'))} USER=web LOGNAME=web SHELL=/bin/bash
cd "$HOME" || exit 1
[ -n "$SSH_ORIGINAL_COMMAND" ] || exec ${drop}/bin/bash -il
exec ${drop}/bin/bash -c "$SSH_ORIGINAL_COMMAND"
`;
}

function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', (chunk) => done(chunk.toString('latin1').startsWith('SSH-')));
    socket.once('error', () => done(false));
    socket.once('close', () => done(false));
  });
}
