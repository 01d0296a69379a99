// What the gateway signs in to a target with, where that is kept, and the one contract of everything that keeps it. A credential
// is read when a session signs in, not when the gateway starts, and no word of a fault or a description has any part of it.

import type { Secret } from './secret.ts';
import type { Target } from './target.ts';

/** Names of the fields of a secret with several. Null: the secret has no such field that is wanted. */
export interface CredentialFields {
  readonly user: string | null;
  readonly password: string | null;
  readonly privateKey: string | null;
}

/** How the gateway signs in to Vault. */
export type VaultAuth =
  | { readonly kind: 'token'; readonly token: Secret }
  | { readonly kind: 'token-file'; readonly file: string }
  | {
      readonly kind: 'approle';
      readonly mount: string;
      readonly roleId: string;
      readonly secretId: Secret;
      /** Where it is read again at every sign-in. */
      readonly secretIdFile?: string;
    };

/** Where the credential of a target comes from. */
export type CredentialSource =
  /** From this machine, read at every sign-in. */
  | {
      readonly kind: 'local';
      readonly password: { readonly variable: string } | { readonly file: string } | null;
      readonly privateKeyFile: string | null;
    }
  /** Encrypted in the gateway's own store (`sallyport credentials set`). */
  | { readonly kind: 'stored' }
  /** HashiCorp Vault or OpenBao, KV version 2. */
  | { readonly kind: 'vault-kv'; readonly mount: string; readonly path: string; readonly fields: CredentialFields }
  /** The same, its database engine: an account of its own for each session, revoked when that ends. */
  | { readonly kind: 'vault-database'; readonly mount: string; readonly role: string }
  | { readonly kind: 'aws-secret'; readonly id: string; readonly fields: CredentialFields };

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
