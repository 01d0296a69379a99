// Holds that no client waits for (`wait: error`): the action was refused with the hold's number, and the same person may run
// exactly the same once after people said yes. Kept in memory; the desk writes down what has to survive a restart, and that it was used.

import { createHash } from 'node:crypto';
import type { Action } from '../core/action.ts';
import type { Classification } from '../core/classification.ts';
import type { Clock } from '../core/clock.ts';
import type { Approval } from '../core/decision.ts';
import type { PlacedHold } from '../core/hold.ts';
import type { Submitter } from './submitter.ts';
import { meaningOf } from './unchanged.ts';

interface Entry {
  readonly hold: PlacedHold;
  readonly approvedForMs: number;
  /** Null until people have said yes. */
  approved: { readonly approvals: readonly Approval[]; readonly untilMs: number } | null;
}

/** Same person, same target, same kind, same text, same parameters, and it would do the same. */
export function sameAgain(action: Action, classification: Classification, submitter: Submitter): string {
  const { principal, target } = submitter;
  const hash = createHash('sha256');
  for (const part of [
    principal.name,
    target.name,
    action.kind,
    action.text,
    JSON.stringify(action.parameters),
    action.digest(),
    meaningOf(classification),
  ]) {
    hash.update(`${part.length}:${part}`);
  }
  return hash.digest('hex');
}

export class RunAgain {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A hold that is placed and answered later. Afterwards it can be used for `approvedForMs`, once. */
  add(key: string, hold: PlacedHold, approvedForMs: number): void {
    this.#forgetOld();
    const entry: Entry = { hold, approvedForMs, approved: null };
    this.#entries.set(key, entry);
    void hold.settled.then((settlement) => {
      if (this.#entries.get(key) !== entry) return;
      if (settlement.kind !== 'approved') this.#entries.delete(key);
      else entry.approved = { approvals: settlement.approvals, untilMs: this.#clock.monotonicMs() + approvedForMs };
    }); // never rejects
  }

  /** The hold that still waits for an answer, if there is one. */
  waiting(key: string): PlacedHold | null {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.approved === null ? entry.hold : null;
  }

  /** The approvals given to this; they are used up by asking. */
  take(key: string): { readonly hold: PlacedHold; readonly approvals: readonly Approval[] } | null {
    this.#forgetOld();
    const entry = this.#entries.get(key);
    if (entry?.approved == null) return null;
    this.#entries.delete(key);
    if (entry.hold.use?.() === false) return null;
    return { hold: entry.hold, approvals: entry.approved.approvals };
  }

  /** Pending ones are bounded by the desk, approved ones by their time. */
  #forgetOld(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, { approved }] of this.#entries) if (approved !== null && approved.untilMs <= nowMs) this.#entries.delete(key);
  }
}
