// What the gate needs of policies: judge one action by one set of facts, purely. Implemented in policies/engine.

import type { Action, ReadingMode } from './action.ts';
import type { Classification } from './classification.ts';
import type { Approval, Decision, SessionFacts } from './decision.ts';
import type { AccessDecision, AccessWish, Grant } from './grant.ts';
import type { History } from './history.ts';
import type { StatementOutline } from './preview.ts';
import type { Principal } from './principal.ts';
import type { NoShape, Shape } from './shape.ts';
import type { Target } from './target.ts';

export interface Facts {
  readonly principal: Principal;
  readonly target: Pick<Target, 'name' | 'protocol' | 'labels'>;
  readonly session: SessionFacts;
  readonly nowMs: number;
  /** The yeses given to this very action; empty at the first decision. */
  readonly approvals: readonly Approval[];
  /** The grants in force of this principal on this target; missing: none. */
  readonly grants?: readonly Grant[];
  /** What was before. Missing: a condition that reads it fails. */
  readonly history?: History;
}

/** Who wishes for access to what, when. */
export type WishFacts = Pick<Facts, 'principal' | 'target' | 'nowMs'>;

/** One loaded set of policies. Immutable; a reload makes a new one. */
export interface PolicySet {
  readonly version: string;
  /**
   * Decides. With approvals that satisfy the terms of the hold rule that wins now, the answer is allow; with approvals
   * that do not, a hold is answered again and the gate refuses. Throws only when a rule is broken; the gate refuses then.
   */
  decide(action: Action, classification: Classification, facts: Facts): Decision;
  /** What the access rules say to a wish for access. A set without access rules refuses every wish. */
  judgeWish?(wish: AccessWish, facts: WishFacts): AccessDecision;
  /** Notes that a decision took effect (`times`, or once), for statistics of rules. Never throws. */
  noteUse?(decision: Decision, atMs: number, times?: number): void;
}

/** Classifies an action's text. May answer later (a large text goes to a worker). Never throws for bad text: that is "not understood". */
export interface Classifier {
  /** `signal`: nobody waits for it any more; then it may be anything. */
  classify(action: Action, signal?: AbortSignal): Classification | Promise<Classification>;
  /** The shape of a text that was understood, where one can be approved for a while. Missing: none of this protocol can. */
  shapeOf?(action: Action, classification: Classification): Shape | NoShape;
  /** What a preview needs of a text that was understood; null when it is not read for it. */
  outline?(text: string, mode: ReadingMode | null): readonly StatementOutline[] | null;
}
