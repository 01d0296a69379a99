// A TCP proxy before a PostgreSQL server, which lets each CancelRequest through only when it is told to: a network that is slow where it
// hurts most.

import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { requestCode } from '../../protocols/postgres/messages.ts';
import type { Teardown } from './directories.ts';
import { endTogether } from './proxy-ends.ts';

export interface LateCancels {
  readonly port: number;
  /** So many have come and were not let through. */
  readonly waiting: number;
  /** Lets all that have come through, in order. */
  pass(): void;
}

export async function lateCancels(t: Teardown, serverPort: number): Promise<LateCancels> {
  const sockets = new Set<Socket>();
  const waiting: (() => void)[] = [];
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const upstream = connect(serverPort, '127.0.0.1');
    endTogether(client, upstream, sockets);
    upstream.pipe(client);
    client.on('data', (chunk) => {
      const isCancel = chunk.length === 16 && chunk.readInt32BE(4) === requestCode.cancel;
      if (isCancel) waiting.push(() => upstream.end(chunk));
      else upstream.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    get waiting() {
      return waiting.length;
    },
    pass: () => {
      for (const go of waiting.splice(0)) go();
    },
  };
}
