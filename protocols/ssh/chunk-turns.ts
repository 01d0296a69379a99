// What belongs to a chunk that came from one side: what it makes the gateway write to either side leaves in one system call, and its
// memory is freed soon after.

import type { Duplex } from 'node:stream';
import { bytesPassed } from '../../src/core/short-lived-memory.ts';
import { isInPlace } from './ssh2-packets.ts';

/** Call when ssh2 listens to `from` already: its writes are to happen between the two listeners. */
export function gatherWrites(from: Duplex, others: () => readonly Duplex[]): void {
  let corked: readonly Duplex[] = [];
  from.prependListener('data', (chunk: Buffer) => {
    if (!isInPlace(from)) bytesPassed(chunk.length);
    corked = others();
    from.cork(); // more window from a side that was slow lets what waits for it go
    for (const other of corked) other.cork();
  });
  from.on('data', () => {
    for (const other of corked) other.uncork();
    from.uncork();
  });
}
