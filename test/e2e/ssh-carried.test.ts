// Agent (-A) and X11 (-Y) forwarding: carried where a rule allows, each as an action of its own, refused in words elsewhere.

import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeKeyPair } from '../../docker/demo/ssh-server.ts';
import type { AuditEventView, Page } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { run, start } from '../support/processes.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';
import { tool } from '../support/tools.ts';

const world = await startSshWorld(t, {
  policies: sshPolicies(),
  // Commands run as the account itself: what sshd makes for it (agent socket, cookie) belongs to that.
  sshd: () => 'ForceCommand none\nX11Forwarding yes\nAllowAgentForwarding yes\nXAuthLocation /usr/bin/xauth\n',
});
const { directory, gateway } = world;
const socket = join(directory, 'agent.sock');
const agent = start(t, tool('ssh-agent', 'openssh-client'), ['-D', '-a', socket], {});
await agent.waitFor(/SSH_AUTH_SOCK/);
makeKeyPair(join(directory, 'carried'), 'the carried key');
await run(t, tool('ssh-add', 'openssh-client'), ['-q', join(directory, 'carried')], { env: { SSH_AUTH_SOCK: socket } });

// The set-up of an X client (X11 protocol, 8) with the cookie that sshd stored, by bash alone.
const probe = join(directory, 'probe.sh');
writeFileSync(
  probe,
  String.raw`cookie=$(xauth list "$DISPLAY" | sed -n '1s/.* //p' | sed 's/../\\x&/g')
exec 3<>"/dev/tcp/127.0.0.1/$((6000 + $(echo "$DISPLAY" | sed 's/.*:\([0-9]*\).*/\1/')))"
printf "l\0\013\0\0\0\022\0\020\0\0\0MIT-MAGIC-COOKIE-1\0\0$cookie" >&3
head -c 7 <&3
`,
);

function ssh(target: string, more: readonly string[], command: string, env: Record<string, string>) {
  const args = [...world.options, '-p', String(world.port), ...more, `alice:${target}@127.0.0.1`, command];
  return run(t, tool('ssh', 'openssh-client'), args, { env: { LANG: 'C.UTF-8', ...env } });
}

t.test('the agent is carried where a rule allows it, and only when it is asked for', async (t) => {
  const carried = await ssh('dev-1', ['-A'], 'ssh-add -l; ssh-add -l', { SSH_AUTH_SOCK: socket });
  t.match(carried, { code: 0, stdout: /SHA256:\S+ the carried key \(ED25519\)\n.*the carried key/s });
  const without = await ssh('dev-1', ['-a'], 'ssh-add -l', { SSH_AUTH_SOCK: socket });
  t.match(without, { stderr: /Could not open a connection to your authentication agent/ });
  const shell = world.startTerminal([], { target: 'dev-1', options: ['-A', '-o', `IdentityAgent=${socket}`] });
  shell.write('ssh-add -l; exit\r');
  await shell.waitFor(/the carried key \(ED25519\)/);
  await shell.end();
});

t.test('the agent in parallel: programs of one connection, and several of each', async (t) => {
  const control = join(directory, 'control');
  const shared = ['-o', `ControlPath=${control}`, '-A'];
  const master = start(
    t,
    tool('ssh', 'openssh-client'),
    [...world.options, '-p', String(world.port), ...shared, '-M', '-N', 'alice:dev-1@127.0.0.1'],
    { env: { SSH_AUTH_SOCK: socket } },
  );
  await eventually('the master is there', () => existsSync(control));
  const command = 'for n in 1 2 3; do ssh-add -l & done; wait';
  const all = await Promise.all(Array.from({ length: 4 }, () => ssh('dev-1', shared, command, { SSH_AUTH_SOCK: socket })));
  for (const { code, stdout, stderr } of all) {
    t.equal(code, 0, stderr);
    t.equal(stdout.match(/the carried key/g)?.length, 3, stderr);
  }
  master.child.kill();
});

t.test('where no rule allows it the program runs without', async (t) => {
  const { code, stderr } = await ssh('web-1', ['-A'], 'echo "$SSH_AUTH_SOCK" | wc -c', { SSH_AUTH_SOCK: socket });
  t.equal(code, 0);
  t.match(stderr, /tunnels through web-1 are not opened/);
  const { body } = await gateway.api('carol').get<Page<AuditEventView>>('/audit?type=action.denied&limit=5');
  t.ok(body.items.some(({ detail }) => String(detail['text']).includes('forward the SSH agent')));
});

t.test('X11 is carried to the display of the client', async (t) => {
  let seen = '';
  const display = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (bytes) => {
      seen = bytes.toString('latin1');
      socket.end('welcome');
    });
  });
  t.teardown(() => display.close());
  await new Promise<void>((resolve) => display.listen(0, '127.0.0.1', resolve));
  const { port } = display.address() as AddressInfo;
  const ended = await ssh('dev-1', ['-Y'], `bash ${probe}`, { DISPLAY: `127.0.0.1:${port - 6000}`, SSH_AUTH_SOCK: '' });
  t.match(ended, { code: 0, stdout: 'welcome' }, ended.stderr);
  t.match(seen, /^l\0\x0b\0\0\0\x12\0\x10\0\0\0MIT-MAGIC-COOKIE-1/);
});
