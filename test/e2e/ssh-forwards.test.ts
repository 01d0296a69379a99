// Tunnels: refused unless a policy allows them, judged each by itself, and carried whole when they are.

import { createServer, connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/ports.ts';
import { start } from '../support/processes.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';
import { tool } from '../support/tools.ts';

const world = await startSshWorld(t, { policies: sshPolicies() });
const { startSsh, gateway } = world;
const strict = ['-o', 'ExitOnForwardFailure=yes'];

/** Says who connected, and gives back what it is told. */
const echo = createServer((socket) => {
  socket.write('welcome\n');
  socket.pipe(socket);
  socket.on('error', () => undefined);
});
await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
const echoPort = (echo.address() as AddressInfo).port;
t.teardown(() => echo.close());

/** What a connection to that place answers to "hello", or null when it is closed without a word. */
function ask(to: { port: number } | { path: string }): Promise<string | null> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ ...to, ...('port' in to ? { host: '127.0.0.1' } : {}) }, () => socket.write('hello'));
    socket.on('data', (chunk) => {
      text += chunk.toString();
      if (text.endsWith('hello')) socket.end();
    });
    socket.on('error', () => resolve(null));
    socket.on('close', () => resolve(text === '' ? null : text));
  });
}

t.test('local, remote and dynamic forwards work where a policy allows them', async (t) => {
  const [local, remote, dynamic] = [await freePort(), await freePort(), await freePort()];
  const socket = join(world.directory, 'local.sock');
  const forwards = ['-L', `${local}:127.0.0.1:${echoPort}`, '-R', `${remote}:127.0.0.1:${echoPort}`, '-D', `${dynamic}`];
  const running = startSsh(['echo ready; sleep 60'], {
    target: 'dev-1',
    options: [...strict, ...forwards, '-L', `${socket}:127.0.0.1:${echoPort}`],
  });
  await running.waitFor(/ready/);
  t.equal(await ask({ port: local }), 'welcome\nhello', 'local');
  t.equal(await ask({ port: remote }), 'welcome\nhello', 'remote');
  t.equal(await ask({ path: socket }), 'welcome\nhello', 'from a socket');
  const socks = await start(t, tool('curl', 'curl'), [
    '-s',
    '--max-time',
    '5',
    '--socks5',
    `127.0.0.1:${dynamic}`,
    `http://127.0.0.1:${echoPort}/`,
    '--http0.9',
  ]).end();
  t.match(socks.stdout, /^welcome\nGET/, 'dynamic');
  t.same(
    await Promise.all(Array.from({ length: 20 }, () => ask({ port: local }))),
    Array.from({ length: 20 }, () => 'welcome\nhello'),
    'many at once',
  );
  running.kill('SIGTERM');
  await running.end();
  await eventually('the listener on the target is gone', async () => (await ask({ port: remote })) === null);
});

t.test('where nothing allows them they are refused, in words, and the session goes on', async (t) => {
  const local = await freePort();
  const running = startSsh(['echo ready; sleep 60'], { options: ['-L', `${local}:127.0.0.1:${echoPort}`] });
  await running.waitFor(/ready/);
  t.equal(await ask({ port: local }), null);
  await running.waitFor(/tunnels through web-1 are not opened: databases have targets of their own/);
  t.ok(running.running);
  const remote = await startSsh(['echo never'], { options: [...strict, '-R', `${await freePort()}:127.0.0.1:${echoPort}`] }).end();
  t.equal(remote.code, 255);
  t.match(remote.stderr, /remote port forwarding failed/);
  const jump = await world.ssh([], { options: ['-v', '-W', `127.0.0.1:${echoPort}`] });
  t.not(jump.stdout.includes('welcome'), true, 'ssh -W');
  t.match(jump.stderr, /administratively prohibited: .*tunnels through web-1 are not opened/, 'which has no other place for words');
  const closed = await world.ssh([], { target: 'dev-1', options: ['-v', '-W', `127.0.0.1:${await freePort()}`] });
  t.match(closed.stderr, /open failed: connect failed: Connection refused/, 'what the target says');
});

t.test('a socket on the target, agent and X11', async (t) => {
  const running = startSsh(['echo ready; sleep 60'], { options: ['-L', `${await freePort()}:/var/run/docker.sock`] });
  await running.waitFor(/ready/);
  const agent = await world.ssh(['echo "agent:$SSH_AUTH_SOCK"'], { options: ['-o', 'ForwardAgent=yes'] });
  t.equal(agent.stdout, 'agent:\n');
  t.match(await world.ssh(['echo "display:$DISPLAY"'], { options: ['-o', 'ForwardX11=yes'] }), { stdout: 'display:\n' });
});

t.test('a forward can wait for people', async (t) => {
  const policies = join(gateway.policyDir, 'extra.yaml');
  const { writeFileSync } = await import('node:fs');
  writeFileSync(
    policies,
    `policy: extra\napplies_to: { labels: { env: development } }\nrules:\n  - id: hold-forwards\n    title: Tunnels wait\n    actions: [forward]\n    decision: hold\n    approvers: { groups: [dba] }\n`,
  );
  const bob = gateway.api('bob');
  await eventually(
    'the policy is in force',
    async () => (await bob.get<{ files: { name: string }[] }>('/policies')).body.files.length === 3,
  );
  const local = await freePort();
  const running = startSsh(['echo ready; sleep 60'], { target: 'dev-1', options: ['-L', `${local}:127.0.0.1:${echoPort}`] });
  await running.waitFor(/ready/);
  const answer = ask({ port: local });
  const hold = await bob.pendingHold(`connect to 127.0.0.1:${echoPort}`);
  await running.waitFor(/waiting for approval/);
  await bob.post(`/holds/${hold.id}/approve`, { reason: 'ok' });
  t.equal(await answer, 'welcome\nhello');
});
