// Randomness from the system, drawn in advance: asking for a few bytes costs as much as asking for some thousand.

import { randomFillSync } from 'node:crypto';
import type { Random } from '../core/clock.ts';

const poolBytes = 4096;
/** More at once is drawn for itself. */
const pooledBytesMax = 256;

/** What was given out is forgotten. */
export function systemRandom(): Random {
  const pool = Buffer.alloc(poolBytes);
  let used = poolBytes;
  return {
    bytes: (count) => {
      if (count > pooledBytesMax) return randomFillSync(Buffer.allocUnsafeSlow(count));
      if (used + count > poolBytes) {
        randomFillSync(pool);
        used = 0;
      }
      const bytes = Buffer.allocUnsafeSlow(count); // not a part of memory that others have parts of
      pool.copy(bytes, 0, used, used + count);
      pool.fill(0, used, used + count);
      used += count;
      return bytes;
    },
  };
}
