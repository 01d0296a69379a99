// Access for a while: what a person was given on a target, as policies see it. Who gave it, how long it lasts and when it ends
// is the business of src/approvals; a grant that is in a list of facts is in force now.

import type { SecondFactor } from './decision.ts';
import type { GrantId } from './ids.ts';
import type { ApproverSet } from './quorum.ts';

/** What a grant reaches. Everything that is null or false does not narrow. */
export interface GrantScope {
  /** The account of an SSH target, a role of a database target (`roles`), or a word that policies ask for (`needs: { roles: [...] }`); null: none in particular. */
  readonly role: string | null;
  /** Only what changes nothing but the own session. */
  readonly readOnly: boolean;
  /** Only these tables and views, schema first; null: no matter which. */
  readonly tables: readonly string[] | null;
}

/** A grant in force, as a fact of one decision. Immutable: an extension makes a new one. */
export interface Grant {
  readonly id: GrantId;
  readonly scope: GrantScope;
  /** The scope's role is one of the target database's own: the grant counts only in sessions that run as it. Missing: it is a word, or none. */
  readonly databaseRole?: string;
  /** The access rule of the policies that it was given by: "production-access/on-call". */
  readonly rule: string;
  readonly isBreakGlass: boolean;
  readonly reason: string;
  /** Who said yes; empty when the policies did so by themselves. */
  readonly approvedBy: readonly string[];
  /** Wall clock, for words. What counts is measured on the monotonic clock as well. */
  readonly endsAtMs: number;
}

/** The grants in force of one person on one target. */
export interface Grants {
  inForce(person: string, target: string): readonly Grant[];
  /** Something ran, or a session opened, because of this grant. Never throws. */
  used(id: GrantId, sessionId: string): void;
}

/** What a person wants, as policies judge it. */
export interface AccessWish {
  readonly durationMs: number;
  readonly scope: GrantScope;
  readonly isBreakGlass: boolean;
  readonly reason: string;
}

/** What the policies say to a wish. Pure: the same facts give the same answer. */
export type AccessDecision =
  | { readonly kind: 'refuse'; readonly message: string }
  | {
      readonly kind: 'ask' | 'give';
      /** "policy/rule" and its title. */
      readonly rule: string;
      readonly title: string;
      readonly policyVersion: string;
      /** Every set must be satisfied, each by people of its own. Empty when it is given without asking. */
      readonly approvers: readonly ApproverSet[];
      /** Who looks at it afterwards; empty: nobody has to. */
      readonly reviewers: readonly string[];
      /** The longest time from the first start to the last end, extensions included. */
      readonly longestMs: number;
      /** How long the request waits for an answer. */
      readonly waitMs: number;
      readonly reasonRequired: boolean;
      /** What each approver has to prove; missing: being signed in is enough. */
      readonly secondFactor?: SecondFactor;
      /** Ends when no session has been open for so long; null: it does not. */
      readonly idleMs: number | null;
    };

/** Why a step with a request or a grant was not done. */
export type AccessProblem =
  | 'refused'
  | 'conflict'
  | 'limit-reached'
  | 'unknown'
  | 'not-allowed'
  | 'requester'
  | 'reason-missing'
  | 'reason-too-long'
  | 'second-factor-missing'
  | 'failed';

/** The same in words as well. */
export interface AccessRefusal {
  readonly kind: 'refused';
  readonly because: AccessProblem;
  readonly why: string;
}
