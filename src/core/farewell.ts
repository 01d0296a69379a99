// The end of a client's connection. What was written is still sent, for as long as the client goes on taking it: who reads nothing would
// otherwise keep the connection, what waits in it and its place in the limits for as long as it likes, though its session is over.

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** A client that takes nothing for so long has had its time. */
export const farewellMsMax = 10_000;

/** Sends what was written, and closes; who takes nothing of it for `waitMs` is cut off. */
export function bidFarewell(stream: Duplex & { destroySoon(): void }, waitMs = farewellMsMax): void {
  if (stream.destroyed) return;
  const cutOff = (): void => void stream.destroy();
  if (stream instanceof Socket) {
    stream.pause(); // what is read would count as a sign of life
    stream.setTimeout(waitMs, cutOff); // Node counts a write that goes on as one
  } else {
    let waiting = stream.writableLength;
    const look = (): void => {
      if (stream.writableLength >= waiting) return cutOff();
      waiting = stream.writableLength;
      timer.refresh();
    };
    const timer = setTimeout(look, waitMs).unref();
    stream.once('close', () => clearTimeout(timer));
  }
  stream.destroySoon();
}
