// The part of the contract about access for a while. Console and command line read it through contract.ts.

/** What access reaches; null and false do not narrow. `role`: the account of an SSH target, or a word that policies ask for. */
export interface AccessScope {
  readonly role: string | null;
  readonly read_only: boolean;
  readonly tables: readonly string[] | null;
}

/** POST /access-requests: access for a while. `for_ms` is at least a second. */
export interface AccessRequestBody {
  readonly target: string;
  readonly for_ms: number;
  readonly reason: string;
  readonly role?: string | undefined;
  readonly read_only?: boolean | undefined;
  readonly tables?: readonly string[] | undefined;
  readonly break_glass?: boolean | undefined;
}

/** POST /access-requests/{id}/approve and deny. */
export interface AccessAnswerBody {
  readonly reason?: string | undefined;
  readonly totp?: string | undefined;
  readonly passkey?: Readonly<Record<string, unknown>> | undefined;
}

/** POST /grants/{id}/extend: a new request that lengthens a grant in force. */
export interface ExtendBody {
  readonly for_ms: number;
  readonly reason: string;
}

/** POST /grants/{id}/review */
export interface ReviewBody {
  readonly words: string;
}

/** One line of a timeline; `what` is the name of the audit event that says the same. */
export interface AccessStepView {
  readonly at: string;
  readonly what: string;
  readonly by: string | null;
  readonly words: string | null;
  /** Through what an answer came: as in holds. */
  readonly via?: string | undefined;
}

export type AccessRequestState = 'pending' | 'granted' | 'denied' | 'expired' | 'withdrawn';

export interface AccessRequestView {
  readonly id: string;
  readonly state: AccessRequestState;
  readonly principal: string;
  readonly principal_name: string;
  readonly target: string;
  readonly target_protocol: string;
  readonly target_labels: Readonly<Record<string, string>>;
  readonly scope: AccessScope;
  readonly duration_ms: number;
  readonly break_glass: boolean;
  readonly reason: string;
  /** The grant that it would lengthen, or null. */
  readonly extends_grant: string | null;
  readonly rule: string;
  readonly rule_title: string;
  /** Every set must be satisfied, each by people of its own; empty when nobody is asked. */
  readonly approvers: readonly { readonly groups: readonly string[]; readonly count: number }[];
  readonly approvals: readonly { readonly by: string; readonly reason: string | null; readonly at: string }[];
  readonly approvals_missing: number;
  readonly reason_required: boolean;
  /** What an approver has to prove with a yes; missing: nothing more. `digest`: hex SHA-256 over what would be given. */
  readonly second_factor?: 'passkey' | 'totp' | undefined;
  readonly digest?: string | undefined;
  readonly created_at: string;
  readonly expires_at: string;
  readonly settled_at: string | null;
  readonly settled_by: string | null;
  readonly settled_reason: string | null;
  readonly grant_id: string | null;
  readonly can_answer: boolean;
  readonly cannot_answer_because: string | null;
  /** Empty in lists. */
  readonly timeline: readonly AccessStepView[];
}

export interface GrantView {
  readonly id: string;
  readonly state: 'active' | 'ended';
  readonly request_id: string;
  readonly principal: string;
  readonly principal_name: string;
  readonly target: string;
  readonly target_protocol: string;
  readonly target_labels: Readonly<Record<string, string>>;
  readonly scope: AccessScope;
  readonly break_glass: boolean;
  readonly reason: string;
  readonly rule: string;
  readonly rule_title: string;
  readonly approved_by: readonly string[];
  readonly started_at: string;
  readonly ends_at: string;
  /** Ends when no session was open for so long; null: it does not. */
  readonly idle_ms: number | null;
  readonly sessions: number;
  readonly last_used_at: string | null;
  readonly ended_at: string | null;
  readonly end_kind: 'over' | 'revoked' | 'idle' | 'policies' | 'clock' | 'failed' | null;
  readonly ended_by: string | null;
  readonly end_reason: string | null;
  /** What break-glass grants owe: open until somebody else has looked. */
  readonly review: 'none' | 'open' | 'done';
  readonly reviewers: readonly string[];
  readonly reviewed_by: string | null;
  readonly reviewed_at: string | null;
  readonly review_words: string | null;
  readonly can_revoke: boolean;
  readonly can_review: boolean;
  /** Empty in lists. */
  readonly timeline: readonly AccessStepView[];
}
