// Clients of SSH: OpenSSH's own ssh and sftp, with commands that are free and commands that are held.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import { Lost, WrongAnswer } from './ledger.ts';
import type { Client, Soak } from './soak.ts';

export const sshClient: Client = async (soak, name) => {
  while (!soak.isOver()) await oneCommand(soak, name).catch(() => delay(100));
};

async function oneCommand(soak: Soak, name: string): Promise<void> {
  const { dice, ledger } = soak;
  const says = (wanted: (tag: string) => string) => async (text: string, tag: string) => {
    const stdout = await ssh(soak, [text]);
    if (stdout !== wanted(tag)) throw new WrongAnswer(stdout.slice(0, 300));
  };
  switch (dice(6)) {
    case 0:
      return ledger.attempt(
        name,
        'approve',
        (tag) => `touch ${tag}`,
        says(() => ''),
      );
    case 1:
      return ledger.attempt(
        name,
        'deny',
        (tag) => `touch ${tag}`,
        says(() => 'never'),
      );
    case 2:
      return ledger.attempt(
        name,
        'left',
        (tag) => `touch ${tag}`,
        (text) => killed(soak, text),
      );
    case 3:
      return ledger.attempt(
        name,
        'runs',
        (tag) => `sleep 1.${dice(9)}; echo ${tag}`,
        says((tag) => `${tag}\n`),
      );
    case 4:
      return ledger.attempt(
        name,
        'runs',
        (tag) => `get release/app.conf /dev/stdout # ${tag}`,
        () => sftp(soak),
      );
    default:
      return ledger.attempt(
        name,
        'runs',
        (tag) => `seq 1 20000; echo ${tag}`,
        says((tag) => `${numbers}${tag}\n`),
      );
  }
}

const numbers = Array.from({ length: 20_000 }, (_, at) => `${at + 1}\n`).join('');

function options({ world: { ssh } }: Soak): string[] {
  const settings = ['IdentitiesOnly=yes', `UserKnownHostsFile=${ssh.knownHosts}`, 'BatchMode=yes', 'LogLevel=ERROR', 'ConnectTimeout=40'];
  return ['-F', '/dev/null', '-i', ssh.key, ...settings.flatMap((it) => ['-o', it])];
}

function startSsh(soak: Soak, args: readonly string[]) {
  const { gateway } = soak.world;
  const place = ['-p', String(gateway.ports.ssh), 'alice:web@127.0.0.1'];
  return start(soak.passing, tool('ssh', 'openssh-client'), [...options(soak), ...place, ...args], { env: { SSH_AUTH_SOCK: undefined } });
}

async function ssh(soak: Soak, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await startSsh(soak, args).ended;
  if (code === 0) return stdout;
  throw code === 255 ? new Lost('lost', stderr) : new Error(`status ${code}: ${stderr}`);
}

async function killed(soak: Soak, text: string): Promise<void> {
  const running = startSsh(soak, [text]);
  await Promise.race([running.ended, delay(500 + soak.dice(1500))]);
  running.kill('SIGKILL');
  const { code, stderr } = await running.ended;
  if (code === 0) throw new WrongAnswer('it ran');
  throw new Lost('gone', stderr);
}

async function sftp(soak: Soak): Promise<void> {
  const { gateway, ssh: place } = soak.world;
  const args = [...options(soak), '-q', '-P', String(gateway.ports.ssh), '-b', '-', '-o', 'User=alice:web', '127.0.0.1'];
  const running = start(soak.passing, tool('sftp', 'openssh-client'), args, { env: { SSH_AUTH_SOCK: undefined } });
  const copy = join(soak.scratch, `sftp-${running.child.pid}`);
  running.child.stdin.end(`get release/app.conf ${copy}\n`);
  const { code, stderr } = await running.ended;
  if (code !== 0) throw code === 255 ? new Lost('lost', stderr) : new Error(`status ${code}: ${stderr}`);
  if (readFileSync(copy, 'utf8') !== readFileSync(join(place.server.home, 'release/app.conf'), 'utf8'))
    throw new WrongAnswer('another file');
}
