// A limit to what one HTTP connection asks for ahead of its answers. Node takes all requests that a chunk holds, hundreds of small ones
// at a time, and keeps each until the client has read the answers before it: a few hundred strangers who read nothing would fill the
// memory. Browsers, proxies and our own clients wait for one answer before they ask again.

import type { Server } from 'node:http';
import type { Socket } from 'node:net';

export const requestsAheadMax = 16;

/** A connection with more requests that are not answered yet is closed. */
export function limitPipelining(server: Pick<Server, 'on'>): void {
  const asked = new WeakMap<Socket, number>();
  server.on('request', ({ socket }, response) => {
    const waiting = (asked.get(socket) ?? 0) + 1;
    asked.set(socket, waiting);
    if (waiting > requestsAheadMax) socket.destroy();
    else response.once('close', () => asked.set(socket, (asked.get(socket) ?? 1) - 1));
  });
}
