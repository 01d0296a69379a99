// The desk where actions wait for people. What ends a hold is written to the store and the audit log before the waiting
// action hears of it; when either write fails the hold ends as withdrawn: nothing runs that is not written down.
// A hold whose client waits can be approved in this very process only: recover() withdraws those of an earlier run. One that is
// answered without its client (`wait: error`) goes on waiting, and its approval outlives a restart too.

import type { Approval, HoldTerms, RuleRef } from '../core/decision.ts';
import { Fault, messageOf } from '../core/errors.ts';
import type { HoldRequest, LastingHold, PlacedHold, Settlement } from '../core/hold.ts';
import type { HoldId } from '../core/ids.ts';
import { inRounds } from '../core/rounds.ts';
import type { HoldRecord } from '../store/hold-rows.ts';
import { createHoldStore, type HoldEnd, type HoldPage, type HoldQuery, type HoldStore } from '../store/holds.ts';
import { changedEvent, endedEvent, escalatedEvent, heldEvent } from './events.ts';
import { HoldAnswers } from './hold-answers.ts';
import { holdLimits, type HoldChange, type HoldDesk, type HoldLimits, type HoldsParts, type Rejudgement } from './hold-desk.ts';
import { freeId, makeHoldId, parseHoldId } from './hold-id.ts';
import { recordOf, sameTerms, termsOf } from './hold-record.ts';
import { assertRoom } from './hold-room.ts';
import { agreeWithLog } from './log-agreement.ts';
import { expiredEnd, HoldWriter } from './hold-writer.ts';
import { LastingTimes } from './lasting-times.ts';
import { PendingHold, type HoldRule } from './pending-hold.ts';
import { revive } from './revival.ts';

/** Timers of the runtime end at 2^31 ms; and a sleeping machine is noticed within this. */
const timerMsMax = 60_000;
/** How often ends that the store did not take are tried again. */
const owedMs = 1_000;

export type { HoldChange, HoldDesk, HoldLimits, HoldsParts, Rejudgement } from './hold-desk.ts';
export { holdView } from './hold-view.ts';

/** The desk of this process. Call recover() before the first place(). */
export function createHolds(parts: HoldsParts): HoldDesk {
  return new Desk(parts);
}

