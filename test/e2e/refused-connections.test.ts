// Connections over a limit are told so and leave nothing behind: whoever opens one after another must not use up the files of the gateway.

import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import t from 'tap';
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
