// The end of a client's connection. What was written is still sent, but only for a while: who reads nothing would otherwise keep the
// connection, what waits in it and its place in the limits for as long as it likes, though its session is over.

import type { Duplex } from 'node:stream';

/** Enough for a slow line to take what one connection holds (some hundred kB). */
export const farewellMsMax = 10_000;

/** Sends what was written, and closes; who has not taken it by then is cut off. */
export function bidFarewell(stream: Duplex & { destroySoon(): void }, waitMs = farewellMsMax): void {
  if (stream.destroyed) return;
  const timer = setTimeout(() => stream.destroy(), waitMs).unref();
  stream.once('close', () => clearTimeout(timer));
  stream.destroySoon();
}
