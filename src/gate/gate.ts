// The order in which one action is judged: classify, decide, hold if told, decide again, write it down, mint the permit.
// Nothing else lives here, and nothing else mints permits. Any fault anywhere refuses.

import type { Action } from '../core/action.ts';
import type { AuditEvent, AuditLog } from '../core/audit.ts';
import type { Classification } from '../core/classification.ts';
import type { Clock } from '../core/clock.ts';
import type { Approval, Decision } from '../core/decision.ts';
import type { Estimator } from '../core/estimate.ts';
import type { HoldRequest, Holds, LastingHold, PlacedHold } from '../core/hold.ts';
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
import { changesWanted, denied, expired, fault, rejected, transactionFailed, waits } from './refusals.ts';
import { announce } from './announce.ts';
import { asked, canOnlyFail, denialOf, isPlain, waitMs, wordsOf, type Allow, type HoldDecision } from './decided.ts';
import { deniedEvent, releasedEvent } from './events.ts';
import { fencedByGrants, recordedInFull } from './granted.ts';
import { faulted, judged } from './judgement.ts';
import type { Judgement, ReleasedElsewhere } from './judgement.ts';
import { maskingOf } from './masked.ts';
import { leavesRole } from './role.ts';
import { RunAgain, sameAgain } from './run-again.ts';
import type { Submitter } from './submitter.ts';
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

type Then = (action: Action, decision: Decision) => Judgement | Promise<Judgement>;

/** A release whose event is to be written before its permit exists. */
interface PlainRelease {
  readonly event: AuditEvent;
  readonly decision: Allow;
  readonly classification: Classification;
}

interface Waiting {
  readonly action: Action;
  readonly classification: Classification;
  readonly submitter: Submitter;
  readonly hold: PlacedHold;
}

const noApprovals: readonly Approval[] = [];
const noNames: readonly string[] = [];
const noGrants: readonly Grant[] = [];

export class Gate {
  readonly #parts: GateParts;
  readonly #waiting = new Set<Waiting>();
  readonly #runAgain: RunAgain;

  constructor(parts: GateParts) {
    this.#parts = parts;
    this.#runAgain = new RunAgain(parts.clock);
  }

  /** Judges one action. Answers at once unless the classifier, people or the disk must be waited for. Never throws or rejects. */
  judge(action: Action, submitter: Submitter, lane: Lane): Judgement | Promise<Judgement> {
    try {
      return this.#judgeAs(action, this.#classify(action, submitter), submitter, lane);
    } catch (thrown) {
      return faulted(thrown);
    }
  }

