// When a failed delivery is tried again.

import type { Random } from '../core/clock.ts';

/**
 * Waits after the first, second, … failed try. Quick at first, because a hold lives for minutes; then long enough to
 * outlast a receiver's bad night, because a settled hold is worth knowing afterwards.
 */
export const retryAfterMs: readonly number[] = [1, 5, 15, 60, 300, 1_800, 7_200, 28_800].map((seconds) => seconds * 1_000);

/** Each wait varies by this share, so that what failed together does not come back together. */
const jitterShare = 0.2;

/** The wait after `failures` failed tries, or null when that was the last. */
export function retryDelayMs(schedule: readonly number[], failures: number, random: Random): number | null {
  const delayMs = schedule[failures - 1];
  if (delayMs === undefined) return null;
  const between0And1 = random.bytes(4).readUInt32BE(0) / 2 ** 32;
  return Math.round(delayMs * (1 - jitterShare + 2 * jitterShare * between0And1));
}
