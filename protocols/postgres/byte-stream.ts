// Reads typed messages during handshakes.

import type { Duplex } from 'node:stream';
import { Fault } from '../../src/core/errors.ts';
import { readExactly } from '../../src/core/read-exactly.ts';

/** A typed message (type byte, length, body) of at most `bytesMax`. */
export async function readMessage(stream: Duplex, bytesMax: number, signal: AbortSignal): Promise<{ type: number; bytes: Buffer }> {
  const head = await readExactly(stream, 5, signal);
  const lengthBytes = head.readInt32BE(1);
  if (lengthBytes < 4 || lengthBytes > bytesMax) throw new Fault('protocol-violation', `a message of ${lengthBytes} bytes before sign-in`);
  if (lengthBytes === 4) return { type: head[0] as number, bytes: head };
  const body = await readExactly(stream, lengthBytes - 4, signal);
  return { type: head[0] as number, bytes: Buffer.concat([head, body]) };
}
