// Finds out whether the other end still answers, and how long an answer takes. It only counts and says what to do; the link
// sends the pings and owns the timer.

import type { Clock } from '../core/clock.ts';
import { pingsUnansweredMax } from './limits.ts';

export interface KeepAliveTimes {
  readonly pingIntervalMs: number;
  readonly deadAfterMs: number;
}

/** Weight of the newest answer in the latency that people see. */
const smoothing = 0.25;

export class KeepAlive {
  readonly #clock: Clock;
  readonly #times: KeepAliveTimes;
  readonly #sentAtMs = new Map<number, number>();
  #heardAtMs: number;
  #next = 1;
  /** Smoothed; null before the first answer. */
  latencyMs: number | null = null;
  /** The shortest seen: what the way takes when nothing queues on it. */
  latencyMsMin = Infinity;

  constructor(clock: Clock, times: KeepAliveTimes) {
    this.#clock = clock;
    this.#times = times;
    this.#heardAtMs = clock.monotonicMs();
  }

  /** Anything that comes in proves that the other end is there. */
  heard(): void {
    this.#heardAtMs = this.#clock.monotonicMs();
  }

  get isDead(): boolean {
    return this.#clock.monotonicMs() - this.#heardAtMs > this.#times.deadAfterMs;
  }

  /** Nothing came for longer than a ping takes: new streams should go elsewhere. */
  get isDoubtful(): boolean {
    return this.#clock.monotonicMs() - this.#heardAtMs > this.#times.pingIntervalMs * 1.5;
  }

  /** The number to send in the next ping; null when too many are unanswered. */
  ping(): number | null {
    if (this.#sentAtMs.size >= pingsUnansweredMax) return null;
    const number = this.#next++ >>> 0;
    this.#sentAtMs.set(number, this.#clock.monotonicMs());
    return number;
  }

  /** False when no such ping was sent. */
  pong(number: number): boolean {
    const sentAtMs = this.#sentAtMs.get(number);
    if (sentAtMs === undefined || !this.#sentAtMs.delete(number)) return false;
    const tookMs = this.#clock.monotonicMs() - sentAtMs;
    this.latencyMs = this.latencyMs === null ? tookMs : this.latencyMs + smoothing * (tookMs - this.latencyMs);
    this.latencyMsMin = Math.min(this.latencyMsMin, tookMs);
    return true;
  }
}
