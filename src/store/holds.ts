// Holds and the approvals given to them, as rows. Every change of state is conditional on the hold being pending, so that a
// hold ends once even when two writers disagree.

import type { AnsweredVia } from '../core/answered-via.ts';
import type { Approval } from '../core/decision.ts';
import type { HoldState } from '../core/hold.ts';
import type { HoldId } from '../core/ids.ts';
import { beforeOf } from './cursor.ts';
import type { Db } from './database.ts';
import { foundHolds } from './hold-search.ts';
import { jsonColumns, recordOf } from './hold-rows.ts';
import type { ApprovalRow, HoldRecord, HoldRow } from './hold-rows.ts';

export interface HoldEnd {
  readonly state: Exclude<HoldState, 'pending'>;
  readonly atMs: number;
  readonly by: string | null;
  readonly reason: string | null;
  /** Through what the answer came; null: it was none. */
  readonly via: AnsweredVia | null;
}

export interface HoldQuery {
  readonly state?: HoldState | undefined;
  /** Only holds of this requester. */
  readonly principal?: string | undefined;
  /** Only holds in which this stands. */
  readonly text?: string | undefined;
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
}

export interface HoldPage {
  readonly items: readonly HoldRecord[];
  readonly next: string | null;
}

export const holdPageMax = 200;
const holdPageDefault = 50;
/** A page ends early when its texts are this large together; at least one hold is on it. */
const pageCharsMax = 4 * 1024 * 1024;

export interface HoldStore {
  /** Runs `work` in one transaction: all of it, or nothing when it throws. */
  atomically<T>(work: () => T): T;
  exists(id: string): boolean;
  insert(hold: HoldRecord): void;
  /** False when the person has approved it before, or it is not pending. */
  addApproval(id: HoldId, approval: Approval): boolean;
  /** Whether this person's passkey has signed an approval of it that does not count any more. */
  hasSpentSignature(id: HoldId, person: string): boolean;
  /** Writes terms and approvals anew; false when it is not pending. */
  change(hold: HoldRecord): boolean;
  /** Ends a pending hold; false when it has ended already. */
  end(id: HoldId, end: HoldEnd): boolean;
  /** Ends a hold that is pending, or approved but could not be released; false when it ended otherwise. */
  overrule(id: HoldId, end: HoldEnd): boolean;
  get(id: string): HoldRecord | undefined;
  list(query: HoldQuery): HoldPage;
  pending(): HoldRecord[];
  /** Those that outlive a restart: pending, or approved, not used yet and not over. With the time that had passed when it was last seen. */
  lasting(nowMs: number): { readonly record: HoldRecord; readonly elapsedMs: number; readonly seenAtMs: number }[];
  /** Notes what has passed of the wait, or since the approval. */
  seen(id: HoldId, elapsedMs: number, atMs: number): void;
  /** False when it was used before. */
  use(id: HoldId, atMs: number): boolean;
  /** False when the person has not approved it, or it is not pending. */
  takeBack(id: HoldId, person: string): boolean;
}