class Desk implements HoldDesk {
  readonly answer: HoldDesk['answer'];
  readonly takeBack: HoldDesk['takeBack'];
  readonly #parts: HoldsParts;
  readonly #limits: HoldLimits;
  readonly #store: HoldStore;
  readonly #pending = new Map<HoldId, PendingHold>();
  readonly #listeners = new Set<(change: HoldChange) => void>();
  readonly #times: LastingTimes;
  readonly #noteTimes = inRounds(() => this.#store.atomically(() => this.#times.note()));
  readonly #writer: HoldWriter;
  #lasting: readonly LastingHold[] = [];
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(parts: HoldsParts) {
    this.#parts = parts;
    this.#limits = { ...holdLimits, ...parts.limits };
    this.#store = createHoldStore(parts.db);
    this.#times = new LastingTimes(this.#store, parts.clock, parts.newestEventMs);
    const { audit, clock, log } = parts;
    this.#writer = new HoldWriter({
      ...{ store: this.#store, audit, clock, log },
      isPending: (id) => this.#pending.has(id),
      release: (hold, record, settlement) => this.#release(hold, record, settlement),
    });
    const answers = new HoldAnswers({
      ...{ store: this.#store, audit, clock, writer: this.#writer },
      lendersOf: parts.lendersOf ?? (() => []),
      waiting: (id) => this.#pending.get(id),
      recordOf: (id) => this.get(id),
      progressed: (hold) => this.#tell('progress', hold),
    });
    this.answer = (...given) => answers.answer(...given);
    this.takeBack = (...given) => answers.takeBack(...given);
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  place(request: HoldRequest): PlacedHold {
    if (this.#closed) throw new Fault('limit-reached', 'the gateway is stopping');
    assertRoom(this.#limits, request, this.#pending.values());
    const expiresMs = Math.min(request.expiresMs, this.#limits.expiresMsMax);
    const { record, durable } = this.#write(request, expiresMs);
    const startedMs = this.#parts.clock.monotonicMs();
    const hold = new PendingHold(record, request, startedMs + expiresMs, startedMs);
    this.#pending.set(record.id, hold);
    if (record.again !== null) this.#times.begin(record.id, expiresMs);
    durable?.catch((thrown: unknown) => this.#writer.failClosed(hold, thrown));
    this.#armTimer();
    this.#tell('placed', record);
    return this.#placed(hold);
  }

  #placed(hold: PendingHold): PlacedHold {
    const { id, expiresAtMs, again } = hold.record;
    return {
      id,
      expiresAtMs,
      url: this.#parts.consoleUrl === null ? null : `${this.#parts.consoleUrl}/holds/${id}`,
      settled: hold.settled,
      // Found while it waits: who keeps this to use an approval later does not keep the whole text.
      onProgress: (listener) => this.#pending.get(id)?.onProgress(listener),
      withdraw: (why) => this.#withdraw(id, why),
      ...(again === null ? {} : { use: () => this.#times.use(id) }),
    };
  }

  #withdraw(id: HoldId, why: string): void {
    const hold = this.#pending.get(id);
    if (hold !== undefined) void this.#writer.end(hold, { state: 'withdrawn', by: null, reason: why });
  }

  #write(request: HoldRequest, expiresMs: number): { record: HoldRecord; durable: Promise<void> | undefined } {
    const { audit, clock, random } = this.#parts;
    const logged: HoldRecord[] = [];
    try {
      return this.#store.atomically(() => {
        const id = freeId(random, makeHoldId, (taken) => this.#store.exists(taken));
        const record = recordOf(id, request, clock.nowMs(), expiresMs);
        this.#store.insert(record);
        const durable = audit.append(heldEvent(record, request.estimatedRows));
        logged.push(record);
        return { record, durable };
      });
    } catch (cause) {
      const reason = `the hold could not be written down: ${messageOf(cause)}`;
      for (const record of logged) audit.appendSoon(endedEvent(record, this.#withdrawn(reason))); // the log has it, and the store does not
      throw new Fault('store-failed', reason, { cause });
    }
  }

  #withdrawn(reason: string): HoldEnd {
    return { state: 'withdrawn', by: null, reason, via: null, atMs: this.#parts.clock.nowMs() };
  }

  get(typedId: string): HoldRecord | undefined {
    const id = parseHoldId(typedId);
    if (id === null) return undefined;
    const waiting = this.#pending.get(id);
    if (waiting !== undefined) return waiting.record;
    const stored = this.#store.get(id);
    return stored === undefined ? undefined : this.#asEnded(stored);
  }

  requestOf(typedId: string): HoldRequest | undefined {
    const id = parseHoldId(typedId);
    return id === null ? undefined : (this.#pending.get(id)?.request ?? undefined);
  }

  waitingIn(sessionId: string): readonly HoldRecord[] {
    return [...this.#pending.values()].map(({ record }) => record).filter((record) => record.sessionId === sessionId);
  }

  list(query: HoldQuery): HoldPage {
    const page = this.#store.list(query);
    const items = page.items.map((it) => this.#pending.get(it.id)?.record ?? this.#asEnded(it));
    return { items: query.state === undefined ? items : items.filter((it) => it.state === query.state), next: page.next };
  }

  on(listener: (change: HoldChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async recover(): Promise<number> {
    const { audit, clock, readLog } = this.#parts;
    const ended = readLog === undefined ? [] : await agreeWithLog({ store: this.#store, audit, clock, readLog });
    this.#lasting = this.#revive();
    const left = this.#store.pending().filter((it) => !this.#pending.has(it.id));
    const durable: (Promise<void> | undefined)[] = [];
    for (const record of left) {
      const end = this.#withdrawn('the gateway restarted');
      const written = this.#store.atomically(() => {
        this.#store.end(record.id, end);
        return audit.append(endedEvent(record, end));
      });
      durable.push(written);
    }
    this.#armTimer();
    await Promise.all(durable);
    for (const record of [...ended, ...left]) this.#tell('settled', this.#store.get(record.id) ?? record);
    return left.length;
  }

  lasting(): readonly LastingHold[] {
    return this.#lasting;
  }

  /** What an earlier run left to be answered or run again, with the time that is left of it by both clocks. */
  #revive(): LastingHold[] {
    return this.#store.lasting(this.#parts.clock.nowMs()).flatMap((left): LastingHold[] => {
      const { record } = left;
      if (record.again === null || this.#pending.has(record.id)) return [];
      const revived = revive(left, this.#times, this.#parts.clock);
      if (revived === null) return []; // pending ones are withdrawn with the rest
      const { hold, leftMs } = revived;
      if (record.state === 'pending') this.#pending.set(record.id, hold);
      const { key, approvedForMs } = record.again;
      return [{ key, hold: this.#placed(hold), approvedForMs: record.state === 'pending' ? approvedForMs : leftMs }];
    });
  }

  rejudge(check: (hold: HoldRecord, request: HoldRule) => Rejudgement): void {
    for (const hold of [...this.#pending.values()]) {
      if (hold.isClaimed) continue;
      const judged = safely(() => check(hold.record, hold.asked));
      switch (judged.kind) {
        case 'keep':
          break;
        case 'withdraw':
          void this.#writer.end(hold, { state: 'withdrawn', by: null, reason: judged.why });
          break;
        case 'change':
          this.#change(hold, judged.rule, judged.terms, judged.approvals);
          break;
      }
    }
  }

  expireDue(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    for (const hold of [...this.#pending.values()]) {
      if (nowMs >= hold.deadlineMs || this.#times.isOver(hold.record.id)) void this.#writer.end(hold, expiredEnd);
    }
    for (const hold of [...this.#pending.values()]) if (nowMs >= hold.escalatesAtMs && !hold.isClaimed) this.#escalate(hold);
    this.#noteTimes();
    this.#writer.writeOwed();
    this.#armTimer();
  }

  async close(why: string): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#noteTimes();
    const waiting = [...this.#pending.values()].filter((hold) => hold.record.again === null);
    for (const hold of waiting) void this.#writer.end(hold, { state: 'withdrawn', by: null, reason: why });
    await Promise.all(waiting.map((hold) => hold.settled));
    this.#writer.writeOwed();
  }

  #release(hold: PendingHold, record: HoldRecord, settlement: Settlement): void {
    hold.record = record;
    this.#pending.delete(record.id);
    if (record.again !== null && record.state === 'approved') this.#times.begin(record.id, record.again.approvedForMs);
    else this.#times.forget(record.id);
    hold.release(settlement);
    this.#armTimer();
    this.#tell('settled', record);
  }

  /** It waited for long: other groups may answer as well, and hear of it. */
  #escalate(hold: PendingHold): void {
    const to = hold.escalate(this.#parts.clock.monotonicMs());
    const { approverGroups, alsoInGroups = [] } = hold.widened(hold.asked.terms);
    const record: HoldRecord = { ...hold.record, approverGroups, alsoInGroups, escalation: hold.escalation };
    const write = () => this.#parts.audit.append(escalatedEvent(record, this.#parts.clock.nowMs(), to));
    if (!this.#writer.revise(hold, record, write)) return;
    hold.tellProgress();
    this.#tell('escalated', record);
  }

  #change(hold: PendingHold, rule: RuleRef, terms: HoldTerms, approvals: readonly Approval[]): void {
    const kept = new Set(approvals.map((it) => it.by));
    const before = hold.record;
    const asked = termsOf(rule, hold.widened(terms));
    const record: HoldRecord = {
      ...before,
      ...asked,
      escalation: hold.escalation,
      approvals: before.approvals.filter((it) => kept.has(it.by)),
    };
    const dropped = before.approvals.filter((it) => !kept.has(it.by)).map((it) => it.by);
    if (dropped.length === 0 && sameTerms(before, record)) return;
    const write = () => this.#parts.audit.append(changedEvent(record, this.#parts.clock.nowMs(), dropped));
    if (!this.#writer.revise(hold, record, write)) return;
    const last = record.approvals.at(-1);
    if (last !== undefined && record.approvals.length >= record.approvalsNeeded) {
      void this.#writer.end(hold, { state: 'approved', by: last.by, reason: last.reason, via: last.via ?? null });
      return;
    }
    hold.tellProgress();
    this.#tell('changed', record);
  }

  /** A row that says pending but waits nowhere here: its end could not be written. It can never run. */
  #asEnded(record: HoldRecord): HoldRecord {
    if (record.state !== 'pending' || this.#pending.has(record.id)) return record;
    const settledReason = 'the gateway lost it; it can no longer run';
    return { ...record, state: 'withdrawn', settledAtMs: record.createdAtMs, settledBy: null, settledReason };
  }

  /** One timer for all: it sleeps until the nearest deadline. */
  #armTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if ((this.#pending.size === 0 && this.#times.isEmpty && !this.#writer.owes) || this.#closed) return;
    let nearestMs = this.#writer.owes ? this.#parts.clock.monotonicMs() + owedMs : Infinity;
    for (const hold of this.#pending.values()) if (!hold.isClaimed) nearestMs = Math.min(nearestMs, hold.deadlineMs, hold.escalatesAtMs);
    const waitMs = Math.max(1, Math.min(nearestMs - this.#parts.clock.monotonicMs(), timerMsMax));
    this.#timer = setTimeout(() => this.expireDue(), waitMs);
    this.#timer.unref(); // the waiting clients' sockets keep the process alive, not their deadlines
  }

  #tell(kind: HoldChange['kind'], hold: HoldRecord): void {
    for (const listener of this.#listeners) {
      try {
        listener({ kind, hold });
      } catch (thrown) {
        // Who only listens must not undo what was decided.
        this.#parts.log?.error({ hold: hold.id, error: messageOf(thrown) }, 'a listener to holds failed');
      }
    }
  }
}

function safely(check: () => Rejudgement): Rejudgement {
  try {
    return check();
  } catch (thrown) {
    return { kind: 'withdraw', why: `it could not be judged again: ${messageOf(thrown)}` };
  }
}
