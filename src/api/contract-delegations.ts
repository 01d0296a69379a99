// The part of the contract about lending one's right to answer holds.

export interface DelegationView {
  readonly id: string;
  /** Whose right it is, and who may use it. */
  readonly from: string;
  readonly to: string;
  readonly reason: string | null;
  readonly created_at: string;
  readonly ends_at: string;
}

/** POST /delegations: the caller's own right. */
export interface DelegationBody {
  readonly to: string;
  readonly for_ms: number;
  readonly reason?: string | undefined;
}
