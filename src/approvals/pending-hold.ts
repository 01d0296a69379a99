// One hold that waits, in the process that holds it: its record now, its deadline, and who waits for its end.
// It ends once: the first claim wins, whatever comes after hears no.

import type { HoldTerms, RuleRef } from '../core/decision.ts';
import type { HoldRequest, Settlement } from '../core/hold.ts';
import type { HoldRecord } from '../store/holds.ts';

/** By what it is judged again. */
export interface HoldRule {
  readonly rule: RuleRef;
  readonly terms: HoldTerms;
}

export class PendingHold {
  /** What the gate asked; null for one of an earlier run of the gateway. */
  readonly request: HoldRequest | null;
  readonly asked: HoldRule;
  /** On the monotonic clock, so that a change of the wall clock extends nothing. */
  readonly deadlineMs: number;
  readonly settled: Promise<Settlement>;
  record: HoldRecord;
  readonly #resolve: (settlement: Settlement) => void;
  readonly #progress: ((approvalsGiven: number) => void)[] = [];
  #claimed = false;
  #released = false;

  constructor(record: HoldRecord, asked: HoldRequest | HoldRule, deadlineMs: number) {
    this.record = record;
    this.asked = asked;
    this.request = 'actionId' in asked ? asked : null;
    this.deadlineMs = deadlineMs;
    const { promise, resolve } = Promise.withResolvers<Settlement>();
    this.settled = promise;
    this.#resolve = resolve;
  }

  /** True while somebody writes its end down, and after. */
  get isClaimed(): boolean {
    return this.#claimed;
  }

  /** Takes the right to end it; only the first who asks gets it. */
  claim(): boolean {
    if (this.#claimed) return false;
    this.#claimed = true;
    return true;
  }

  /** Tells the one who waits. Once, after the end was written down. */
  release(settlement: Settlement): void {
    if (!this.#claimed || this.#released) throw new Error(`hold ${this.record.id} released twice or unclaimed`);
    this.#released = true;
    this.#resolve(settlement);
  }

  onProgress(listener: (approvalsGiven: number) => void): void {
    this.#progress.push(listener);
  }

  tellProgress(): void {
    for (const listener of this.#progress) listener(this.record.approvals.length);
  }
}
