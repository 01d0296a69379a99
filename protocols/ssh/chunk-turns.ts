// What belongs to a chunk that came from one side: what it makes the gateway write to the other side leaves in one system call, and its
// memory is freed soon after.

import type { Duplex } from 'node:stream';
import { bytesPassed } from '../../src/core/short-lived-memory.ts';

/** Call when ssh2 listens to `from` already: its writes are to happen between the two listeners. */
export function gatherWrites(from: Duplex, takers: () => readonly Duplex[]): void {
  let corked: readonly Duplex[] = [];
  from.prependListener('data', (chunk: Buffer) => {
    bytesPassed(chunk.length);
    corked = takers();
    for (const taker of corked) taker.cork();
  });
  from.on('data', () => {
    for (const taker of corked) taker.uncork();
  });
}
