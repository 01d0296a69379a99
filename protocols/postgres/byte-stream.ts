// Reads exact numbers of bytes from a socket during handshakes, so that they can be written as straight lines.
// The socket stays paused: what was not asked for stays in it, for TLS or for the relay.

import type { Duplex } from 'node:stream';
import { Fault } from '../../src/core/errors.ts';

/** Resolves with exactly `count` bytes. Rejects when the stream ends, fails or the signal is aborted. */
export async function readExactly(stream: Duplex, count: number, signal: AbortSignal): Promise<Buffer> {
  for (;;) {
    if (signal.aborted) throw aborted(signal);
    const bytes = stream.read(count) as Buffer | null;
    if (bytes !== null && bytes.length === count) return bytes;
    if (bytes !== null || stream.readableEnded || stream.destroyed)
      throw new Fault('protocol-violation', 'the connection ended in the middle of a message');
    await readable(stream, signal);
  }
}

function readable(stream: Duplex, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => () => {
      stream.off('readable', onReadable).off('end', onEnd).off('close', onEnd).off('error', onError);
      signal.removeEventListener('abort', onAbort);
      then();
    };
    const onReadable = settle(resolve);
    const onEnd = settle(resolve);
    const onError = settle(() => reject(new Fault('protocol-violation', 'the connection broke')));
    const onAbort = settle(() => reject(aborted(signal)));
    stream.on('readable', onReadable).on('end', onEnd).on('close', onEnd).on('error', onError);
    signal.addEventListener('abort', onAbort);
  });
}

function aborted(signal: AbortSignal): Fault {
  return signal.reason instanceof Fault ? signal.reason : new Fault('limit-reached', String(signal.reason ?? 'given up'));
}

/** A typed message (type byte, length, body) of at most `bytesMax`. */
export async function readMessage(stream: Duplex, bytesMax: number, signal: AbortSignal): Promise<{ type: number; bytes: Buffer }> {
  const head = await readExactly(stream, 5, signal);
  const lengthBytes = head.readInt32BE(1);
  if (lengthBytes < 4 || lengthBytes > bytesMax) throw new Fault('protocol-violation', `a message of ${lengthBytes} bytes before sign-in`);
  if (lengthBytes === 4) return { type: head[0] as number, bytes: head };
  const body = await readExactly(stream, lengthBytes - 4, signal);
  return { type: head[0] as number, bytes: Buffer.concat([head, body]) };
}
