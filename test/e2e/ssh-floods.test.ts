// A signed-in client that obeys no window: what it sends too much of ends its connection, and what it does not read stays with the target.

import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import t from 'tap';
import { eventually } from '../support/eventually.ts';
import { exec, idOf, memory, settled, signedIn } from '../support/ssh-raw-client.ts';
import type { RawClient } from '../support/ssh-raw-client.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';

const world = await startSshWorld(t, { policies: sshPolicies() });
const { gateway, port, server, ssh } = world;
const mebibyte = 1024 ** 2;

t.test('more than the window, while nobody takes it: the connection ends', async (t) => {
  const client = await signedIn(world, t, 'web-1');
  let isClosed = false;
  client.on('close', () => (isClosed = true));
  const channel = await exec(client, 'rm deploy.log'); // waits for people
  const piece = Buffer.alloc(30_000);
  let sent = 0;
  while (!isClosed && sent < 100 * mebibyte) {
    client._protocol.channelData(idOf(channel), piece);
    sent += piece.length;
    if (client._sock.writableLength > mebibyte) await new Promise((resolve) => client._sock.once('drain', resolve).once('close', resolve));
  }
  await eventually('it is closed', () => isClosed);
  t.ok(sent < 30 * mebibyte, String(sent));
  t.match(await ssh(['echo still'], { target: 'dev-1' }), { stdout: 'still\n' });
});

const unwilling: readonly (readonly [string, (client: RawClient) => void])[] = [
  ['takes nothing from its socket', ({ _sock: socket }) => socket.pause()],
  [
    'begins to exchange keys and does not go on',
    ({ _protocol: protocol }) => {
      protocol.parse = () => undefined;
      protocol.rekey();
    },
  ],
];

for (const [how, stops] of unwilling) {
  t.test(`a window without end of a client that ${how}`, async (t) => {
    const client = await signedIn(world, t, 'dev-1');
    const started = join(server.home, `started-${process.pid}`);
    const channel = await exec(
      client,
      `echo here; while [ ! -e ${started} ]; do sleep 0.05; done; rm ${started}; head -c ${300 * mebibyte} /dev/zero`,
    );
    await once(channel, 'data');
    const before = memory();
    client._protocol.channelWindowAdjust(idOf(channel), 0x7fff_0000);
    stops(client);
    writeFileSync(started, '');
    await eventually('the target begins', () => !existsSync(started));
    await settled(() => Math.round(process.memoryUsage().arrayBuffers / mebibyte));
    const grown = memory() - before;
    t.ok(grown < 32 * mebibyte, `${Math.round(grown / mebibyte)} MiB`);
    t.match(await ssh(['echo still'], { target: 'dev-1' }), { stdout: 'still\n' });
  });
}

for (const [what, bytes] of [
  ['and nothing was sent to it', 0],
  ['and what was sent to it was not read', 3_000_000],
] as const) {
  t.test(`a command that waits is withdrawn when its channel is closed ${what}`, async (t) => {
    const client = await signedIn(world, t, 'web-1');
    const channel = await exec(client, 'rm deploy.log');
    const bob = gateway.api('bob');
    const hold = await bob.pendingHold(/^rm deploy/);
    if (bytes > 0) channel.write(Buffer.alloc(bytes));
    channel.close();
    await eventually('nobody is asked any more', async () => {
      const { body } = await bob.get<{ items: { id: string }[] }>('/holds?state=pending');
      return !body.items.some(({ id }) => id === hold.id);
    });
  });
}

t.test('after a packet that cannot be, nothing is read and the connection is closed, whatever the client does', async (t) => {
  const sock = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await signedIn(world, t, 'dev-1', sock);
  sock.removeAllListeners('end');
  sock.write(randomBytes(100_000));
  const lost = new Promise((resolve) => sock.once('close', resolve).on('error', () => undefined));
  // Its own end stays open: only the gateway can end it.
  const timer = setInterval(() => sock.write(randomBytes(1000)), 10);
  t.teardown(() => clearInterval(timer));
  await lost;
  t.notOk(sock.writable);
  t.match(await ssh(['echo still'], { target: 'dev-1' }), { stdout: 'still\n' });
});
