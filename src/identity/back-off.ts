// Makes whoever fails wait, longer each time. Counted by name and address together: someone who tries Alice's name from
// elsewhere can't lock Alice out, and thousands of wrong passwords slow nobody but their sender. It bounds noise and load;
// against guessing the tokens' 200 random bits do.

import type { Clock } from '../core/clock.ts';

/** Failures before the first wait: a mistyped paste or an old token in a file is nobody's attack. */
export const freeFailures = 5;
export const firstWaitMs = 1000;
export const longestWaitMs = 30_000;
/** After this long without a failure a pair is forgotten. */
export const forgetMs = 15 * 60_000;
/** Pairs remembered; the oldest go first. About 2 MB. */
export const pairsMax = 10_000;
const keyCharactersMax = 300;

interface Failures {
  count: number;
  lastMs: number;
  waitUntilMs: number;
}

export class BackOff {
  readonly #clock: Clock;
  readonly #pairs = new Map<string, Failures>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a failure; gives how many there were in a row. */
  failed(name: string, address: string): number {
    const nowMs = this.#clock.monotonicMs();
    const key = keyOf(name, address);
    const known = this.#recent(key, nowMs);
    const count = (known?.count ?? 0) + 1;
    const doublings = Math.min(count - freeFailures, 10);
    const waitMs = doublings <= 0 ? 0 : Math.min(firstWaitMs * 2 ** (doublings - 1), longestWaitMs);
    this.#pairs.delete(key); // put last: the map's order is the order of failing
    this.#pairs.set(key, { count, lastMs: nowMs, waitUntilMs: nowMs + waitMs });
    if (this.#pairs.size > pairsMax) this.#pairs.delete(this.#pairs.keys().next().value ?? '');
    return count;
  }

  /** How long this pair still has to wait, in milliseconds; 0 when it need not. */
  waitMs(name: string, address: string): number {
    const nowMs = this.#clock.monotonicMs();
    return Math.max(0, (this.#recent(keyOf(name, address), nowMs)?.waitUntilMs ?? 0) - nowMs);
  }

  succeeded(name: string, address: string): void {
    this.#pairs.delete(keyOf(name, address));
  }

  get size(): number {
    return this.#pairs.size;
  }

  #recent(key: string, nowMs: number): Failures | undefined {
    const known = this.#pairs.get(key);
    return known !== undefined && nowMs - known.lastMs < forgetMs ? known : undefined;
  }
}

function keyOf(name: string, address: string): string {
  return `${address}\0${name}`.slice(0, keyCharactersMax);
}
