// The desk where access is asked for, given, lengthened and taken back: whether each step may be taken; access-ledger.ts takes it.
// Requests that wait and grants in force survive a restart; no clock lengthens either.

import type { AnsweredVia } from '../core/answered-via.ts';
import type { Approval, SecondFactorProof } from '../core/decision.ts';
import { messageOf } from '../core/errors.ts';
import type { AccessRefusal, Grant } from '../core/grant.ts';
import type { AccessRequestId, GrantId } from '../core/ids.ts';
import type { Principal } from '../core/principal.ts';
import type { AccessQuery, AccessRequestRecord, AccessRequestStore, AccessStep } from '../store/access-requests.ts';
import type { GrantQuery, GrantRecord } from '../store/grants.ts';
import { accessProofProblem, mayEnd, mayNotAnswer, refused, stillApproves } from './access-answer.ts';
import { accessLimits } from './access-desk.ts';
import type { AccessAnswerResult, AccessChange, AccessDesk, AccessParts, AccessWanted, GrantResult, RequestResult } from './access-desk.ts';
import { answeredBefore, roleProblem, termsOf, wantedProblem } from './access-record.ts';
import type { Terms } from './access-record.ts';
import { viaDetail } from './access-events.ts';
import { AccessLedger } from './access-ledger.ts';
import { conflictOf, judgeWish } from './access-wish.ts';
import { parseGrantId, parseRequestId } from './access-id.ts';
import { plainReason } from './answer.ts';
import type { GrantBook } from './grants.ts';
import { Lifetime } from './lifetime.ts';
import { yesesMissing } from '../core/quorum.ts';

/** Call recover() before use. */
export function createAccessDesk(parts: AccessParts): AccessDesk {
  return new Desk(parts);
}

class Desk implements AccessDesk {
  readonly #parts: AccessParts;
  readonly #ledger: AccessLedger;
  readonly #store: AccessRequestStore;
  readonly #book: GrantBook;
  readonly #waiting: Map<AccessRequestId, Lifetime>;
  #timer: NodeJS.Timeout | null = null;
  #remindedMs = -Infinity;
  /** Of the wall clock against the monotonic one, when times were written last. */
  #offsetMs = 0;
  #closed = false;

