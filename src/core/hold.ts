// An action that waits for people. pending → approved | denied | changes_requested | expired | withdrawn; every hold ends exactly once.

import type { Parameter, ReadingMode, TransactionState } from './action.ts';
import type { Classification } from './classification.ts';
import type { Approval, HoldTerms, RuleRef } from './decision.ts';
import type { ActionId, GrantId, HoldId, SessionId } from './ids.ts';
import type { Principal } from './principal.ts';
import type { Target } from './target.ts';

export type HoldState = 'pending' | 'approved' | 'denied' | 'changes_requested' | 'expired' | 'withdrawn';

/** Access for a while that whoever asks has to the target, and what it was asked for. */
export interface HoldAccess {
  readonly grant: GrantId;
  readonly reason: string;
  readonly isBreakGlass: boolean;
}

/** What the gate asks people. */
export interface HoldRequest {
  readonly actionId: ActionId;
  readonly sessionId: SessionId;
  readonly actionKind: string;
  readonly principal: Principal;
  readonly target: Pick<Target, 'name' | 'protocol' | 'labels'>;
  readonly clientAddress: string;
  /** What the session says that it is for; missing or null: nothing. */
  readonly reason?: string | null;
  readonly access?: readonly HoldAccess[];
  readonly text: string;
  readonly parameters: readonly Parameter[] | null;
  /** SHA-256 over exactly what would run; an approval names it. */
  readonly digest: string;
  readonly classification: Classification;
  readonly transaction: TransactionState;
  /** How its text was read, for the preview; missing: not known. */
  readonly mode?: ReadingMode;
  /** As in Action. */
  readonly estimatedRows?: number | null;
  readonly rule: RuleRef;
  readonly terms: HoldTerms;
  /** Answered without the client (`wait: error`): what is run again under this key, within so long after the approval. */
  readonly again?: { readonly key: string; readonly approvedForMs: number };
  /** Milliseconds it may wait; already the shorter one inside a transaction. */
  readonly expiresMs: number;
}

export type Settlement =
  | { readonly kind: 'approved'; readonly approvals: readonly Approval[] }
  | { readonly kind: 'denied'; readonly by: string; readonly reason: string | null }
  /** Not like this: `words` say what to change. As final as a denial. */
  | { readonly kind: 'changes-requested'; readonly by: string; readonly words: string }
  | { readonly kind: 'expired' }
  | { readonly kind: 'withdrawn'; readonly why: string };

export interface PlacedHold {
  readonly id: HoldId;
  readonly expiresAtMs: number;
  /** Where it can be answered in the console, or null. */
  readonly url: string | null;
  /** Resolves exactly once. Never rejects. */
  readonly settled: Promise<Settlement>;
  /** Called with the number of approvals so far and who may approve by now, whenever one of them changes without settling. */
  onProgress(
    listener: (approvalsGiven: number, approverGroups: readonly string[], alsoInGroups: readonly (readonly string[])[]) => void,
  ): void;
  withdraw(why: string): void;
  /** Uses up the approval of one that is run again; false when that was done already. Throws when it can't be written down. */
  use?(): boolean;
}

/** One that is answered without its client, of an earlier run of the gateway. */
export interface LastingHold {
  readonly key: string;
  readonly hold: PlacedHold;
  /** How long the approval can still be used, or will be able to when it is given. */
  readonly approvedForMs: number;
}

export interface Holds {
  /** Writes the hold down and tells approvers. Throws Fault store-failed or limit-reached: the gate refuses then. */
  place(request: HoldRequest): PlacedHold;
}
