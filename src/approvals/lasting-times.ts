// The time that is left to holds that outlive a restart: of their wait, and after the approval of the time in which it can be
// used. By both clocks, and written down every minute, so that no clock that is set and no restart makes it longer.

import type { Clock } from '../core/clock.ts';
import type { HoldId } from '../core/ids.ts';
import type { HoldStore } from '../store/holds.ts';
import { Lifetime, type MeasuredTime } from './lifetime.ts';

export class LastingTimes {
  readonly #store: Pick<HoldStore, 'seen' | 'use'>;
  readonly #clock: Clock;
  readonly #newestEventMs: number | undefined;
  readonly #lives = new Map<HoldId, Lifetime>();

  constructor(store: Pick<HoldStore, 'seen' | 'use'>, clock: Clock, newestEventMs?: number) {
    this.#store = store;
    this.#clock = clock;
    this.#newestEventMs = newestEventMs;
  }

  get isEmpty(): boolean {
    return this.#lives.size === 0;
  }

  /** The wait, or the time of use, begins now; the store notes that with what began it. */
  begin(id: HoldId, durationMs: number): void {
    this.#lives.set(id, Lifetime.begin(this.#clock, durationMs));
  }

  /** Milliseconds left after a restart; null when it is over, or when the clock was set back and nobody knows. */
  resume(id: HoldId, measured: MeasuredTime, endsAtMs: number): number | null {
    const life = Lifetime.resume(this.#clock, measured, endsAtMs, this.#newestEventMs);
    if (life === null || life.isOver) return null;
    this.#lives.set(id, life);
    return life.leftMs;
  }

  /** False for a hold that does not outlive a restart. */
  isOver(id: HoldId): boolean {
    return this.#lives.get(id)?.isOver === true;
  }

  /** Writes down what has passed, and forgets what can't be used any more. */
  note(): void {
    for (const [id, life] of this.#lives) {
      if (life.isOver) this.#lives.delete(id);
      else this.#store.seen(id, life.elapsedMs, this.#clock.nowMs());
    }
  }

  /** Uses an approval up, in the store first: true once, and only in its time. */
  use(id: HoldId): boolean {
    const life = this.#lives.get(id);
    this.#lives.delete(id);
    return life !== undefined && !life.isOver && this.#store.use(id, this.#clock.nowMs());
  }

  forget(id: HoldId): void {
    this.#lives.delete(id);
  }
}
