// The configuration as the rest of the gateway sees it: validated, defaults filled in, files read, paths absolute,
// secrets wrapped. How it is written in YAML is schema.ts; how one becomes the other is load.ts.

import type { VaultAuth } from '../core/credential-source.ts';
import type { Log } from '../core/driver.ts';
import type { PersonName } from '../core/ids.ts';
import type { OnCallSchedule } from '../core/identity-config.ts';
import type { PemFile } from '../core/pem-files.ts';
import type { PrincipalKind } from '../core/principal.ts';
import type { Secret } from '../core/secret.ts';
import type { Protocol, Target } from '../core/target.ts';
import type { ChannelsConfig } from './channels-config.ts';
import type { SecretFile } from './files.ts';
import type { SignInConfig } from './read-sign-in.ts';
import type { WebhookEvent } from './webhook-events.ts';

export interface ListenAddress {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
}

export interface HttpAddress extends ListenAddress {
  /** A reverse proxy on this machine says in X-Forwarded-For from where requests come. */
  readonly behindProxy: boolean;
}

/** Null: this protocol is not served. */
export interface Listen extends Readonly<Record<Protocol, ListenAddress | null>> {
  readonly http: HttpAddress;
  /** Figures for monitoring; missing: not served. */
  readonly metrics?: ListenAddress | undefined;
}

export interface PersonConfig {
  readonly name: PersonName;
  readonly displayName: string;
  readonly kind: PrincipalKind;
  readonly groups: readonly string[];
  readonly disabled: boolean;
  readonly sshKeys: readonly string[];
}

/** Groups whose members have each right of the API. */
export interface Rights {
  readonly approve: readonly string[];
  readonly audit: readonly string[];
  readonly operate: readonly string[];
}

export interface WebhookConfig {
  readonly name: string;
  readonly url: string;
  /** As Standard Webhooks writes it: base64, with or without `whsec_`. */
  readonly secret: Secret;
  readonly events: readonly WebhookEvent[];
  /** The person its approve and deny links answer for by themselves; null: whoever opens one signs in first. */
  readonly answersAs: PersonName | null;
}

export interface SshConfig {
  /** Public keys of authorities whose user certificates sign people in. */
  readonly userAuthorities: readonly string[];
  /** Absolute path; null: nothing is revoked. */
  readonly revokedKeysFile: string | null;
  /** Without a byte in any channel; null: the driver's own. */
  readonly idleTimeoutMs: number | null;
  /** From open to end; null: no limit. */
  readonly sessionTimeoutMs: number | null;
  /** New keys after this much; null: the driver's own. */
  readonly rekeyAfterBytes: number | null;
}

export interface Limits {
  /** Client connections at the same time: in all, and from one address. */
  readonly connections: number;
  readonly connectionsPerAddress: number;
  /** From accept to signed in, not counting the time a person takes in the browser. */
  readonly handshakeTimeoutMs: number;
  /** Longest statement (with its parameters) that is read into memory to be judged. */
  readonly statementBytes: number;
  /** What a client may send ahead while its action waits. */
  readonly heldBytes: number;
  /** What clients have sent and nobody has taken yet, of each protocol and relay thread: in all, and of one person. */
  readonly readingBytes: number;
  readonly readingBytesPerPerson: number;
  readonly dialTimeoutMs: number;
  /** Pending holds: in all, and of one person. */
  readonly holds: number;
  readonly holdsPerPerson: number;
  /** Their texts and parameters together. */
  readonly holdsBytes: number;
  readonly holdsBytesPerPerson: number;
  /** Longest life of an access token. */
  readonly tokenLifetimeMs: number;
  readonly webhookTimeoutMs: number;
  /** Webhook deliveries that may be waiting. */
  readonly webhookQueue: number;
}

export interface AgentsConfig {
  /** Renewed while an agent is linked; afterwards it may be away for so long. */
  readonly credentialLifetimeMs: number;
  readonly linksMax: number;
}

/** A master key, or where it stays. */
export type MasterKeyConfig =
  | { readonly kind: 'local'; readonly key: Secret }
  | { readonly kind: 'vault-transit'; readonly mount: string; readonly key: string }
  | { readonly kind: 'aws-kms'; readonly keyId: string };

export interface VaultConfig {
  readonly address: URL;
  readonly namespace: string | null;
  readonly ca: PemFile | null;
  readonly auth: VaultAuth;
}

export interface AwsConfig {
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken: Secret | null;
  readonly endpoint: URL | null;
  readonly ca: PemFile | null;
}

export interface CredentialsConfig {
  /** The first one wraps, the others are former ones; empty: nothing can be stored. */
  readonly masterKeys: readonly MasterKeyConfig[];
  /** How long a value that was read may be used again. */
  readonly cacheMs: number;
  readonly vault: VaultConfig | null;
  readonly aws: AwsConfig | null;
}

export type LogLevel = keyof Log;

export interface GitPoliciesConfig {
  readonly url: string;
  readonly ref: { readonly kind: 'branch' | 'tag'; readonly name: string };
  /** In the repository; empty: its root. */
  readonly folder: string;
  readonly signedCommits: 'required' | 'optional';
  readonly allowedSignersFile: string | null;
  readonly sshKeyFile: string | null;
  readonly knownHostsFile: string | null;
  readonly token: Secret | null;
  readonly pollMs: number;
}

export type PoliciesConfig =
  | { readonly dir: string; readonly git: null }
  /** `dir` is where the copy of the repository is kept. */
  | { readonly dir: string; readonly git: GitPoliciesConfig };

/** The gateway's own certificate: where it is, absolute, and the PEM texts that were there at the start. */
export interface TlsConfig {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly certificate: string;
  readonly key: Secret;
}

export interface Config {
  /** The file it was read from, absolute. */
  readonly file: string;
  readonly dataDir: string;
  /** Without a slash at the end; null: the gateway uses the address it listens on. */
  readonly publicUrl: string | null;
  readonly listen: Listen;
  readonly tls: TlsConfig | null;
  /** Where there is no `tls`: MariaDB's clients are shown one that the gateway makes for itself. */
  readonly makesCertificate: boolean;
  readonly allowPlaintext: boolean;
  /** Threads that relay databases; 0: the main thread does. */
  readonly relayThreads: number;
  /** How long a thread waits for the next bytes of its only busy session without sleeping; 0: not at all. */
  readonly busyPollUs: number;
  readonly people: readonly PersonConfig[];
  readonly rights: Rights;
  readonly onCall: readonly OnCallSchedule[];
  readonly signIn: SignInConfig;
  readonly ssh: SshConfig;
  readonly targets: readonly Target[];
  readonly policies: PoliciesConfig;
  readonly audit: { readonly durability: 'kernel' | 'fsync' };
  readonly webhooks: readonly WebhookConfig[];
  readonly channels: ChannelsConfig;
  readonly agents: AgentsConfig;
  readonly credentials: CredentialsConfig;
  readonly limits: Limits;
  readonly log: { readonly level: LogLevel };
  /** Secrets that follow their files; secrets of targets and of Vault are not among them. */
  readonly secretFiles: readonly SecretFile[];
  /** What works but should be looked at, in words, for the log at start. */
  readonly warnings: readonly string[];
}
