// An action that waits for people. pending → approved | denied | expired | withdrawn; every hold ends exactly once.

import type { Parameter, ReadingMode, TransactionState } from './action.ts';
import type { Classification } from './classification.ts';
import type { Approval, HoldTerms, RuleRef } from './decision.ts';
import type { ActionId, HoldId, SessionId } from './ids.ts';
import type { Principal } from './principal.ts';
import type { Target } from './target.ts';

export type HoldState = 'pending' | 'approved' | 'denied' | 'expired' | 'withdrawn';

/** What the gate asks people. */
export interface HoldRequest {
  readonly actionId: ActionId;
  readonly sessionId: SessionId;
  readonly actionKind: string;
  readonly principal: Principal;
  readonly target: Pick<Target, 'name' | 'protocol' | 'labels'>;
  readonly clientAddress: string;
  readonly text: string;
  readonly parameters: readonly Parameter[] | null;
  /** SHA-256 over exactly what would run; an approval names it. */
  readonly digest: string;
  readonly classification: Classification;
  readonly transaction: TransactionState;
  /** How its text was read, for the preview; missing: not known. */
  readonly mode?: ReadingMode;
  readonly rule: RuleRef;
  readonly terms: HoldTerms;
  /** Milliseconds it may wait; already the shorter one inside a transaction. */
  readonly expiresMs: number;
}

export type Settlement =
  | { readonly kind: 'approved'; readonly approvals: readonly Approval[] }
  | { readonly kind: 'denied'; readonly by: string; readonly reason: string | null }
  | { readonly kind: 'expired' }
  | { readonly kind: 'withdrawn'; readonly why: string };

export interface PlacedHold {
  readonly id: HoldId;
  readonly expiresAtMs: number;
  /** Where it can be answered in the console, or null. */
  readonly url: string | null;
  /** Resolves exactly once. Never rejects. */
  readonly settled: Promise<Settlement>;
  /** Called with the number of approvals so far, whenever it grows without settling. */
  onProgress(listener: (approvalsGiven: number) => void): void;
  withdraw(why: string): void;
}

export interface Holds {
  /** Writes the hold down and tells approvers. Throws Fault store-failed or limit-reached: the gate refuses then. */
  place(request: HoldRequest): PlacedHold;
}