  /** The same, told by a call: before this returns, with the audit's write at the end of the turn, or later. Never throws. */
  judgeSoon(action: Action, submitter: Submitter, lane: Lane, then: (judgement: Judgement) => void): void {
    let released: PlainRelease | Judgement | Promise<Judgement>;
    try {
      const classified = this.#classify(action, submitter);
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

  #classify(action: Action, submitter: Submitter): Classification | Promise<Classification> {
    return action.classified ?? this.#parts.classifierOf(submitter.target.protocol).classify(action);
  }

  #judgeAs(
    action: Action,
    classified: Classification | Promise<Classification>,
    submitter: Submitter,
    lane: Lane,
  ): Judgement | Promise<Judgement> {
    const decide = (known: Classification) =>
      this.#decided(action, known, submitter, lane, this.#ask(action, known, submitter, noApprovals));
    return settled(classified instanceof Promise ? classified.then(decide) : decide(classified));
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
    return plain ?? settled(this.#decided(action, classification, submitter, lane, decision));
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
    for (const { action, classification, submitter, hold } of [...this.#waiting]) {
      const decision = this.#ask(action, classification, submitter, noApprovals);
      if (decision.kind === 'deny' && decision.needs === undefined)
        hold.withdraw(`the policies changed and now deny it: ${decision.message}`);
    }
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

  /** Where a rule reads how many rows it would reach, the target is asked for that first, and the policies again. */
  #withEstimate(
    action: Action,
    classification: Classification,
    submitter: Submitter,
    lane: Lane,
    approvals: readonly Approval[],
    decision: Decision,
    then: Then,
  ): Judgement | Promise<Judgement> {
    const { estimator } = this.#parts;
    if (decision.needs === undefined || estimator === undefined) return then(action, decision);
    const place = { target: submitter.target, database: submitter.facts.database };
    const signal = AbortSignal.any([lane.signal, submitter.ended]);
    return estimator.estimatedRows(action, classification, place, signal).then(async (estimatedRows) => {
      if (signal.aborted) return this.#withdrawn(classification, decision, null, wordsOf(signal));
      const known = { ...action, estimatedRows };
      return { ...(await then(known, this.#ask(known, classification, submitter, approvals))), estimatedRows };
    });
  }

  #decided(
    action: Action,
    classification: Classification,
    submitter: Submitter,
    lane: Lane,
    decision: Decision,
  ): Judgement | Promise<Judgement> {
    return this.#withEstimate(action, classification, submitter, lane, noApprovals, decision, (known, now) =>
      this.#answer(known, classification, submitter, lane, now),
    );
  }

  #answer(
    action: Action,
    classification: Classification,
    submitter: Submitter,
    lane: Lane,
    decision: Decision,
  ): Judgement | Promise<Judgement> {
    this.#parts.policies().noteUse?.(decision, this.#parts.clock.nowMs());
    if (decision.kind !== 'deny') {
      const missing = unmet(action, classification, submitter, decision, this.#parts.clock.nowMs());
      if (missing !== null) return this.#refuse(action, classification, submitter, decision, missing);
      const masked = maskingOf(this.#parts.masker, action, classification, submitter, decision);
      if (masked.refusal !== null) return this.#refuse(action, classification, submitter, decision, masked.refusal);
    }
    switch (decision.kind) {
      case 'allow':
        return this.#release(action, classification, submitter, decision, null, []);
      case 'deny':
        return this.#refuse(action, classification, submitter, decision, denialOf(decision, classification));
      case 'hold':
        if (canOnlyFail(action, classification)) return this.#refuse(action, classification, submitter, decision, transactionFailed);
        const byShape = this.#releaseByShape(action, classification, submitter, decision);
        if (byShape !== null) return byShape;
        if (decision.terms.wait === 'error') return this.#answerLater(action, classification, submitter, lane, decision);
        return this.#hold(action, classification, submitter, lane, decision);
    }
  }

  /** People approved statements of this shape for a while: decided again with their yes as a fact. Null: it waits like others. */
  #releaseByShape(
    action: Action,
    classification: Classification,
    submitter: Submitter,
    held: HoldDecision,
  ): Judgement | Promise<Judgement> | null {
    const { shapes } = this.#parts;
    if (shapes === undefined || held.terms.shapeMsMax === undefined) return null;
    const found = shapes.match(asked(action, classification, submitter, held));
    if (found === null) return null;
    const decision = this.#ask(action, classification, submitter, found.approvals);
    if (decision.kind !== 'allow' || !found.take()) return null;
    return this.#release(action, classification, submitter, decision, null, found.approvals, found.id);
  }

  /** `wait: error`: refused with the hold's number at the first run, released at the one after the approval. */
  #answerLater(
    action: Action,
    classification: Classification,
    submitter: Submitter,
    lane: Lane,
    decision: HoldDecision,
  ): Judgement | Promise<Judgement> {
    const key = sameAgain(action, submitter);
    const answered = this.#runAgain.take(key);
    if (answered !== null) return this.#decideAgain(action, classification, submitter, lane, answered.hold.id, answered.approvals);
    const waiting = this.#runAgain.waiting(key);
    const again = { key, approvedForMs: decision.terms.expiresMs };
    const hold = waiting ?? this.#place(action, classification, submitter, decision, again);
    if (waiting === null) this.#runAgain.add(key, hold, decision.terms.expiresMs);
    return judged(waits(hold.id, decision.rule.title, hold.url), decision, classification, hold.id);
  }

  async #hold(
    action: Action,
    classification: Classification,
    submitter: Submitter,
    lane: Lane,
    decision: HoldDecision,
  ): Promise<Judgement> {
    if (lane.signal.aborted || submitter.ended.aborted) return this.#withdrawn(classification, decision, null, 'the client is gone');
    const hold = this.#place(action, classification, submitter, decision);
    const waiting: Waiting = { action, classification, submitter, hold };
    this.#waiting.add(waiting);
    const cancelled = () => hold.withdraw(wordsOf(lane.signal));
    const over = () => hold.withdraw('the session ended');
    lane.signal.addEventListener('abort', cancelled, { once: true });
    submitter.ended.addEventListener('abort', over, { once: true });
    try {
      announce(lane, hold, decision);
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
          return this.#withdrawn(classification, decision, hold.id, settlement.why);
        case 'approved':
          if (lane.signal.aborted) return this.#withdrawn(classification, decision, hold.id, wordsOf(lane.signal));
          return await this.#decideAgain(action, classification, submitter, lane, hold.id, settlement.approvals);
      }
    } finally {
      this.#waiting.delete(waiting);
      lane.signal.removeEventListener('abort', cancelled);
      submitter.ended.removeEventListener('abort', over);
    }
  }

