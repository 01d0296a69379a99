// The HTTP API's shapes, shared by the server, the console and the command line. Times are ISO 8601 in UTC, ids are strings,
// lists come as { items, next }. Errors are RFC 9457 problem documents (application/problem+json).

import type { AccessRequestView, GrantView } from './contract-access.ts';

export type * from './contract-access.ts';

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly code?: string;
  /** With code "not-pending": the state that the hold has by now. */
  readonly state?: HoldState;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Opaque cursor of the next page (query parameter `cursor`), or null at the end. */
  readonly next: string | null;
}

export interface Me {
  readonly name: string;
  readonly display_name: string;
  readonly kind: 'person' | 'machine' | 'ai-agent';
  readonly groups: readonly string[];
  /** What this person may do in the API and console. */
  readonly rights: readonly Right[];
}

/** approve: answer holds (policy still says which); audit: read every session, recording and the audit log; operate: people, tokens, policies, kill sessions. */
export type Right = 'approve' | 'audit' | 'operate';

export type HoldState = 'pending' | 'approved' | 'denied' | 'expired' | 'withdrawn';

export interface Risk {
  /** UTF-16 offsets in `text`. */
  readonly start: number;
  readonly end: number;
  readonly why: string;
}

export interface HoldView {
  readonly id: string;
  readonly state: HoldState;
  readonly action_id: string;
  readonly session_id: string;
  readonly action_kind: string;
  readonly principal: string;
  readonly principal_name: string;
  readonly target: string;
  readonly target_protocol: string;
  readonly target_labels: Readonly<Record<string, string>>;
  readonly client_address: string;
  readonly text: string;
  readonly parameters: readonly { readonly type: string | null; readonly text: string | null }[] | null;
  readonly digest: string;
  readonly statement_kinds: readonly string[];
  readonly effects: readonly string[];
  readonly risks: readonly Risk[];
  readonly transaction: 'none' | 'open' | 'failed';
  readonly rule: string;
  readonly rule_title: string;
  readonly policy_version: string;
  readonly approver_groups: readonly string[];
  /** Only when several rules with different approvers hold at once: an approver must also be in one group of each of these sets. */
  readonly also_in_groups?: readonly (readonly string[])[] | undefined;
  readonly approvals_needed: number;
  readonly approvals: readonly {
    readonly by: string;
    readonly reason: string | null;
    readonly at: string;
    readonly second_factor?: 'passkey' | 'totp' | undefined;
  }[];
  readonly reason_required: boolean;
  /** What an approver has to prove with the approval; a passkey also does for totp. Missing: nothing more. */
  readonly second_factor?: 'passkey' | 'totp' | undefined;
  readonly created_at: string;
  readonly expires_at: string;
  readonly settled_at: string | null;
  /** Denied: by whom and why. Withdrawn: why. */
  readonly settled_by: string | null;
  readonly settled_reason: string | null;
  /** May the person who asks answer it? If not, why not. */
  readonly can_answer: boolean;
  readonly cannot_answer_because: string | null;
}

export interface AnswerBody {
  readonly reason?: string | undefined;
  /** For an approval that needs a second factor: the code of an authenticator app, or the passkey's answer to the hold's challenge. */
  readonly totp?: string | undefined;
  readonly passkey?: PasskeyAnswer | undefined;
}

/** What `navigator.credentials.get()` answered, as JSON (W3C Web Authentication, AuthenticationResponseJSON). */
export type PasskeyAnswer = Readonly<Record<string, unknown>>;

export interface SessionView {
  readonly id: string;
  readonly state: 'open' | 'closed';
  readonly principal: string;
  readonly target: string;
  readonly protocol: string;
  readonly client_address: string;
  readonly tls: boolean;
  readonly method: string;
  readonly database: string | null;
  readonly started_at: string;
  readonly ended_at: string | null;
  readonly end_reason: string | null;
  readonly statements: number;
  readonly held: number;
  readonly denied: number;
}

/** GET /sessions/{id}/recording: the statement log in order. */
export interface RecordingView {
  readonly session: SessionView;
  readonly entries: readonly RecordingEntry[];
  /** False while the session still runs: more will come. */
  readonly complete: boolean;
  /** Asked for in parts (`limit`): where the next one begins. Null when nothing will follow. */
  readonly next?: string | null | undefined;
}

/** GET /sessions/{id}/terminals. Times are milliseconds since the terminal began. */
export interface TerminalView {
  readonly index: number;
  /** The recording itself, asciicast v3; takes byte ranges. */
  readonly url: string;
  readonly started_at: string;
  /** What ran in it; null for a shell. */
  readonly command: string | null;
  readonly duration_ms: number;
  /** Without what of each pause is longer than a second. */
  readonly busy_ms: number;
  readonly bytes: number;
  readonly commands: number;
  /** It still runs. */
  readonly live: boolean;
}

