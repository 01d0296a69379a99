// How often the catalogues of targets have changed, counted for all threads in shared memory: a change that went through one thread is
// known to every other one before it judges. Databases share counters by a hash, so one may be read again for a change of another.

import type { ChangeCount } from '../core/change-count.ts';

/** Counters for pairs of target and database. */
const slots = 4096;

export type SharedChanges = SharedArrayBuffer;

export function openChanges(): SharedChanges {
  return new SharedArrayBuffer(slots * Int32Array.BYTES_PER_ELEMENT);
}

export function joinChanges(shared: SharedChanges): (target: string, database: string) => ChangeCount {
  const counts = new Int32Array(shared);
  return (target, database) => {
    const slot = slotOf(`${target}/${database}`);
    return {
      get now() {
        return Atomics.load(counts, slot);
      },
      raise: () => void Atomics.add(counts, slot, 1),
    };
  };
}

/** FNV-1a, 32 bits. */
function slotOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % slots;
}
