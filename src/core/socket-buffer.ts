// Reads a socket, plain or TLS, into memory of the caller. Node does so for sockets that a program dials itself (the option `onread`) and
// not for those that a server gave it, though they have the same parts: without it each TLS record is 16 kB of new memory, which the
// collector counts. Where the parts are not as this file knows them nothing is changed.

import type { Socket } from 'node:net';

/** The properties behind the option `onread`. */
const partNames = ['kBuffer', 'kBufferCb'] as const;

/**
 * From now on whatever comes is put at the beginning of `buffer`, over what was there, and `came` is told how much it is; 'data' is not
 * emitted any more. Pausing, resuming and the end are as ever. False when this socket can't be read so: listen to 'data' then.
 */
export function readIntoBuffer(socket: Socket, buffer: Uint8Array, came: (count: number) => void): boolean {
  const parts = socket as unknown as Record<symbol, unknown>;
  const { _handle: handle } = socket as unknown as { _handle?: { useUserBuffer?: (into: Uint8Array) => unknown } | null };
  const [bufferPart, callbackPart] = partNames.map((name) => ownSymbol(socket, name));
  if (bufferPart === undefined || callbackPart === undefined || typeof handle?.useUserBuffer !== 'function') return false;
  if (socket.destroyed || parts[bufferPart] !== null || parts[callbackPart] !== null || socket.readableLength > 0) return false;
  parts[callbackPart] = (count: number): boolean => {
    came(count);
    return true;
  };
  parts[bufferPart] = buffer;
  handle.useUserBuffer(buffer);
  return true;
}

function ownSymbol(of: object, description: string): symbol | undefined {
  return Object.getOwnPropertySymbols(of).find((it) => it.description === description);
}
