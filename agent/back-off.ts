// How long to wait before the next try. Full jitter: every agent of a gateway that restarts draws its own moment, so ten
// thousand of them do not come back in the same second.

import type { Random } from '../src/core/clock.ts';

export interface BackOffTimes {
  /** A link that was up is tried again within this. */
  readonly firstMs: number;
  readonly maxMs: number;
}

export const defaultBackOff: BackOffTimes = { firstMs: 2_000, maxMs: 20_000 };

/** Milliseconds to wait after `failures` tries in a row that failed (0: the link was up and ended). */
export function waitMs(failures: number, times: BackOffTimes, random: Random): number {
  const spreadMs = Math.min(times.maxMs, times.firstMs * 2 ** Math.min(failures, 20));
  return (random.bytes(4).readUInt32BE(0) / 2 ** 32) * spreadMs;
}
