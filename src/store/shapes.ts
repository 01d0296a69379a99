// Approved shapes as rows: what was approved, how much of its time and its uses is gone, and how it ended. A shape ends once; a
// hold makes at most one.

import type { Approval } from '../core/decision.ts';
import type { HoldId, ShapeId } from '../core/ids.ts';
import type { HoleCondition, HoleKind } from '../core/shape.ts';
import { beforeOf } from './cursor.ts';
import type { Db, Migration } from './database.ts';

/** over: its time; revoked: by somebody; used-up: its last use; people: an approver or the person may not any more; clock: its time can't be measured. */
export type ShapeEndKind = 'over' | 'revoked' | 'used-up' | 'people' | 'clock';

/** What one approver agreed to. */
export interface ShapeChoice {
  readonly by: string;
  readonly durationMs: number;
  /** Null: as often as the time lasts. */
  readonly usesMax: number | null;
  /** One for each hole. */
  readonly conditions: readonly HoleCondition[];
}

/** What does not change while it lasts. */
export interface ShapeGiven {
  readonly principalName: string;
  readonly targetProtocol: string;
  readonly database: string | null;
  readonly hash: string;
  readonly words: string;
  readonly holes: readonly { readonly kind: HoleKind; readonly value: string }[];
  readonly effects: readonly string[];
  readonly ruleId: string;
  readonly ruleTitle: string;
  readonly approverGroups: readonly string[];
  readonly alsoInGroups: readonly (readonly string[])[];
  /** All of them must be met. */
  readonly choices: readonly ShapeChoice[];
  readonly approvals: readonly Approval[];
}

export interface ShapeRecord extends ShapeGiven {
  readonly id: ShapeId;
  readonly holdId: HoldId;
  readonly state: 'active' | 'ended';
  readonly principal: string;
  readonly target: string;
  readonly startedAtMs: number;
  /** Wall clock at which it ends at the latest. */
  readonly endsAtMs: number;
  readonly durationMs: number;
  readonly elapsedMs: number;
  readonly seenAtMs: number;
  readonly uses: number;
  readonly usesMax: number | null;
  readonly lastUsedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly endKind: ShapeEndKind | null;
  readonly endedBy: string | null;
  readonly endReason: string | null;
}

export interface ShapeEnd {
  readonly kind: ShapeEndKind;
  readonly atMs: number;
  readonly by: string | null;
  readonly reason: string | null;
}

export interface ShapeQuery {
  readonly state?: 'active' | 'ended' | undefined;
  readonly principal?: string | undefined;
  readonly target?: string | undefined;
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
}

const pageDefault = 50;
const pageMax = 200;

export const shapeMigrations: readonly Migration[] = [
  {
    id: 'shapes-1',
    sql: `
      CREATE TABLE shapes (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, hold_id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL CHECK (state IN ('active', 'ended')), principal TEXT NOT NULL, target TEXT NOT NULL, given TEXT NOT NULL,
        started_at_ms INTEGER NOT NULL, ends_at_ms INTEGER NOT NULL, duration_ms INTEGER NOT NULL,
        elapsed_ms INTEGER NOT NULL, seen_at_ms INTEGER NOT NULL,
        uses INTEGER NOT NULL DEFAULT 0, uses_max INTEGER, last_used_at_ms INTEGER,
        ended_at_ms INTEGER, end_kind TEXT, ended_by TEXT, end_reason TEXT
      );
      CREATE INDEX shapes_state ON shapes (state, number);
      CREATE INDEX shapes_principal ON shapes (principal, number);
    `,
  },
];

const columns = `number, id, hold_id AS holdId, state, principal, target, given, started_at_ms AS startedAtMs, ends_at_ms AS endsAtMs,
  duration_ms AS durationMs, elapsed_ms AS elapsedMs, seen_at_ms AS seenAtMs, uses, uses_max AS usesMax, last_used_at_ms AS lastUsedAtMs,
  ended_at_ms AS endedAtMs, end_kind AS endKind, ended_by AS endedBy, end_reason AS endReason`;

type Row = Omit<ShapeRecord, keyof ShapeGiven> & { readonly number: number; readonly given: string };

