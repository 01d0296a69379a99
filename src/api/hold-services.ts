// What the API asks of the holds, in the API's own words.

import type { AnsweredVia } from '../core/answered-via.ts';
import type { SecondFactorProof } from '../core/decision.ts';
import type { Principal } from '../core/principal.ts';
import type { HoldState, HoldView, Page, PreviewView } from './contract.ts';

export interface HoldQuery {
  readonly state?: HoldState | undefined;
  /** Holds of this person only. */
  readonly principal?: string | undefined;
  /** Holds in which this stands. A page of them may be empty though others follow. */
  readonly text?: string | undefined;
  readonly cursor?: string | undefined;
  readonly limit: number;
}

/** What became of an answer. The view is read again afterwards, so this carries only what it can't say. */
export type AnswerResult =
  | { readonly kind: 'approved' | 'counted' | 'denied' | 'changes-requested' | 'taken-back' }
  | { readonly kind: 'not-pending'; readonly state: HoldState }
  | { readonly kind: 'not-allowed'; readonly because: string; readonly why: string }
  /** It could not be written down, and nothing runs. */
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'unknown' };

export interface ApiHolds {
  /** With `can_answer` as it is for that viewer. */
  get(id: string, viewer: Principal): HoldView | null;
  /** Newest first. A cursor that nobody gave out throws Fault invalid-request. */
  list(query: HoldQuery, viewer: Principal): Page<HoldView>;
  answer(
    id: string,
    person: Principal,
    answer: 'approve' | 'deny' | 'request-changes',
    reason: string | null,
    proof?: SecondFactorProof | null,
    via?: AnsweredVia | null,
  ): AnswerResult | Promise<AnswerResult>;
  /** Something waits in this session that the person may answer now, or has answered while others are waited for. */
  waitsFor(sessionId: string, person: Principal): boolean;
  /** One's own yes, while the hold waits for others. */
  takeBack(id: string, person: Principal): Promise<AnswerResult>;
  /** What it would do, for those who answer; made at the first look. Missing: no previews are made. */
  preview?(id: string): Promise<PreviewView>;
  /** Calls back with the id of each hold that is new or changed. */
  on(listener: (holdId: string) => void): () => void;
}
