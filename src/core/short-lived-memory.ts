// Frees the memory of bytes that only pass through. Each read of a socket is memory outside V8's heap, and V8 answers so much of it by
// collecting everything, ten times a second in a large transfer: half of the CPU time of one over SSH. The chunks are dead by then, so a
// scavenge of the young generation (under a millisecond) frees them before V8 counts them.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** A small process (an agent) begins to collect everything at 20 MB. Measured there: 4 MB is better than 8, and 2 brings nothing. */
const scavengeEveryBytes = 4 * 1024 * 1024;

let passedBytes = 0;
let scavenge: (() => void) | null = null;

/** So many bytes came in, and are not kept. Called for each chunk. */
export function bytesPassed(count: number): void {
  passedBytes += count;
  if (passedBytes < scavengeEveryBytes) return;
  passedBytes = 0;
  scavenge ??= exposed();
  scavenge();
}

/** V8's own function, which a new context is given while the flag is set; the gateway's own context never sees it. */
function exposed(): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: { readonly type: 'minor' }) => void;
  setFlagsFromString('--no-expose-gc');
  return () => collect({ type: 'minor' });
}
