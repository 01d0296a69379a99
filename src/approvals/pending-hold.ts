// One hold that waits, in the process that holds it: its record now, its deadline, and who waits for its end.
// It ends once: the first claim wins, whatever comes after hears no.

import type { EscalationStep, HoldTerms, RuleRef } from '../core/decision.ts';
import type { HoldRequest, PlacedHold, Settlement } from '../core/hold.ts';
import type { HoldRecord } from '../store/hold-rows.ts';

/** By what it is judged again. */
export interface HoldRule {
  readonly rule: RuleRef;
  readonly terms: HoldTerms;
}

/** What is kept of it until it ends: in UTF-8, as it was sent. */
export function bytesKept({ text, parameters }: Pick<HoldRecord, 'text' | 'parameters'>): number {
  let bytes = Buffer.byteLength(text);
  for (const parameter of parameters ?? []) bytes += Buffer.byteLength(parameter.text ?? '');
  return bytes;
}

export class PendingHold {
  /** What the gate asked; null for one of an earlier run of the gateway. */
  readonly request: HoldRequest | null;
  readonly asked: HoldRule;
  /** On the monotonic clock, so that a change of the wall clock extends nothing. */
  readonly deadlineMs: number;
  readonly #startedMs: number;
  readonly settled: Promise<Settlement>;
  readonly bytes: number;
  record: HoldRecord;
  readonly #resolve: (settlement: Settlement) => void;
  readonly #progress: Parameters<PlacedHold['onProgress']>[0][] = [];
  /** Of the terms' escalation: how many steps are done. */
  #steps = 0;
  #claimed = false;
  #released = false;

  constructor(record: HoldRecord, asked: HoldRequest | HoldRule, deadlineMs: number, startedMs: number) {
    this.record = record;
    this.bytes = bytesKept(record);
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

  /** When others may answer as well, on the monotonic clock; Infinity: never, or they all may already. */
  get escalatesAtMs(): number {
    const next = this.asked.terms.escalate?.[this.#steps];
    return next === undefined ? Infinity : this.#startedMs + next.afterMs;
  }

  /** Takes the steps that are due, and gives the groups that are asked from now on. */
  escalate(nowMs: number): readonly string[] {
    const due: EscalationStep[] = [];
    for (const step of this.asked.terms.escalate?.slice(this.#steps) ?? []) if (nowMs >= this.#startedMs + step.afterMs) due.push(step);
    this.#steps += due.length;
    return [...new Set(due.flatMap(({ to }) => to))];
  }

  /** Steps that are still to come. */
  get escalation(): readonly EscalationStep[] {
    return this.asked.terms.escalate?.slice(this.#steps) ?? [];
  }

  /** The terms with the approvers of now. */
  widened(terms: HoldTerms): HoldTerms {
    const [approverGroups, ...alsoInGroups] = this.#steps === 0 ? [] : (this.asked.terms.escalate?.[this.#steps - 1]?.sets ?? []);
    return approverGroups === undefined ? terms : { ...terms, approverGroups, alsoInGroups };
  }

  onProgress(listener: Parameters<PlacedHold['onProgress']>[0]): void {
    this.#progress.push(listener);
  }

  tellProgress(): void {
    const { approvals, approverGroups, alsoInGroups } = this.record;
    for (const listener of this.#progress) listener(approvals.length, approverGroups, alsoInGroups);
  }
}
