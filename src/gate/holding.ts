// Actions that wait for people: placed as a hold, announced and waited for in the session, or answered with the hold's number and
// released when they are run again. What people say is only heard here; whether it then may run, the gate decides again.

import type { Approval } from '../core/decision.ts';
import type { Clock } from '../core/clock.ts';
import type { Grants } from '../core/grant.ts';
import type { Histories } from '../core/history.ts';
import type { HoldAccess, HoldRequest, Holds, LastingHold, PlacedHold } from '../core/hold.ts';
import type { HoldId } from '../core/ids.ts';
import type { Shapes } from '../core/shape.ts';
import { announce } from './announce.ts';
import { asked, waitMs, wordsOf, type HoldDecision } from './decided.ts';
import { judged, type Judgement } from './judgement.ts';
import { changesWanted, expired, rejected, waits, withdrawn } from './refusals.ts';
import { RunAgain, sameAgain } from './run-again.ts';
import type { Submission } from './submission.ts';
import type { Submitter } from './submitter.ts';

/** The newest of them: one is the rule. */
const accessShownMax = 3;

export interface HoldingParts {
  readonly holds: Holds;
  readonly clock: Clock;
  readonly grants?: Grants;
  readonly histories?: Histories;
  readonly shapes?: Shapes;
  /** Asked once people said yes. */
  readonly decideAgain: (submission: Submission, holdId: HoldId, approvals: readonly Approval[]) => Judgement | Promise<Judgement>;
}

export interface Waiting {
  readonly submission: Submission;
  readonly hold: PlacedHold;
}

export class Holding {
  readonly #parts: HoldingParts;
  readonly #waiting = new Set<Waiting>();
  readonly #runAgain: RunAgain;

  constructor(parts: HoldingParts) {
    this.#parts = parts;
    this.#runAgain = new RunAgain(parts.clock);
  }

  /** What waits in sessions now. */
  waiting(): readonly Waiting[] {
    return [...this.#waiting];
  }

  /** What an earlier run of the gateway left to be answered or to be run again. */
  remember(lasting: readonly LastingHold[]): void {
    for (const { key, hold, approvedForMs } of lasting) this.#runAgain.add(key, hold, approvedForMs);
  }

  /** `wait: error`: refused with the hold's number at the first run, decided again at the one after the approval. */
  answerLater(submission: Submission, decision: HoldDecision): Judgement | Promise<Judgement> {
    const key = sameAgain(submission.action, submission.classification, submission.submitter);
    const answered = this.#runAgain.take(key);
    if (answered !== null) return this.#parts.decideAgain(submission, answered.hold.id, answered.approvals);
    const waiting = this.#runAgain.waiting(key);
    const { expiresMs } = decision.terms;
    const hold = waiting ?? this.#place(submission, decision, { key, approvedForMs: expiresMs });
    if (waiting === null) this.#runAgain.add(key, hold, expiresMs);
    return judged(waits(hold.id, decision.rule.title, hold.url), decision, submission.classification, hold.id);
  }

  /** Waits in the session until somebody answers, time is up, or whoever waits is gone. */
  async wait(submission: Submission, decision: HoldDecision): Promise<Judgement> {
    const { classification, submitter, lane } = submission;
    if (lane.signal.aborted || submitter.ended.aborted)
      return judged(withdrawn('the client is gone', null), decision, classification, null);
    const hold = this.#place(submission, decision);
    const waiting: Waiting = { submission, hold };
    this.#waiting.add(waiting);
    const cancelled = () => hold.withdraw(wordsOf(lane.signal));
    const over = () => hold.withdraw('the session ended');
    lane.signal.addEventListener('abort', cancelled, { once: true });
    submitter.ended.addEventListener('abort', over, { once: true });
    try {
      announce(lane, hold, decision);
      return await this.#answered(submission, decision, hold);
    } finally {
      this.#waiting.delete(waiting);
      lane.signal.removeEventListener('abort', cancelled);
      submitter.ended.removeEventListener('abort', over);
    }
  }

  async #answered(submission: Submission, decision: HoldDecision, hold: PlacedHold): Promise<Judgement> {
    const { classification, submitter, lane } = submission;
    const settlement = await hold.settled;
    switch (settlement.kind) {
      case 'denied':
        this.#parts.histories?.acted(submitter, true);
        return judged(rejected(hold.id, settlement.by, settlement.reason), decision, classification, hold.id);
      case 'changes-requested':
        return judged(changesWanted(hold.id, settlement.by, settlement.words), decision, classification, hold.id);
      case 'expired':
        return judged(expired(hold.id), decision, classification, hold.id);
      case 'withdrawn':
        return judged(withdrawn(settlement.why, hold.id), decision, classification, hold.id);
      case 'approved':
        if (lane.signal.aborted) return judged(withdrawn(wordsOf(lane.signal), hold.id), decision, classification, hold.id);
        return this.#parts.decideAgain(submission, hold.id, settlement.approvals);
    }
  }

  #place(submission: Submission, decision: HoldDecision, again?: HoldRequest['again']): PlacedHold {
    const { action, classification, submitter } = submission;
    const { principal, target, facts, sessionId } = submitter;
    const placed = this.#parts.holds.place({
      actionId: action.id,
      sessionId,
      actionKind: action.kind,
      principal,
      target,
      clientAddress: facts.clientAddress,
      reason: action.reason ?? null,
      access: this.#accessOf(submitter),
      text: action.text,
      parameters: action.parameters,
      digest: action.digest(),
      classification,
      transaction: action.transaction,
      mode: action.mode,
      ...(action.estimatedRows === undefined ? {} : { estimatedRows: action.estimatedRows }),
      rule: decision.rule,
      terms: decision.terms,
      expiresMs: waitMs(decision.terms, action),
      ...(again === undefined ? {} : { again }),
    });
    if (decision.terms.shapeMsMax !== undefined) {
      this.#parts.shapes?.offer(placed.id, asked(action, classification, submitter, decision));
    }
    return placed;
  }

  /** Those who answer read what the access was asked for. */
  #accessOf({ principal, target }: Submitter): HoldAccess[] {
    const grants = this.#parts.grants?.inForce(principal.name, target.name) ?? [];
    return grants.slice(-accessShownMax).map(({ id, reason, isBreakGlass }) => ({ grant: id, reason, isBreakGlass }));
  }
}
