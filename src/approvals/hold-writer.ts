// What happens to a hold is written to the store and the audit log, in one transaction, before anybody hears of it. When either
// write fails the hold ends as withdrawn: nothing runs that is not written down. An end by which nothing runs is one as soon as the
// log has it.

import type { AuditLog } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/driver.ts';
import { messageOf } from '../core/errors.ts';
import type { Settlement } from '../core/hold.ts';
import type { HoldId } from '../core/ids.ts';
import type { HoldRecord } from '../store/hold-rows.ts';
import type { HoldEnd, HoldStore } from '../store/holds.ts';
import { endedEvent } from './events.ts';
import { endedRecord, settlementOf } from './hold-record.ts';
import type { PendingHold } from './pending-hold.ts';

export interface HoldWriterParts {
  readonly store: HoldStore;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly log: Pick<Log, 'error'> | undefined;
  readonly isPending: (id: HoldId) => boolean;
  /** Takes it off the desk and tells whoever waits. Called once for each hold. */
  readonly release: (hold: PendingHold, record: HoldRecord, settlement: Settlement) => void;
}

/** Writes something to the audit log; throws when the store does not agree. */
type Write = () => Promise<void> | undefined;

export type EndResult = { readonly kind: 'written'; readonly hold: HoldRecord } | { readonly kind: 'failed'; readonly why: string };

/** Time is up. */
export const expiredEnd = { state: 'expired', by: null, reason: null } as const;

export class HoldWriter {
  readonly #parts: HoldWriterParts;
  /** Ends that the store did not take when they came. No more than were pending then: none is placed without the store. */
  readonly #owed = new Map<HoldId, HoldEnd>();

  constructor(parts: HoldWriterParts) {
    this.#parts = parts;
  }

  /**
   * Ends a hold: claim, write (with `alsoWrite` in the same transaction), release. Synchronous up to the release unless the
   * audit log waits for the disk. The loser of a race gets "failed" and changes nothing.
   */
  end(
    hold: PendingHold,
    how: Omit<HoldEnd, 'atMs' | 'via'> & Partial<Pick<HoldEnd, 'via'>>,
    record: HoldRecord = hold.record,
    alsoWrite?: Write,
  ): EndResult | Promise<EndResult> {
    if (!hold.claim()) return { kind: 'failed', why: 'it has ended already' };
    const { store, audit, clock } = this.#parts;
    const end: HoldEnd = { via: null, ...how, atMs: clock.nowMs() };
    const ended = endedRecord(record, end);
    const durable: (Promise<void> | undefined)[] = [];
    let isLogged = false;
    try {
      store.atomically(() => {
        durable.push(alsoWrite?.());
        if (!store.end(record.id, end)) throw new Error('the store says that it has ended already');
        durable.push(audit.append(endedEvent(record, end)));
        isLogged = true;
      });
    } catch (thrown) {
      if (!isLogged || end.state === 'approved') return { kind: 'failed', why: this.failClosed(hold, thrown) };
      this.#owed.set(record.id, end);
    }
    const release = (): EndResult => {
      if (!this.#parts.isPending(record.id)) return { kind: 'failed', why: 'it was withdrawn meanwhile' };
      this.#parts.release(hold, ended, settlementOf(ended));
      return { kind: 'written', hold: ended };
    };
    if (durable.every((it) => it === undefined)) return release();
    return Promise.all(durable).then(release, (thrown: unknown) => ({ kind: 'failed', why: this.failClosed(hold, thrown) }));
  }

  /** Writes a yes that came or went, and waits for the disk. Gives the words when it failed, null when it is written. */
  async note(hold: PendingHold, record: HoldRecord, write: Write): Promise<string | null> {
    try {
      const durable = this.#parts.store.atomically(write);
      hold.record = record;
      await durable;
      return null;
    } catch (thrown) {
      return this.failClosed(hold, thrown);
    }
  }

  /** Writes what is asked now instead. False when that failed, and the hold with it. */
  revise(hold: PendingHold, record: HoldRecord, write: Write): boolean {
    const { store } = this.#parts;
    try {
      const durable = store.atomically(() => {
        if (!store.change(record)) throw new Error('the store says that it has ended already');
        return write();
      });
      durable?.catch((thrown: unknown) => this.failClosed(hold, thrown));
    } catch (thrown) {
      this.failClosed(hold, thrown);
      return false;
    }
    hold.record = record;
    return true;
  }

  /** True while ends wait for the store. */
  get owes(): boolean {
    return this.#owed.size > 0;
  }

  /** Writes ends that the store did not take when they came. */
  writeOwed(): void {
    for (const [id, end] of this.#owed) {
      if (attempt(() => this.#parts.store.overrule(id, end)) === undefined) return;
      this.#owed.delete(id);
    }
  }

  /** Something could not be written: nothing may run. Writes what it still can, and gives the words. */
  failClosed(hold: PendingHold, thrown: unknown): string {
    const { store, audit, clock, log, isPending, release } = this.#parts;
    const why = `the gateway could not write the decision down: ${messageOf(thrown)}`;
    log?.error({ hold: hold.record.id, error: messageOf(thrown) }, 'a hold was withdrawn because it could not be written down');
    if (!isPending(hold.record.id)) return why; // released before
    hold.claim();
    const end: HoldEnd = { state: 'withdrawn', by: null, reason: why, via: null, atMs: clock.nowMs() };
    // Each on its own, and later when not now: one of the two has failed just now.
    const isEnded = attempt(() => store.overrule(hold.record.id, end));
    if (isEnded === undefined) this.#owed.set(hold.record.id, end);
    if (isEnded !== false) audit.appendSoon(endedEvent(hold.record, end));
    release(hold, endedRecord(hold.record, end), { kind: 'withdrawn', why });
    return why;
  }
}

/** Undefined when it throws: the fault that led here was told already. */
function attempt<T>(write: () => T): T | undefined {
  try {
    return write();
  } catch {
    return undefined;
  }
}
