// Where the credential of a target is kept, as the configuration says.

import type { Secret } from './secret.ts';

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
