// The desk where actions wait for people. What ends a hold is written to the store and the audit log before the waiting
// action hears of it; when either write fails the hold ends as withdrawn: nothing runs that is not written down.
// A hold whose client waits can be approved in this very process only: recover() withdraws those of an earlier run. One that is
// answered without its client (`wait: error`) goes on waiting, and its approval outlives a restart too.

import type { Approval, HoldTerms, RuleRef, SecondFactorProof } from '../core/decision.ts';
import { Fault, messageOf } from '../core/errors.ts';
import type { HoldRequest, LastingHold, PlacedHold, Settlement } from '../core/hold.ts';
import type { HoldId } from '../core/ids.ts';
import type { AnsweredVia } from '../core/answered-via.ts';
import type { Principal } from '../core/principal.ts';
import type { HoldRecord } from '../store/hold-rows.ts';
import { createHoldStore, type HoldEnd, type HoldPage, type HoldQuery, type HoldStore } from '../store/holds.ts';
import {
  answerAfterEnd,
  notAllowed,
  plainReason,
  proofProblem,
  reasonProblem,
  standingOf,
  type Answer,
  type AnswerResult,
} from './answer.ts';
import { approvalGivenEvent, changedEvent, endedEvent, escalatedEvent, heldEvent, takenBackEvent } from './events.ts';
import { holdLimits, type HoldChange, type HoldDesk, type HoldLimits, type HoldsParts, type Rejudgement } from './hold-desk.ts';
import { freeId, makeHoldId, parseHoldId } from './hold-id.ts';
import { approvalOf, recordOf, sameTerms, termsOf } from './hold-record.ts';
import { assertRoom } from './hold-room.ts';
import { LastingTimes } from './lasting-times.ts';
import { HoldWriter } from './hold-writer.ts';
import { PendingHold, type HoldRule } from './pending-hold.ts';
import { revive } from './revival.ts';

/** Timers of the runtime end at 2^31 ms; and a sleeping machine is noticed within this. */
const timerMsMax = 60_000;

export type { HoldChange, HoldDesk, HoldLimits, HoldsParts, Rejudgement } from './hold-desk.ts';
export { holdView } from './hold-view.ts';

/** The desk of this process. Call recover() before the first place(). */
export function createHolds(parts: HoldsParts): HoldDesk {
  return new Desk(parts);
}

class Desk implements HoldDesk {
  readonly #parts: HoldsParts;
  readonly #limits: HoldLimits;
  readonly #store: HoldStore;
  readonly #pending = new Map<HoldId, PendingHold>();
  readonly #listeners = new Set<(change: HoldChange) => void>();
  readonly #times: LastingTimes;
  readonly #writer: HoldWriter;
  #lasting: readonly LastingHold[] = [];
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(parts: HoldsParts) {
    this.#parts = parts;
    this.#limits = { ...holdLimits, ...parts.limits };
    this.#store = createHoldStore(parts.db);
    this.#times = new LastingTimes(this.#store, parts.clock);
    const { audit, clock, log } = parts;
    this.#writer = new HoldWriter({
      ...{ store: this.#store, audit, clock, log },
      isPending: (id) => this.#pending.has(id),
      release: (hold, record, settlement) => this.#release(hold, record, settlement),
    });
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
      onProgress: (listener) => hold.onProgress(listener),
      withdraw: (why) => void this.#writer.end(hold, { state: 'withdrawn', by: null, reason: why }),
      ...(again === null ? {} : { use: () => this.#times.use(id) }),
    };
  }

  #write(request: HoldRequest, expiresMs: number): { record: HoldRecord; durable: Promise<void> | undefined } {
    try {
      return this.#store.atomically(() => {
        const id = freeId(this.#parts.random, makeHoldId, (taken) => this.#store.exists(taken));
        const record = recordOf(id, request, this.#parts.clock.nowMs(), expiresMs);
        this.#store.insert(record);
        return { record, durable: this.#parts.audit.append(heldEvent(record, request.estimatedRows)) };
      });
    } catch (cause) {
      throw new Fault('store-failed', `the hold could not be written down: ${messageOf(cause)}`, { cause });
    }
  }

