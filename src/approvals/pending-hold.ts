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
  readonly #startedMs: number;
  readonly settled: Promise<Settlement>;
  record: HoldRecord;
  readonly #resolve: (settlement: Settlement) => void;
  readonly #progress: ((approvalsGiven: number, approverGroups: readonly string[]) => void)[] = [];
  #escalated = false;
  #claimed = false;
  #released = false;

  constructor(record: HoldRecord, asked: HoldRequest | HoldRule, deadlineMs: number, startedMs: number) {
    this.record = record;
    this.asked = asked;
    this.request = 'actionId' in asked ? asked : null;
    this.deadlineMs = deadlineMs;
    this.#startedMs = startedMs;
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

  /** When other groups may answer as well, on the monotonic clock; Infinity: never, or they may already. */
  get escalatesAtMs(): number {
    const { escalate } = this.asked.terms;
    return escalate === undefined || this.#escalated ? Infinity : this.#startedMs + escalate.afterMs;
  }

  /** The groups that may answer as well from now on. */
  escalate(): readonly string[] {
    this.#escalated = true;
    return this.asked.terms.escalate?.to ?? [];
  }

  /** Those that may answer as well since a while; none before. */
  get widenedTo(): readonly string[] {
    return this.#escalated ? (this.asked.terms.escalate?.to ?? []) : [];
  }

  onProgress(listener: (approvalsGiven: number, approverGroups: readonly string[]) => void): void {
    this.#progress.push(listener);
  }

  tellProgress(): void {
    for (const listener of this.#progress) listener(this.record.approvals.length, this.record.approverGroups);
  }
}
