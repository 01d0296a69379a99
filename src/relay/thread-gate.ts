// The gate of one session in a relay thread. What the policies plainly allow, by facts that are true now, it releases by itself; all
// else is judged by the main thread's gate: holds, denials, masks, the first use of access, and everything while the world has changed.

import type { Action } from '../core/action.ts';
import type { Classification } from '../core/classification.ts';
import type { Decision } from '../core/decision.ts';
import type { ActionId, GrantId, SessionId } from '../core/ids.ts';
import type { Principal } from '../core/principal.ts';
import type { Lane } from '../core/session.ts';
import { wordsOf } from '../gate/decided.ts';
import { unlessGivenUp } from '../gate/given-up.ts';
import { faulted, judged } from '../gate/judgement.ts';
import type { Judgement } from '../gate/judgement.ts';
import { laneNow } from '../gate/submission.ts';
import type { Submitter } from '../gate/submitter.ts';
import { isUnchanged } from '../gate/unchanged.ts';
import type { SessionCounts, SessionGate } from '../sessions/live-session.ts';
import { sendAction } from './sent-action.ts';
import type { SentJudgement } from './sent-action.ts';
import type { Did } from './session-methods.ts';
import type { Standing } from './standing.ts';
import type { ThreadJudging } from './thread-judging.ts';

export interface ThreadGateParts {
  readonly judging: ThreadJudging;
  readonly sessionId: SessionId;
  readonly standing: Standing;
  readonly counts: () => SessionCounts;
  /** The person is somebody else by now. */
  readonly become: (principal: Principal) => void;
}

export class ThreadGate implements SessionGate {
  readonly #parts: ThreadGateParts;
  #standing: Standing;
  /** Monotonic; the first of the grants ends then. */
  #untilMs = Infinity;
  /** Ends of grants end the sessions that used them, so the first use of each is told before anything runs by it. */
  readonly #grantsUsed = new Set<GrantId>();
  #acted = 0;
  /** What the main thread was asked about, and how to tell whether it still means the same. */
  readonly #waiting = new Map<ActionId, () => Promise<boolean>>();
  readonly #takeDid = (): Did => {
    const did = { sessionId: this.#parts.sessionId, acted: this.#acted, counts: { ...this.#parts.counts() } };
    this.#acted = 0;
    return did;
  };

  constructor(parts: ThreadGateParts) {
    this.#parts = parts;
    this.#standing = parts.standing;
    this.stand(parts.standing);
  }

  /** From now on decisions are made by this. */
  stand(standing: Standing): void {
    const { principal: before } = this.#standing;
    const isSame = JSON.stringify(before) === JSON.stringify(standing.principal);
    this.#standing = isSame ? { ...standing, principal: before } : standing; // policies remember by the object
    this.#untilMs = standing.grantsForMs === null ? Infinity : this.#nowMs + standing.grantsForMs;
    if (!isSame) this.#parts.become(standing.principal);
  }

  /** What was done and not told yet. */
  takeDid(): Did {
    return this.#takeDid();
  }

  judge(action: Action, submitter: Submitter, lane: Lane): Promise<Judgement> {
    return new Promise((resolve) => this.judgeSoon(action, submitter, lane, resolve));
  }

