// The end of sessions whose process or thread was killed: what ran in them gets an end in the audit log, with outcome unknown, and so do
// they. Without it a statement would stand there as released for ever, and nobody could tell whether it still runs.

import type { SessionView } from '../api/contract.ts';
import type { AuditEvent, AuditLog } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import type { LostEnds } from '../audit/unfinished.ts';
import type { SessionStore } from '../store/sessions.ts';

type Audit = Pick<AuditLog, 'appendSoon'> & { lostEnds(sessions: readonly string[]): Promise<LostEnds> };

export interface LeftOpen {
  readonly audit: Audit & { readonly wasLeftOpen: boolean; flush(): void };
  readonly book: Pick<SessionStore, 'leftOpen' | 'endedSince' | 'closeLeftOpen'>;
  readonly clock: Clock;
  /** Of the audit log, as the run before left it. */
  readonly newestEventMs: number;
}

const restarted = 'the gateway restarted';
/** The end of a session is in the book at once and in the log a moment later: a kill in between loses what was said of it last. */
const lateMsMax = 10_000;

/** At the start: sessions that an earlier run left open. One that is killed here does the rest the next time. */
export async function endLeftOpen({ audit, book, clock, newestEventMs }: LeftOpen): Promise<void> {
  const left = [...book.leftOpen(), ...(audit.wasLeftOpen ? book.endedSince(newestEventMs - lateMsMax) : [])];
  if (left.length === 0) return;
  const closed = new Set(
    await endUnfinished(
      audit,
      clock,
      left.map(({ id }) => id),
    ),
  );
  for (const session of left) if (!closed.has(session.id)) audit.appendSoon(closedEvent(session, clock.nowMs()));
  audit.flush();
  book.closeLeftOpen(clock.nowMs(), restarted);
}

/** Gives those of the sessions whose own end is in the log. */
export async function endUnfinished(audit: Audit, clock: Clock, sessions: readonly string[]): Promise<readonly string[]> {
  if (sessions.length === 0) return [];
  const { unfinished, closed } = await audit.lostEnds(sessions);
  for (const action of unfinished) {
    audit.appendSoon({ type: 'action.finished', atMs: clock.nowMs(), ...action, detail: { outcome: 'unknown', rows: null } });
  }
  return closed;
}

function closedEvent({ id, principal, target, end_reason: reason, statements, held, denied }: SessionView, atMs: number): AuditEvent {
  const detail = { reason: reason ?? restarted, statements, held, denied };
  return { type: 'session.closed', atMs, principal, target, sessionId: id, actionId: null, holdId: null, detail };
}
