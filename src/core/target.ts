// A configured, protected system. Its credentials are Secrets and leave only through the driver's sign-in to the target.

import type { CredentialSource } from './credential-source.ts';
import type { TargetName } from './ids.ts';
import type { Secret } from './secret.ts';

export type Protocol = 'postgres' | 'mysql' | 'ssh';

/** libpq's sslmode words, used for every protocol. */
export type TlsMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

export interface TargetTls {
  readonly mode: TlsMode;
  /** PEM of the authorities to trust; null means the system's. */
  readonly ca: string | null;
  /** PEM client certificate and key, for targets that ask for one. */
  readonly certificate: string | null;
  readonly key: Secret | null;
  readonly serverName: string | null;
  /** Where these three were read from, to be looked at again for each handshake; missing: they stay what they are. */
  readonly files?: Readonly<Partial<Record<'ca' | 'certificate' | 'key', string>>>;
}

/**
 * What an interactive shell of an SSH target is: nothing, a terminal that is only recorded, one whose bash asks before it runs
 * anything (a guard rail), or commands judged one by one without a terminal at the target.
 */
export type ShellMode = 'none' | 'recorded' | 'guarded' | 'mediated';

export interface TargetSsh {
  /** Public keys of which the target's own must be one, as in known_hosts without the name: "ssh-ed25519 AAAA…". */
  readonly hostKeys: readonly string[];
  /** Public keys of authorities whose host certificates name the target, as @cert-authority in known_hosts; missing: none. */
  readonly hostAuthorities?: readonly string[];
  /** In OpenSSH's or PEM form, without a passphrase. */
  readonly privateKey: Secret | null;
  /** The gateway signs in with a certificate of its own authority, made for each sign-in; null or missing: it does not. */
  readonly certificate?: { readonly lifetimeMs: number } | null;
  readonly shell: ShellMode;
  /** Modes to be had instead, in order, where the policies refuse the one before; missing: none. */
  readonly shellElse?: readonly ShellMode[];
  /** Other accounts that `person:account%target` may ask for. */
  readonly logins: readonly string[];
}

/** Which agent reaches a target: any one of that name, or any one that has all of these labels. */
export type AgentSelector =
  { readonly kind: 'name'; readonly name: string } | { readonly kind: 'labels'; readonly labels: Readonly<Record<string, string>> };

export interface Target {
  readonly name: TargetName;
  readonly protocol: Protocol;
  readonly labels: Readonly<Record<string, string>>;
  readonly host: string;
  readonly port: number;
  /** The account the gateway uses there. */
  readonly user: string;
  readonly password: Secret | null;
  /** Databases: roles that access may be asked for as; the session runs as the role then. Missing: roles are words for policies. */
  readonly roles?: readonly string[];
  /** Default database; null where the protocol has none. */
  readonly database: string | null;
  /** MySQL: the server version that clients are shown before they have named a target; missing: learnt from the target. */
  readonly serverVersion?: string;
  readonly tls: TargetTls;
  /** Set for SSH targets only. */
  readonly ssh?: TargetSsh;
  /** Host and port as this agent reaches them; null or missing: the gateway dials by itself. */
  readonly agent?: AgentSelector | null;
  /** Where password and key are read when a session signs in; null or missing: the target asks for none, or they stand above. */
  readonly credential?: CredentialSource | null;
}