/** GET /sessions/{id}/terminals/{n}/index: what a player needs to begin anywhere. */
export interface TerminalIndexView {
  readonly terminal: TerminalView;
  /** Places (byte offsets of the recording) at which a line begins, and how the screen was there. */
  readonly points: readonly {
    readonly at_ms: number;
    readonly offset: number;
    readonly cols: number;
    readonly rows: number;
    /** The alternate screen (an editor, a pager) was shown. */
    readonly alternate: boolean;
  }[];
  readonly marks: readonly { readonly at_ms: number; readonly text: string }[];
  readonly marks_left_out: number;
}

/** GET /sessions/{id}/terminals/{n}/search */
export interface TerminalSearchView {
  readonly hits: readonly { readonly at_ms: number; readonly line: string }[];
  readonly more: boolean;
}

export interface RecordingEntry {
  readonly kind: 'statement';
  readonly action_id: string;
  readonly asked_ms: number;
  readonly released_ms: number | null;
  readonly finished_ms: number;
  readonly text: string;
  readonly parameters: readonly { readonly type: string | null; readonly text: string | null }[] | null;
  readonly statement_kinds: readonly string[];
  readonly effects: readonly string[];
  readonly decision: 'allow' | 'deny' | 'hold';
  readonly rule: string | null;
  readonly hold_id: string | null;
  readonly approved_by: readonly string[];
  readonly outcome: string;
  readonly rows: number | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly results: readonly (readonly (string | null)[])[] | null;
  /** What went through a file that was opened (SFTP). */
  readonly transfer?: TransferView | undefined;
}

export interface TransferView {
  readonly direction: 'read' | 'write' | 'both';
  readonly bytes: number;
  /** SHA-256 (hex) of what went through in order from the first byte; null when it was not one such run. */
  readonly sha256: string | null;
  /** False: it covers only part of the file. */
  readonly whole: boolean;
}

export interface AuditEventView {
  readonly seq: number;
  readonly at: string;
  readonly type: string;
  readonly principal: string | null;
  readonly target: string | null;
  readonly session_id: string | null;
  readonly action_id: string | null;
  readonly hold_id: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly hash: string;
}

/** GET /audit/verify: whether the chain is whole, else the first event that is not and why. */
export interface AuditVerification {
  readonly ok: boolean;
  readonly events: number;
  readonly head: string | null;
  readonly problem: string | null;
  readonly problem_seq: number | null;
}

export interface TargetView {
  readonly name: string;
  readonly protocol: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly host: string;
  readonly port: number;
  /** The agent that reaches it: a name, or labels ("region=eu, env=prod"). Missing: the gateway itself. */
  readonly agent?: string | undefined;
  /** How to reach it through the gateway, ready to paste, without a token. */
  readonly connect: string;
  /** The same for programs; missing when this gateway does not serve the protocol. `host_key` is of SSH, as in known_hosts. */
  readonly gateway?: { readonly host: string; readonly port: number; readonly host_key?: string | undefined } | undefined;
}

export interface PolicyView {
  readonly version: string;
  readonly loaded_at: string;
  readonly files: readonly { readonly path: string; readonly text: string }[];
  /** Problems of the newest version on disk that was not taken; empty when disk and memory agree. */
  readonly rejected: readonly string[];
  /** Every rule in force, with how often it decided something since this version was loaded. */
  readonly rules?: readonly RuleUseView[] | undefined;
}

/** GET /policies/versions: the last hundred that came into force. */
export interface PolicyVersionView {
  readonly version: string;
  readonly loaded_at: string;
  /** Paths of its files. */
  readonly files: readonly string[];
}

/** GET /policies/versions/{version} */
export interface PolicyVersionText {
  readonly version: string;
  readonly loaded_at: string;
  readonly files: readonly { readonly path: string; readonly text: string }[];
}

export interface RuleUseView {
  readonly id: string;
  readonly title: string;
  readonly decision: 'allow' | 'hold' | 'deny';
  readonly fired: number;
  readonly last_fired_at: string | null;
}

/** POST /tokens. Without `person`: for oneself. A token asked for with a token lives no longer than that one. */
export interface TokenBody {
  readonly name?: string | undefined;
  readonly person?: string | undefined;
  readonly ttl_ms?: number | undefined;
}

export interface TokenIssued {
  /** Shown once. */
  readonly token: string;
  readonly id: string;
  readonly person: string;
  readonly expires_at: string;
}

export interface TokenView {
  readonly id: string;
  readonly person: string;
  readonly name: string;
  readonly created_at: string;
  readonly expires_at: string;
  readonly last_used_at: string | null;
}

