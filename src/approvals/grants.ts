// Grants in force: who has access to what for a while. Policies ask here at every action; the end of a grant is told to whoever
// ends the sessions that it let in. A grant whose end can't be written down is out of force all the same.

import { messageOf } from '../core/errors.ts';
import type { Grant, Grants } from '../core/grant.ts';
import type { GrantId } from '../core/ids.ts';
import type { Principal } from '../core/principal.ts';
import { duration } from '../core/words.ts';
import { AccessRequestStore } from '../store/access-requests.ts';
import { GrantStore } from '../store/grants.ts';
import type { GrantEnd, GrantRecord } from '../store/grants.ts';
import { accessLimits } from './access-desk.ts';
import type { AccessChangeKind, AccessParts } from './access-desk.ts';
import { grantEvent, scopeDetail } from './access-events.ts';
import { Lifetime } from './lifetime.ts';

interface LiveGrant {
  record: GrantRecord;
  fact: Grant;
  readonly lifetime: Lifetime;
  readonly sessions: Set<string>;
  /** Monotonic: since then no session of it was open. */
  idleSinceMs: number;
  warned: boolean;
  /** Not in force any more, whether or not that could be written down. */
  over: GrantEnd | null;
  /** The log has its end, though the store may not: it is not written there again. */
  isEndLogged: boolean;
}

const none: readonly Grant[] = [];

export class GrantBook implements Grants {
  readonly #parts: AccessParts;
  readonly #store: GrantStore;
  readonly #requests: AccessRequestStore;
  readonly #tell: (kind: AccessChangeKind, grant: GrantRecord, sessions: readonly string[]) => void;
  readonly #live = new Map<GrantId, LiveGrant>();
  readonly #ofPerson = new Map<string, readonly LiveGrant[]>();

  constructor(parts: AccessParts, tell: (kind: AccessChangeKind, grant: GrantRecord, sessions: readonly string[]) => void) {
    this.#parts = parts;
    this.#store = new GrantStore(parts.db);
    this.#requests = new AccessRequestStore(parts.db);
    this.#tell = tell;
  }

  get store(): GrantStore {
    return this.#store;
  }

  get size(): number {
    return this.#live.size;
  }

