// Grants as rows: access for a while that was given, how much of its time has passed, and how it ended. A grant ends once; a
// request makes at most one.

import type { GrantScope } from '../core/grant.ts';
import type { AccessRequestId, GrantId } from '../core/ids.ts';
import type { AccessQuery } from './access-requests.ts';
import { accessPageMax } from './access-requests.ts';
import { beforeOf } from './cursor.ts';
import type { Db, Migration } from './database.ts';

/** over: its time; revoked: by somebody; idle: nobody used it; policies: they no longer give it; clock: its time can't be measured. */
export type GrantEndKind = 'over' | 'revoked' | 'idle' | 'policies' | 'clock' | 'failed';

export interface GrantGiven {
  readonly requestId: AccessRequestId;
  readonly principalName: string;
  readonly targetProtocol: string;
  readonly targetLabels: Readonly<Record<string, string>>;
  readonly scope: GrantScope;
  readonly ruleId: string;
  readonly ruleTitle: string;
  readonly isBreakGlass: boolean;
  readonly reason: string;
  readonly approvedBy: readonly string[];
  /** Groups whose members may revoke it, besides operators and the person. */
  readonly approverGroups: readonly string[];
  readonly reviewers: readonly string[];
  readonly idleMs: number | null;
}

export interface GrantRecord extends GrantGiven {
  readonly id: GrantId;
  readonly state: 'active' | 'ended';
  readonly principal: string;
  readonly target: string;
  readonly startedAtMs: number;
  /** Wall clock at which it ends at the latest. */
  readonly endsAtMs: number;
  /** Its whole time, extensions included. */
  readonly durationMs: number;
  readonly elapsedMs: number;
  readonly seenAtMs: number;
  readonly firstUsedAtMs: number | null;
  readonly lastUsedAtMs: number | null;
  readonly sessions: number;
  readonly endedAtMs: number | null;
  readonly endKind: GrantEndKind | null;
  readonly endedBy: string | null;
  readonly endReason: string | null;
  /** Owed to break-glass grants. */
  readonly review: 'none' | 'open' | 'done';
  readonly reviewedBy: string | null;
  readonly reviewedAtMs: number | null;
  readonly reviewWords: string | null;
  readonly remindedAtMs: number | null;
}

export interface GrantEnd {
  readonly kind: GrantEndKind;
  readonly atMs: number;
  readonly by: string | null;
  readonly reason: string | null;
}

export interface GrantQuery extends AccessQuery {
  readonly review?: 'open' | 'done' | undefined;
}

const grantPageDefault = 50;

export const grantMigrations: readonly Migration[] = [
  {
    id: 'grants-1',
    sql: `
      CREATE TABLE grants (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, request_id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL CHECK (state IN ('active', 'ended')), principal TEXT NOT NULL, target TEXT NOT NULL, given TEXT NOT NULL,
        started_at_ms INTEGER NOT NULL, ends_at_ms INTEGER NOT NULL, duration_ms INTEGER NOT NULL,
        elapsed_ms INTEGER NOT NULL, seen_at_ms INTEGER NOT NULL,
        first_used_at_ms INTEGER, last_used_at_ms INTEGER, sessions INTEGER NOT NULL DEFAULT 0,
        ended_at_ms INTEGER, end_kind TEXT, ended_by TEXT, end_reason TEXT,
        review TEXT NOT NULL CHECK (review IN ('none', 'open', 'done')), reviewed_by TEXT, reviewed_at_ms INTEGER, review_words TEXT,
        reminded_at_ms INTEGER
      );
      CREATE INDEX grants_state ON grants (state, number);
      CREATE INDEX grants_principal ON grants (principal, number);
      CREATE INDEX grants_review ON grants (number) WHERE review = 'open';
    `,
  },
];

const columns = `number, id, state, principal, target, given, started_at_ms AS startedAtMs, ends_at_ms AS endsAtMs, duration_ms AS durationMs,
  elapsed_ms AS elapsedMs, seen_at_ms AS seenAtMs, first_used_at_ms AS firstUsedAtMs, last_used_at_ms AS lastUsedAtMs, sessions,
  ended_at_ms AS endedAtMs, end_kind AS endKind, ended_by AS endedBy, end_reason AS endReason, review, reviewed_by AS reviewedBy,
  reviewed_at_ms AS reviewedAtMs, review_words AS reviewWords, reminded_at_ms AS remindedAtMs`;

type Row = Omit<GrantRecord, keyof GrantGiven> & { readonly number: number; readonly given: string };

export class GrantStore {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  insert(grant: GrantRecord): void {
    const sql = `INSERT INTO grants (id, request_id, state, principal, target, given, started_at_ms, ends_at_ms, duration_ms, elapsed_ms,
      seen_at_ms, review) VALUES (@id, @requestId, 'active', @principal, @target, @given, @startedAtMs, @endsAtMs, @durationMs, 0, @seenAtMs, @review)`;
    this.#db.prepare(sql).run({ ...bare(grant), given: JSON.stringify(givenOf(grant)) });
  }

