// Shapes in force: found by person and target, counted at every use, ended on either clock. A shape whose end can't be written
// down is out of force all the same.

import { messageOf } from '../core/errors.ts';
import { isShape } from '../core/shape.ts';
import type { ShapeAsked, ShapeMatch } from '../core/shape.ts';
import { ShapeStore } from '../store/shapes.ts';
import type { ShapeEnd, ShapeRecord } from '../store/shapes.ts';
import { Lifetime } from './lifetime.ts';
import { allMeet } from './shape-conditions.ts';
import { shapeLimits } from './shape-desk.ts';
import type { ShapeParts } from './shape-desk.ts';
import { shapeApprovedEvent, shapeEndedEvent } from './shape-events.ts';

interface LiveShape {
  record: ShapeRecord;
  readonly lifetime: Lifetime;
  over: ShapeEnd | null;
  /** The log has its end, though the store may not: it is not written there again. */
  isEndLogged: boolean;
}

export class ShapeBook {
  readonly store: ShapeStore;
  readonly #parts: ShapeParts;
  readonly #tell: (shape: ShapeRecord) => void;
  readonly #live = new Map<string, LiveShape>();
  /** Of the wall clock against the monotonic one, when times were written last. */
  #offsetMs = 0;
  #writtenMs = -Infinity;

  constructor(parts: ShapeParts, tell: (shape: ShapeRecord) => void) {
    this.#parts = parts;
    this.store = new ShapeStore(parts.db);
    this.#tell = tell;
  }

  get size(): number {
    return this.#live.size;
  }

