// When somebody last proved a second factor, so that no clock that is set makes a proof look newer than it is: its age is what the
// wall clock says or what has passed since it was noted, whichever is more.

import type { Clock } from '../core/clock.ts';
import type { FactorStore } from '../store/factors.ts';

/** Clocks are put right by so much without anybody noticing. */
const clockBackToleranceMs = 5_000;

interface Proof {
  /** Wall clock. */
  readonly atMs: number;
  /** How old it was at `seenMs` on the monotonic clock. */
  readonly ageMs: number;
  readonly seenMs: number;
}

export class ProofTimes {
  readonly #store: Pick<FactorStore, 'proved' | 'provedAtMs'>;
  readonly #clock: Clock;
  /** 1970 on the monotonic clock, by the wall clock of the start or the audit log, whichever was later. */
  readonly #zeroMs: number;
  readonly #proofs = new Map<string, Proof | null>();

  constructor(store: Pick<FactorStore, 'proved' | 'provedAtMs'>, clock: Clock, newestEventMs = 0) {
    this.#store = store;
    this.#clock = clock;
    this.#zeroMs = clock.monotonicMs() - Math.max(clock.nowMs(), newestEventMs);
  }

  /** On the wall clock of now; null: never, or nobody knows how long ago. Asked for every decision: from memory. */
  of(person: string): number | null {
    const proof = this.#proofOf(person);
    if (proof === null) return null;
    const nowMs = this.#clock.nowMs();
    const ageMs = proof.ageMs + this.#clock.monotonicMs() - proof.seenMs;
    return nowMs - proof.atMs >= ageMs - clockBackToleranceMs ? proof.atMs : nowMs - ageMs;
  }

  note(person: string): void {
    const atMs = this.#clock.nowMs();
    this.#store.proved(person, atMs);
    this.#proofs.set(person, { atMs, ageMs: 0, seenMs: this.#clock.monotonicMs() });
  }

  forget(person: string): void {
    this.#proofs.delete(person);
  }

  #proofOf(person: string): Proof | null {
    const known = this.#proofs.get(person);
    if (known !== undefined) return known;
    const proof = this.#stored(person);
    this.#proofs.set(person, proof);
    return proof;
  }

  /** Nobody knows how old it is when the clock was set back, in this run or while the gateway was stopped. */
  #stored(person: string): Proof | null {
    const atMs = this.#store.provedAtMs(person);
    if (atMs === null) return null;
    const nowMs = this.#clock.nowMs();
    const passedMs = this.#clock.monotonicMs() - this.#zeroMs;
    if (nowMs - Math.max(atMs, passedMs) < -clockBackToleranceMs) return null;
    return { atMs, ageMs: nowMs - atMs, seenMs: this.#clock.monotonicMs() };
  }
}
