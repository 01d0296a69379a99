// What the API needs of accounts: sign-in methods, second factors, people added at run time, tokens of command lines and jobs.

import type { SecondFactorProof } from '../core/decision.ts';
import type { ApprovalSubject } from '../core/approval-challenge.ts';

interface OpenedConsole {
  readonly cookie: string;
  readonly person: string;
  readonly expiresAtMs: number;
}

interface IssuedToken {
  readonly token: string;
  readonly id: string;
  readonly person: string;
  readonly expiresAtMs: number;
}

type CredentialJson = Readonly<Record<string, unknown>>;

interface GivenFactor {
  readonly totp?: string | undefined;
  readonly passkey?: CredentialJson | undefined;
}

export interface ApiAccounts {
  readonly hasPasswords: boolean;
  readonly oidc: { list(): readonly { readonly name: string; readonly displayName: string }[] };
  /** Throws Faults not-found and sign-in-failed. */
  beginOidc(
    issuer: string,
    wayBack: string,
    browserSecret: string | null,
  ): Promise<{ readonly url: string; readonly browserSecret: string; readonly expiresAtMs: number }>;
  /** Throws Fault sign-in-failed in words for the person. */
  endOidc(
    query: Readonly<Record<string, string | undefined>>,
    browserSecret: string | null,
    clientAddress: string,
  ): Promise<{ readonly opened: OpenedConsole; readonly wayBack: string }>;
  endSessionUrl(cookie: string): Promise<string | null>;
  signInByPassword(
    name: string,
    password: string,
    code: string | null,
    clientAddress: string,
  ): Promise<{ readonly kind: 'opened'; readonly opened: OpenedConsole } | { readonly kind: 'wrong' | 'code-needed' | 'wait' }>;
  signInByPasskey(answer: CredentialJson, origin: string, clientAddress: string): Promise<OpenedConsole | null>;
  hasPassword(person: string): boolean;
  changePassword(
    person: string,
    old: string,
    password: string,
    from: { readonly address: string; readonly browser: string },
  ): Promise<boolean>;
  setPassword(person: string, password: string, by: string): Promise<void>;
  addPerson(person: { readonly name: string; readonly displayName: string; readonly groups: readonly string[] }, by: string): void;
  removePerson(name: string, by: string): void;
  unlink(name: string, by: string): boolean;
  readonly factors: ApiFactors;
  readonly cliLogins: ApiCliLogins;
  pollCliLogin(
    pollSecret: string,
    machine: string,
  ): { readonly kind: 'waiting' | 'refused' | 'gone' } | { readonly kind: 'token'; readonly issued: IssuedToken };
  /** Throws Fault sign-in-failed. */
  readonly machines: { exchange(jobToken: string): Promise<IssuedToken> };
}

export interface ApiFactors {
  view(person: string): {
    readonly passkeys: readonly {
      readonly id: string;
      readonly name: string;
      readonly rp_id: string;
      readonly created_at_ms: number;
      readonly last_used_at_ms: number | null;
    }[];
    readonly hasTotp: boolean;
    readonly isTotpLocked: boolean;
    readonly provedAtMs: number | null;
  };
  readonly passkeys: { requestOptions(person: string | null, challenge: string | null, origin: string): object };
  prove(person: string, given: GivenFactor, origin: string, browser: string): Promise<void>;
  approvalOptions(subject: ApprovalSubject, origin: string): object;
  proofOf(subject: ApprovalSubject, given: GivenFactor, origin: string): Promise<SecondFactorProof | null>;
  registrationOptions(person: { readonly name: string; readonly displayName: string }, origin: string, browser: string): object;
  registerPasskey(person: string, name: string, answer: CredentialJson, origin: string, browser: string): Promise<unknown>;
  removePasskey(person: string, id: string, browser: string): void;
  beginTotp(person: string, host: string, browser: string): { readonly secret: string; readonly url: string };
  confirmTotp(person: string, code: string, browser: string): void;
  removeTotp(person: string, browser: string): void;
  reset(person: string, by: string): void;
}

export interface ApiCliLogins {
  begin(
    machine: string,
    clientAddress: string,
  ): { readonly pollSecret: string; readonly linkSecret: string; readonly code: string; readonly expiresAtMs: number };
  get(
    linkSecret: string,
  ): { readonly code: string; readonly clientAddress: string; readonly machine: string; readonly expiresAtMs: number } | null;
  answer(linkSecret: string, person: string, answer: 'confirm' | 'refuse'): boolean;
}
