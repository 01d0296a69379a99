// What was decided and done, as events. The chain (seq, previous hash, hash) is put around them by src/audit.

import type { Fault } from './errors.ts';
import type { Outcome } from './outcome.ts';

/** Names are `<thing>.<past participle>`; a reader must understand an event without the code. */
export const auditEventTypes = [
  'log.created',
  'gateway.started',
  'gateway.stopped',
  'gateway.recovered',
  'policy.loaded',
  'policy.rejected',
  'session.opened',
  'session.refused',
  'session.closed',
  'session.killed',
  'action.denied',
  'action.held',
  'action.released',
  'action.finished',
  'hold.approval-given',
  'hold.approved',
  'hold.denied',
  'hold.changes-requested',
  'hold.approval-taken-back',
  'hold.expired',
  'hold.withdrawn',
  'hold.changed',
  'hold.escalated',
  'delegation.given',
  'delegation.ended',
  'access.requested',
  'access.approval-given',
  'access.changed',
  'access.granted',
  'access.extended',
  'access.denied',
  'access.expired',
  'access.withdrawn',
  'shape.approved',
  'shape.revoked',
  'shape.ended',
  'grant.used',
  'grant.revoked',
  'grant.ended',
  'grant.review-reminded',
  'grant.reviewed',
  'sign-in.succeeded',
  'sign-in.failed',
  'recording.opened',
  'recording.watched',
  'token.issued',
  'token.revoked',
  'person.disabled',
  'person.enabled',
  'person.added',
  'person.changed',
  'person.removed',
  'password.set',
  'passkey.registered',
  'passkey.removed',
  'totp.registered',
  'totp.removed',
  'second-factor.proved',
  'second-factor.refused',
  'webhook.delivered',
  'webhook.failed',
  'channel.delivered',
  'channel.failed',
  'agent.token-issued',
  'agent.enrolled',
  'agent.connected',
  'agent.lost',
  'agent.refused',
  'agent.token-revoked',
  'credential.set',
  'credential.removed',
  'credential.rewrapped',
  'agent.revoked',
] as const;

export type AuditEventType = (typeof auditEventTypes)[number];

export interface AuditEvent {
  readonly type: AuditEventType;
  /** Wall clock, milliseconds since 1970. */
  readonly atMs: number;
  /** Who did it; null for the gateway itself. */
  readonly principal: string | null;
  readonly target: string | null;
  readonly sessionId: string | null;
  readonly actionId: string | null;
  readonly holdId: string | null;
  /** The rest, flat and small, no secrets: rule, policy version, text, digest, rows, reason, … */
  readonly detail: Readonly<Record<string, unknown>>;
  /** JSON.stringify(detail), or that in UTF-8, where the writer has it already: details of statements repeat themselves. */
  readonly detailJson?: string | Uint8Array;
}

/** An event of no session: of people, access, agents, the gateway. `principal`: who did it; null for the gateway itself. */
export function eventWithoutSession(
  type: AuditEventType,
  atMs: number,
  principal: string | null,
  detail: AuditEvent['detail'],
  target: string | null = null,
): AuditEvent {
  return { type, atMs, principal, target, sessionId: null, actionId: null, holdId: null, detail };
}

/** The detail of an action that finished, where there is nothing else to say. Writers know it by its class: most details are of it. */
export class PlainOutcome {
  readonly outcome: Outcome['kind'];
  readonly rows: number | null;
  /** Rounded to microseconds. */
  readonly duration_ms: number;
  [other: string]: unknown;

  constructor(outcome: Outcome['kind'], rows: number | null, durationMs: number) {
    this.outcome = outcome;
    this.rows = rows;
    this.duration_ms = Math.round(durationMs * 1000) / 1000;
  }
}

export interface AuditLog {
  /**
   * Appends an event. On return it is handed to the kernel (durability "kernel"); with durability "fsync" the returned
   * promise resolves when it is on disk (group commit), and undefined is never returned. Throws Fault audit-write-failed.
   */
  append(event: AuditEvent): Promise<void> | undefined;
  /**
   * For events that need not precede anything (outcomes): buffered, chained in order, written within 100 ms.
   * A failed write is retried; `onFailed` handlers hear of a lasting one.
   */
  appendSoon(event: AuditEvent): void;
  /**
   * For releases: chained now, handed to the kernel together with the others of this turn of the event loop, or at once when no
   * others are expected. `then` is called once: with null when the event is where append() would have put it (with durability
   * "fsync": on disk), those in the order of calls; or with Fault audit-write-failed when it is not in the log. It may be
   * called before this returns.
   */
  appendInTurn(event: AuditEvent, then: (failed: Fault | null) => void): void;
}
