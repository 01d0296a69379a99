// What the API needs of the rest of the gateway, and no more. The composition root makes these from the real parts.

import type { AnsweredVia } from '../core/answered-via.ts';
import type { Clock } from '../core/clock.ts';
import type { SecondFactorProof } from '../core/decision.ts';
import type { Log } from '../core/driver.ts';
import type { ServerTls } from '../core/server-tls.ts';
import type { Principal } from '../core/principal.ts';
import type { StatementEntry } from '../core/recording.ts';
import type { Protocol, Target } from '../core/target.ts';
import type { ApiAccounts } from './account-services.ts';
import type { ApiDelegations } from './delegation-services.ts';
import type { OnCallView } from './contract-delegations.ts';
import type { ApiChannels } from './channel-services.ts';
import type { ApiScim } from './scim-service.ts';
import type { ApiShapes } from './shape-services.ts';
import type {
  AccessRequestView,
  AgentView,
  AuditEventView,
  CredentialChecked,
  CredentialSet,
  CredentialView,
  CredentialsRemoved,
  CredentialsRewrapped,
  DeliveryView,
  EnrolmentTokenView,
  GrantView,
  HoldState,
  HoldView,
  Page,
  PolicyVersionText,
  PolicyVersionView,
  PolicyView,
  PreviewView,
  Right,
  SessionView,
} from './contract.ts';

export interface ApiServices {
  readonly identity: ApiIdentity;
  readonly accounts: ApiAccounts;
  readonly scim: ApiScim;
  /** What was asked with a token: ids of holds, newest first. */
  readonly tokenActivity: (tokenId: string) => { readonly sessions: number; readonly denied: number; readonly holdIds: readonly string[] };
  readonly holds: ApiHolds;
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
  /** Null serves plain HTTP, on loopback addresses only. */
  readonly tls: ServerTls | null;
  /** The built console; a page that says how to build it stands in when it isn't there. */
  readonly consoleDir: string;
}

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
    wanted: { readonly name: string; readonly ttlMs: number },
    by: string,
  ): { readonly token: string; readonly id: string; readonly person: string; readonly expiresAtMs: number };
  tokens(person: string | null): readonly TokenInfo[];
  token(id: string): TokenInfo | null;
  revokeToken(id: string, by: string): boolean;

  readonly browserSignIns: {
    get(secret: string, viewer: Principal): PendingSignIn | null;
    list(viewer: Principal): readonly PendingSignIn[];
    confirm(secret: string, viewer: Principal, code: string | null): 'confirmed' | 'wrong-code' | 'unknown';
    refuse(secret: string, viewer: Principal): boolean;
  };
  readonly decisionLinks: {
    read(token: string): ReadDecisionLink;
    use(link: DecisionLinkInfo): boolean;
  };
}

export interface HoldQuery {
  readonly state?: HoldState | undefined;
  /** Holds of this person only. */
  readonly principal?: string | undefined;
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

export interface SessionQuery {
  readonly state?: 'open' | 'closed' | undefined;
  readonly principal?: string | undefined;
  readonly target?: string | undefined;
  readonly cursor?: string | undefined;
  readonly limit: number;
}

export interface ApiSessions {
  get(id: string): SessionView | null;
  list(query: SessionQuery): Page<SessionView>;
  /** Ends a live session with words for its client; false when it is not open. */
  kill(id: string, by: Principal): boolean;
  /** The listener asks for the session as it is now, if it wants to know. */
  on(listener: (session: () => SessionView | null) => void): () => void;
}

export interface ApiRecordings {
  /** Null when there is no recording of that session. Without a part: all of it, as far as its limit. */
  read(
    sessionId: string,
    part?: { readonly from: number; readonly entriesMax: number },
  ): Promise<{ readonly entries: readonly StatementEntry[]; readonly complete: boolean; readonly next: number } | null>;
  readonly terminals: ApiTerminals;
  /** Writes down that somebody looks; rejects when it can't be written, and then nothing may be shown. */
  noteLook(look: RecordingLook): Promise<void>;
}

export interface RecordingLook {
  readonly sessionId: string;
  readonly target: string;
  readonly by: string;
  /** Null: the statements. */
  readonly terminal: number | null;
  /** While it runs, as it is typed. */
  readonly live: boolean;
}

export interface TerminalIndex {
  readonly startedAtMs: number;
  readonly command: string | null;
  readonly durationMs: number;
  readonly busyMs: number;
  readonly bytes: number;
  readonly live: boolean;
  readonly points: readonly {
    readonly atMs: number;
    readonly offset: number;
    readonly cols: number;
    readonly rows: number;
    readonly alternate: boolean;
  }[];
  readonly marks: readonly { readonly atMs: number; readonly text: string }[];
  readonly marksLeftOut: number;
}

/** The recorded terminals of sessions, as asciicast v3. Undefined: there is none of that number. */
export interface ApiTerminals {
  count(sessionId: string): number;
  index(sessionId: string, terminal: number): Promise<TerminalIndex | undefined>;
  /** Bytes from `from` up to, not including, `to`, as many as are given at once, and how many there are in all. */
  read(
    sessionId: string,
    terminal: number,
    from: number,
    to: number,
  ): Promise<{ readonly bytes: Buffer; readonly size: number } | undefined>;
  search(
    sessionId: string,
    terminal: number,
    text: string,
  ): Promise<{ readonly hits: readonly { readonly atMs: number; readonly line: string }[]; readonly more: boolean } | undefined>;
  /** Calls back when there is more to read, and with true when it ended. Undefined when it does not run. */
  follow(sessionId: string, terminal: number, listener: (ended: boolean) => void): (() => void) | undefined;
}

/** Every filter must match; absent ones match everything. */
export interface AuditQuery {
  readonly type?: string | undefined;
  readonly principal?: string | undefined;
  readonly target?: string | undefined;
  readonly session?: string | undefined;
  readonly hold?: string | undefined;
  /** Wall clock: inclusive, exclusive. */
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
  readonly text?: string | undefined;
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
}

export interface ApiAudit {
  /** Newest first. */
  search(query: AuditQuery): Page<AuditEventView> | Promise<Page<AuditEventView>>;
  verify(): Promise<
    | { readonly ok: true; readonly events: number; readonly head: string }
    | { readonly ok: false; readonly seq: number; readonly file: string; readonly line: number; readonly why: string }
  >;
}

/** What became of a step, with the id of what it changed. */
export type AccessOutcome =
  | { readonly kind: 'done'; readonly id: string }
  | { readonly kind: 'not-pending'; readonly why: string }
  | {
      readonly kind: 'refused';
      readonly because:
        | 'refused'
        | 'conflict'
        | 'limit-reached'
        | 'unknown'
        | 'not-allowed'
        | 'requester'
        | 'reason-missing'
        | 'reason-too-long'
        | 'second-factor-missing'
        | 'failed';
      readonly why: string;
    };

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

export interface DeliveryQuery {
  readonly holdId: string | null;
  readonly cursor: string | null;
  readonly limit: number;
}
