// Each step of a request for access and of what comes of it, written to the store and the audit log in one transaction before anybody
// hears of it. Whether a step may be taken is the desk's to say.

import type { AnsweredVia } from '../core/answered-via.ts';
import type { Approval } from '../core/decision.ts';
import { Fault, messageOf } from '../core/errors.ts';
import type { AccessRequestId, GrantId } from '../core/ids.ts';
import type { Principal } from '../core/principal.ts';
import { duration } from '../core/words.ts';
import { AccessRequestStore } from '../store/access-requests.ts';
import type { AccessRequestEnd, AccessRequestRecord } from '../store/access-requests.ts';
import type { GrantRecord } from '../store/grants.ts';
import type { AccessAnswerResult, AccessChange, AccessChangeKind, AccessParts, AccessWanted } from './access-desk.ts';
import { newGrant, newRequest } from './access-record.ts';
import type { Terms } from './access-record.ts';
import { approvalDetail, askedDetail, grantEvent, requestEvent, termsDetail, viaDetail } from './access-events.ts';
import { makeGrantId, makeRequestId } from './access-id.ts';
import { GrantBook } from './grants.ts';
import { freeId } from './hold-id.ts';
import { Lifetime } from './lifetime.ts';

export class AccessLedger {
  readonly #parts: AccessParts;
  readonly store: AccessRequestStore;
  readonly book: GrantBook;
  /** How long each request has waited. */
  readonly waiting = new Map<AccessRequestId, Lifetime>();
  /** The log has their end, and the store did not take it: it is not written there again. */
  readonly #endLogged = new Set<AccessRequestId>();
  readonly #listeners = new Set<(change: AccessChange) => void>();

  constructor(parts: AccessParts) {
    this.#parts = parts;
    this.store = new AccessRequestStore(parts.db);
    this.book = new GrantBook(parts, (kind, grant, sessions) => this.#tellGrant(kind, grant, sessions));
  }

  on(listener: (change: AccessChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Writes a request down. */
  async open(person: Principal, wanted: AccessWanted, terms: Terms, extendsGrant: GrantId | null): Promise<AccessRequestRecord> {
    const { clock, audit } = this.#parts;
    const target = this.#parts.targetNamed(wanted.target);
    const atMs = clock.nowMs();
    const id = freeId(this.#parts.random, makeRequestId, (taken) => this.store.get(taken) !== undefined);
    const request = newRequest(id, { person, wanted, terms, extendsGrant, target, atMs });
    const durable = this.#atomically(() => {
      this.store.insert(request);
      this.store.addStep(request.id, { atMs, what: 'access.requested', by: person.name, words: request.reason });
      return { written: audit.append(requestEvent('access.requested', request, atMs, person.name, askedDetail(request))) };
    });
    this.waiting.set(request.id, Lifetime.begin(clock, request.waitMs));
    await durable.written;
    this.#tell('requested', request);
    return request;
  }

  /** A yes after which `missing` more are. */
  async addApproval(request: AccessRequestRecord, approval: Approval, missing: number): Promise<AccessRequestRecord> {
    const durable = this.#atomically(() => ({ written: this.#writeApproval(request, approval, missing) }));
    await durable.written;
    const now = this.store.get(request.id) ?? request;
    this.#tell('progress', now);
    return now;
  }

  /** The last yes, or none that was needed: grant and end of the request are one transaction. */
  async give(request: AccessRequestRecord, approval: Approval | null, by: string | null): Promise<AccessAnswerResult> {
    const atMs = this.#parts.clock.nowMs();
    const extended = request.extendsGrant;
    if (extended !== null && this.book.active(extended) === null) {
      return this.settle(request, { state: 'withdrawn', by: null, reason: `the access ${extended} has ended` });
    }
    const grant =
      extended === null
        ? newGrant(
            freeId(this.#parts.random, makeGrantId, (id) => this.book.store.get(id) !== undefined),
            request,
            approval,
            atMs,
          )
        : null;
    const durable = this.#atomically(() => {
      const yes = approval === null ? undefined : this.#writeApproval(request, approval, 0);
      const end = { state: 'granted', atMs, by, reason: approval?.reason ?? null, grantId: grant?.id ?? extended } as const;
      if (!this.store.end(request.id, end)) throw new Fault('conflict', 'the request has ended already');
      if (grant !== null) return [yes, this.book.write(grant, by)];
      if (extended === null || !this.book.store.extend(extended, request.durationMs)) throw new Fault('conflict', 'the access has ended');
      this.store.addStep(request.id, { atMs, what: 'access.extended', by, words: `${duration(request.durationMs)} more for ${extended}` });
      const detail = { grant: extended, added_ms: request.durationMs };
      return [yes, this.#parts.audit.append(requestEvent('access.extended', request, atMs, by, detail))];
    });
    this.waiting.delete(request.id);
    try {
      await Promise.all(durable);
    } catch (thrown) {
      const failed = { kind: 'failed', atMs, by: null, reason: 'it could not be written to the audit log' } as const;
      if (grant !== null) this.book.store.end(grant.id, failed);
      throw thrown;
    }
    if (grant !== null) this.book.begin(grant);
    else if (extended !== null) this.book.extended(extended, request.durationMs);
    const now = this.store.get(request.id) ?? request;
    // More time: whoever was told of the request hears its end.
    this.#tell(grant === null ? 'extended' : 'granted', now);
    return { kind: 'granted', request: now, already: false };
  }

  /** Ends a request without giving anything. */
  async settle(
    request: AccessRequestRecord,
    how: Pick<AccessRequestEnd, 'by' | 'reason'> & { readonly state: 'denied' | 'expired' | 'withdrawn' },
    via: AnsweredVia | null = null,
  ): Promise<AccessAnswerResult> {
    const end: AccessRequestEnd = { ...how, atMs: this.#parts.clock.nowMs(), grantId: null };
    const durable = this.#atomically(() => {
      if (!this.store.end(request.id, end)) return null;
      this.store.addStep(request.id, { atMs: end.atMs, what: `access.${how.state}`, by: end.by, words: end.reason, ...viaDetail(via) });
      if (this.#endLogged.has(request.id)) return { written: undefined };
      const event = requestEvent(`access.${how.state}`, request, end.atMs, end.by, { reason: end.reason, ...viaDetail(via) });
      const written = this.#parts.audit.append(event);
      this.#endLogged.add(request.id);
      return { written };
    });
    this.#endLogged.delete(request.id);
    this.waiting.delete(request.id);
    const now = this.store.get(request.id) ?? request;
    if (durable === null) return { kind: 'not-pending', request: now };
    await durable.written;
    this.#tell(how.state === 'denied' ? 'denied' : 'closed', now);
    return how.state === 'denied' ? { kind: 'denied', request: now, already: false } : { kind: 'not-pending', request: now };
  }

  async expire(request: AccessRequestRecord): Promise<void> {
    try {
      await this.settle(request, { state: 'expired', by: null, reason: `nobody answered within ${duration(request.waitMs)}` });
    } catch (thrown) {
      this.#parts.log.error({ request: request.id, error: messageOf(thrown) }, 'a request could not be ended');
      throw thrown;
    }
  }

  /** What is asked of approvers is another now; `kept` are the approvals that still count. */
  async change(request: AccessRequestRecord, changed: AccessRequestRecord, kept: readonly Approval[]): Promise<AccessRequestRecord> {
    const names = kept.map(({ by }) => by);
    const dropped = request.approvals.map(({ by }) => by).filter((by) => !names.includes(by));
    const atMs = this.#parts.clock.nowMs();
    const detail = { ...termsDetail(changed), ...(dropped.length === 0 ? {} : { approvals_no_longer_counted: dropped }) };
    const durable = this.#atomically(() => {
      this.store.change(request.id, changed, names);
      return { written: this.#parts.audit.append(requestEvent('access.changed', changed, atMs, null, detail)) };
    });
    await durable.written;
    const now = this.store.get(request.id) ?? request;
    this.#tell('progress', now);
    return now;
  }

  /** Null: it needs no review, or it is done. */
  async addReview(grant: GrantRecord, by: string, words: string, via: AnsweredVia | null): Promise<GrantRecord | null> {
    const atMs = this.#parts.clock.nowMs();
    const done = this.#atomically(() => {
      if (!this.book.store.review(grant.id, by, words, atMs)) return null;
      this.store.addStep(grant.requestId, { atMs, what: 'grant.reviewed', by, words, ...viaDetail(via) });
      return { durable: this.#parts.audit.append(grantEvent('grant.reviewed', grant, atMs, by, { words, ...viaDetail(via) })) };
    });
    if (done === null) return null;
    await done.durable;
    const reviewed = this.book.store.get(grant.id) ?? grant;
    this.#tellGrant('reviewed', reviewed);
    return reviewed;
  }