export interface DeliveryView {
  readonly id: string;
  readonly webhook: string;
  readonly event: string;
  readonly hold_id: string | null;
  readonly attempts: number;
  readonly state: 'pending' | 'delivered' | 'failed';
  readonly last_status: number | null;
  readonly last_error: string | null;
  readonly created_at: string;
  readonly next_attempt_at: string | null;
}

/** A sign-in that plain psql waits for and that a person confirms in the console. */
export interface PendingSignInView {
  readonly code: string;
  readonly name: string;
  readonly target: string;
  readonly protocol: string;
  readonly client_address: string;
  readonly expires_at: string;
}

/** POST /sign-ins/{secret}/confirm. A code that is sent must be the right one. */
export interface ConfirmSignInBody {
  readonly code?: string | undefined;
}

/** POST /login: the secret of a login link, or an access token. Answers Me and sets the session cookie. */
export type LoginBody = { readonly secret: string } | { readonly token: string };

/** GET /sign-in-methods, without signing in: what the sign-in page offers. */
export interface SignInMethods {
  readonly passwords: boolean;
  readonly oidc: readonly { readonly name: string; readonly display_name: string }[];
}

/** POST /login/password. Answers Me and sets the session cookie; code "code-needed" asks for the app's code with the same again. */
export interface PasswordLoginBody {
  readonly name: string;
  readonly password: string;
  readonly totp?: string | undefined;
}

/** What a browser's `navigator.credentials` takes, as JSON: the publicKey part of its options. */
export type PasskeyOptions = Readonly<Record<string, unknown>>;

/** POST /login/passkey. */
export interface PasskeyLoginBody {
  readonly answer: PasskeyAnswer;
}

/** POST /cli-logins, without signing in: `sallyport login` begins. */
export interface CliLoginBody {
  readonly machine: string;
}

export interface CliLoginBegun {
  /** For the command line alone. */
  readonly poll_secret: string;
  /** For the person's browser. */
  readonly url: string;
  readonly code: string;
  readonly expires_at: string;
}

/** POST /cli-logins/poll. */
export interface CliLoginPollBody {
  readonly poll_secret: string;
  readonly machine: string;
}

export type CliLoginPolled =
  | { readonly state: 'waiting' | 'refused' | 'gone' }
  | { readonly state: 'confirmed'; readonly token: string; readonly person: string; readonly expires_at: string };

/** GET /cli-logins/{secret}: a command line that waits to be signed in as whoever confirms. */
export interface CliLoginView {
  readonly code: string;
  readonly client_address: string;
  readonly machine: string;
  readonly expires_at: string;
}

/** GET /account: how I prove who I am. */
export interface AccountView {
  readonly passkeys: readonly {
    readonly id: string;
    readonly name: string;
    readonly host: string;
    readonly created_at: string;
    readonly last_used_at: string | null;
  }[];
  readonly totp: boolean;
  readonly totp_locked: boolean;
  readonly has_password: boolean;
  /** Whether passwords sign in here at all. */
  readonly passwords: boolean;
  readonly second_factor_at: string | null;
}

/** POST /account/prove: shows a second factor; changing factors asks for it, and policies may. */
export interface ProveBody {
  readonly totp?: string | undefined;
  readonly passkey?: PasskeyAnswer | undefined;
}

/** POST /account/passkeys. */
export interface PasskeyBody {
  readonly name: string;
  readonly answer: PasskeyAnswer;
}

/** POST /account/totp: shown once, and in force when POST /account/totp/confirm has brought the app's first code. */
export interface TotpSetup {
  readonly secret: string;
  readonly url: string;
}

export interface TotpConfirmBody {
  readonly code: string;
}

/** POST /account/password. */
export interface ChangePasswordBody {
  readonly old: string;
  readonly password: string;
}

/** POST /people (right: operate): adds somebody, or changes somebody added so. */
export interface PersonBody {
  readonly name: string;
  readonly display_name?: string | undefined;
  readonly groups: readonly string[];
}

/** POST /people/{name}/password (right: operate). */
export interface SetPasswordBody {
  readonly password: string;
}

/** POST /token-exchange (RFC 8693), as JSON or as a form, without signing in. */
export interface TokenExchangeBody {
  readonly grant_type: string;
  readonly subject_token: string;
  readonly subject_token_type: string;
}

export interface TokenExchanged {
  readonly access_token: string;
  readonly issued_token_type: string;
  readonly token_type: 'Bearer';
  readonly expires_in: number;
  /** Not of RFC 8693: who the token is, and its id. */
  readonly person: string;
  readonly token_id: string;
}

/** GET /tokens/{id}/activity: what was asked with a token, for whoever waits for it (`sallyport exec`). */
export interface TokenActivity {
  readonly sessions: number;
  /** Actions refused by a rule. */
  readonly denied: number;
  /** Newest first. */
  readonly holds: readonly HoldView[];
}

