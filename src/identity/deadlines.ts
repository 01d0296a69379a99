// Ends on the wall clock that no clock which is set makes later: what is known here is also over once so much time has passed.

import type { Clock } from '../core/clock.ts';

export class Deadlines {
  readonly #clock: Clock;
  /** On the monotonic clock. */
  readonly #deadlines = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** From now on it is measured; now is at least `nowMs`. Its owner bounds how many there are. */
  note(key: string, endsAtMs: number, nowMs = this.#clock.nowMs()): void {
    this.#deadlines.set(key, this.#clock.monotonicMs() + endsAtMs - nowMs);
  }

  isOver(key: string, endsAtMs: number): boolean {
    return endsAtMs <= this.#clock.nowMs() || (this.#deadlines.get(key) ?? Infinity) <= this.#clock.monotonicMs();
  }

  keepOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#deadlines.keys()) if (!keys.has(key)) this.#deadlines.delete(key);
  }
}
