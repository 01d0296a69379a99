// The store of holds after a kill, a full disk or a power cut, when it may be behind the audit log, which is written first: what the
// log says has ended is not ended again, and an approval that was used is used up.

import type { AnsweredVia } from '../core/answered-via.ts';
import type { AuditEventType, AuditLog } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import type { HoldId } from '../core/ids.ts';
import type { HoldRecord } from '../store/hold-rows.ts';
import type { HoldEnd, HoldStore } from '../store/holds.ts';
import { endedEvent } from './events.ts';

/** An end of a hold in the log, or that what it is about was released. */
export interface LoggedEvent {
  readonly hold: string;
  readonly type: string;
  readonly atMs: number;
  readonly by: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Those of these holds, newest first. */
export type ReadLog = (holds: readonly HoldId[]) => Promise<readonly LoggedEvent[]>;

export interface AgreementParts {
  readonly store: HoldStore;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly readLog: ReadLog;
}

const ends: Readonly<Partial<Record<AuditEventType, HoldEnd['state']>>> = {
  'hold.approved': 'approved',
  'hold.denied': 'denied',
  'hold.changes-requested': 'changes_requested',
  'hold.expired': 'expired',
  'hold.withdrawn': 'withdrawn',
};
const lost = 'the gateway stopped before it could keep the approval; ask again';

/** Call before anything of an earlier run goes on. Gives the holds that ended by it. Rejects when log or store can't be had. */
export async function agreeWithLog(parts: AgreementParts): Promise<readonly HoldRecord[]> {
  const { store, readLog } = parts;
  const left = new Map(
    [...store.pending(), ...store.lasting(parts.clock.nowMs()).map((it) => it.record)].map((record) => [record.id, record]),
  );
  if (left.size === 0) return [];
  const logged = Map.groupBy(await readLog([...left.keys()]), ({ hold }) => hold);
  const ended: HoldRecord[] = [];
  for (const record of left.values()) {
    const events = logged.get(record.id) ?? [];
    const end = endIn(events);
    const wasUsed = events.some(({ type }) => type === 'action.released');
    if (record.state === 'pending' && end !== null) {
      await endAs(parts, record, end, wasUsed);
      ended.push(record);
    }
    if (wasUsed) store.use(record.id, parts.clock.nowMs());
  }
  return ended;
}

/** The last one counts: what could not be kept was withdrawn behind it. */
function endIn(events: readonly LoggedEvent[]): HoldEnd | null {
  for (const { type, atMs, by, detail } of events) {
    const state = ends[type as AuditEventType];
    if (state === undefined) continue;
    const reason = typeof detail['reason'] === 'string' ? detail['reason'] : null;
    return { state, atMs, by, reason, via: (detail['via'] as AnsweredVia | undefined) ?? null };
  }
  return null;
}

/** An approval that only the log knows can't be used later: who waits for that has to hear of it. */
async function endAs({ store, audit, clock }: AgreementParts, record: HoldRecord, said: HoldEnd, wasUsed: boolean): Promise<void> {
  if (said.state !== 'approved' || record.again === null || wasUsed) {
    store.end(record.id, said);
    return;
  }
  const end: HoldEnd = { state: 'withdrawn', by: null, reason: lost, via: null, atMs: clock.nowMs() };
  await store.atomically(() => {
    store.end(record.id, end);
    return { written: audit.append(endedEvent(record, end)) };
  }).written;
}
