// Memory for bytes on their way, used again and again: what passes through a link is many times what waits at one moment, and memory that
// is made for each piece of it is more work for the collector than for the link.

import { bytesPassed } from '../core/short-lived-memory.ts';
import { frameBytesMax } from './limits.ts';

/** A whole message. */
export const blockBytes = frameBytesMax;
/** Blocks that nobody uses now, of all links of a thread: an idle link has none. */
const sparesMax = 64;
const spares: Buffer[] = [];

export function takeBlock(): Buffer {
  const spare = spares.pop();
  if (spare !== undefined) return spare;
  bytesPassed(blockBytes);
  return Buffer.allocUnsafeSlow(blockBytes);
}

/** Nobody may have a slice of it any more, and it is given back once. */
export function giveBack(block: Buffer): void {
  if (spares.length < sparesMax) spares.push(block);
}
