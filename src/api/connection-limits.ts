// How many connections console and API take at once, in all and from one address: whoever opens more and says nothing would use up the
// files that databases' clients need. What became a live socket or an agent's link has signed in and has limits of its own.

import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { OwnCounts } from '../core/accepted-sockets.ts';

export interface ConnectionLimits {
  readonly connections: number;
  readonly connectionsPerAddress: number;
  /** All its clients come from one address. */
  readonly behindProxy: boolean;
}

export function limitConnections(server: Server, { connections, connectionsPerAddress, behindProxy }: ConnectionLimits): void {
  const counts = new OwnCounts({
    connectionsMax: connections,
    connectionsPerAddressMax: behindProxy ? connections : connectionsPerAddress,
  });
  const counted = new Map<string, string>();
  const left = (place: string): void => {
    const address = counted.get(place);
    if (address !== undefined && counted.delete(place)) counts.leave(address);
  };
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    if (!counts.enter(address)) return void socket.destroy(); // mostly TLS, where nothing can be said yet
    const place = placeOf(socket);
    counted.set(place, address);
    socket.once('close', () => left(place));
  });
  server.on('upgrade', (_request: IncomingMessage, socket: Duplex) => left(placeOf(socket as Socket)));
}

/** The same of a connection and of the TLS in it. */
function placeOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