/** POST /login-links (right: operate). */
export interface LoginLinkBody {
  readonly person: string;
  readonly ttl_ms?: number | undefined;
}

export interface LoginLinkIssued {
  /** Shown once; signs in once. */
  readonly url: string;
  readonly person: string;
  readonly expires_at: string;
}

/** GET /people (right: operate or audit). */
export interface PersonView {
  readonly name: string;
  readonly display_name: string;
  readonly kind: 'person' | 'machine' | 'ai-agent';
  readonly groups: readonly string[];
  readonly disabled: boolean;
}

/** GET /decisions/{token}: what a one-time decision link is about. Reading it decides nothing. */
export interface DecisionView {
  readonly answer: 'approve' | 'deny';
  /** Whom it answers for; null: for whoever is signed in. */
  readonly person: string | null;
  readonly expires_at: string;
  readonly hold: HoldView;
}

/** POST /decisions/{token}. A link to approve also takes "deny"; a link to deny takes nothing else. */
export interface DecisionBody {
  readonly answer: 'approve' | 'deny';
  readonly reason?: string | undefined;
}

/** GET /agents (right: operate or audit). One item for each enrolled agent; replicas share a name. Counts are of the present link. */
export interface AgentView {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly connected: boolean;
  readonly software: string;
  readonly hostname: string;
  readonly address: string;
  readonly link_version: number | null;
  readonly enrolled_at: string;
  readonly enrolled_by: string;
  readonly connected_at: string | null;
  readonly last_seen_at: string;
  readonly latency_ms: number | null;
  readonly streams: number;
  readonly streams_total: number;
  readonly bytes_sent: number;
  readonly bytes_received: number;
  /** What the agent says that it may dial. It alone enforces that. */
  readonly allow: readonly string[];
}

/** POST /agents/enrolment-tokens (right: operate). */
export interface EnrolmentTokenBody {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly ttl_ms?: number | undefined;
}

export interface EnrolmentTokenIssued {
  /** Shown once; enrols one agent. */
  readonly token: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly expires_at: string;
  /** Where the agent dials: wss://… */
  readonly gateway: string;
}

/** GET /agents/enrolment-tokens (right: operate or audit): those that still enrol somebody. Never the token itself. */
export interface EnrolmentTokenView {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly created_at: string;
  readonly created_by: string;
  readonly expires_at: string;
}

/** GET /credentials (right: operate or audit). One item for each target: where its credential is kept, never the value. */
export interface CredentialView {
  readonly target: string;
  readonly protocol: string;
  readonly source: 'none' | 'local' | 'stored' | 'vault-kv' | 'vault-database' | 'aws-secret';
  /** For people: a file, a path in Vault, … */
  readonly where: string;
  /** Of stored ones, newest first. An older one is there until a sign-in with the newest succeeded. */
  readonly versions: readonly CredentialVersionView[];
  /** Open connections to the target that were signed in with any version since the gateway started. */
  readonly connections: number;
}

export interface CredentialVersionView {
  readonly version: number;
  readonly created_at: string;
  readonly created_by: string;
  /** Names the master key, without telling it. */
  readonly master_key: string;
  /** False: that master key is not configured (any more). */
  readonly readable: boolean;
  readonly connections: number;
}

/** POST /credentials/{target}/versions (right: operate): one of the two. */
export interface CredentialBody {
  readonly password?: string | undefined;
  /** SSH: OpenSSH's or PEM form, without a passphrase. */
  readonly private_key?: string | undefined;
}

export interface CredentialSet {
  readonly target: string;
  readonly version: number;
}

/** POST /credentials/{target}/check (right: operate): it could be read now. */
export interface CredentialChecked {
  readonly target: string;
  readonly version: string;
  readonly user: string;
}

export interface CredentialsRemoved {
  readonly removed: number;
}

/** POST /credentials/rewrap (right: operate). */
export interface CredentialsRewrapped {
  readonly rewrapped: number;
}

/** DELETE /agents/{name}: every agent of that name, or the one with that id. */
export interface AgentsRevoked {
  readonly revoked: number;
}

/** GET /healthz, without signing in. */
export interface Health {
  readonly status: 'ok';
  readonly version: string;
}

/** Messages of the WebSocket at /api/v1/live. The first is `hello`; then one for each change, in order. */
export type LiveMessage =
  | { readonly kind: 'hello'; readonly me: Me; readonly server_time: string }
  | { readonly kind: 'hold'; readonly hold: HoldView }
  | { readonly kind: 'access'; readonly request: AccessRequestView; readonly grant: GrantView | null }
  | { readonly kind: 'session'; readonly session: SessionView };

export const apiBase = '/api/v1';
