// Frees the memory of bytes that only pass through. Each read of a socket is memory outside V8's heap, and V8 answers so much of it by
// collecting everything, ten times a second in a large transfer: half of the CPU time of one over SSH. The chunks are dead by then, so a
// scavenge of the young generation (under a millisecond) frees them before V8 counts them.

import { setFlagsFromString } from 'node:v8';
import { createContext, runInContext } from 'node:vm';

/** A small process (an agent) begins to collect everything at 20 MB. Measured there: 4 MB is better than 8, and 2 brings nothing. */
const scavengeEveryBytes = 4 * 1024 * 1024;

type Collect = (options: { readonly type: 'minor' | 'major' }) => void;

let passedBytes = 0;

/** So many bytes came in, and are not kept. Called for each chunk. */
export function bytesPassed(count: number): void {
  passedBytes += count;
  if (passedBytes < scavengeEveryBytes) return;
  passedBytes = 0;
  collector.collect({ type: 'minor' });
}

/** Collects everything right after `drop`, in a place where objects of native code may die. Does neither where V8 gives no way to. */
export function collectAfter(drop: () => void): void {
  if (!collector.works) return;
  drop();
  collector.collect({ type: 'major' });
}

/** The flag is one for all threads of the process: one that begins at the same time may take it away in between. */
const triesMax = 1000;

/**
 * V8's own function, which a new context is given while the flag is set; the gateway's own context never sees it. Made when the process
 * starts, and its context kept: objects of native code that die while a context is being made, or in one that Node has given up, find no
 * environment to sign off from, and that ends the process.
 */
const collector = exposed();

function exposed(): { readonly works: boolean; readonly context: object; readonly collect: Collect } {
  for (let tries = 0; tries < triesMax; tries++) {
    setFlagsFromString('--expose-gc');
    const context = createContext();
    const collect: unknown = runInContext('globalThis.gc', context);
    setFlagsFromString('--no-expose-gc');
    if (typeof collect === 'function') return { works: true, context, collect: collect as Collect };
  }
  return { works: false, context: {}, collect: () => undefined }; // slower, nothing else
}
