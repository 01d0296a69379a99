// What is searched for among the sessions.

/** Every filter must match; absent ones match everything. */
export interface SessionQuery {
  readonly state?: 'open' | 'closed' | undefined;
  readonly principal?: string | undefined;
  readonly target?: string | undefined;
  /** Each of its words stands in what people see of the session. */
  readonly text?: string | undefined;
  /** It ran in that time, or a part of it. Wall clock: inclusive, exclusive. */
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
  readonly cursor?: string | undefined;
  /** 1 to sessionPageMax; 50 when absent. */
  readonly limit?: number | undefined;
}
