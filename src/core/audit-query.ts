// What is searched for in the audit log.

/** Every filter must match; absent ones match everything. */
export interface AuditQuery {
  readonly type?: string | undefined;
  readonly principal?: string | undefined;
  readonly target?: string | undefined;
  readonly session?: string | undefined;
  readonly hold?: string | undefined;
  /** Wall clock, inclusive. */
  readonly fromMs?: number | undefined;
  /** Wall clock, exclusive. */
  readonly toMs?: number | undefined;
  /** Words that must all occur in the event's detail (text, rule, reason, …), in any case; `ord*` finds beginnings. */
  readonly text?: string | undefined;
  readonly cursor?: string | undefined;
  /** 1 to auditPageMax; 50 when absent. */
  readonly limit?: number | undefined;
}