  activeOf(person: string): number {
    let count = 0;
    for (const { record } of this.#live.values()) if (record.principal === person) count += 1;
    return count;
  }

  /** The shape is read only when the person has one in force here. */
  match({ action, classification, principal, target, database, ruleId, terms }: ShapeAsked): ShapeMatch | null {
    const { shapeMsMax } = terms;
    if (shapeMsMax === undefined) return null;
    this.#endOver();
    const own = [...this.#live.values()].filter(
      ({ record, over, lifetime }) =>
        over === null &&
        record.principal === principal.name &&
        record.target === target.name &&
        record.database === database &&
        record.ruleId === ruleId &&
        lifetime.elapsedMs <= shapeMsMax,
    );
    if (own.length === 0) return null;
    const shape = this.#parts.classifierOf(target.protocol).shapeOf?.(action, classification);
    if (shape === undefined || !isShape(shape)) return null;
    const live = own.find(
      ({ record }) => record.hash === shape.hash && record.choices.every(({ conditions }) => allMeet(shape.holes, conditions)),
    );
    if (live === undefined) return null;
    return { id: live.record.id, approvals: live.record.approvals, take: () => this.#take(live) };
  }

  /** Writes a shape down and puts it in force. Throws when it can't be written: then nothing is in force. */
  begin(shape: ShapeRecord, by: string | null): void {
    const { db, audit, clock, log } = this.#parts;
    const durable = db
      .transaction(() => {
        this.store.insert(shape);
        return { written: audit.append(shapeApprovedEvent(shape, by)) };
      })
      .immediate();
    const live: LiveShape = { record: shape, lifetime: Lifetime.begin(clock, shape.durationMs), over: null, isEndLogged: false };
    this.#live.set(shape.id, live);
    durable.written?.catch((thrown: unknown) => {
      log.error({ shape: shape.id, error: messageOf(thrown) }, 'an approved shape is not on disk: it is out of force');
      this.#end(live, 'clock', null, 'it could not be written to the audit log');
    });
    this.#tell(shape);
  }

  /** At start. What is left is measured from the later of its last note and the log's newest event. */
  recover(): void {
    const { clock, newestEventMs } = this.#parts;
    for (const record of this.store.active()) {
      const lifetime = Lifetime.resume(clock, record, record.endsAtMs, newestEventMs);
      const live: LiveShape = { record, lifetime: lifetime ?? Lifetime.begin(clock, 0), over: null, isEndLogged: false };
      this.#live.set(record.id, live);
      if (lifetime === null) this.#end(live, 'clock', null, 'the clock of the gateway was set back while it was stopped');
      else if (record.usesMax !== null && record.uses >= record.usesMax) this.#end(live, 'used-up', null, null);
    }
  }

  revoke(id: string, by: string, reason: string | null): ShapeRecord | null {
    const live = this.#live.get(id);
    return live === undefined || live.over !== null ? null : this.#end(live, 'revoked', by, reason);
  }

  /** Ends the shapes that `why` has words against. */
  endWhere(why: (shape: ShapeRecord) => string | null): void {
    for (const live of [...this.#live.values()]) {
      if (live.over !== null) continue;
      const words = why(live.record);
      if (words !== null) this.#end(live, 'people', null, words);
    }
  }

  tick(): void {
    const { clock } = this.#parts;
    for (const live of [...this.#live.values()]) if (live.over !== null) this.#write(live, live.over);
    this.#endOver();
    const jumped = Math.abs(clock.nowMs() - clock.monotonicMs() - this.#offsetMs) > shapeLimits.clockJumpMs;
    if (jumped || clock.monotonicMs() - this.#writtenMs >= shapeLimits.writeEveryMs) this.writeTimes();
  }

  /** The nearest end, in milliseconds from now; Infinity when nothing is in force. */
  nearestMs(): number {
    return Math.min(Infinity, ...[...this.#live.values()].map(({ lifetime }) => lifetime.leftMs));
  }

  writeTimes(): void {
    const { clock, db, log } = this.#parts;
    this.#offsetMs = clock.nowMs() - clock.monotonicMs();
    this.#writtenMs = clock.monotonicMs();
    try {
      const seen = db.transaction(() => {
        for (const { record, lifetime, over } of this.#live.values()) {
          if (over === null) this.store.seen(record.id, lifetime.elapsedMs, clock.nowMs());
        }
      });
      seen.immediate();
    } catch (thrown) {
      log.error({ error: messageOf(thrown) }, 'how much time of shapes has passed could not be written down');
    }
  }

  /** At every look: a clock that goes back afterwards brings nothing back. */
  #endOver(): void {
    for (const live of [...this.#live.values()]) if (live.over === null && live.lifetime.isOver) this.#end(live, 'over', null, null);
  }

  #take(live: LiveShape): boolean {
    const { clock, log } = this.#parts;
    if (live.over !== null || live.lifetime.isOver) return false;
    const { id } = live.record;
    try {
      if (!this.store.use(id, clock.nowMs())) return false;
      live.record = this.store.get(id) ?? live.record;
    } catch (thrown) {
      log.error({ shape: id, error: messageOf(thrown) }, 'the use of a shape could not be written down: nothing ran by it');
      return false;
    }
    const { uses, usesMax } = live.record;
    if (usesMax !== null && uses >= usesMax) this.#end(live, 'used-up', null, null);
    else this.#tell(live.record);
    return true;
  }

  #end(live: LiveShape, kind: ShapeEnd['kind'], by: string | null, reason: string | null): ShapeRecord {
    const end: ShapeEnd = { kind, by, reason, atMs: this.#parts.clock.nowMs() };
    live.over = end;
    live.record = { ...live.record, state: 'ended', endedAtMs: end.atMs, endKind: kind, endedBy: by, endReason: reason };
    this.#write(live, end);
    this.#tell(live.record);
    return live.record;
  }

  /** Writes the end down and forgets the shape; one that can't be written stays, out of force, and is tried again. */
  #write(live: LiveShape, end: ShapeEnd): void {
    const { audit, db, log } = this.#parts;
    const { record } = live;
    try {
      const durable = db
        .transaction(() => {
          if (!this.store.end(record.id, end) || live.isEndLogged) return { written: undefined };
          const written = audit.append(shapeEndedEvent(record, end));
          live.isEndLogged = true;
          return { written };
        })
        .immediate();
      durable.written?.catch((thrown: unknown) =>
        log.error({ shape: record.id, error: messageOf(thrown) }, 'the end of a shape is not on disk'),
      );
      this.#live.delete(record.id);
    } catch (thrown) {
      log.error({ shape: record.id, error: messageOf(thrown) }, 'the end of a shape could not be written down; it is out of force');
    }
  }
}
