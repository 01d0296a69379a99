// A TCP proxy that cuts what a server sends wherever it likes: pieces of a byte, of some hundreds, of more than a read, each on its own. What
// networks do now and then, all the time.

import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { Teardown } from './directories.ts';
import { endTogether } from './proxy-ends.ts';
import { seededRandom } from './seeded-random.ts';

/** Gives the port on which it listens. `seed` decides where it cuts. */
export async function cuttingProxy(t: Teardown, serverPort: number, seed: number): Promise<number> {
  const dice = seededRandom(seed);
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: serverPort, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    endTogether(client, upstream, sockets);
    client.pipe(upstream);
    void cut(upstream, client, dice);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function cut(from: Socket, to: Socket, dice: (sides: number) => number): Promise<void> {
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length;) {
        const count = 1 + dice([8, 700, 5_000, 66_000][dice(4)] ?? 1);
        if (!to.write(chunk.subarray(at, at + count))) await new Promise((resolve) => to.once('drain', resolve).once('close', resolve));
        at += count;
        await setImmediate(); // the next one is a read of its own
      }
    }
    to.end();
  } catch {
    to.destroy();
  }
}