  judgeSoon(action: Action, submitter: Submitter, lane: Lane, then: (judgement: Judgement) => void): void {
    let classified: Classification | Promise<Classification>;
    try {
      classified = action.classified ?? this.#parts.judging.parts.classifierOf(submitter.target.protocol).classify(action, lane.signal);
    } catch (thrown) {
      then(faulted(thrown));
      return;
    }
    if (classified instanceof Promise) {
      const now = laneNow(lane);
      const judge = (it: Classification) => new Promise<Judgement>((resolve) => this.#judge(action, it, submitter, now, resolve));
      void unlessGivenUp(classified, now, submitter, judge).catch(faulted).then(then);
    } else this.#judge(action, classified, submitter, lane, then);
  }

  /** What only the main thread knows may have to wait: so does everything while what is known here is not true any more. */
  foresee(action: Action, classification: Classification, submitter: Submitter): Decision['kind'] | 'fault' {
    const { judging } = this.#parts;
    if (!this.#isTrueNow) return 'hold';
    judging.grants = this.#standing.grants;
    const foreseen = judging.gate.foresee(action, classification, submitter);
    return judging.unknown.wasAsked ? 'hold' : foreseen;
  }

  async foreseeSurely(action: Action, classification: Classification): Promise<Decision['kind'] | 'fault'> {
    const { judging, sessionId } = this.#parts;
    try {
      const sent = sendAction(action, classification, judging.catalogues);
      return await judging.parts.calls.ask('session.foresee', { sessionId, action: sent });
    } catch {
      return 'fault';
    }
  }

  /** False too when nothing of that number waits. */
  async isUnchanged(actionId: ActionId): Promise<boolean> {
    const waiting = this.#waiting.get(actionId);
    return waiting !== undefined && waiting();
  }

  /** By the policies that its standing names, or not at all. */
  stillAllows(action: Action, before: Judgement, submitter: Submitter): boolean {
    const { judging } = this.#parts;
    if (!judging.parts.policies.has(this.#standing.policyVersion)) return false;
    judging.grants = this.#standing.grants;
    return judging.gate.stillAllows(action, before, submitter);
  }

  #judge(action: Action, classification: Classification, submitter: Submitter, lane: Lane, then: (judgement: Judgement) => void): void {
    if (this.#releases(action, classification, submitter, then)) return;
    void this.#ask(action, classification, submitter, lane).then(then); // never rejects
  }

  #releases(action: Action, classification: Classification, submitter: Submitter, then: (judgement: Judgement) => void): boolean {
    const { judging } = this.#parts;
    if (!this.#isTrueNow) return false;
    judging.grants = this.#standing.grants;
    judging.grantsUsed = this.#grantsUsed;
    let isTold = false;
    try {
      const told = (judgement: Judgement): void => {
        isTold = true;
        then(judgement);
      };
      if (!judging.gate.releasePlainly(action, classification, submitter, told)) return false;
    } catch (thrown) {
      if (isTold) throw thrown; // of whoever was told
      return false; // the main thread meets the same fault, or knows what is not known here
    }
    this.#acted += 1;
    judging.did(this.#takeDid);
    return true;
  }

  get #isTrueNow(): boolean {
    const { world, policyVersion } = this.#standing;
    const { parts } = this.#parts.judging;
    if (parts.world() !== world || !parts.policies.has(policyVersion)) return false;
    return this.#untilMs === Infinity || this.#nowMs < this.#untilMs;
  }

  get #nowMs(): number {
    return this.#parts.judging.parts.clock.monotonicMs();
  }

  async #ask(action: Action, classification: Classification, submitter: Submitter, lane: Lane): Promise<Judgement> {
    const { signal } = lane;
    const { judging } = this.#parts;
    const { audit, calls, classifierOf } = judging.parts;
    const now = laneNow(lane);
    this.#waiting.set(action.id, () => isUnchanged(action, classification, now, classifierOf(submitter.target.protocol)));
    const gone = new AbortController();
    const takeBack = (): void => gone.abort(wordsOf(signal));
    try {
      audit.flush(); // what was done before stands before it in the log
      const sent = sendAction(action, classification, judging.catalogues);
      if (signal.aborted) takeBack();
      signal.addEventListener('abort', takeBack, { once: true });
      const asked = { did: this.#takeDid(), action: sent, world: this.#standing.world };
      const { judgement, standing } = await calls.ask('session.judge', asked, { signal: gone.signal, onTold: (it) => lane.onHold(it) });
      if (standing !== null) this.stand(standing);
      return this.#received(judgement, action, classification, submitter);
    } catch (thrown) {
      return faulted(thrown);
    } finally {
      this.#waiting.delete(action.id);
      signal.removeEventListener('abort', takeBack);
    }
  }

  #received(sent: SentJudgement, action: Action, classification: Classification, submitter: Submitter): Judgement {
    const { refusal, decision, isClassified, holdId, approvedBy, estimatedRows } = sent;
    const estimated = estimatedRows === undefined ? {} : { estimatedRows };
    if (refusal !== null) return { ...judged(refusal, decision, isClassified ? classification : null, holdId), ...estimated };
    if (decision?.kind !== 'allow') return faulted(new Error('released without a decision'));
    for (const id of decision.grants ?? []) this.#grantsUsed.add(id);
    return { ...this.#parts.judging.gate.adopt(action, classification, submitter, { decision, holdId, approvedBy }), ...estimated };
  }
}
