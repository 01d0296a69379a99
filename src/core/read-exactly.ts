// Reads exact numbers of bytes from a stream during handshakes, so that they can be written as straight lines.
// The stream stays paused: what was not asked for stays in it, for TLS or for the relay.

import type { Duplex } from 'node:stream';
import { Fault } from './errors.ts';

/** Resolves with exactly `count` bytes. Rejects when the stream ends, fails or the signal is aborted. */
export function readExactly(stream: Duplex, count: number, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => {
      stream.off('readable', attempt).off('end', attempt).off('close', attempt).off('error', onError);
      signal.removeEventListener('abort', attempt);
      then();
    };
    // OpenSSL says why the other side gave up, as when it does not take a certificate.
    const onError = ({ reason }: Error & { readonly reason?: string }) =>
      settle(() => reject(new Fault('protocol-violation', `the connection broke${reason === undefined ? '' : ` (${reason})`}`)));
    const attempt = () => {
      if (signal.aborted) return settle(() => reject(abortedFault(signal)));
      const bytes = stream.read(count) as Buffer | null;
      if (bytes !== null && bytes.length === count) return settle(() => resolve(bytes));
      if (bytes === null && !stream.readableEnded && !stream.destroyed) return;
      settle(() => reject(new Fault('protocol-violation', 'the connection ended in the middle of a message')));
    };
    // One listener for the whole wait: Node tells each new one at once of bytes that are too few, for ever, and nothing else
    // would get its turn.
    stream.on('readable', attempt).on('end', attempt).on('close', attempt).on('error', onError);
    signal.addEventListener('abort', attempt);
    attempt();
  });
}

/** What `step` resolves with. Rejects when the signal is aborted before, whatever the step still waits for; it has to end by itself. */
export async function orAborted<T>(step: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(abortedFault(signal));
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([step, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** The fault that a signal was aborted with. */
export function abortedFault(signal: AbortSignal): Fault {
  return signal.reason instanceof Fault ? signal.reason : new Fault('limit-reached', String(signal.reason ?? 'given up'));
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
