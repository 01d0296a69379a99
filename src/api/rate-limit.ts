// Counts failures of an address in a minute. Only failures are answered "too many": what is good is always let through, so
// that nobody behind the same address can lock others out. Secrets are too long to guess; this keeps noise down.

import type { Clock } from '../core/clock.ts';

export const failuresPerMinuteMax = 60;
const addressesMax = 10_000;

export class FailureLimit {
  readonly #clock: Clock;
  readonly #counts = new Map<string, number>();
  #minuteStartMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a failure; true when there were too many in this minute. */
  failed(address: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#minuteStartMs >= 60_000) {
      this.#minuteStartMs = nowMs;
      this.#counts.clear();
    }
    const count = (this.#counts.get(address) ?? 0) + 1;
    // Full: addresses that are new in this minute share one count. An attacker who has that many gets "too many" sooner.
    const key = this.#counts.size >= addressesMax && !this.#counts.has(address) ? '' : address;
    this.#counts.set(key, key === '' ? (this.#counts.get('') ?? 0) + 1 : count);
    return (this.#counts.get(key) ?? 0) > failuresPerMinuteMax;
  }
}