  async answer(
    typedId: string,
    person: Principal,
    answer: Answer,
    typedReason: string | null,
    proof: SecondFactorProof | null = null,
    via: AnsweredVia | null = null,
  ): Promise<AnswerResult> {
    try {
      const id = parseHoldId(typedId);
      const hold = id === null ? undefined : this.#pending.get(id);
      if (hold === undefined) return this.#answerEnded(id, person, answer);
      const denial = notAllowed(hold.record, person, this.#lendersOf(person));
      if (denial !== null) return { kind: 'not-allowed', hold: hold.record, ...denial };
      if (this.#parts.clock.monotonicMs() >= hold.deadlineMs) void this.#writer.end(hold, expiredEnd);
      if (hold.isClaimed) {
        await hold.settled;
        return this.#answerEnded(id, person, answer);
      }
      const reason = plainReason(typedReason);
      const problem =
        reasonProblem(hold.record, answer, reason) ??
        proofProblem(hold.record, answer, proof, () => this.#store.hasSpentSignature(hold.record.id, person.name));
      if (problem !== null) return { kind: 'not-allowed', hold: hold.record, ...problem };
      switch (answer) {
        case 'approve':
          return await this.#approve(hold, person, reason, proof, via);
        case 'deny':
          return await this.#refuse(hold, { state: 'denied', by: person.name, reason, via });
        case 'request-changes':
          return await this.#refuse(hold, { state: 'changes_requested', by: person.name, reason, via });
      }
    } catch (thrown) {
      return { kind: 'failed', why: messageOf(thrown) };
    }
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
    this.#lasting = this.#revive();
    const left = this.#store.pending().filter((it) => !this.#pending.has(it.id));
    const durable: (Promise<void> | undefined)[] = [];
    for (const record of left) {
      const end: HoldEnd = { state: 'withdrawn', by: null, reason: 'the gateway restarted', via: null, atMs: this.#parts.clock.nowMs() };
      const written = this.#store.atomically(() => {
        this.#store.end(record.id, end);
        return this.#parts.audit.append(endedEvent(record, end));
      });
      durable.push(written);
    }
    await Promise.all(durable);
    for (const record of left) this.#tell('settled', this.#store.get(record.id) ?? record);
    return left.length;
  }

  lasting(): readonly LastingHold[] {
    return this.#lasting;
  }

  /** What an earlier run left to be answered or run again, with the time that is left of it by both clocks. */
  #revive(): LastingHold[] {
    return this.#store.lasting().flatMap((left): LastingHold[] => {
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
    this.#times.note();
    this.#armTimer();
  }

  async close(why: string): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#times.note();
    const waiting = [...this.#pending.values()].filter((hold) => hold.record.again === null);
    for (const hold of waiting) void this.#writer.end(hold, { state: 'withdrawn', by: null, reason: why });
    await Promise.all(waiting.map((hold) => hold.settled));
  }

  async #approve(
    hold: PendingHold,
    person: Principal,
    reason: string | null,
    proof: SecondFactorProof | null,
    via: AnsweredVia | null,
  ): Promise<AnswerResult> {
    const { record } = hold;
    const needed = record.approvalsNeeded;
    if (record.approvals.some((it) => it.by === person.name)) {
      return { kind: 'counted', hold: record, given: record.approvals.length, needed, already: true };
    }
    const lent = standingOf(record, person, this.#lendersOf(person)) ?? person;
    const approval = approvalOf(person, lent, { reason, atMs: this.#parts.clock.nowMs(), proof, via });
    const counted: HoldRecord = { ...record, approvals: [...record.approvals, approval] };
    const write = () => {
      if (!this.#store.addApproval(record.id, approval)) throw new Error('the store does not take this approval');
      return this.#parts.audit.append(approvalGivenEvent(counted, approval));
    };
    if (counted.approvals.length >= needed) {
      const end = await this.#writer.end(hold, { state: 'approved', by: person.name, reason, via }, counted, write);
      return end.kind === 'written' ? { kind: 'approved', hold: end.hold, already: false } : { kind: 'failed', why: end.why };
    }
    const failed = await this.#writer.note(hold, counted, write);
    if (failed !== null) return { kind: 'failed', why: failed };
    // While the disk was awaited another approval may have come, or its end.
    if (hold.isClaimed) await hold.settled;
    else hold.tellProgress();
    const now = this.#pending.get(record.id)?.record ?? this.get(record.id) ?? counted;
    if (now.state === 'pending') this.#tell('progress', now);
    return { kind: 'counted', hold: now, given: now.approvals.length, needed, already: false };
  }

  async #refuse(hold: PendingHold, how: Pick<HoldEnd, 'by' | 'reason' | 'via'> & { readonly state: Refused }): Promise<AnswerResult> {
    const end = await this.#writer.end(hold, how);
    if (end.kind !== 'written') return { kind: 'failed', why: end.why };
    return { kind: how.state === 'denied' ? 'denied' : 'changes-requested', hold: end.hold, already: false };
  }

  async takeBack(typedId: string, person: Principal): Promise<AnswerResult> {
    const id = parseHoldId(typedId);
    const hold = id === null ? undefined : this.#pending.get(id);
    if (hold === undefined || hold.isClaimed) {
      await hold?.settled;
      const record = id === null ? undefined : this.get(id);
      if (record === undefined) return { kind: 'unknown' };
      if (record.state === 'pending') return { kind: 'failed', why: 'it ends just now' };
      return { kind: 'not-pending', hold: record, state: record.state };
    }
    const before = hold.record;
    const record = { ...before, approvals: before.approvals.filter((it) => it.by !== person.name) };
    if (record.approvals.length === before.approvals.length) {
      return {
        kind: 'not-allowed',
        hold: before,
        because: 'not-approved',
        why: 'you have not approved it, so there is nothing to take back',
      };
    }
    const failed = await this.#writer.note(hold, record, () => {
      if (!this.#store.takeBack(record.id, person.name)) throw new Error('the store has no such approval');
      return this.#parts.audit.append(takenBackEvent(record, person.name, this.#parts.clock.nowMs()));
    });
    if (failed !== null) return { kind: 'failed', why: failed };
    if (!hold.isClaimed) {
      hold.tellProgress();
      this.#tell('progress', hold.record);
    }
    return { kind: 'taken-back', hold: hold.record };
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

  #answerEnded(id: HoldId | null, person: Principal, answer: Answer): AnswerResult {
    const record = id === null ? undefined : this.get(id);
    return record === undefined ? { kind: 'unknown' } : answerAfterEnd(record, person, answer);
  }

  /** A row that says pending but waits nowhere here: its end could not be written. It can never run. */
  #asEnded(record: HoldRecord): HoldRecord {
    if (record.state !== 'pending' || this.#pending.has(record.id)) return record;
    const settledReason = 'the gateway lost it; it can no longer run';
    return { ...record, state: 'withdrawn', settledAtMs: record.createdAtMs, settledBy: null, settledReason };
  }

  #lendersOf(person: Principal): readonly Principal[] {
    return this.#parts.lendersOf?.(person.name) ?? [];
  }

  /** One timer for all: it sleeps until the nearest deadline. */
  #armTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if ((this.#pending.size === 0 && this.#times.isEmpty) || this.#closed) return;
    let nearestMs = Infinity;
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

type Refused = 'denied' | 'changes_requested';

const expiredEnd = { state: 'expired', by: null, reason: null } as const;

function safely(check: () => Rejudgement): Rejudgement {
  try {
    return check();
  } catch (thrown) {
    return { kind: 'withdraw', why: `it could not be judged again: ${messageOf(thrown)}` };
  }
}
