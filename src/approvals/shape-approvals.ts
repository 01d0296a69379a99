// The desk where a shape is approved together with the hold that it stands for. A shape comes into force when everybody whose
// yes the hold counted agreed to it, in what all of them agreed to: the shortest time, the fewest uses, every condition.

import { messageOf } from '../core/errors.ts';
import type { HoldId, ShapeId } from '../core/ids.ts';
import type { Principal } from '../core/principal.ts';
import { isShape } from '../core/shape.ts';
import type { HoleCondition, NoShape, Shape, ShapeAsked, ShapeMatch } from '../core/shape.ts';
import { duration } from '../core/words.ts';
import type { HoldRecord } from '../store/hold-rows.ts';
import type { ShapeChoice, ShapeQuery, ShapeRecord } from '../store/shapes.ts';
import { freeId } from './hold-id.ts';
import { notAllowed, plainReason, reasonCharsMax } from './answer.ts';
import { makeHoldId, parseHoldId } from './hold-id.ts';
import { ShapeBook } from './shape-book.ts';
import { conditionProblem } from './shape-conditions.ts';
import { shapeLimits } from './shape-desk.ts';
import type { ShapeDesk, ShapeOffer, ShapeParts, ShapeRefusal, ShapeResult, ShapeWanted } from './shape-desk.ts';

/** Call recover() before use. */
export function createShapeDesk(parts: ShapeParts): ShapeDesk {
  return new Desk(parts);
}

interface Offered {
  readonly asked: ShapeAsked;
  readonly shape: Shape | NoShape;
  /** By approver. `atMs`: of the yes that it came with; null while that is on its way. */
  readonly choices: Map<string, { readonly choice: ShapeChoice; readonly atMs: number | null }>;
}

class Desk implements ShapeDesk {
  readonly #parts: ShapeParts;
  readonly #book: ShapeBook;
  /** Of holds that wait in this process. */
  readonly #offered = new Map<HoldId, Offered>();
  readonly #listeners = new Set<(shape: ShapeRecord) => void>();
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(parts: ShapeParts) {
    this.#parts = parts;
    this.#book = new ShapeBook(parts, (shape) => this.#tell(shape));
  }

