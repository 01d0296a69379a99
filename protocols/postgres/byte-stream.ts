// Reads typed messages during handshakes, and watches a client that has nothing to say.

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

/**
 * Tells when the other side ends while it is not expected to say anything; what it says meanwhile stays in the stream.
 * Returns what stops the watch.
 */
export function whenGone(stream: Duplex, gone: () => void): () => void {
  // A stream that nobody reads does not notice its end: a listener for 'readable' reads, and asking for nothing shows the end.
  const onReadable = () => void (stream.readableLength === 0 && stream.read(0));
  stream.on('readable', onReadable).once('end', gone).once('close', gone);
  return () => void stream.off('readable', onReadable).off('end', gone).off('close', gone);
}
