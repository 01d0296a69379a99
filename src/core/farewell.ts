// The ends of connections. To a client what was written is still sent, for as long as it goes on taking it: who reads nothing would
// otherwise keep the connection, what waits in it and its place in the limits for as long as it likes, though its session is over.

import type { Duplex } from 'node:stream';

/** A client that takes nothing for so long has had its time. */
export const farewellMsMax = 10_000;
/** Time for a target to take the last message. */
const leaveTargetMsMax = 2_000;

/** Sends what was written, and closes; who takes nothing of it for `waitMs` is cut off. */
export function bidFarewell(stream: Duplex & { destroySoon(): void }, waitMs = farewellMsMax): void {
  if (stream.destroyed) return;
  stream.destroySoon();
  let before = progressOf(stream);
  const look = (): void => {
    const now = progressOf(stream);
    if (now.every((it, index) => it === before[index])) return void stream.destroy();
    before = now;
    timer.refresh();
  };
  const timer = setTimeout(look, waitMs).unref();
  stream.once('close', () => clearTimeout(timer));
}

interface Handle {
  readonly writeQueueSize?: number;
  readonly bytesWritten?: number;
  /** Under TLS. */
  readonly _parent?: Handle | null;
}

/** Numbers that change when something went out. A stream counts a write until all of it is over; the socket's handle knows of its parts. */
function progressOf(stream: Duplex): readonly number[] {
  const { _handle: own } = stream as { readonly _handle?: Handle | null };
  const handle = own?._parent ?? own;
  return [stream.writableLength, handle?.writeQueueSize ?? 0, handle?.bytesWritten ?? 0];
}

/** Ends the connection to a target with the message that its protocol has for it. */
export function leaveTarget(stream: Duplex, message: Buffer): void {
  if (!stream.destroyed) stream.end(message);
  setTimeout(() => stream.destroy(), leaveTargetMsMax).unref();
}
