// The order in which one action is judged: classify, decide, hold if told, decide again, write it down, mint the permit.
// Nothing else lives here, and nothing else mints permits. Any fault anywhere refuses.

import type { Action } from '../core/action.ts';
import type { AuditEvent, AuditLog } from '../core/audit.ts';
import type { Classification } from '../core/classification.ts';
import type { Clock } from '../core/clock.ts';
import type { Approval, Decision } from '../core/decision.ts';
import type { Estimator } from '../core/estimate.ts';
import type { Holds, LastingHold } from '../core/hold.ts';
import type { Masker, Masking } from '../core/masking.ts';
import type { Grant, Grants } from '../core/grant.ts';
import type { Histories } from '../core/history.ts';
import type { HoldId, ShapeId } from '../core/ids.ts';
import { Permit } from '../core/permit.ts';
import type { Classifier, PolicySet } from '../core/policy.ts';
import type { Shapes } from '../core/shape.ts';
import type { Refusal } from '../core/ruling.ts';
import type { Lane } from '../core/session.ts';
import type { Protocol } from '../core/target.ts';
import { denied, fault, transactionFailed, withdrawn } from './refusals.ts';
import { asked, canOnlyFail, denialOf, isPlain, wordsOf, type Allow, type HoldDecision } from './decided.ts';
import { deniedEvent, releasedEvent } from './events.ts';
import { unlessGivenUp } from './given-up.ts';
import { fencedByGrants, recordedInFull } from './granted.ts';
import { Holding } from './holding.ts';
import { faulted, judged } from './judgement.ts';
import type { Judgement, ReleasedElsewhere } from './judgement.ts';
import { maskingOf } from './masked.ts';
import { leavesRole } from './role.ts';
import { laneNow } from './submission.ts';
import type { GateLane, Submission } from './submission.ts';
import type { Submitter } from './submitter.ts';
import { isUnchanged } from './unchanged.ts';
import { unmet } from './unmet.ts';

const mint = Permit.claimMint();

export interface GateParts {
  readonly classifierOf: (protocol: Protocol) => Classifier;
  /** The policy set in force now. */
  readonly policies: () => PolicySet;
  readonly holds: Holds;
  readonly audit: AuditLog;
  readonly clock: Clock;
  /** Plans what is hidden in results; missing: what would have to be masked is refused. */
  readonly masker?: Masker;
  /** Who has access for a while; missing: nobody. */
  readonly grants?: Grants;
  /** What people did before; missing: conditions that ask fail. */
  readonly histories?: Histories;
  /** Shapes that are approved for a while; missing: none can be. */
  readonly shapes?: Shapes;
  /** Says how many rows an action would reach; missing: nobody knows. */
  readonly estimator?: Estimator;
}

type Then = (submission: Submission, decision: Decision) => Judgement | Promise<Judgement>;

/** A release whose event is to be written before its permit exists. */
interface PlainRelease {
  readonly event: AuditEvent;
  readonly decision: Allow;
  readonly classification: Classification;
}

const meansAnother = 'the target was changed while it waited, and it would do something else now than what was approved; run it again';
const noApprovals: readonly Approval[] = [];
const noNames: readonly string[] = [];
const noGrants: readonly Grant[] = [];

export class Gate {
  readonly #parts: GateParts;
  readonly #holding: Holding;

  constructor(parts: GateParts) {
    this.#parts = parts;
    this.#holding = new Holding({ ...parts, decideAgain: (held, holdId, approvals) => this.#decideAgain(held, holdId, approvals) });
  }

  /** Judges one action. Answers at once unless the classifier, people or the disk must be waited for. Never throws or rejects. */
  judge(action: Action, submitter: Submitter, lane: GateLane): Judgement | Promise<Judgement> {
    try {
      return this.#judgeAs(action, this.#classify(action, submitter, lane), submitter, lane);
    } catch (thrown) {
      return faulted(thrown);
    }
  }

  /** The same, told by a call: before this returns, with the audit's write at the end of the turn, or later. Never throws. */
  judgeSoon(action: Action, submitter: Submitter, lane: Lane, then: (judgement: Judgement) => void): void {
    let released: PlainRelease | Judgement | Promise<Judgement>;
    try {
      const classified = this.#classify(action, submitter, lane);
      released =
        classified instanceof Promise
          ? this.#judgeAs(action, classified, submitter, lane)
          : this.#releaseOrJudge(action, classified, submitter, lane);
    } catch (thrown) {
      released = faulted(thrown);
    }
    if (released instanceof Promise)
      void released.then(then); // never rejects
    else if ('event' in released) this.#releaseSoon(action, released, then);
    else then(released);
  }

