// Target web-1 where OpenSSH's server is not installed: a small SSH server in this process, which runs real commands in a home of its
// own. It is there so that the demo has a machine to show, and is no server for anything else: one key, no forwards.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import type { AuthContext, Connection, PseudoTtyInfo, ServerChannel, Session } from 'ssh2';
import { serveFiles } from './embedded-sftp.ts';
import { shellWord } from './quoting.ts';
import { prepare, publicKeyOf } from './ssh-server.ts';
import type { Machine, SshServerPlace } from './ssh-server.ts';
import { credentials } from './unprivileged.ts';

const passedVariables = /^(?:LANG|LC_[A-Z]+|GIT_PROTOCOL)$/;

/** Starts it on the loopback address. */
export async function startEmbeddedSshServer(place: SshServerPlace, port: number): Promise<Machine> {
  prepare(place);
  const { directory } = place;
  const file = (name: string) => join(directory, name);
  const allowed = ssh2.utils.parseKey(readFileSync(file('gateway_key.pub')));
  if (allowed instanceof Error) throw allowed;
  const connections = new Set<Connection>();
  const children = new Set<ChildProcess>();
  const server = new ssh2.Server({ hostKeys: [readFileSync(file('host_key'))], ident: 'embedded' }, (connection) => {
    connections.add(connection);
    connection.on('close', () => connections.delete(connection));
    connection.on('error', () => connections.delete(connection));
    connection.on('authentication', (context) => (isKey(context, allowed) ? context.accept() : context.reject(['publickey'])));
    connection.on('session', (accept) => serveSession(accept(), place, children));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve());
  });
  return {
    port,
    user: userInfo().username,
    home: file('home'),
    hostKey: publicKeyOf(file('host_key')),
    privateKeyFile: file('gateway_key'),
    stop: async () => {
      for (const child of children) end(child, 'SIGKILL');
      for (const connection of connections) connection.end();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function isKey(context: AuthContext, key: ssh2.ParsedKey): boolean {
  if (context.method !== 'publickey' || !key.getPublicSSH().equals(context.key.data)) return false;
  if (context.signature === undefined) return true;
  return context.blob !== undefined && key.verify(context.blob, context.signature, context.hashAlgo) === true;
}

function serveSession(session: Session, place: SshServerPlace, children: Set<ChildProcess>): void {
  const variables: Record<string, string> = {};
  let terminal: PseudoTtyInfo | null = null;
  let child: ChildProcess | null = null;
  session.on('env', (accept, _reject, { key, val }) => {
    if (passedVariables.test(key)) variables[key] = val;
    accept?.();
  });
  session.on('pty', (accept, _reject, info) => {
    terminal = info;
    accept?.();
  });
  session.on('window-change', (accept) => accept?.());
  session.on('signal', (accept, _reject, { name }) => {
    if (child !== null) end(child, `SIG${name.replace(/^SIG/, '')}` as NodeJS.Signals);
    accept?.();
  });
  const begin = (channel: ServerChannel, command: string | null) => {
    child = run(channel, command, terminal, variables, place);
    children.add(child);
    child.once('close', () => children.delete(child as ChildProcess));
  };
  session.on('exec', (accept, _reject, { command }) => begin(accept(), command));
  session.on('shell', (accept) => begin(accept(), null));
  session.on('sftp', (accept) => serveFiles(accept(), join(place.directory, 'home'), place.user));
}

function run(
  channel: ServerChannel,
  command: string | null,
  terminal: PseudoTtyInfo | null,
  variables: Readonly<Record<string, string>>,
  { directory, user }: SshServerPlace,
): ChildProcess {
  const home = join(directory, 'home');
  const env = { HOME: home, USER: 'web', LOGNAME: 'web', SHELL: '/bin/bash', PATH: '/usr/local/bin:/usr/bin:/bin', ...variables };
  const words = command === null ? ['-l'] : ['-c', command];
  const size = terminal === null ? '' : `stty rows ${terminal.rows} cols ${terminal.cols}; exec "$@"`;
  const [program, args] =
    terminal === null
      ? ['/bin/bash', words]
      : // A terminal of the system without a native add-on: `script` opens one.
        ['/usr/bin/script', ['-qec', ['/bin/sh', '-c', size, 'sh', '/bin/bash', ...words].map(shellWord).join(' '), '/dev/null']];
  const child = spawn(program as string, args as string[], {
    cwd: home,
    env: { ...env, ...(terminal === null ? {} : { TERM: 'xterm' }) },
    detached: true,
    ...credentials(user),
  });
  child.on('error', () => channel.exit(127));
  child.stdin.on('error', () => undefined); // it does not read
  channel.on('error', () => undefined);
  channel.pipe(child.stdin);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  channel.once('close', () => end(child, 'SIGHUP'));
  child.once('close', (status, signal) => {
    if (!channel.writable) return;
    if (status !== null) channel.exit(status);
    else if (signal !== null) channel.exit(signal.replace(/^SIG/, ''), false, '');
    channel.end();
  });
  return child;
}

/** The whole group of what was started. */
function end(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, signal);
  } catch {
    return; // it is gone already
  }
}
