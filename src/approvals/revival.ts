// A hold that outlives a restart comes back: with the time that is left of its wait, or of the use of its approval, by both clocks.

import type { Clock } from '../core/clock.ts';
import type { HoldStore } from '../store/holds.ts';
import { askedOf, settlementOf } from './hold-record.ts';
import type { LastingTimes } from './lasting-times.ts';
import { PendingHold } from './pending-hold.ts';

export interface Revived {
  readonly hold: PendingHold;
  readonly leftMs: number;
}

/** Null when it is over, or when nobody knows how long it was. One that was approved comes back settled. */
export function revive(
  { record, elapsedMs, seenAtMs }: ReturnType<HoldStore['lasting']>[number],
  times: LastingTimes,
  clock: Clock,
): Revived | null {
  if (record.again === null) return null;
  const isPending = record.state === 'pending';
  const [fromMs, durationMs] = isPending
    ? [record.createdAtMs, record.expiresAtMs - record.createdAtMs]
    : [record.settledAtMs ?? record.createdAtMs, record.again.approvedForMs];
  const leftMs = times.resume(record.id, { durationMs, elapsedMs, seenAtMs }, fromMs + durationMs);
  if (leftMs === null) return null;
  const nowMs = clock.monotonicMs();
  const hold = new PendingHold(record, askedOf(record), nowMs + leftMs, nowMs + leftMs - durationMs);
  if (!isPending) {
    hold.claim();
    hold.release(settlementOf(record));
  }
  return { hold, leftMs };
}