  /** False when it has ended already. */
  end(id: GrantId, { kind, atMs, by, reason }: GrantEnd): boolean {
    const sql = `UPDATE grants SET state = 'ended', ended_at_ms = ?, end_kind = ?, ended_by = ?, end_reason = ? WHERE id = ? AND state = 'active'`;
    return this.#db.prepare(sql).run(atMs, kind, by, reason, id).changes === 1;
  }

  /** False when it has ended already. */
  extend(id: GrantId, addedMs: number): boolean {
    const sql = `UPDATE grants SET ends_at_ms = ends_at_ms + ?, duration_ms = duration_ms + ? WHERE id = ? AND state = 'active'`;
    return this.#db.prepare(sql).run(addedMs, addedMs, id).changes === 1;
  }

  used(id: GrantId, atMs: number): void {
    const sql =
      'UPDATE grants SET first_used_at_ms = coalesce(first_used_at_ms, ?), last_used_at_ms = ?, sessions = sessions + 1 WHERE id = ?';
    this.#db.prepare(sql).run(atMs, atMs, id);
  }

  /** Notes how much of its time has passed. */
  seen(id: GrantId, elapsedMs: number, atMs: number): void {
    this.#db.prepare('UPDATE grants SET elapsed_ms = ?, seen_at_ms = ? WHERE id = ?').run(Math.round(elapsedMs), atMs, id);
  }

  /** False when there is no review to be done. */
  review(id: GrantId, by: string, words: string, atMs: number): boolean {
    const sql = `UPDATE grants SET review = 'done', reviewed_by = ?, review_words = ?, reviewed_at_ms = ?
      WHERE id = ? AND review = 'open' AND state = 'ended'`;
    return this.#db.prepare(sql).run(by, words, atMs, id).changes === 1;
  }

  reminded(id: GrantId, atMs: number): void {
    this.#db.prepare('UPDATE grants SET reminded_at_ms = ? WHERE id = ?').run(atMs, id);
  }

  get(id: string): GrantRecord | undefined {
    const row = this.#db.prepare(`SELECT ${columns} FROM grants WHERE id = ?`).get(id) as Row | undefined;
    return row === undefined ? undefined : toRecord(row);
  }

  active(): GrantRecord[] {
    return (this.#db.prepare(`SELECT ${columns} FROM grants WHERE state = 'active' ORDER BY number`).all() as Row[]).map(toRecord);
  }

  /** Ended, and nobody has looked at it yet. */
  toReview(): GrantRecord[] {
    const sql = `SELECT ${columns} FROM grants WHERE review = 'open' AND state = 'ended' ORDER BY number LIMIT ${accessPageMax}`;
    return (this.#db.prepare(sql).all() as Row[]).map(toRecord);
  }

  /** Newest first. */
  list(query: GrantQuery): { items: GrantRecord[]; next: string | null } {
    const limit = Math.max(1, Math.min(query.limit ?? grantPageDefault, accessPageMax));
    const sql = `SELECT ${columns} FROM grants WHERE number < @before AND (@state IS NULL OR state = @state)
      AND (@principal IS NULL OR principal = @principal) AND (@target IS NULL OR target = @target)
      AND (@review IS NULL OR review = @review) ORDER BY number DESC LIMIT @limit`;
    const { state = null, principal = null, target = null, review = null } = query;
    const rows = this.#db.prepare(sql).all({ before: beforeOf(query.cursor), state, principal, target, review, limit: limit + 1 }) as Row[];
    const items = rows.slice(0, limit);
    return { items: items.map(toRecord), next: rows.length > limit ? String(items.at(-1)?.number) : null };
  }
}

function toRecord({ number: _, given, ...row }: Row): GrantRecord {
  return { ...row, ...(JSON.parse(given) as GrantGiven) };
}

function bare({ id, requestId, principal, target, startedAtMs, endsAtMs, durationMs, seenAtMs, review }: GrantRecord) {
  return { id, requestId, principal, target, startedAtMs, endsAtMs, durationMs, seenAtMs, review };
}

function givenOf(grant: GrantRecord): GrantGiven {
  const { requestId, principalName, targetProtocol, targetLabels, scope, ruleId, ruleTitle, isBreakGlass, reason } = grant;
  const { approvedBy, approverGroups, reviewers, idleMs } = grant;
  return {
    ...{ requestId, principalName, targetProtocol, targetLabels, scope, ruleId, ruleTitle, isBreakGlass, reason },
    ...{ approvedBy, approverGroups, reviewers, idleMs },
  };
}