  inForce(person: string, target: string): readonly Grant[] {
    if (this.#live.size === 0) return none;
    const found = this.#ofPerson.get(person);
    if (found === undefined) return none;
    return found
      .filter(({ record, over, lifetime }) => record.target === target && over === null && !lifetime.isOver)
      .map(({ fact }) => fact);
  }

  used(id: GrantId, sessionId: string): void {
    const live = this.#live.get(id);
    if (live === undefined || live.sessions.has(sessionId)) return;
    if (live.sessions.size >= accessLimits.sessionsMax) {
      for (const old of live.sessions) if (!this.#parts.isSessionOpen(old)) live.sessions.delete(old);
    }
    live.sessions.add(sessionId);
    const atMs = this.#parts.clock.nowMs();
    try {
      this.#store.used(id, atMs);
      this.#requests.addStep(live.record.requestId, { atMs, what: 'grant.used', by: live.record.principal, words: sessionId });
      live.record = this.#store.get(id) ?? live.record;
      this.#parts.audit.appendSoon({ ...grantEvent('grant.used', live.record, atMs, live.record.principal), sessionId });
    } catch (thrown) {
      // The use itself is in the log as the session and its actions; only this line of the timeline is lost.
      this.#parts.log.error({ grant: id, error: messageOf(thrown) }, 'the use of a grant could not be noted');
    }
  }

  /** Grants of one person that are in force. */
  activeOf(person: string): readonly GrantRecord[] {
    return (this.#ofPerson.get(person) ?? []).filter(({ over, lifetime }) => over === null && !lifetime.isOver).map(({ record }) => record);
  }

  /** As it is now; null when it is not in force. */
  active(id: string): GrantRecord | null {
    const live = this.#live.get(id as GrantId);
    return live === undefined || live.over !== null || live.lifetime.isOver ? null : live.record;
  }

  /** Writes a grant down; call inside a transaction of the store. It is in force after begin(). */
  write(grant: GrantRecord, by: string | null): Promise<void> | undefined {
    this.#store.insert(grant);
    this.#requests.addStep(grant.requestId, { atMs: grant.startedAtMs, what: 'access.granted', by, words: grant.id });
    const detail = { duration_ms: grant.durationMs, ...scopeDetail(grant.scope), approved_by: grant.approvedBy, rule: grant.ruleId };
    return this.#parts.audit.append(grantEvent('access.granted', grant, grant.startedAtMs, by, detail));
  }

  begin(grant: GrantRecord): void {
    this.#add(grant, Lifetime.begin(this.#parts.clock, grant.durationMs));
  }

  /** Lengthens a grant in force that was lengthened in the store. */
  extended(id: GrantId, addedMs: number): void {
    const live = this.#live.get(id);
    if (live === undefined) return;
    live.lifetime.extend(addedMs);
    live.warned = false;
    live.record = this.#store.get(id) ?? live.record;
    live.fact = this.#factOf(live.record);
  }

  /** At start. */
  recover(): void {
    for (const record of this.#store.active()) {
      const lifetime = Lifetime.resume(this.#parts.clock, record, record.endsAtMs, this.#parts.newestEventMs);
      const live = this.#add(record, lifetime ?? Lifetime.begin(this.#parts.clock, 0));
      if (lifetime === null) {
        this.#end(
          live,
          'clock',
          null,
          'the clock of the gateway was set back while it was stopped, so nobody knows what was left of the time',
        );
      } else if (lifetime.isOver) this.#end(live, 'over', null, null);
    }
  }

  /** Ends a grant by word of somebody; null when it is not in force. Throws when that can't be written; it is out of force then too. */
  revoke(id: GrantId, by: Principal, reason: string | null): GrantRecord | null {
    const live = this.#live.get(id);
    if (live === undefined || live.over !== null) return null;
    return this.#end(live, 'revoked', by.name, reason);
  }

  /** Ends the grants that `why` has words against. */
  endWhere(why: (grant: GrantRecord) => string | null): void {
    for (const live of [...this.#live.values()]) {
      if (live.over !== null) continue;
      const words = why(live.record);
      if (words !== null) this.#end(live, 'policies', null, words);
    }
  }

  tick(): void {
    const { clock, isSessionOpen } = this.#parts;
    for (const live of [...this.#live.values()]) {
      const { record, lifetime } = live;
      if (live.over !== null) this.#write(live, live.over);
      else if (lifetime.isOver) this.#end(live, 'over', null, null);
      else if (record.idleMs !== null) {
        if ([...live.sessions].some(isSessionOpen)) live.idleSinceMs = clock.monotonicMs();
        else if (clock.monotonicMs() - live.idleSinceMs >= record.idleMs) {
          this.#end(live, 'idle', null, `no session was open for ${duration(record.idleMs)}`);
        }
      }
      if (
        live.over === null &&
        !live.warned &&
        lifetime.leftMs <= accessLimits.warnBeforeMs &&
        lifetime.durationMs > accessLimits.warnBeforeMs
      ) {
        live.warned = true;
        this.#tell('warned', live.record, [...live.sessions]);
      }
    }
  }

  /** Asks again for the reviews that are owed. */
  remind(): void {
    const atMs = this.#parts.clock.nowMs();
    for (const grant of this.#store.toReview()) {
      if (atMs - (grant.remindedAtMs ?? grant.endedAtMs ?? atMs) < accessLimits.remindEveryMs) continue;
      this.#store.reminded(grant.id, atMs);
      this.#requests.addStep(grant.requestId, { atMs, what: 'grant.review-reminded', by: null, words: grant.reviewers.join(', ') });
      this.#parts.audit.appendSoon(grantEvent('grant.review-reminded', grant, atMs, null, { reviewers: grant.reviewers }));
      this.#tell('review-due', grant, []);
    }
  }

  /** The nearest end, in milliseconds from now; Infinity when nothing is in force. */
  nearestMs(): number {
    let nearest = Infinity;
    for (const { lifetime } of this.#live.values()) nearest = Math.min(nearest, lifetime.leftMs);
    return nearest;
  }

  /** Writes down how much of everybody's time has passed. */
  writeTimes(): void {
    const atMs = this.#parts.clock.nowMs();
    for (const { record, lifetime, over } of this.#live.values()) if (over === null) this.#store.seen(record.id, lifetime.elapsedMs, atMs);
  }

  #add(record: GrantRecord, lifetime: Lifetime): LiveGrant {
    const idleSinceMs = this.#parts.clock.monotonicMs();
    const live: LiveGrant = {
      record,
      fact: this.#factOf(record),
      lifetime,
      sessions: new Set(),
      idleSinceMs,
      warned: false,
      over: null,
      isEndLogged: false,
    };
    this.#live.set(record.id, live);
    this.#ofPerson.set(record.principal, [...(this.#ofPerson.get(record.principal) ?? []), live]);
    return live;
  }

  #factOf(grant: GrantRecord): Grant {
    const { id, scope, ruleId, isBreakGlass, reason, approvedBy, endsAtMs } = grant;
    const isDatabaseRole = scope.role !== null && this.#parts.targetNamed(grant.target)?.roles?.includes(scope.role) === true;
    const databaseRole = isDatabaseRole && scope.role !== null ? { databaseRole: scope.role } : {};
    return { id, scope, ...databaseRole, rule: ruleId, isBreakGlass, reason, approvedBy, endsAtMs };
  }

  #end(live: LiveGrant, kind: GrantEnd['kind'], by: string | null, reason: string | null): GrantRecord {
    live.over = { kind, by, reason, atMs: this.#parts.clock.nowMs() };
    const ended: GrantRecord = { ...live.record, state: 'ended', endedAtMs: live.over.atMs, endKind: kind, endedBy: by, endReason: reason };
    live.record = ended;
    const problem = this.#write(live, live.over);
    this.#tell('ended', ended, [...live.sessions]);
    if (problem !== null && kind === 'revoked') throw problem;
    return ended;
  }

  /** Writes the end down and forgets the grant; one that can't be written stays, out of force, and is tried again. */
  #write(live: LiveGrant, end: GrantEnd): unknown {
    const { record } = live;
    const { audit, db, log } = this.#parts;
    try {
      const type = end.kind === 'revoked' ? 'grant.revoked' : 'grant.ended';
      const durable = db
        .transaction(() => {
          if (!this.#store.end(record.id, end)) return undefined;
          this.#requests.addStep(record.requestId, {
            atMs: end.atMs,
            what: type,
            by: end.by,
            words: end.reason ?? (end.kind === 'over' ? 'its time was over' : null),
          });
          if (live.isEndLogged) return undefined;
          const detail = { why: end.kind, reason: end.reason, sessions: record.sessions };
          const written = audit.append(grantEvent(type, record, end.atMs, end.by, detail));
          live.isEndLogged = true;
          return written;
        })
        .immediate();
      durable?.catch((thrown: unknown) => log.error({ grant: record.id, error: messageOf(thrown) }, 'the end of a grant is not on disk'));
    } catch (thrown) {
      log.error({ grant: record.id, error: messageOf(thrown) }, 'the end of a grant could not be written down; it is out of force');
      return thrown;
    }
    this.#live.delete(record.id);
    const others = (this.#ofPerson.get(record.principal) ?? []).filter((it) => it !== live);
    if (others.length === 0) this.#ofPerson.delete(record.principal);
    else this.#ofPerson.set(record.principal, others);
    return null;
  }
}

/** Why the access is over, for the person who had it: after "your access g-… to orders". */
export function endWords({ endKind, endedBy, endReason }: GrantRecord): string {
  const why = endReason === null || endReason === '' ? '' : `: ${endReason}`;
  switch (endKind) {
    case 'revoked':
      return `was ended by ${endedBy}${why}`;
    case 'idle':
    case 'policies':
    case 'clock':
    case 'failed':
      return `was ended${why}`;
    case 'over':
    case null:
      return 'is over';
  }
}
