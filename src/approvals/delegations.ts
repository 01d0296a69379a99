// Lending one's right to answer holds to somebody else for a while: "while I am away, dana answers for me". What is lent is the
// membership in groups, for answers only; it is not passed on, and it never answers a hold of the lender or of the delegate.

import { appendNow } from '../core/append-now.ts';
import { eventWithoutSession, type AuditEvent, type AuditEventType, type AuditLog } from '../core/audit.ts';
import type { Clock, Random } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { inRounds } from '../core/rounds.ts';
import { createDelegationStore, type DelegationRecord, type DelegationStore } from '../store/delegations.ts';
import type { Db } from '../store/database.ts';
import { plainReason, reasonCharsMax } from './answer.ts';
import { Lifetime } from './lifetime.ts';

export const delegationMsMin = 60_000;
export const delegationMsMax = 90 * 24 * 3_600_000;
/** At once, of one lender. */
export const delegationsPerPersonMax = 10;
/** How often the time that has passed is written down. */
const noteEveryMs = 60_000;
const idBytes = 6;

export interface DelegationParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: AuditLog;
  /** Whoever may act now. */
  readonly person: (name: string) => Principal | null;
  readonly mayApprove: (person: Principal) => boolean;
  /** Of the audit log at the start: it was at least so late then. */
  readonly newestEventMs?: number;
}

export class Delegations {
  readonly #parts: DelegationParts;
  readonly #store: DelegationStore;
  readonly #open = new Map<string, { readonly record: DelegationRecord; readonly life: Lifetime }>();
  readonly #timer: NodeJS.Timeout;

  constructor(parts: DelegationParts) {
    this.#parts = parts;
    this.#store = createDelegationStore(parts.db);
    for (const { record, elapsedMs, seenAtMs } of this.#store.open()) {
      const durationMs = record.endsAtMs - record.createdAtMs;
      // Null: the clock was set back meanwhile, and nobody knows what is left.
      const life = Lifetime.resume(parts.clock, { durationMs, elapsedMs, seenAtMs }, record.endsAtMs, parts.newestEventMs);
      if (life === null || life.isOver) this.#over(record);
      else this.#open.set(record.id, { record, life });
    }
    this.#timer = setInterval(
      inRounds(() => this.note()),
      noteEveryMs,
    );
    this.#timer.unref(); // it keeps nothing alive
  }

  /** Throws Fault invalid-request in words. */
  async give(from: Principal, toName: string, durationMs: number, reason: string | null): Promise<DelegationRecord> {
    const { person, mayApprove, clock, random, audit } = this.#parts;
    const to = person(toName);
    if (to === null) throw new Fault('invalid-request', `there is nobody named ${toName} who may sign in`);
    if (to.name === from.name) throw new Fault('invalid-request', 'a right is lent to somebody else');
    if (from.kind !== 'person' || !mayApprove(from)) throw new Fault('invalid-request', 'you have no right to approve that could be lent');
    if (to.kind !== 'person' || !mayApprove(to)) throw new Fault('invalid-request', `${to.name} does not have the right to approve`);
    if (!(durationMs >= delegationMsMin && durationMs <= delegationMsMax))
      throw new Fault('invalid-request', 'a right is lent for a minute at least and for 90 days at most');
    const words = plainReason(reason);
    if (words !== null && words.length > reasonCharsMax)
      throw new Fault('invalid-request', `a reason has at most ${reasonCharsMax} characters`);
    if (this.list().filter((it) => it.from === from.name).length >= delegationsPerPersonMax)
      throw new Fault('limit-reached', `you have ${delegationsPerPersonMax} delegations, the limit`);
    const createdAtMs = clock.nowMs();
    const record: DelegationRecord = {
      id: `d-${random.bytes(idBytes).toString('hex')}`,
      ...{ from: from.name, to: to.name, reason: words, createdAtMs, endsAtMs: createdAtMs + durationMs, endedAtMs: null, endedBy: null },
    };
    this.#store.insert(record);
    await audit.append(eventOf(record, 'delegation.given', from.name, createdAtMs));
    this.#open.set(record.id, { record, life: Lifetime.begin(clock, durationMs) });
    return record;
  }

  /** By the lender, the delegate, or (`mayAny`) whoever runs the gateway. Undefined: there is none of that id that one may end. */
  async end(id: string, by: Principal, mayAny: boolean): Promise<DelegationRecord | undefined> {
    const found = this.#open.get(id)?.record;
    if (found === undefined || !(mayAny || found.from === by.name || found.to === by.name)) return undefined;
    this.#open.delete(id); // from now on it lends nothing, whatever the disk does
    const atMs = this.#parts.clock.nowMs();
    this.#store.end(id, by.name, atMs);
    await this.#parts.audit.append(eventOf(found, 'delegation.ended', by.name, atMs));
    return { ...found, endedAtMs: atMs, endedBy: by.name };
  }

  /** One of the two has been removed: the next of that name is somebody else. */
  endAllOf(person: string, by: string | null): void {
    for (const { record } of this.#open.values()) {
      if (record.from !== person && record.to !== person) continue;
      this.#open.delete(record.id);
      this.#over(record, by);
    }
  }

  /** Those in force, oldest first. */
  list(): DelegationRecord[] {
    return [...this.#open.values()].filter(({ life }) => !life.isOver).map(({ record }) => record);
  }

  /** Who lends this person the right to answer now. Lenders who may not act or approve any more lend nothing. */
  lendersOf(name: string): Principal[] {
    if (this.#open.size === 0) return [];
    return this.list()
      .filter((it) => it.to === name)
      .flatMap((it) => {
        const lender = this.#parts.person(it.from);
        return lender !== null && lender.kind === 'person' && this.#parts.mayApprove(lender) ? [lender] : [];
      });
  }

  /** Writes down what has passed, and ends what is over. */
  note(): void {
    for (const [id, { record, life }] of this.#open) {
      if (life.isOver) {
        this.#over(record);
        this.#open.delete(id);
      } else this.#store.seen(id, life.elapsedMs, this.#parts.clock.nowMs());
    }
  }

  close(): void {
    clearInterval(this.#timer);
    inRounds(() => this.note())();
  }

  #over(record: DelegationRecord, by: string | null = null): void {
    const atMs = this.#parts.clock.nowMs();
    this.#store.end(record.id, by, atMs);
    appendNow(this.#parts.audit, eventOf(record, 'delegation.ended', by, atMs));
  }
}

function eventOf(record: DelegationRecord, type: AuditEventType, principal: string | null, atMs: number): AuditEvent {
  const { id, from, to, reason, endsAtMs } = record;
  return eventWithoutSession(type, atMs, principal, { delegation: id, from, to, reason, ends_at_ms: endsAtMs });
}
