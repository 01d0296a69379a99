// What the API needs of access for a while: requests, answers to them, and grants.

import type { AnsweredVia } from '../core/answered-via.ts';
import type { SecondFactorProof } from '../core/decision.ts';
import type { AccessRefusal } from '../core/grant.ts';
import type { Principal } from '../core/principal.ts';
import type { AccessRequestView, GrantView, Page } from './contract.ts';

/** What became of a step, with the id of what it changed. */
export type AccessOutcome =
  { readonly kind: 'done'; readonly id: string } | { readonly kind: 'not-pending'; readonly why: string } | AccessRefusal;

export interface AccessListQuery {
  readonly state?: string | undefined;
  readonly principal?: string | undefined;
  readonly target?: string | undefined;
  readonly review?: 'open' | 'done' | undefined;
  readonly cursor?: string | undefined;
  readonly limit: number;
}

export interface ApiAccess {
  request(
    person: Principal,
    wanted: {
      readonly target: string;
      readonly durationMs: number;
      readonly reason: string;
      readonly scope: { readonly role: string | null; readonly readOnly: boolean; readonly tables: readonly string[] | null };
      readonly isBreakGlass: boolean;
    },
  ): Promise<AccessOutcome>;
  extend(grantId: string, person: Principal, addedMs: number, reason: string): Promise<AccessOutcome>;
  answer(
    id: string,
    person: Principal,
    answer: 'approve' | 'deny',
    reason: string | null,
    proof: SecondFactorProof | null,
    via: AnsweredVia | null,
  ): Promise<AccessOutcome>;
  withdraw(id: string, person: Principal): Promise<AccessOutcome>;
  /** `mayAny`: the person may end anybody's. */
  revoke(grantId: string, person: Principal, mayAny: boolean, reason: string | null): Promise<AccessOutcome>;
  review(grantId: string, person: Principal, words: string, via: AnsweredVia | null): Promise<AccessOutcome>;
  /** With its timeline. */
  requestNamed(id: string, viewer: Principal): AccessRequestView | null;
  grantNamed(id: string, viewer: Principal): GrantView | null;
  /** Newest first. */
  requests(query: AccessListQuery, viewer: Principal): Page<AccessRequestView>;
  grants(query: AccessListQuery, viewer: Principal): Page<GrantView>;
  /** Calls back with the request that changed, and the grant that came of it. */
  on(listener: (requestId: string, grantId: string | null) => void): () => void;
}
