// The HTTP API's shapes, shared by the server, the console and the command line. Times are ISO 8601 in UTC, ids are strings,
// lists come as { items, next }. Errors are RFC 9457 problem documents (application/problem+json).

import type { AccessRequestView, GrantView } from './contract-access.ts';
import type { ShapeApprovalBody } from './contract-shapes.ts';
import type { PasskeyAnswer } from './contract-people.ts';
import type { RecordingEntry } from './contract-recordings.ts';

export type * from './contract-access.ts';
export type * from './contract-shapes.ts';
export type * from './contract-agents.ts';
export type * from './contract-channels.ts';
export type * from './contract-delegations.ts';
export type * from './contract-people.ts';
export type * from './contract-preview.ts';
export type * from './contract-recordings.ts';

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

export type HoldState = 'pending' | 'approved' | 'denied' | 'changes_requested' | 'expired' | 'withdrawn';

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
  /** What the session says that it is for; missing: nothing was said. */
  readonly reason?: string | undefined;
  /** Access for a while that the person had to the target, and what it was asked for; missing: none. */
  readonly access?: readonly { readonly grant: string; readonly reason: string; readonly break_glass: boolean }[] | undefined;
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
  /** Only while it is pending: when which groups are asked as well, should nobody have ended it before. */
  readonly escalates?: readonly { readonly at: string; readonly to: readonly string[] }[] | undefined;
  /** Only while it is pending, of those groups that have a schedule: who of them may act now, and until when at least. */
  readonly on_call?: readonly { readonly group: string; readonly people: readonly string[]; readonly until: string }[] | undefined;
  /** Only when several sets must be satisfied, each by people of its own; the groups above are all of theirs. */
  readonly approver_sets?: readonly { readonly groups: readonly string[]; readonly count: number }[] | undefined;
  readonly approvals_needed: number;
  readonly approvals: readonly {
    readonly by: string;
    readonly reason: string | null;
    readonly at: string;
    /** Whose right was used, by delegation. */
    readonly on_behalf_of?: string | undefined;
    /** Through what it came: "console", "cli", "api", "slack", "mail", …, "webhook NAME"; missing: not known. */
    readonly via?: string | undefined;
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
  /** Through what the answer came that ended it, as in approvals; missing: none did. */
  readonly settled_via?: string | undefined;
  /** Of one hold asked for by its number, once what was approved has run: "completed", "failed", …; rows where they are known. */
  readonly outcome?: { readonly kind: string; readonly rows: number | null; readonly duration_ms: number; readonly at: string } | undefined;
  /** May the person who asks answer it? If not, why not. */
  readonly can_answer: boolean;
  readonly cannot_answer_because: string | null;
}

export interface AnswerBody {
  readonly reason?: string | undefined;
  /** For an approval that needs a second factor: the code of an authenticator app, or the passkey's answer to the hold's challenge. */
  readonly totp?: string | undefined;
  readonly passkey?: PasskeyAnswer | undefined;
  /** With an approval: its shape for a while as well. */
  readonly shape?: ShapeApprovalBody | undefined;
}

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

/** GET /ssh/keys: public keys of the gateway, each a line as in a .pub file. */
export interface SshKeysView {
  /** For people's known_hosts. */
  readonly host_key: string;
  /** For TrustedUserCAKeys of targets that take certificates of the gateway. */
  readonly user_authority: string;
}

export interface PolicyView {
  readonly version: string;
  readonly loaded_at: string;
  readonly files: readonly { readonly path: string; readonly text: string }[];
  /** Problems of the newest version on disk that was not taken; empty when disk and memory agree. */
  readonly rejected: readonly string[];
  /** Where they come from a git repository: the commit in force. */
  readonly source?: PolicySourceView | undefined;
  /** Every rule in force, with how often it decided something since this version was loaded. */
  readonly rules?: readonly RuleUseView[] | undefined;
}

export interface PolicySourceView {
  readonly url: string;
  readonly ref: string;
  readonly commit: string;
  readonly author: string;
  readonly committed_at: string;
  /** First line of its message. */
  readonly subject: string;
  /** As the allowed signers name who signed it; null: nobody whose signature counts. */
  readonly signed_by: string | null;
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

/** GET /tokens/{id}/activity: what was asked with a token, for whoever waits for it (`sallyport exec`). */
export interface TokenActivity {
  readonly sessions: number;
  /** Actions refused by a rule. */
  readonly denied: number;
  /** Newest first. */
  readonly holds: readonly HoldView[];
}

/** GET /decisions/{token}: what a one-time decision link is about. Reading it decides nothing. */
export interface DecisionView {
  readonly answer: 'approve' | 'deny';
  /** Whom it answers for; null: for whoever is signed in. */
  readonly person: string | null;
  /** Who answers if the button is pressed now: that person, or who is signed in. */
  readonly answers_as: { readonly name: string; readonly display_name: string };
  readonly expires_at: string;
  /** What it answers: a hold, or else a request for access. */
  readonly hold: HoldView | null;
  readonly request: AccessRequestView | null;
}

/** POST /decisions/{token}. A link to approve also takes "deny"; a link to deny takes nothing else. */
export interface DecisionBody {
  readonly answer: 'approve' | 'deny';
  readonly reason?: string | undefined;
}

/** GET /healthz, without signing in. */
export interface Health {
  readonly status: 'ok';
  readonly version: string;
}

/** GET /readyz, without signing in; 503 while statements are refused. */
export interface Ready {
  readonly status: 'ready';
}

/**
 * Messages of the WebSocket at /api/v1/live. The first is `hello`; then one for each change, in order, and a `beat` at least every
 * `liveBeatMs`: a link that is silent for longer is gone, though nothing has closed it.
 */
export type LiveMessage =
  | { readonly kind: 'hello'; readonly me: Me; readonly server_time: string }
  | { readonly kind: 'beat'; readonly server_time: string }
  | { readonly kind: 'hold'; readonly hold: HoldView }
  | { readonly kind: 'access'; readonly request: AccessRequestView; readonly grant: GrantView | null }
  | { readonly kind: 'session'; readonly session: SessionView };

export const liveBeatMs = 20_000;

export const apiBase = '/api/v1';

/** What the command line calls itself in its requests. */
export const cliUserAgent = 'sallyport-cli';
