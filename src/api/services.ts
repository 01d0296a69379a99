// What the API needs of the rest of the gateway, and no more. The composition root makes these from the real parts.

import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/driver.ts';
import type { ServerTls } from '../core/server-tls.ts';
import type { Principal } from '../core/principal.ts';
import type { AuditQuery } from '../core/audit-query.ts';
import type { SessionQuery } from '../core/session-query.ts';
import type { Protocol, Target } from '../core/target.ts';
import type { ApiAccess } from './access-services.ts';
import type { ApiAccounts } from './account-services.ts';
import type { ApiDelegations } from './delegation-services.ts';
import type { AnswerTimesView } from './contract-answers.ts';
import type { OnCallView } from './contract-delegations.ts';
import type { ApiChannels } from './channel-services.ts';
import type { ApiHolds } from './hold-services.ts';
import type { ApiIdentity } from './identity-services.ts';
import type { ApiRecordings } from './recording-services.ts';
import type { ApiScim } from './scim-service.ts';
import type { ApiShapes } from './shape-services.ts';
import type {
  AgentView,
  AuditEventView,
  CredentialChecked,
  CredentialSet,
  CredentialView,
  CredentialsRemoved,
  CredentialsRewrapped,
  DeliveryView,
  EnrolmentTokenView,
  Page,
  PolicyVersionText,
  PolicyVersionView,
  PolicyView,
  SessionView,
} from './contract.ts';

export interface ApiServices {
  readonly identity: ApiIdentity;
  readonly accounts: ApiAccounts;
  readonly scim: ApiScim;
  /** What was asked with a token: ids of holds, newest first. */
  readonly tokenActivity: (tokenId: string) => { readonly sessions: number; readonly denied: number; readonly holdIds: readonly string[] };
  readonly holds: ApiHolds;
  /** Of holds that were placed since then. */
  readonly answerTimes: (sinceMs: number) => AnswerTimesView;
  readonly sessions: ApiSessions;
  readonly recordings: ApiRecordings;
  readonly audit: ApiAudit;
  readonly policies: ApiPolicies;
  readonly targets: { list(): readonly Pick<Target, 'name' | 'protocol' | 'labels' | 'host' | 'port' | 'agent'>[] };
  readonly agents: ApiAgents;
  readonly credentials: ApiCredentials;
  readonly webhooks: { deliveries(query: DeliveryQuery): Page<DeliveryView> };
  /** Missing: there are none. */
  readonly channels?: ApiChannels;
  readonly access: ApiAccess;
  /** Missing: nobody can lend a right. */
  readonly delegations?: ApiDelegations;
  /** Whose turn it is now in each schedule; missing: there are none. */
  readonly onCall?: { list(): readonly OnCallView[] };
  readonly shapes: ApiShapes;
  readonly gateway: ApiGateway;
  readonly clock: Clock;
  readonly log: Log;
}

export interface ApiPolicies {
  current(): PolicyView;
  /** Newest first. */
  versions(): readonly PolicyVersionView[];
  version(version: string): PolicyVersionText | null;
}

export interface ApiAgents {
  list(): readonly AgentView[];
  /** Throws Faults invalid-request and limit-reached. */
  createToken(wanted: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly ttlMs?: number | undefined;
    readonly by: string;
  }): { readonly token: string; readonly expiresAtMs: number };
  /** How many there were of that name or id. */
  revoke(nameOrId: string, by: string): number;
  /** Tokens that still enrol somebody. */
  tokens(): readonly EnrolmentTokenView[];
  /** False: there is none of that id. */
  revokeToken(id: string, by: string): boolean;
}

/** What operators do with credentials of targets. Throws and rejects with Faults. */
export interface ApiCredentials {
  list(): readonly CredentialView[];
  set(target: string, value: { readonly password: string | null; readonly privateKey: string | null }, by: string): Promise<CredentialSet>;
  remove(target: string, by: string): CredentialsRemoved;
  check(target: string): Promise<CredentialChecked>;
  rewrap(by: string): Promise<CredentialsRewrapped>;
}

export interface ApiGateway {
  readonly version: string;
  /** Where people reach the console, without a slash at the end. Its host is the one that requests may name. */
  readonly publicUrl: () => string;
  /** Where each protocol is served, for the lines people paste. Null when it is not. */
  readonly addressOf: (protocol: Protocol) => { readonly host: string; readonly port: number } | null;
  /** "ssh-ed25519 AAAA…" that clients of SSH meet; null or missing: SSH is not served. */
  readonly sshHostKey?: () => string | null;
  /** "ssh-ed25519 AAAA…" of the authority whose certificates sign the gateway in to targets; null or missing: SSH is not served. */
  readonly sshUserAuthority?: () => string | null;
  /** False: statements are refused now, because what happens can't be written down. Missing: never. */
  readonly isReady?: () => boolean;
  /** Null serves plain HTTP, on loopback addresses only. */
  readonly tls: ServerTls | null;
  /** Whether a reverse proxy on this machine says in X-Forwarded-For from where requests come; missing: no. */
  readonly behindProxy?: boolean;
  /** The built console; a page that says how to build it stands in when it isn't there. */
  readonly consoleDir: string;
}

export interface ApiSessions {
  get(id: string): SessionView | null;
  /** Newest first. A page of a text or a time may be empty though others follow. */
  list(query: SessionQuery): Page<SessionView>;
  /** Ends a live session with words for its client; false when it is not open. */
  kill(id: string, by: Principal): boolean;
  /** The listener asks for the session as it is now, if it wants to know. */
  on(listener: (session: () => SessionView | null) => void): () => void;
}

export interface ApiAudit {
  /** Newest first. */
  search(query: AuditQuery): Page<AuditEventView> | Promise<Page<AuditEventView>>;
  verify(): Promise<
    | { readonly ok: true; readonly events: number; readonly head: string }
    /** Where it is damaged and how, in words; `seq` is 0 where it is no event. */
    | { readonly ok: false; readonly seq: number; readonly problem: string }
  >;
}

export interface DeliveryQuery {
  readonly holdId: string | null;
  readonly cursor: string | null;
  readonly limit: number;
}
