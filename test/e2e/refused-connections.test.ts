// Connections over a limit are told so and leave nothing behind: whoever opens one after another must not use up the files of the gateway.

import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { once } from 'node:events';
import t from 'tap';
import WebSocket from 'ws';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';

/** For the whole file, on a slow and busy machine; it takes a fraction. */
const fileMsMax = 120_000;
const allowed = 10;
const tries = 300;

const target = (protocol: 'postgres' | 'mysql' | 'ssh') => ({
  name: protocol,
  protocol,
  host: '127.0.0.1',
  port: 9,
  user: 'u',
  password: 'p',
});
const openFiles = () => readdirSync('/proc/self/fd').length;

t.test('console and API', { timeout: fileMsMax }, async (t) => {
  const gateway = await startTestGateway(t, { config: { limits: { connections_per_address: allowed } } });
  const port = Number(new URL(gateway.http).port);
  const open = () => connect(port, '127.0.0.1').on('error', () => undefined);
  const sockets = Array.from({ length: tries }, open);
  t.teardown(() => sockets.forEach((socket) => socket.destroy()));
  await eventually('those over the limit are closed', () => sockets.filter(({ closed }) => !closed).length <= allowed);
  sockets.forEach((socket) => socket.destroy());
  await eventually(
    'there is room again',
    async () =>
      (
        await gateway
          .api('bob')
          .get('/me')
          .catch(() => null)
      )?.status === 200,
  );
  for (let opened = 0; opened < 2 * allowed; opened += 1) {
    const headers = { authorization: `Bearer ${gateway.token('bob')}` };
    const socket = new WebSocket(`${gateway.http.replace('http', 'ws')}/api/v1/live`, { headers });
    t.teardown(() => socket.terminate());
    await once(socket, 'open');
  }
  t.equal((await gateway.api('bob').get('/me')).status, 200, 'live sockets do not count');
});

for (const [protocol, words] of [
  ['postgres', /too many clients/],
  ['mysql', /Too many connections/],
  ['ssh', /Too many connections/],
] as const) {
  t.test(protocol, { timeout: fileMsMax }, async (t) => {
    const ssh = { host_keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGYf5CHlzTVWPqLZDmeoAtDLqfqFSGpXMqVQsAmWUk8d'], shell: 'none' };
    const gateway = await startTestGateway(t, {
      targets: [{ ...target(protocol), ...(protocol === 'ssh' ? ssh : {}) }],
      config: { limits: { connections_per_address: allowed, handshake_timeout: '2s' } },
    });
    const { port } = gateway.address(protocol);
    const before = openFiles();
    const said = await Promise.all(
      Array.from({ length: tries }, async () => {
        const socket = connect(port, '127.0.0.1').on('error', () => undefined);
        let text = '';
        socket.on('data', (chunk) => (text += chunk.toString('latin1')));
        await new Promise((resolve) => socket.once('close', resolve));
        return text;
      }),
    );
    t.ok(said.filter((text) => words.test(text)).length >= tries - allowed);
    await eventually('their files are closed', () => openFiles() <= before + allowed, 20_000);
  });
}