  /**
   * For a thread that may answer nothing else: releases what the policies plainly allow, as judgeSoon does. False: they do not, and
   * nothing was done.
   */
  releasePlainly(action: Action, classification: Classification, submitter: Submitter, then: (judgement: Judgement) => void): boolean {
    const nowMs = this.#parts.clock.nowMs();
    const decision = this.#ask(action, classification, submitter, noApprovals, nowMs);
    const plain = this.#plainRelease(action, classification, submitter, decision, nowMs);
    if (plain === null) return false;
    this.#releaseSoon(action, plain, then);
    return true;
  }

  /** What another thread's gate released, as a release of this one: with a permit, and its masks planned anew. Never throws. */
  adopt(action: Action, classification: Classification, submitter: Submitter, released: ReleasedElsewhere): Judgement {
    const { decision, holdId, approvedBy } = released;
    try {
      const { refusal, masking } = maskingOf(this.#parts.masker, action, classification, submitter, decision);
      if (refusal !== null) return judged({ ...refusal, holdId }, decision, classification, holdId);
      const masks = masking === null ? {} : { masking };
      const ruling = { kind: 'release', permit: mint(action.id), classification, obligations: decision.obligations, ...masks } as const;
      return { ruling, decision, classification, holdId, approvedBy };
    } catch (thrown) {
      return faulted(thrown);
    }
  }

  #classify(action: Action, submitter: Submitter, { signal }: Lane): Classification | Promise<Classification> {
    return action.classified ?? this.#parts.classifierOf(submitter.target.protocol).classify(action, signal);
  }