  /** What an earlier run of the gateway left to be answered or to be run again. */
  remember(lasting: readonly LastingHold[]): void {
    for (const { key, hold, approvedForMs } of lasting) this.#runAgain.add(key, hold, approvedForMs);
  }

  #place(
    action: Action,
    classification: Classification,
    submitter: Submitter,
    decision: HoldDecision,
    again?: HoldRequest['again'],
  ): PlacedHold {
    const { principal, target, facts, sessionId } = submitter;
    const placed = this.#parts.holds.place({
      actionId: action.id,
      sessionId,
      actionKind: action.kind,
      principal,
      target,
      clientAddress: facts.clientAddress,
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

  /** With the approvals as facts: a rule added, a person disabled or a grant over while people thought still counts. */
  #decideAgain(
    before: Action,
    classification: Classification,
    submitter: Submitter,
    lane: Lane,
    holdId: HoldId,
    approvals: readonly Approval[],
  ): Judgement | Promise<Judgement> {
    if (submitter.ended.aborted) return judged(fault('the session has ended', holdId), null, classification, holdId);
    const { estimatedRows: _then, ...action } = before; // the target may hold more rows by now
    const decision = this.#ask(action, classification, submitter, approvals);
    return this.#withEstimate(action, classification, submitter, lane, approvals, decision, (known, now) =>
      this.#answerAgain(known, classification, submitter, holdId, approvals, now),
    );
  }

  #answerAgain(
    action: Action,
    classification: Classification,
    submitter: Submitter,
    holdId: HoldId,
    approvals: readonly Approval[],
    decision: Decision,
  ): Judgement | Promise<Judgement> {
    switch (decision.kind) {
      case 'allow':
        return this.#release(action, classification, submitter, decision, holdId, approvals);
      case 'deny':
        this.#parts.policies().noteUse?.(decision, this.#parts.clock.nowMs());
        return this.#refuse(action, classification, submitter, decision, denied(decision.message, holdId));
      case 'hold': {
        const message = `the policies changed while it waited: rule ${decision.rule.id} asks for other approvals; run it again`;
        return this.#refuse(action, classification, submitter, decision, denied(message, holdId));
      }
    }
  }

  #refuse(action: Action, classification: Classification, submitter: Submitter, decision: Decision, refusal: Refusal): Judgement {
    this.#parts.histories?.acted(submitter, decision.kind === 'deny');
    this.#parts.audit.appendSoon(deniedEvent(action, classification, submitter, decision, refusal, this.#parts.clock.nowMs()));
    return judged(refusal, decision, classification, refusal.holdId);
  }

  #withdrawn(classification: Classification, decision: Decision, holdId: HoldId | null, why: string): Judgement {
    return judged({ reason: 'withdrawn', message: why, hint: null, holdId, offset: null }, decision, classification, holdId);
  }

  #release(
    action: Action,
    classification: Classification,
    submitter: Submitter,
    decision: Allow,
    holdId: HoldId | null,
    approvals: readonly Approval[],
    shapeId: ShapeId | null = null,
  ): Judgement | Promise<Judgement> {
    const masked = maskingOf(this.#parts.masker, action, classification, submitter, decision);
    if (masked.refusal !== null) return this.#refuse(action, classification, submitter, decision, { ...masked.refusal, holdId });
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