  constructor(parts: AccessParts) {
    this.#parts = parts;
    this.#ledger = new AccessLedger(parts);
    this.#store = this.#ledger.store;
    this.#book = this.#ledger.book;
    this.#waiting = this.#ledger.waiting;
    this.#ledger.on(({ kind, grant }) => {
      if (kind === 'ended' && grant !== null) this.#endExtensions(grant.id);
    });
  }

  inForce(person: string, target: string): readonly Grant[] {
    return this.#book.inForce(person, target);
  }

  used(id: GrantId, sessionId: string): void {
    this.#book.used(id, sessionId);
  }

  async request(person: Principal, wanted: AccessWanted): Promise<RequestResult> {
    return this.#safely(async () => {
      const problem = wantedProblem(wanted);
      if (problem !== null) return refused('refused', problem);
      const target = this.#parts.targetNamed(wanted.target);
      if (target === undefined) return refused('unknown', `there is no target ${wanted.target}`);
      const noRole = roleProblem(target, wanted.scope.role);
      if (noRole !== null) return refused('refused', noRole);
      const decision = judgeWish(this.#parts, person, target.name, wanted);
      if (decision.kind === 'refuse') return refused('refused', decision.message);
      const conflict = conflictOf(person, wanted, this.#store.pending(), this.#book.activeOf(person.name));
      if (conflict !== null) return conflict;
      return this.#ask(person, wanted, decision, null);
    });
  }

  async extend(person: Principal, typedId: string, addedMs: number, reason: string): Promise<RequestResult> {
    return this.#safely(async () => {
      const grant = this.#book.active(parseGrantId(typedId) ?? '');
      if (grant === null || grant.principal !== person.name) return refused('unknown', `you have no access ${typedId} in force`);
      const { target, scope, isBreakGlass } = grant;
      const whole = { target, scope, isBreakGlass, reason, durationMs: grant.durationMs + addedMs };
      const problem = addedMs < 1000 ? 'say for how much longer' : wantedProblem(whole);
      if (problem !== null) return refused('refused', problem);
      const decision = judgeWish(this.#parts, person, target, whole);
      if (decision.kind === 'refuse') return refused('refused', decision.message);
      const pending = this.#store.pending().find((it) => it.extendsGrant === grant.id);
      if (pending !== undefined) return refused('conflict', `more time for ${grant.id} is asked for already: ${pending.id}`);
      return this.#ask(person, { ...whole, durationMs: addedMs }, decision, grant.id);
    });
  }

  async answer(
    typedId: string,
    person: Principal,
    answer: 'approve' | 'deny',
    typedReason: string | null,
    proof: SecondFactorProof | null = null,
    via: AnsweredVia | null = null,
  ): Promise<AccessAnswerResult> {
    return this.#safely(async () => {
      const request = this.requestOf(typedId);
      if (request === undefined) return refused('unknown', `there is no request ${typedId}`);
      const denial = mayNotAnswer(request, person);
      if (denial !== null) return denial;
      if (this.#waiting.get(request.id)?.isOver === true) await this.#ledger.expire(request);
      const now = this.#store.get(request.id) ?? request;
      if (now.state !== 'pending') return answeredBefore(now, person, answer);
      const reason = plainReason(typedReason);
      if (reason !== null && reason.length > accessLimits.reasonCharsMax) {
        return refused('reason-too-long', `a reason has at most ${accessLimits.reasonCharsMax} characters`);
      }
      if (answer === 'deny') return this.#ledger.settle(now, { state: 'denied', by: person.name, reason }, via);
      if (now.reasonRequired && reason === null)
        return refused('reason-missing', `rule ${now.ruleId} asks for a reason with every approval`);
      return accessProofProblem(now, proof) ?? this.#approve(now, person, reason, proof, via);
    });
  }

  async withdraw(typedId: string, person: Principal): Promise<AccessAnswerResult> {
    return this.#safely(async () => {
      const request = this.requestOf(typedId);
      if (request === undefined || request.principal !== person.name) return refused('unknown', `you have no request ${typedId}`);
      if (request.state !== 'pending') return { kind: 'not-pending', request };
      return this.#ledger.settle(request, { state: 'withdrawn', by: person.name, reason: 'taken back' });
    });
  }

  async revoke(typedId: string, person: Principal, mayAny: boolean, typedReason: string | null): Promise<GrantResult> {
    return this.#safely(async () => {
      const grant = this.grantOf(typedId);
      if (grant === undefined) return refused('unknown', `there is no access ${typedId}`);
      if (!mayAny && !mayEnd(grant, person)) {
        return refused('not-allowed', 'only the person who has it, those who may give or review it and operators may end it');
      }
      const ended = this.#book.revoke(grant.id, person, plainReason(typedReason));
      return ended === null ? refused('conflict', `${grant.id} has ended already`) : { kind: 'done', grant: ended };
    });
  }

  async review(typedId: string, person: Principal, typedWords: string, via: AnsweredVia | null = null): Promise<GrantResult> {
    return this.#safely(async () => {
      const grant = this.grantOf(typedId);
      if (grant === undefined) return refused('unknown', `there is no access ${typedId}`);
      if (grant.principal === person.name) return refused('requester', 'somebody else must review what you did');
      if (person.kind === 'ai-agent' || !grant.reviewers.some((group) => person.groups.includes(group))) {
        return refused('not-allowed', `only members of ${grant.reviewers.join(' or ') || 'nobody'} may review this`);
      }
      if (grant.state === 'active') return refused('conflict', `${grant.id} is still in force: review it when it has ended`);
      const words = plainReason(typedWords);
      if (words === null) return refused('reason-missing', 'say in words what the review came to');
      const reviewed = await this.#ledger.addReview(grant, person.name, words, via);
      if (reviewed === null) return refused('conflict', `${grant.id} needs no review, or it is done`);
      return { kind: 'done', grant: reviewed };
    });
  }

  requestOf(typedId: string): AccessRequestRecord | undefined {
    const id = parseRequestId(typedId);
    return id === null ? undefined : this.#store.get(id);
  }

  grantOf(typedId: string): GrantRecord | undefined {
    const id = parseGrantId(typedId);
    return id === null ? undefined : this.#book.store.get(id);
  }

  requests(query: AccessQuery): { items: readonly AccessRequestRecord[]; next: string | null } {
    return this.#store.list(query);
  }

  grants(query: GrantQuery): { items: readonly GrantRecord[]; next: string | null } {
    return this.#book.store.list(query);
  }

  timeline(request: AccessRequestRecord): readonly AccessStep[] {
    const grantId = request.extendsGrant ?? request.grantId;
    return this.#store.steps(grantId === null ? [request.id] : this.#store.ofGrant(grantId).map(({ id }) => id));
  }

  on(listener: (change: AccessChange) => void): () => void {
    return this.#ledger.on(listener);
  }

  async recover(): Promise<void> {
    const { clock, newestEventMs } = this.#parts;
    for (const request of this.#store.pending()) {
      const measured = { durationMs: request.waitMs, elapsedMs: request.elapsedMs, seenAtMs: request.seenAtMs };
      const lifetime = Lifetime.resume(clock, measured, request.createdAtMs + request.waitMs, newestEventMs);
      this.#waiting.set(request.id, lifetime ?? Lifetime.begin(clock, 0));
    }
    this.#book.recover();
    this.rejudge();
    this.tick();
  }

  rejudge(): void {
    this.#book.endWhere((grant) => this.#grantProblem(grant));
    for (const request of this.#store.pending()) this.#rejudgeRequest(request).catch(() => undefined); // logged where it failed
  }

  tick(): void {
    if (this.#closed) return;
    try {
      for (const [id, lifetime] of [...this.#waiting]) {
        if (!lifetime.isOver) continue;
        const request = this.#store.get(id);
        if (request === undefined || request.state !== 'pending') this.#waiting.delete(id);
        else this.#ledger.expire(request).catch(() => undefined); // logged there, and tried again
      }
      this.#book.tick();
      const { clock } = this.#parts;
      // After a jump of the wall clock the times on disk are of another clock: a crash now would measure the stop wrongly.
      const offsetMs = clock.nowMs() - clock.monotonicMs();
      if (Math.abs(offsetMs - this.#offsetMs) > accessLimits.clockJumpMs) this.#writeTimes();
      if (clock.monotonicMs() - this.#remindedMs >= accessLimits.writeEveryMs) this.#everySoOften();
    } catch (thrown) {
      this.#parts.log.error({ error: messageOf(thrown) }, 'the desk of access requests could not do its rounds');
    }
    this.#arm();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#writeTimes();
  }

  /** Writes a request down; where nobody has to be asked, the grant with it. */
  async #ask(person: Principal, wanted: AccessWanted, terms: Terms, extendsGrant: GrantId | null): Promise<RequestResult> {
    const request = await this.#ledger.open(person, wanted, terms, extendsGrant);
    this.#arm();
    if (terms.kind === 'ask') return { kind: 'requested', request };
    const given = await this.#give(request, null, null);
    return given.kind === 'refused' ? given : { kind: 'requested', request: given.request };
  }

  async #give(request: AccessRequestRecord, approval: Approval | null, by: string | null): Promise<AccessAnswerResult> {
    const given = await this.#ledger.give(request, approval, by);
    this.#arm();
    return given;
  }

  async #approve(
    request: AccessRequestRecord,
    person: Principal,
    reason: string | null,
    proof: SecondFactorProof | null,
    via: AnsweredVia | null,
  ): Promise<AccessAnswerResult> {
    // What is asked of approvers is what the policies ask now, not what they asked when the request came.
    const judged = await this.#rejudgeRequest(request);
    if (judged.state !== 'pending') return answeredBefore(judged, person, 'approve');
    const denial = mayNotAnswer(judged, person) ?? accessProofProblem(judged, proof);
    if (denial !== null) return denial;
    if (judged.approvals.some(({ by }) => by === person.name)) return { kind: 'counted', request: judged, already: true };
    const given = { by: person.name, groups: person.groups, reason, atMs: this.#parts.clock.nowMs(), ...viaDetail(via) };
    const approval: Approval = proof === null ? given : { ...given, secondFactor: proof };
    const missing = yesesMissing(judged.approvers, [...judged.approvals, approval]);
    if (missing === yesesMissing(judged.approvers, judged.approvals)) {
      return refused('not-allowed', 'those who were asked of your groups have said yes already; somebody else is needed');
    }
    if (missing === 0) return this.#give(judged, approval, person.name);
    const now = await this.#ledger.addApproval(judged, approval, missing);
    return { kind: 'counted', request: now, already: false };
  }

  /** By the policies and people of now. Gives the request as it is then. */
  async #rejudgeRequest(request: AccessRequestRecord): Promise<AccessRequestRecord> {
    try {
      const person = this.#parts.person(request.principal);
      const grant = request.extendsGrant === null ? null : this.#book.active(request.extendsGrant);
      const durationMs = request.durationMs + (grant?.durationMs ?? 0);
      const decision =
        person === null
          ? ({ kind: 'refuse', message: 'this account may no longer sign in' } as const)
          : request.extendsGrant !== null && grant === null
            ? ({ kind: 'refuse', message: `the access ${request.extendsGrant} has ended` } as const)
            : judgeWish(this.#parts, person, request.target, { ...request, durationMs });
      if (decision.kind === 'refuse') {
        await this.#ledger.settle(request, { state: 'withdrawn', by: null, reason: decision.message });
        return this.#store.get(request.id) ?? request;
      }
      const terms = termsOf(decision);
      // A yes without the proof that is asked for now does not count.
      const isProved = terms.secondFactor === undefined || terms.secondFactor === request.secondFactor;
      const kept = request.approvals.filter(({ by }) => isProved && stillApproves(this.#parts.person(by), { ...request, ...terms }));
      if (kept.length === request.approvals.length && JSON.stringify(termsOf(request)) === JSON.stringify(terms)) return request;
      return await this.#ledger.change(request, { ...request, ...terms }, kept);
    } catch (thrown) {
      this.#parts.log.error({ request: request.id, error: messageOf(thrown) }, 'a request for access could not be judged again');
      throw thrown;
    }
  }

  /** What has ended is lengthened no more: nobody is asked any longer. */
  #endExtensions(grant: GrantId): void {
    for (const request of this.#store.pending()) {
      if (request.extendsGrant === grant) this.#rejudgeRequest(request).catch(() => undefined); // logged where it failed
    }
  }

  /** Why a grant may not go on by the policies and people of now; null when it may. */
  #grantProblem(grant: GrantRecord): string | null {
    const person = this.#parts.person(grant.principal);
    if (person === null) return 'this account may no longer sign in';
    const decision = judgeWish(this.#parts, person, grant.target, grant);
    return decision.kind === 'refuse' ? `the policies no longer give it: ${decision.message}` : null;
  }

  #writeTimes(): void {
    const { clock } = this.#parts;
    this.#offsetMs = clock.nowMs() - clock.monotonicMs();
    try {
      this.#ledger.writeTimes();
    } catch (thrown) {
      this.#parts.log.error({ error: messageOf(thrown) }, 'how much time of grants has passed could not be written down');
    }
  }

  #everySoOften(): void {
    this.#remindedMs = this.#parts.clock.monotonicMs();
    this.#writeTimes();
    this.#book.remind();
  }

  async #safely<T>(work: () => Promise<T | AccessRefusal>): Promise<T | AccessRefusal> {
    if (this.#closed) return refused('failed', 'the gateway is stopping');
    try {
      return await work();
    } catch (thrown) {
      this.#parts.log.error({ error: messageOf(thrown) }, 'a step of an access request could not be written down');
      return refused('failed', `the gateway could not write it down: ${messageOf(thrown)}`);
    }
  }

  /** Sleeps until the nearest end, and no longer than a jump of the wall clock may go unnoticed. */
  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#closed) return;
    const isQuiet = this.#waiting.size === 0 && this.#book.size === 0;
    const waitMs = isQuiet ? accessLimits.writeEveryMs : Math.max(1, Math.min(this.#book.nearestMs(), accessLimits.lookEveryMs));
    this.#timer = setTimeout(() => this.tick(), waitMs);
    this.#timer.unref();
  }
}
