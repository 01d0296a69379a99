// A signed-in client that obeys no window: what it sends too much of ends its connection, and what it does not read stays with the target.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import ssh2 from 'ssh2';
import t from 'tap';
import { eventually } from '../support/eventually.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';

const world = await startSshWorld(t, { policies: sshPolicies() });
const { directory, gateway, port, server, ssh } = world;
const mebibyte = 1024 ** 2;

interface RawClient {
  readonly _sock: Socket;
  readonly _protocol: {
    channelData(id: number, data: Buffer): void;
    channelWindowAdjust(id: number, more: number): void;
    ping(): void;
    rekey(): void;
    parse: () => void;
  };
}

function signedIn(t: { teardown(step: () => void): void }, target: string, sock?: Socket): Promise<ssh2.Client & RawClient> {
  const client = new ssh2.Client();
  t.teardown(() => client.destroy());
  return new Promise((resolve, reject) => {
    client.on('error', reject);
    client.on('ready', () => {
      client.removeAllListeners('error').on('error', () => undefined);
      resolve(client as never);
    });
    const to = sock === undefined ? { host: '127.0.0.1', port } : { sock };
    client.connect({ ...to, username: `alice:${target}`, privateKey: readFileSync(join(directory, 'alice')) });
  });
}

const exec = (client: ssh2.Client, command: string) =>
  new Promise<ssh2.ClientChannel>((resolve, reject) =>
    client.exec(command, (error, channel) => (error instanceof Error ? reject(error) : resolve(channel))),
  );
const idOf = (channel: ssh2.ClientChannel) => (channel as unknown as { outgoing: { id: number } }).outgoing.id;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
/** In use outside of V8's heap by client, gateway and all: packets are. */
function memory(): number {
  collect();
  return process.memoryUsage().arrayBuffers;
}

/** Gives when it has stayed the same for a while. */
async function settled(figure: () => number): Promise<void> {
  let last = Number.NaN;
  let same = 0;
  await eventually('nothing moves any more', async () => {
    const now = figure();
    same = now === last ? same + 1 : 0;
    last = now;
    await delay(50);
    return same >= 6;
  });
}

t.test('more than the window, while nobody takes it: the connection ends', async (t) => {
  const client = await signedIn(t, 'web-1');
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
    const client = await signedIn(t, 'dev-1');
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

t.test('requests whose answers nobody reads are not read either', async (t) => {
  const client = await signedIn(t, 'dev-1');
  const before = memory();
  client._sock.pause();
  const { _sock: socket, _protocol: protocol } = client;
  await settled(() => {
    // The socket takes them as long as the gateway does.
    for (let count = 0; socket.writableLength === 0 && count < 50_000; count += 1) protocol.ping();
    return socket.bytesWritten;
  });
  t.ok(memory() - before < 60 * mebibyte);
  socket.resume();
  await once(await exec(client, 'echo here'), 'data'); // all of it was answered in the end
});

for (const [what, bytes] of [
  ['and nothing was sent to it', 0],
  ['and what was sent to it was not read', 3_000_000],
] as const) {
  t.test(`a command that waits is withdrawn when its channel is closed ${what}`, async (t) => {
    const client = await signedIn(t, 'web-1');
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
  await signedIn(t, 'dev-1', sock);
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
