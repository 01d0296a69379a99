// Remembers what came in, so that a signed request that somebody recorded does nothing when it is sent again.

import type { Clock } from '../core/clock.ts';

/** More signed requests than that within the window are no longer told apart, and refused. */
const keptMax = 10_000;

export class SeenOnce {
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #seen = new Map<string, number>();

  /** Wall clock: `windowMs` is how far a timestamp may lie in the past or the future. */
  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#windowMs = windowMs;
  }

  /** True the first time, for a timestamp within the window. */
  take(key: string, timestampMs: number): boolean {
    const nowMs = this.#clock.nowMs();
    if (!Number.isFinite(timestampMs) || Math.abs(nowMs - timestampMs) > this.#windowMs) return false;
    for (const [old, forgetAtMs] of this.#seen) {
      if (forgetAtMs > nowMs) break; // kept in the order of time
      this.#seen.delete(old);
    }
    if (this.#seen.has(key) || this.#seen.size >= keptMax) return false;
    this.#seen.set(key, nowMs + 2 * this.#windowMs);
    return true;
  }
}
