// Cases that other gateways' end-to-end suites have for SSH and that no other file here has: a server that speaks first behind fresh
// tunnels, Ctrl-C in a command's terminal, a target that is down, guesses of tokens.

import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import ssh2 from 'ssh2';
import t from 'tap';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';

const world = await startSshWorld(t, { policies: sshPolicies() });
const { gateway, port } = world;

t.test('a server that speaks first, and closes, behind eight fresh tunnels', async (t) => {
  const server = createServer((socket) => socket.end('220 first words\r\n'));
  t.teardown(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const to = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tunnels = Array.from({ length: 8 }, () => world.ssh([], { target: 'dev-1', options: ['-W', to] }));
  for (const { stdout, stderr } of await Promise.all(tunnels)) t.equal(stdout, '220 first words\r\n', stderr);
});

t.test('Ctrl-C in the terminal of a command reaches the command', async (t) => {
  const running = world.startTerminal(["trap 'echo caught; exit 42' INT; echo ready; while :; do sleep 0.1; done"], { target: 'dev-1' });
  await running.waitFor(/ready/);
  running.write('\u0003');
  t.match(await running.end(), { code: 42, stdout: /caught/ });
});

t.test('a target that is down is an error in words, at once', async (t) => {
  const down = await startSshWorld(t, { policies: sshPolicies(), target: { port: 1 } });
  t.match(await down.ssh(['true'], { target: 'dev-1' }), { code: 255, stderr: /sallyport: .*dev-1/ });
});

t.test('guesses of tokens are slowed down, and a key still signs in', async (t) => {
  const guess = (password: string) =>
    new Promise<string>((resolve) => {
      const client = new ssh2.Client();
      client.on('error', (error) => resolve(error.message));
      client.on('ready', () => {
        client.end();
        resolve('in');
      });
      client.connect({ host: '127.0.0.1', port, username: 'bob:web-1', password });
    });
  for (let count = 0; count < 30; count += 1) t.match(await guess(`wrong-${count}`), /authentication methods failed/);
  t.match(await guess(gateway.token('bob')), /authentication methods failed/, 'also the right one has to wait now');
  t.equal((await world.ssh(['true'], { target: 'dev-1' })).code, 0, 'somebody else does not');
});