  #judgeAs(
    action: Action,
    classified: Classification | Promise<Classification>,
    submitter: Submitter,
    lane: GateLane,
  ): Judgement | Promise<Judgement> {
    const now = laneNow(lane);
    const decide = (classification: Classification) =>
      this.#decided({ action, classification, submitter, lane: now }, this.#ask(action, classification, submitter, noApprovals));
    return settled(classified instanceof Promise ? unlessGivenUp(classified, now, submitter, decide) : decide(classified));
  }

  #releaseOrJudge(
    action: Action,
    classification: Classification,
    submitter: Submitter,
    lane: Lane,
  ): PlainRelease | Judgement | Promise<Judgement> {
    const nowMs = this.#parts.clock.nowMs();
    const decision = this.#ask(action, classification, submitter, noApprovals, nowMs);
    const plain = this.#plainRelease(action, classification, submitter, decision, nowMs);
    return plain ?? settled(this.#decided({ action, classification, submitter, lane: laneNow(lane) }, decision));
  }

  /** What a rule allows as it is. Null: it needs more than that, and nothing was done. */
  #plainRelease(
    action: Action,
    classification: Classification,
    submitter: Submitter,
    decision: Decision,
    nowMs: number,
  ): PlainRelease | null {
    if (!isPlain(decision) || unmet(action, classification, submitter, decision, nowMs) !== null) return null;
    if (decision.grants !== undefined) for (const id of decision.grants) this.#parts.grants?.used(id, submitter.sessionId);
    const event = releasedEvent(action, classification, submitter, decision, null, noApprovals, nowMs);
    this.#parts.histories?.acted(submitter, false);
    return { event, decision, classification };
  }

  /** Whoever waits for it is told first; what is only counted comes behind. */
  #releaseSoon(action: Action, { event, decision, classification }: PlainRelease, then: (judgement: Judgement) => void): void {
    this.#parts.audit.appendInTurn(event, (failed) =>
      then(failed === null ? permitted(action, classification, decision) : faulted(failed)),
    );
    this.#parts.policies().noteUse?.(decision, event.atMs);
  }

  /** After a change of policies or people: what waits and would now be denied is withdrawn with words. */
  judgeWaitingAgain(): void {
    for (const { submission, hold } of this.#holding.waiting()) {
      const decision = this.#askOf(submission, noApprovals);
      if (decision.kind === 'deny' && decision.needs === undefined)
        hold.withdraw(`the policies changed and now deny it: ${decision.message}`);
    }
  }

  /** What an earlier run of the gateway left to be answered or to be run again. */
  remember(lasting: readonly LastingHold[]): void {
    this.#holding.remember(lasting);
  }

  /** What the policies in force now say, with no effect and no record: for looking ahead and for judging open sessions again. */
  foresee(action: Action, classification: Classification, submitter: Submitter): Decision['kind'] | 'fault' {
    try {
      const { kind, needs } = this.#ask(action, classification, submitter, noApprovals);
      return needs === undefined ? kind : 'hold'; // not known before the target is asked
    } catch {
      return 'fault'; // the real submission meets the same fault and is refused with its words
    }
  }

  /** Would what runs already, as `before` says, be let run in just the same way now? For judging open sessions again. Never throws. */
  stillAllows(action: Action, { decision: before, classification, holdId }: Judgement, submitter: Submitter): boolean {
    if (before === null || before.kind === 'deny' || classification === null) return false;
    try {
      const now = this.#ask(action, classification, submitter, noApprovals);
      if (now.kind === 'deny' || (now.kind === 'hold' && holdId === null)) return false;
      return JSON.stringify(now.obligations) === JSON.stringify(before.obligations);
    } catch {
      return false;
    }
  }

  #ask(
    action: Action,
    classification: Classification,
    submitter: Submitter,
    approvals: readonly Approval[],
    nowMs = this.#parts.clock.nowMs(),
  ): Decision {
    const { principal, target, facts } = submitter;
    const leaves = facts.role === undefined ? null : leavesRole(classification);
    if (leaves !== null) return { kind: 'deny', rule: null, message: `this session runs as role ${facts.role}, and ${leaves}` };
    const grants = this.#parts.grants?.inForce(principal.name, target.name) ?? noGrants;
    const history = this.#parts.histories?.of(submitter);
    const known =
      history === undefined
        ? { principal, target, session: facts, nowMs, approvals, grants }
        : { principal, target, session: facts, nowMs, approvals, grants, history };
    const decided = this.#parts.policies().decide(action, classification, known);
    const decision = target.protocol === 'ssh' ? decided : fencedByGrants(decided, grants);
    return grants.some(({ isBreakGlass }) => isBreakGlass) ? recordedInFull(decision) : decision;
  }

  #askOf({ action, classification, submitter }: Submission, approvals: readonly Approval[]): Decision {
    return this.#ask(action, classification, submitter, approvals);
  }

  /** Where a rule reads how many rows it would reach, the target is asked for that first, and the policies again. */
  #withEstimate(submission: Submission, approvals: readonly Approval[], decision: Decision, then: Then): Judgement | Promise<Judgement> {
    const { estimator } = this.#parts;
    if (decision.needs === undefined || estimator === undefined) return then(submission, decision);
    const { action, classification, submitter, lane } = submission;
    const place = { target: submitter.target, database: submitter.facts.database };
    const signal = AbortSignal.any([lane.signal, submitter.ended]);
    return estimator.estimatedRows(action, classification, place, signal).then(async (estimatedRows) => {
      if (signal.aborted) return judged(withdrawn(wordsOf(signal), null), decision, classification, null);
      const known = { ...submission, action: { ...action, estimatedRows } };
      return { ...(await then(known, this.#askOf(known, approvals))), estimatedRows };
    });
  }

  #decided(submission: Submission, decision: Decision): Judgement | Promise<Judgement> {
    return this.#withEstimate(submission, noApprovals, decision, (known, now) => this.#answer(known, now));
  }

  #answer(submission: Submission, decision: Decision): Judgement | Promise<Judgement> {
    const { action, classification, submitter } = submission;
    const nowMs = this.#parts.clock.nowMs();
    this.#parts.policies().noteUse?.(decision, nowMs);
    if (decision.kind !== 'deny') {
      const missing = unmet(action, classification, submitter, decision, nowMs);
      if (missing !== null) return this.#refuse(submission, decision, missing);
      const masked = maskingOf(this.#parts.masker, action, classification, submitter, decision);
      if (masked.refusal !== null) return this.#refuse(submission, decision, masked.refusal);
    }
    switch (decision.kind) {
      case 'allow':
        return this.#release(submission, decision, null, noApprovals);
      case 'deny':
        return this.#refuse(submission, decision, denialOf(decision, classification));
      case 'hold':
        if (canOnlyFail(action, classification)) return this.#refuse(submission, decision, transactionFailed);
        return (
          this.#releaseByShape(submission, decision) ??
          (decision.terms.wait === 'error' ? this.#holding.answerLater(submission, decision) : this.#holding.wait(submission, decision))
        );
    }
  }

  /** People approved statements of this shape for a while: decided again with their yes as a fact. Null: it waits like others. */
  #releaseByShape(submission: Submission, held: HoldDecision): Judgement | Promise<Judgement> | null {
    const { shapes } = this.#parts;
    if (shapes === undefined || held.terms.shapeMsMax === undefined) return null;
    const found = shapes.match(asked(submission.action, submission.classification, submission.submitter, held));
    if (found === null) return null;
    const decision = this.#askOf(submission, found.approvals);
    if (decision.kind !== 'allow' || !found.take()) return null;
    return this.#release(submission, decision, null, found.approvals, found.id);
  }

  /** What it would do must be what was approved; then with the approvals as facts. */
  async #decideAgain(before: Submission, holdId: HoldId, approvals: readonly Approval[]): Promise<Judgement> {
    const { action, classification, submitter, lane } = before;
    const isSame = await isUnchanged(action, classification, lane, this.#parts.classifierOf(submitter.target.protocol));
    if (lane.signal.aborted) return judged(withdrawn(wordsOf(lane.signal), holdId), null, classification, holdId);
    if (isSame) return this.#decideApproved(before, holdId, approvals);
    return this.#refuse(before, this.#askOf(before, approvals), denied(meansAnother, holdId));
  }

  /** A rule added, a person disabled or a grant over while people thought still counts. */
  #decideApproved(before: Submission, holdId: HoldId, approvals: readonly Approval[]): Judgement | Promise<Judgement> {
    if (before.submitter.ended.aborted) return judged(fault('the session has ended', holdId), null, before.classification, holdId);
    const { estimatedRows: _then, ...action } = before.action; // the target may hold more rows by now
    const submission = { ...before, action };
    const decision = this.#askOf(submission, approvals);
    return this.#withEstimate(submission, approvals, decision, (known, now) => this.#answerAgain(known, holdId, approvals, now));
  }

  #answerAgain(submission: Submission, holdId: HoldId, approvals: readonly Approval[], decision: Decision): Judgement | Promise<Judgement> {
    switch (decision.kind) {
      case 'allow':
        return this.#release(submission, decision, holdId, approvals);
      case 'deny':
        this.#parts.policies().noteUse?.(decision, this.#parts.clock.nowMs());
        return this.#refuse(submission, decision, denied(decision.message, holdId));
      case 'hold': {
        const message = `the policies changed while it waited: rule ${decision.rule.id} asks for other approvals; run it again`;
        return this.#refuse(submission, decision, denied(message, holdId));
      }
    }
  }

  #refuse({ action, classification, submitter }: Submission, decision: Decision, refusal: Refusal): Judgement {
    this.#parts.histories?.acted(submitter, decision.kind === 'deny');
    this.#parts.audit.appendSoon(deniedEvent(action, classification, submitter, decision, refusal, this.#parts.clock.nowMs()));
    return judged(refusal, decision, classification, refusal.holdId);
  }

  #release(
    submission: Submission,
    decision: Allow,
    holdId: HoldId | null,
    approvals: readonly Approval[],
    shapeId: ShapeId | null = null,
  ): Judgement | Promise<Judgement> {
    const { action, classification, submitter } = submission;
    const masked = maskingOf(this.#parts.masker, action, classification, submitter, decision);
    if (masked.refusal !== null) return this.#refuse(submission, decision, { ...masked.refusal, holdId });
    const masking: { masking?: Masking } = masked.masking === null ? {} : { masking: masked.masking };
    if (decision.grants !== undefined) for (const id of decision.grants) this.#parts.grants?.used(id, submitter.sessionId);
    const event = releasedEvent(action, classification, submitter, decision, holdId, approvals, this.#parts.clock.nowMs(), shapeId);
    this.#parts.histories?.acted(submitter, false);
    const written = this.#parts.audit.append(event);
    const released = (): Judgement => ({
      ruling: { kind: 'release', permit: mint(action.id), classification, obligations: decision.obligations, ...masking },
      decision,
      classification,
      holdId,
      approvedBy: approvals.map((it) => it.by),
    });
    return written === undefined ? released() : written.then(released);
  }
}

/** A fault while it is judged refuses. */
function settled(judgement: Judgement | Promise<Judgement>): Judgement | Promise<Judgement> {
  return judgement instanceof Promise ? judgement.catch((thrown: unknown) => faulted(thrown)) : judgement;
}

function permitted({ id }: Action, classification: Classification, decision: Allow): Judgement {
  const ruling = { kind: 'release', permit: mint(id), classification, obligations: decision.obligations } as const;
  return { ruling, decision, classification, holdId: null, approvedBy: noNames };
}