  /** How much time has passed for each request and grant. Throws when the store can't be written. */
  writeTimes(): void {
    const atMs = this.#parts.clock.nowMs();
    this.#atomically(() => {
      this.book.writeTimes();
      for (const [id, lifetime] of this.waiting) this.store.seen(id, lifetime.elapsedMs, atMs);
    });
  }

  #writeApproval(request: AccessRequestRecord, approval: Approval, missing: number): Promise<void> | undefined {
    if (!this.store.addApproval(request.id, approval)) throw new Fault('conflict', 'the store does not take this approval');
    const { by, atMs, reason, via = null } = approval;
    this.store.addStep(request.id, { atMs, what: 'access.approval-given', by, words: reason, ...viaDetail(via) });
    return this.#parts.audit.append(requestEvent('access.approval-given', request, atMs, by, approvalDetail(request, approval, missing)));
  }

  #atomically<T>(work: () => T): T {
    return this.#parts.db.transaction(work).immediate();
  }

  #tellGrant(kind: AccessChangeKind, grant: GrantRecord, sessions: readonly string[] = []): void {
    const request = this.store.get(grant.requestId);
    if (request !== undefined) this.#tell(kind, request, grant, sessions);
  }

  #tell(kind: AccessChangeKind, request: AccessRequestRecord, known: GrantRecord | null = null, sessions: readonly string[] = []): void {
    const grant = known ?? (request.grantId === null ? null : (this.book.store.get(request.grantId) ?? null));
    for (const listener of this.#listeners) {
      try {
        listener({ kind, request, grant, sessions });
      } catch (thrown) {
        this.#parts.log.error({ request: request.id, error: messageOf(thrown) }, 'a listener to access requests failed');
      }
    }
  }
}
