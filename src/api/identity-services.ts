// What the API needs of identity: who asks, people, tokens, and links that sign in or answer.

import type { AnsweredVia } from '../core/answered-via.ts';
import type { Principal } from '../core/principal.ts';
import type { Right } from './contract.ts';

export interface SignedIn {
  readonly principal: Principal;
  readonly by: 'token' | 'cookie';
  readonly tokenId: string | null;
  readonly expiresAtMs: number;
}

export interface TokenInfo {
  readonly id: string;
  readonly person: string;
  readonly name: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly lastUsedAtMs: number | null;
}

export interface PendingSignIn {
  readonly code: string;
  readonly name: string;
  readonly target: string;
  readonly protocol: string;
  readonly clientAddress: string;
  readonly expiresAtMs: number;
}

export interface PersonInfo {
  readonly name: string;
  readonly displayName: string;
  readonly kind: Principal['kind'];
  readonly groups: readonly string[];
  readonly disabled: boolean;
}

export interface DecisionLinkInfo {
  readonly id: string;
  readonly holdId: string;
  readonly answer: 'approve' | 'deny';
  readonly person: string | null;
  readonly expiresAtMs: number;
  readonly via: AnsweredVia;
}

export type ReadDecisionLink =
  | { readonly kind: 'good'; readonly link: DecisionLinkInfo }
  | { readonly kind: 'used' }
  | { readonly kind: 'expired' }
  | { readonly kind: 'unknown' };

export interface ApiIdentity {
  person(name: string): Principal | null;
  people(): readonly PersonInfo[];
  rights(principal: Principal): readonly Right[];
  setDisabled(name: string, disabled: boolean, by: string): void;
  onChange(listener: (change: { readonly name: string }) => void): () => void;

  authenticateBearer(token: string): SignedIn | null;
  authenticateCookie(cookie: string): SignedIn | null;
  signIn(
    proof: { readonly secret: string } | { readonly token: string },
    clientAddress: string,
  ): { readonly cookie: string; readonly person: string; readonly expiresAtMs: number } | null;
  signOut(cookie: string): void;
  signOutEverywhere(person: string): void;
  createLoginLink(person: string, ttlMs: number, by: string): string;

  readonly tokenTtlMsMax: number;
  issueToken(
    person: string,
    wanted: { readonly name: string; readonly ttlMs: number; readonly madeWith: string | null },
    by: string,
  ): { readonly token: string; readonly id: string; readonly person: string; readonly expiresAtMs: number };
  tokens(person: string | null): readonly TokenInfo[];
  token(id: string): TokenInfo | null;
  revokeToken(id: string, by: string): boolean;

  readonly browserSignIns: {
    get(secret: string, viewer: Principal): PendingSignIn | null;
    list(viewer: Principal): readonly PendingSignIn[];
    confirm(secret: string, viewer: Principal, code: string | null, tokenId: string | null): 'confirmed' | 'wrong-code' | 'unknown';
    refuse(secret: string, viewer: Principal): boolean;
  };
  readonly decisionLinks: {
    read(token: string): ReadDecisionLink;
    use(link: DecisionLinkInfo): boolean;
  };
}
