// What becomes of people's answers to a hold that waits: who may, what counts, and that it is written down before anybody hears of it.

import type { AnsweredVia } from '../core/answered-via.ts';
import type { AuditLog } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import type { SecondFactorProof } from '../core/decision.ts';
import { messageOf } from '../core/errors.ts';
import type { HoldId } from '../core/ids.ts';
import type { Principal } from '../core/principal.ts';
import type { HoldRecord } from '../store/hold-rows.ts';
import type { HoldEnd, HoldStore } from '../store/holds.ts';
import { answerAfterEnd, notAllowed, plainReason, proofProblem, reasonProblem, standingOf } from './answer.ts';
import type { Answer, AnswerResult } from './answer.ts';
import { approvalGivenEvent, takenBackEvent } from './events.ts';
import { parseHoldId } from './hold-id.ts';
import { approvalOf } from './hold-record.ts';
import { expiredEnd } from './hold-writer.ts';
import type { HoldWriter } from './hold-writer.ts';
import type { PendingHold } from './pending-hold.ts';

export interface HoldAnswersParts {
  readonly store: HoldStore;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly writer: HoldWriter;
  /** Who has lent this person the right to answer. */
  readonly lendersOf: (person: string) => readonly Principal[];
  /** The hold of that number while it waits. */
  readonly waiting: (id: HoldId) => PendingHold | undefined;
  /** As it is now, waiting or ended. */
  readonly recordOf: (id: HoldId) => HoldRecord | undefined;
  /** A yes came or went, and it waits on. */
  readonly progressed: (hold: HoldRecord) => void;
}

export class HoldAnswers {
  readonly #parts: HoldAnswersParts;

  constructor(parts: HoldAnswersParts) {
    this.#parts = parts;
  }

  /** Never rejects. */
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
      const hold = id === null ? undefined : this.#parts.waiting(id);
      if (hold === undefined) return this.#answerEnded(id, person, answer);
      const denial = notAllowed(hold.record, person, this.#parts.lendersOf(person.name));
      if (denial !== null) return { kind: 'not-allowed', hold: hold.record, ...denial };
      if (this.#parts.clock.monotonicMs() >= hold.deadlineMs) void this.#parts.writer.end(hold, expiredEnd);
      if (hold.isClaimed) {
        await hold.settled;
        return this.#answerEnded(id, person, answer);
      }
      const reason = plainReason(typedReason);
      const problem =
        reasonProblem(hold.record, answer, reason) ??
        proofProblem(hold.record, answer, proof, () => this.#parts.store.hasSpentSignature(hold.record.id, person.name));
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

  /** Never rejects. */
  async takeBack(typedId: string, person: Principal): Promise<AnswerResult> {
    const id = parseHoldId(typedId);
    const hold = id === null ? undefined : this.#parts.waiting(id);
    if (hold === undefined || hold.isClaimed) {
      await hold?.settled;
      const record = id === null ? undefined : this.#parts.recordOf(id);
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
    const failed = await this.#parts.writer.note(hold, record, () => {
      if (!this.#parts.store.takeBack(record.id, person.name)) throw new Error('the store has no such approval');
      return this.#parts.audit.append(takenBackEvent(record, person.name, this.#parts.clock.nowMs()));
    });
    if (failed !== null) return { kind: 'failed', why: failed };
    if (!hold.isClaimed) {
      hold.tellProgress();
      this.#parts.progressed(hold.record);
    }
    return { kind: 'taken-back', hold: hold.record };
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
    const lent = standingOf(record, person, this.#parts.lendersOf(person.name)) ?? person;
    const approval = approvalOf(person, lent, { reason, atMs: this.#parts.clock.nowMs(), proof, via });
    const counted: HoldRecord = { ...record, approvals: [...record.approvals, approval] };
    const write = () => {
      if (!this.#parts.store.addApproval(record.id, approval)) throw new Error('the store does not take this approval');
      return this.#parts.audit.append(approvalGivenEvent(counted, approval));
    };
    if (counted.approvals.length >= needed) {
      const end = await this.#parts.writer.end(hold, { state: 'approved', by: person.name, reason, via }, counted, write);
      return end.kind === 'written' ? { kind: 'approved', hold: end.hold, already: false } : { kind: 'failed', why: end.why };
    }
    const failed = await this.#parts.writer.note(hold, counted, write);
    if (failed !== null) return { kind: 'failed', why: failed };
    // While the disk was awaited another approval may have come, or its end.
    if (hold.isClaimed) await hold.settled;
    else hold.tellProgress();
    const now = this.#parts.recordOf(record.id) ?? counted;
    if (now.state === 'pending') this.#parts.progressed(now);
    return { kind: 'counted', hold: now, given: now.approvals.length, needed, already: false };
  }

  async #refuse(hold: PendingHold, how: Pick<HoldEnd, 'by' | 'reason' | 'via'> & { readonly state: Refused }): Promise<AnswerResult> {
    const end = await this.#parts.writer.end(hold, how);
    if (end.kind !== 'written') return { kind: 'failed', why: end.why };
    return { kind: how.state === 'denied' ? 'denied' : 'changes-requested', hold: end.hold, already: false };
  }

  #answerEnded(id: HoldId | null, person: Principal, answer: Answer): AnswerResult {
    const record = id === null ? undefined : this.#parts.recordOf(id);
    return record === undefined ? { kind: 'unknown' } : answerAfterEnd(record, person, answer);
  }
}

type Refused = 'denied' | 'changes_requested';
