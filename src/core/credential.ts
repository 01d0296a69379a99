// What the gateway signs in to a target with, and the one contract of everything that keeps it. A credential
// is read when a session signs in, not when the gateway starts, and no word of a fault or a description has any part of it.

import type { Secret } from './secret.ts';
import type { Target } from './target.ts';

export interface Credential {
  /** The account, where the source decides that; null: the target's own `user`. */
  readonly user: string | null;
  readonly password: Secret | null;
  /** SSH. */
  readonly privateKey: Secret | null;
  /** Names this value for people without telling it: "version 3". */
  readonly version: string;
  /** Set when it was made for this sign-in alone. */
  readonly lease: CredentialLease | null;
}

/** A credential with an end: renewed while its session lives, revoked when that is over. */
export interface CredentialLease {
  readonly durationMs: number;
  /** False: it can't be prolonged, and the session outlives it if the target lets it. */
  readonly isRenewable: boolean;
  /** Prolongs it, and resolves with how long it lives from now on, in milliseconds. */
  renew(signal: AbortSignal): Promise<number>;
  revoke(signal: AbortSignal): Promise<void>;
}

/** Whatever keeps credentials. Every method rejects with Fault target-credential-failed, in words without a secret. */
export interface CredentialProvider {
  /** The one to use now. */
  read(target: Target, signal: AbortSignal): Promise<Credential>;
  /** The one before that, when it may still be the one that the target knows (it is being rotated); null: there is none. */
  previous(target: Target, signal: AbortSignal): Promise<Credential | null>;
  /** The target took this one: what came before it is not needed any more. */
  accepted(target: Target, credential: Credential): void;
}

/** Signs in to targets with what their source has now. */
export interface CredentialDesk {
  /**
   * Runs `attempt` with the target as it is signed in to: account, password and key filled in. When the target refuses the
   * sign-in (Fault target-sign-in-failed) and the source has another value by now, or had one before, that is tried as well. What the attempt
   * dials has to be dialled with the target it was given: a leased credential ends with that connection.
   */
  signingIn<T>(target: Target, signal: AbortSignal, attempt: (target: Target) => Promise<T>): Promise<T>;
}