export function createHoldStore(db: Db): HoldStore {
  const exists = db.prepare('SELECT 1 FROM holds WHERE id = ?').pluck();
  const insert = db.prepare(`INSERT INTO holds VALUES (NULL, @id, @state, @principal, @sessionId, @actionId, @target, @digest, @text,
    @parameters, @asked, @terms, @createdAtMs, @expiresAtMs, NULL, NULL, NULL, @again, 0, @createdAtMs, NULL, NULL)`);
  const approve = db.prepare(`INSERT OR IGNORE INTO hold_approvals
    SELECT id, @person, @groups, @reason, @atMs, @secondFactor, @onBehalfOf, @via FROM holds WHERE id = @id AND state = 'pending'`);
  const end = db.prepare(`UPDATE holds SET state = @state, settled_at_ms = @atMs, settled_by = @by, settled_reason = @reason,
    settled_via = @via, elapsed_ms = 0, seen_at_ms = @atMs WHERE id = @id AND state = 'pending'`);
  const overrule = db.prepare(`UPDATE holds SET state = @state, settled_at_ms = @atMs, settled_by = @by, settled_reason = @reason,
    settled_via = @via WHERE id = @id AND state IN ('pending', 'approved')`);
  const changeTerms = db.prepare(`UPDATE holds SET terms = ? WHERE id = ? AND state = 'pending'`);
  const dropApproval = db.prepare('DELETE FROM hold_approvals WHERE hold_id = ? AND person = ?');
  const spend = db.prepare(`INSERT OR IGNORE INTO hold_spent_signatures
    SELECT hold_id, person FROM hold_approvals WHERE hold_id = ? AND person = ? AND json_extract(second_factor, '$.kind') = 'passkey'`);
  const spent = db.prepare('SELECT 1 FROM hold_spent_signatures WHERE hold_id = ? AND person = ?').pluck();
  const get = db.prepare('SELECT * FROM holds WHERE id = ?');
  const approvals = db.prepare(
    'SELECT person, groups, reason, at_ms, second_factor, on_behalf_of, via FROM hold_approvals WHERE hold_id = ? ORDER BY at_ms, rowid',
  );
  const pending = db.prepare(`SELECT * FROM holds WHERE state = 'pending' ORDER BY number`);

  const lasting = db.prepare(
    `SELECT * FROM holds WHERE again IS NOT NULL AND used_at_ms IS NULL AND state IN ('pending', 'approved')
       AND (state = 'pending' OR coalesce(settled_at_ms, created_at_ms) + json_extract(again, '$.approvedForMs') > ?) ORDER BY number`,
  );
  const seen = db.prepare('UPDATE holds SET elapsed_ms = ?, seen_at_ms = ? WHERE id = ?');
  const use = db.prepare(`UPDATE holds SET used_at_ms = ? WHERE id = ? AND used_at_ms IS NULL AND state = 'approved'`);
  const takeBack = db.prepare(`DELETE FROM hold_approvals WHERE hold_id = @id AND person = @person
    AND EXISTS (SELECT 1 FROM holds WHERE id = @id AND state = 'pending')`);

  const approvalsOf = (id: string) => approvals.all(id) as ApprovalRow[];
  const read = (row: HoldRow): HoldRecord => recordOf(row, approvalsOf(row.id));

  return {
    atomically: (work) => db.transaction(work).immediate(),
    exists: (id) => exists.get(id) !== undefined,
    insert: (hold) => {
      insert.run({ ...hold, ...jsonColumns(hold) });
    },
    addApproval: (id, { by, groups, reason, atMs, secondFactor, onBehalfOf = null, via = null }) => {
      const proof = secondFactor === undefined ? null : JSON.stringify(secondFactor);
      const row = { id, person: by, groups: JSON.stringify(groups), reason, atMs, secondFactor: proof, onBehalfOf, via };
      return approve.run(row).changes === 1;
    },
    change: (hold) => {
      if (changeTerms.run(jsonColumns(hold).terms, hold.id).changes !== 1) return false;
      const kept = new Set(hold.approvals.map((it) => it.by));
      for (const { person } of approvalsOf(hold.id)) {
        if (kept.has(person)) continue;
        spend.run(hold.id, person);
        dropApproval.run(hold.id, person);
      }
      return true;
    },
    end: (id, values) => end.run({ id, ...values }).changes === 1,
    overrule: (id, values) => overrule.run({ id, ...values }).changes === 1,
    get: (id) => {
      const row = get.get(id) as HoldRow | undefined;
      return row === undefined ? undefined : read(row);
    },
    list: (query) => {
      const { rows, next } =
        query.text === undefined ? pageOf(db, query) : foundHolds(db, { ...query, text: query.text }, rowsMaxOf(query));
      return { items: rows.map(read), next };
    },
    lasting: (nowMs) =>
      (lasting.all(nowMs) as HoldRow[]).map((row) => ({ record: read(row), elapsedMs: row.elapsed_ms, seenAtMs: row.seen_at_ms })),
    seen: (id, elapsedMs, atMs) => {
      seen.run(Math.round(elapsedMs), atMs, id);
    },
    use: (id, atMs) => use.run(atMs, id).changes === 1,
    takeBack: (id, person) => {
      spend.run(id, person);
      return takeBack.run({ id, person }).changes === 1;
    },
    hasSpentSignature: (id, person) => spent.get(id, person) !== undefined,
    pending: () => (pending.all() as HoldRow[]).map(read),
  };
}

/** The rows of a page, newest first. */
function pageOf(db: Db, { state, principal, cursor, limit }: HoldQuery): { rows: readonly HoldRow[]; next: string | null } {
  const conditions = ['number < @before'];
  if (state !== undefined) conditions.push('state = @state');
  if (principal !== undefined) conditions.push('principal = @principal');
  const asked = db.prepare(`SELECT * FROM holds WHERE ${conditions.join(' AND ')} ORDER BY number DESC`);
  const rowsMax = rowsMaxOf({ limit });
  const rows: HoldRow[] = [];
  let chars = 0;
  let last = 0;
  for (const row of asked.iterate({ before: beforeOf(cursor), state, principal }) as IterableIterator<HoldRow>) {
    if (rows.length === rowsMax || (rows.length > 0 && chars + row.text.length > pageCharsMax)) return { rows, next: String(last) };
    rows.push(row);
    chars += row.text.length;
    last = row.number;
  }
  return { rows, next: null };
}

function rowsMaxOf({ limit }: HoldQuery): number {
  return Math.max(1, Math.min(limit ?? holdPageDefault, holdPageMax));
}
