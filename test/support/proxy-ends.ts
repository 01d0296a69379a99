// The two sides of what a proxy of the tests passes on.

import type { Socket } from 'node:net';

/** Each side ends with the other; `sockets` is where they are found when all are to end. */
export function endTogether(client: Socket, upstream: Socket, sockets: Set<Socket>): void {
  for (const [socket, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => other.destroy());
  }
}