  match(asked: ShapeAsked): ShapeMatch | null {
    if (this.#closed || this.#book.size === 0) return null;
    try {
      return this.#book.match(asked);
    } catch (thrown) {
      this.#parts.log.error({ error: messageOf(thrown) }, 'a shape could not be read: the statement waits for people');
      return null;
    }
  }

  offer(holdId: HoldId, asked: ShapeAsked): void {
    let shape: Shape | NoShape;
    try {
      const reader = this.#parts.classifierOf(asked.target.protocol);
      shape = reader.shapeOf?.(asked.action, asked.classification) ?? { why: `${asked.target.protocol} has no shapes` };
    } catch (thrown) {
      shape = { why: `it could not be read: ${messageOf(thrown)}` };
    }
    this.#offered.set(holdId, { asked, shape, choices: new Map() });
  }

  async approve<Result extends { readonly kind: string }>(
    typedId: string,
    person: Principal,
    wanted: ShapeWanted,
    give: () => Promise<Result>,
  ): Promise<Result | ShapeRefusal> {
    const id = parseHoldId(typedId);
    const hold = id === null ? undefined : this.#parts.holdNamed(id);
    if (id === null || hold?.state !== 'pending' || notAllowed(hold, person) !== null) return give(); // says why not, in its own words
    const offered = this.#offered.get(id);
    if (offered === undefined)
      return refused(
        'no-shape',
        `rule ${hold.ruleId} lets nobody approve a shape: approve exactly this, or let the rule say approvers: { shape: { longest: … } }`,
      );
    if (!isShape(offered.shape)) return refused('no-shape', `it has no shape that could be approved: ${offered.shape.why}`);
    if (hold.approvals.some(({ by }) => by === person.name))
      return refused('conflict', 'you have approved it already, and that can not be made wider');
    const choice = choiceOf(person.name, wanted, offered.shape, offered.asked.terms.shapeMsMax ?? 0);
    if ('kind' in choice) return choice;
    const { activeMax, activePerPersonMax } = shapeLimits;
    if (this.#book.size >= activeMax || this.#book.activeOf(hold.principal) >= activePerPersonMax) {
      return refused('conflict', `${hold.principal} has as many shapes in force as there may be: approve exactly this`);
    }
    offered.choices.set(person.name, { choice, atMs: null });
    let result: Result | null = null;
    try {
      result = await give();
      return result;
    } finally {
      const isGiven = result?.kind === 'approved' || result?.kind === 'counted';
      const approval = isGiven ? this.#parts.holdNamed(id)?.approvals.find(({ by }) => by === person.name) : undefined;
      if (approval === undefined) offered.choices.delete(person.name);
      else offered.choices.set(person.name, { choice, atMs: approval.atMs });
    }
  }

  settled(hold: HoldRecord): void {
    const offered = this.#offered.get(hold.id);
    this.#offered.delete(hold.id);
    if (offered === undefined || hold.state !== 'approved' || !isShape(offered.shape)) return;
    const choices = hold.approvals.map(({ by, atMs }) => {
      const given = offered.choices.get(by);
      return given !== undefined && (given.atMs === null || given.atMs === atMs) ? given.choice : null;
    });
    if (choices.length === 0 || choices.includes(null)) return;
    try {
      this.#book.begin(this.#recordOf(hold, offered.asked, offered.shape, choices as ShapeChoice[]), hold.settledBy);
      this.#arm();
    } catch (thrown) {
      this.#parts.log.error({ hold: hold.id, error: messageOf(thrown) }, 'an approved shape could not be written down: it is not in force');
    }
  }

  offerOf(typedId: string): ShapeOffer | { readonly why: string } | null {
    const id = parseHoldId(typedId);
    const offered = id === null ? undefined : this.#offered.get(id);
    if (offered === undefined) return null;
    const { shape, asked, choices } = offered;
    if (!isShape(shape)) return shape;
    const given = [...choices.values()].filter(({ atMs }) => atMs !== null).map(({ choice }) => choice);
    return { words: shape.words, holes: shape.holes, durationMsMax: asked.terms.shapeMsMax ?? 0, choices: given };
  }

  shapeOf(typedId: string): ShapeRecord | undefined {
    const id = parseShapeId(typedId);
    return id === null ? undefined : this.#book.store.get(id);
  }

  shapeOfHold(typedId: string): ShapeRecord | undefined {
    const id = parseHoldId(typedId);
    return id === null ? undefined : this.#book.store.ofHold(id);
  }

  list(query: ShapeQuery): { readonly items: readonly ShapeRecord[]; readonly next: string | null } {
    return this.#book.store.list(query);
  }

  revoke(typedId: string, person: Principal, mayAny: boolean, typedReason: string | null): ShapeResult {
    const shape = this.shapeOf(typedId);
    if (shape === undefined) return refused('unknown', `there is no shape ${typedId}`);
    if (!mayAny && !mayRevoke(shape, person)) {
      return refused('not-allowed', 'only the person who has it, those who may approve it and operators may end it');
    }
    const reason = plainReason(typedReason);
    if (reason !== null && reason.length > reasonCharsMax)
      return refused('invalid-shape', `a reason has at most ${reasonCharsMax} characters`);
    const ended = this.#book.revoke(shape.id, person.name, reason);
    return ended === null ? refused('conflict', `${shape.id} has ended already`) : { kind: 'done', shape: ended };
  }

  on(listener: (shape: ShapeRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  recover(): void {
    this.#book.recover();
    this.rejudge();
    this.tick();
  }

  rejudge(): void {
    this.#book.endWhere((shape) => {
      if (this.#parts.person(shape.principal) === null) return `${shape.principal} may no longer sign in`;
      for (const { by } of shape.approvals) {
        const approver = this.#parts.person(by);
        if (approver === null || notAllowed(shape, approver) !== null) return `${by}, who approved it, may no longer approve`;
      }
      return null;
    });
  }

  tick(): void {
    if (this.#closed) return;
    this.#book.tick();
    this.#arm();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#book.writeTimes();
  }

  #recordOf(hold: HoldRecord, asked: ShapeAsked, shape: Shape, choices: readonly ShapeChoice[]): ShapeRecord {
    const { clock, random } = this.#parts;
    const startedAtMs = clock.nowMs();
    const durationMs = Math.min(...choices.map((it) => it.durationMs), asked.terms.shapeMsMax ?? 0);
    const limits = choices.flatMap(({ usesMax }) => (usesMax === null ? [] : [usesMax]));
    return {
      id: freeId(random, makeShapeId, (id) => this.#book.store.get(id) !== undefined),
      holdId: hold.id,
      state: 'active',
      principal: hold.principal,
      principalName: hold.principalName,
      target: hold.target,
      targetProtocol: hold.targetProtocol,
      database: asked.database,
      hash: shape.hash,
      words: shape.words,
      holes: shape.holes.map(({ kind, value }) => ({ kind, value })),
      effects: hold.effects,
      ruleId: asked.ruleId,
      ruleTitle: hold.ruleTitle,
      approverGroups: hold.approverGroups,
      alsoInGroups: hold.alsoInGroups,
      choices,
      approvals: hold.approvals,
      startedAtMs,
      endsAtMs: startedAtMs + durationMs,
      durationMs,
      elapsedMs: 0,
      seenAtMs: startedAtMs,
      uses: 0,
      usesMax: limits.length === 0 ? null : Math.min(...limits),
      lastUsedAtMs: null,
      endedAtMs: null,
      endKind: null,
      endedBy: null,
      endReason: null,
    };
  }

  #tell(shape: ShapeRecord): void {
    for (const listener of this.#listeners) {
      try {
        listener(shape);
      } catch (thrown) {
        this.#parts.log.error({ shape: shape.id, error: messageOf(thrown) }, 'a listener to shapes failed');
      }
    }
  }

  /** Sleeps until the nearest end, and no longer than a jump of the wall clock may go unnoticed. */
  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#closed || this.#book.size === 0) return;
    this.#timer = setTimeout(() => this.tick(), Math.max(1, Math.min(this.#book.nearestMs(), shapeLimits.lookEveryMs)));
    this.#timer.unref();
  }
}

/** May this person end it? Operators may too. */
export function mayRevoke(shape: Pick<ShapeRecord, 'principal' | 'approverGroups'>, person: Principal): boolean {
  if (shape.principal === person.name) return true;
  return person.kind !== 'ai-agent' && shape.approverGroups.some((group) => person.groups.includes(group));
}

function choiceOf(by: string, wanted: ShapeWanted, shape: Shape, durationMsMax: number): ShapeChoice | ShapeRefusal {
  const { durationMs, usesMax } = wanted;
  const { durationMsMin } = shapeLimits;
  if (!(durationMs >= durationMsMin && durationMs <= durationMsMax)) {
    return refused(
      'invalid-shape',
      `a shape is approved for at least ${duration(durationMsMin)} and, by its rule, at most ${duration(durationMsMax)}`,
    );
  }
  if (usesMax !== null && !(Number.isInteger(usesMax) && usesMax >= 1 && usesMax <= shapeLimits.usesMax)) {
    return refused('invalid-shape', `uses can be limited to 1 to ${shapeLimits.usesMax}`);
  }
  const conditions: HoleCondition[] = shape.holes.map(({ value }) => ({ kind: 'equal', value }));
  const named = new Set<number>();
  for (const { hole, condition } of wanted.conditions) {
    const there = shape.holes[hole - 1];
    if (there === undefined) return refused('invalid-shape', `there is no parameter ${hole}: the shape has ${shape.holes.length}`);
    if (named.has(hole)) return refused('invalid-shape', `parameter ${hole} is named twice`);
    named.add(hole);
    const full: HoleCondition = condition.kind === 'equal' ? { kind: 'equal', value: there.value } : condition;
    const problem = conditionProblem(there, full, hole);
    if (problem !== null) return refused('invalid-shape', problem);
    conditions[hole - 1] = full;
  }
  return { by, durationMs, usesMax, conditions };
}

function refused(because: ShapeRefusal['because'], why: string): ShapeRefusal {
  return { kind: 'refused', because, why };
}

/** "sh-7K3M9Q", in the same letters as holds. */
function makeShapeId(random: ShapeParts['random']): ShapeId {
  return makeHoldId(random).replace(/^h-/, 'sh-') as string as ShapeId;
}

/** What a person typed: any case, with or without "sh-". */
function parseShapeId(text: string): string | null {
  return parseHoldId(text.trim().replace(/^sh-/i, ''))?.replace(/^h-/, 'sh-') ?? null;
}
