// Time that no clock can lengthen: it is over when so much has passed on the monotonic clock, or when the wall clock says so,
// whichever comes first. What has passed is written down again and again, so that a restart goes on where it was.

import type { Clock } from '../core/clock.ts';

/** While the gateway was stopped only the wall clock tells what passed. Further back than this, it was set. */
export const clockBackToleranceMs = 5_000;

export interface MeasuredTime {
  readonly durationMs: number;
  /** What had passed at `seenAtMs` on the wall clock. */
  readonly elapsedMs: number;
  readonly seenAtMs: number;
}

export class Lifetime {
  readonly #clock: Clock;
  readonly #elapsedMs: number;
  readonly #sinceMs: number;
  durationMs: number;
  /** On the wall clock. */
  endsAtMs: number;

  private constructor(clock: Clock, durationMs: number, elapsedMs: number, endsAtMs: number) {
    this.#clock = clock;
    this.#elapsedMs = elapsedMs;
    this.#sinceMs = clock.monotonicMs();
    this.durationMs = durationMs;
    this.endsAtMs = endsAtMs;
  }

  static begin(clock: Clock, durationMs: number): Lifetime {
    return new Lifetime(clock, durationMs, 0, clock.nowMs() + durationMs);
  }

  /**
   * Goes on after a restart; null when the wall clock was set back meanwhile, so that nobody knows what is left. `newestMs`: the
   * latest time that was written down anywhere before, such as the audit log's newest event: it was at least so late.
   */
  static resume(clock: Clock, { durationMs, elapsedMs, seenAtMs }: MeasuredTime, endsAtMs: number, newestMs = seenAtMs): Lifetime | null {
    const nowMs = clock.nowMs();
    if (nowMs - Math.max(seenAtMs, newestMs) < -clockBackToleranceMs) return null;
    return new Lifetime(clock, durationMs, elapsedMs + Math.max(0, nowMs - seenAtMs, newestMs - seenAtMs), endsAtMs);
  }

  get elapsedMs(): number {
    return this.#elapsedMs + this.#clock.monotonicMs() - this.#sinceMs;
  }

  /** The smaller of what the two clocks say; 0 when it is over. */
  get leftMs(): number {
    return Math.max(0, Math.min(this.durationMs - this.elapsedMs, this.endsAtMs - this.#clock.nowMs()));
  }

  get isOver(): boolean {
    return this.leftMs <= 0;
  }

  extend(addedMs: number): void {
    this.durationMs += addedMs;
    this.endsAtMs += addedMs;
  }
}