export class ShapeStore {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  insert(shape: ShapeRecord): void {
    const sql = `INSERT INTO shapes (id, hold_id, state, principal, target, given, started_at_ms, ends_at_ms, duration_ms, elapsed_ms,
      seen_at_ms, uses_max) VALUES (?, ?, 'active', ?, ?, ?, ?, ?, ?, 0, ?, ?)`;
    const { id, holdId, principal, target, startedAtMs, endsAtMs, durationMs, seenAtMs, usesMax } = shape;
    const given = JSON.stringify(givenOf(shape));
    this.#db.prepare(sql).run(id, holdId, principal, target, given, startedAtMs, endsAtMs, durationMs, seenAtMs, usesMax);
  }

  /** Counts one use. False when it has ended, or had its last. */
  use(id: ShapeId, atMs: number): boolean {
    const sql = `UPDATE shapes SET uses = uses + 1, last_used_at_ms = ? WHERE id = ? AND state = 'active' AND (uses_max IS NULL OR uses < uses_max)`;
    return this.#db.prepare(sql).run(atMs, id).changes === 1;
  }

  /** Counts uses that somebody else knows of. */
  used(id: ShapeId, count: number): void {
    this.#db.prepare(`UPDATE shapes SET uses = uses + ? WHERE id = ? AND state = 'active'`).run(count, id);
  }

  /** False when it has ended already. */
  end(id: ShapeId, { kind, atMs, by, reason }: ShapeEnd): boolean {
    const sql = `UPDATE shapes SET state = 'ended', ended_at_ms = ?, end_kind = ?, ended_by = ?, end_reason = ? WHERE id = ? AND state = 'active'`;
    return this.#db.prepare(sql).run(atMs, kind, by, reason, id).changes === 1;
  }

  /** Notes how much of its time has passed. */
  seen(id: ShapeId, elapsedMs: number, atMs: number): void {
    this.#db.prepare('UPDATE shapes SET elapsed_ms = ?, seen_at_ms = ? WHERE id = ?').run(Math.round(elapsedMs), atMs, id);
  }

  get(id: string): ShapeRecord | undefined {
    const row = this.#db.prepare(`SELECT ${columns} FROM shapes WHERE id = ?`).get(id) as Row | undefined;
    return row === undefined ? undefined : toRecord(row);
  }

  ofHold(holdId: string): ShapeRecord | undefined {
    const row = this.#db.prepare(`SELECT ${columns} FROM shapes WHERE hold_id = ?`).get(holdId) as Row | undefined;
    return row === undefined ? undefined : toRecord(row);
  }

  active(): ShapeRecord[] {
    return (this.#db.prepare(`SELECT ${columns} FROM shapes WHERE state = 'active' ORDER BY number`).all() as Row[]).map(toRecord);
  }

  /** Newest first. */
  list(query: ShapeQuery): { items: ShapeRecord[]; next: string | null } {
    const limit = Math.max(1, Math.min(query.limit ?? pageDefault, pageMax));
    const sql = `SELECT ${columns} FROM shapes WHERE number < @before AND (@state IS NULL OR state = @state)
      AND (@principal IS NULL OR principal = @principal) AND (@target IS NULL OR target = @target) ORDER BY number DESC LIMIT @limit`;
    const { state = null, principal = null, target = null } = query;
    const rows = this.#db.prepare(sql).all({ before: beforeOf(query.cursor), state, principal, target, limit: limit + 1 }) as Row[];
    const items = rows.slice(0, limit);
    return { items: items.map(toRecord), next: rows.length > limit ? String(items.at(-1)?.number) : null };
  }
}

function toRecord({ number: _, given, ...row }: Row): ShapeRecord {
  return { ...row, ...(JSON.parse(given) as ShapeGiven) };
}

function givenOf(shape: ShapeRecord): ShapeGiven {
  const { principalName, targetProtocol, database, hash, words, holes, effects, ruleId, ruleTitle } = shape;
  const { approverGroups, alsoInGroups, choices, approvals } = shape;
  return {
    ...{ principalName, targetProtocol, database, hash, words, holes, effects, ruleId, ruleTitle },
    ...{ approverGroups, alsoInGroups, choices, approvals },
  };
}
