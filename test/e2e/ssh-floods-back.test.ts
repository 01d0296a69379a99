// Floods the other way: answers that a client asks for and does not read, and a target that obeys no window.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import t from 'tap';
import { makeKeyPair, publicKeyOf } from '../../docker/demo/ssh-server.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { exec, idOf, memory, settled, signedIn } from '../support/ssh-raw-client.ts';
import type { RawClient } from '../support/ssh-raw-client.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';

const world = await startSshWorld(t, { policies: sshPolicies() });
const keys = temporaryDirectory(t, 'targets');
const mebibyte = 1024 ** 2;

t.test('requests whose answers nobody reads are not read either', async (t) => {
  const client = await signedIn(world, t, 'dev-1');
  const before = memory();
  client._sock.pause();
  const { _sock: socket, _protocol: protocol } = client;
  await settled(() => {
    // The socket takes them as long as the gateway does.
    for (let count = 0; socket.writableLength === 0 && count < 20_000; count += 1) protocol.ping();
    return socket.bytesWritten;
  });
  t.ok(memory() - before < 60 * mebibyte);
  socket.resume();
  await once(await exec(client, 'echo here'), 'data'); // all of it was answered in the end
});

for (const stream of ['output', 'errors'] as const) {
  t.test(`a target that sends more ${stream} than its window, while nobody takes it: its connection ends`, async (t) => {
    makeKeyPair(join(keys, `target-${stream}`), 'target');
    let sent = 0;
    let isLost = false;
    const pour = async (connection: ssh2.Connection & RawClient, id: number) => {
      const { _protocol: protocol, _sock: socket } = connection;
      const piece = Buffer.alloc(30_000);
      while (!socket.destroyed && sent < 100 * mebibyte) {
        if (stream === 'output') protocol.channelData(id, piece);
        else protocol.channelExtData(id, piece, 1);
        sent += piece.length;
        if (socket.writableLength > mebibyte) await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve));
      }
    };
    const target = new ssh2.Server({ hostKeys: [readFileSync(join(keys, `target-${stream}`))] }, (connection) => {
      connection.on('error', () => undefined).on('close', () => (isLost = true));
      connection.on('authentication', (context) => context.accept());
      connection.on('session', (accept) =>
        accept().on('exec', (begin) => {
          const channel = begin();
          channel.on('error', () => undefined);
          channel.write('here\n');
          channel.once('data', () => void pour(connection as never, idOf(channel as never)));
        }),
      );
    });
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
    t.teardown(() => target.close());
    const hostile = await startSshWorld(t, {
      policies: sshPolicies(),
      target: { port: (target.address() as AddressInfo).port, host_keys: [publicKeyOf(join(keys, `target-${stream}`))] },
    });
    const client = await signedIn(hostile, t, 'dev-1');
    const channel = await exec(client, 'anything');
    await once(channel, 'data');
    channel.pause(); // and its errors are not read from the beginning
    channel.write('go');
    await eventually('the gateway has ended it', () => isLost);
    t.ok(sent < 40 * mebibyte, String(sent));
  });
}
