// Limits of the SSH front: channels, connections, idle and total time, clients that do not read.

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import t from 'tap';
import { eventually } from '../support/eventually.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';

const world = await startSshWorld(t, { policies: sshPolicies() });
const { directory, port } = world;
const mebibyte = 1024 ** 2;

/** Signed in as alice at dev-1, by a client of this process. */
function signedIn(t: { teardown(step: () => void): void }): Promise<ssh2.Client> {
  const client = new ssh2.Client();
  t.teardown(() => client.destroy());
  return new Promise((resolve, reject) => {
    client.on('error', reject);
    client.on('ready', () => resolve(client));
    client.connect({ host: '127.0.0.1', port, username: 'alice:dev-1', privateKey: readFileSync(join(directory, 'alice')) });
  });
}

t.test('channels of one connection are limited, and one that is closed makes room', async (t) => {
  const client = await signedIn(t);
  const open = () =>
    new Promise<ssh2.ClientChannel | string>((resolve) =>
      client.exec('cat', (error, channel) => resolve(error instanceof Error ? error.message : channel)),
    );
  const channels: ssh2.ClientChannel[] = [];
  for (let count = 0; count < 50; count += 1) {
    const channel = await open();
    if (typeof channel === 'string') return t.fail(`channel ${count}: ${channel}`);
    channels.push(channel);
  }
  t.match(await open(), /open|fail|prohib/i, 'the fifty-first');
  const echoed = channels.map(
    (channel) => new Promise<string>((resolve) => channel.once('data', (chunk: Buffer) => resolve(String(chunk)))),
  );
  for (const [at, channel] of channels.entries()) channel.write(`channel ${at}`);
  t.same(
    await Promise.all(echoed),
    Array.from({ length: 50 }, (_, at) => `channel ${at}`),
    'all of them run, though sshd takes ten for each connection',
  );
  channels[0]?.end();
  await eventually('there is room again', async () => typeof (await open()) !== 'string');
});

t.test('a client that does not read stops the target and fills no memory', async (t) => {
  const client = await signedIn(t);
  const before = process.memoryUsage().rss;
  await new Promise<void>((resolve, reject) =>
    client.exec('cat /dev/zero', (error, channel) => {
      if (error instanceof Error) return reject(error);
      channel.pause(); // nobody takes data: the window of 2 MiB stays shut
      resolve();
    }),
  );
  // Another channel of the same connection still answers, more than once.
  for (let count = 0; count < 5; count += 1)
    await new Promise<void>((resolve, reject) =>
      client.exec('echo here', (error, channel) => {
        if (error instanceof Error) return reject(error);
        channel.resume().once('close', () => resolve());
      }),
    );
  t.ok(process.memoryUsage().rss - before < 150 * mebibyte, 'client, gateway and all');
});

t.test('idle time and total time end sessions in words', async (t) => {
  const limited = await startSshWorld(t, {
    policies: sshPolicies(),
    config: () => ({ ssh: { idle_timeout: '1s', session_timeout: '3s' } }),
  });
  const idle = await limited.startSsh(['cat'], { target: 'dev-1' }).end();
  t.match(idle, { code: 255, stderr: /the session was idle for too long/ });
  const busy = await limited.startSsh(['while :; do echo x; sleep 0.2; done'], { target: 'dev-1' }).end();
  t.match(busy, { code: 255, stderr: /a session lasts 3 s at most: sign in again/ });
});

t.test('connections that do not sign in are limited for each address', async (t) => {
  const sockets: Socket[] = [];
  t.teardown(() => sockets.forEach((socket) => socket.destroy()));
  let refused = '';
  for (let count = 0; count < 210; count += 1) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      if (chunk.includes('Too many')) refused = chunk.toString('latin1');
    });
    sockets.push(socket);
  }
  await eventually('the last ones are turned away', () => refused !== '');
  t.equal(refused, 'Too many connections\r\n');
  sockets.forEach((socket) => socket.destroy());
  await eventually('there is room again', async () => (await world.ssh(['true'], { target: 'dev-1' })).code === 0);
});
