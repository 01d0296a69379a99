// The part of the contract about who answers: rights to answer that are lent, and on-call schedules.

export interface DelegationView {
  readonly id: string;
  /** Whose right it is, and who may use it. */
  readonly from: string;
  readonly to: string;
  readonly reason: string | null;
  readonly created_at: string;
  readonly ends_at: string;
}

/** GET /delegations/candidates: somebody to whom the caller could lend it. */
export interface DelegateView {
  readonly name: string;
  readonly display_name: string;
}

/** POST /delegations: the caller's own right. */
export interface DelegationBody {
  readonly to: string;
  readonly for_ms: number;
  readonly reason?: string | undefined;
}

/** GET /on-call: whose turn it is in one schedule. Several schedules may fill one group. */
export interface OnCallView {
  readonly group: string;
  /** IANA time zone of the schedule. */
  readonly zone: string;
  /** Null: before the rotation starts. */
  readonly person: string | null;
  /** The person is known, enabled and no machine, so that somebody can answer. */
  readonly may_act: boolean;
  readonly until: string;
  /** Who comes then, and until when. */
  readonly next: { readonly person: string | null; readonly until: string };
}
