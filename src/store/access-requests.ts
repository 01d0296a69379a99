// Requests for access and the approvals given to them, as rows. Every change is conditional on the request being pending, so
// that it is answered once even when two writers disagree; the steps beside them are the timeline that people see.

import type { AnsweredVia } from '../core/answered-via.ts';
import type { Approval, SecondFactor } from '../core/decision.ts';
import type { GrantScope } from '../core/grant.ts';
import type { ApproverSet } from '../core/quorum.ts';
import type { AccessRequestId, GrantId } from '../core/ids.ts';
import { beforeOf } from './cursor.ts';
import type { Db, Migration } from './database.ts';

export type AccessRequestState = 'pending' | 'granted' | 'denied' | 'expired' | 'withdrawn';

/** What was asked and by which rule; never changes but for the terms of the rule. */
export interface AccessAsked {
  readonly principalName: string;
  readonly targetProtocol: string;
  readonly targetLabels: Readonly<Record<string, string>>;
  readonly scope: GrantScope;
  /** The time asked for; of an extension, what it adds. */
  readonly durationMs: number;
  readonly isBreakGlass: boolean;
  readonly reason: string;
  /** The grant that it lengthens; null: it asks for a new one. */
  readonly extendsGrant: GrantId | null;
  readonly ruleId: string;
  readonly ruleTitle: string;
  readonly policyVersion: string;
  readonly approvers: readonly ApproverSet[];
  readonly reviewers: readonly string[];
  readonly reasonRequired: boolean;
  /** What each approver has to prove; missing: being signed in is enough. */
  readonly secondFactor?: SecondFactor;
  readonly idleMs: number | null;
  /** How long it may wait. */
  readonly waitMs: number;
}

export interface AccessRequestRecord extends AccessAsked {
  readonly id: AccessRequestId;
  readonly state: AccessRequestState;
  readonly principal: string;
  readonly target: string;
  readonly approvals: readonly Approval[];
  readonly createdAtMs: number;
  /** Time that has passed while a gateway ran or was known to be stopped, as of `seenAtMs` on the wall clock. */
  readonly elapsedMs: number;
  readonly seenAtMs: number;
  readonly settledAtMs: number | null;
  readonly settledBy: string | null;
  readonly settledReason: string | null;
  /** What came of it, or what it lengthened. */
  readonly grantId: GrantId | null;
}

export interface AccessRequestEnd {
  readonly state: Exclude<AccessRequestState, 'pending'>;
  readonly atMs: number;
  readonly by: string | null;
  readonly reason: string | null;
  readonly grantId: GrantId | null;
}

export interface AccessQuery {
  readonly state?: string | undefined;
  readonly principal?: string | undefined;
  readonly target?: string | undefined;
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
}

/** One line of the timeline of a request and of the grant that came of it. */
export interface AccessStep {
  readonly atMs: number;
  /** Name of the audit event that says the same. */
  readonly what: string;
  readonly by: string | null;
  readonly words: string | null;
  /** Through what an answer came; missing: it was none, or it is not known. */
  readonly via?: AnsweredVia;
}

export const accessPageMax = 200;
const accessPageDefault = 50;
/** Steps shown of one request; uses beyond it are counted in the log only. */
export const stepsShownMax = 500;

export const accessRequestMigrations: readonly Migration[] = [
  {
    id: 'access-requests-1',
    sql: `
      CREATE TABLE access_requests (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL CHECK (state IN ('pending', 'granted', 'denied', 'expired', 'withdrawn')),
        principal TEXT NOT NULL, target TEXT NOT NULL, asked TEXT NOT NULL, created_at_ms INTEGER NOT NULL,
        elapsed_ms INTEGER NOT NULL, seen_at_ms INTEGER NOT NULL,
        settled_at_ms INTEGER, settled_by TEXT, settled_reason TEXT, grant_id TEXT
      );
      CREATE INDEX access_requests_state ON access_requests (state, number);
      CREATE INDEX access_requests_principal ON access_requests (principal, number);
      CREATE TABLE access_approvals (
        request_id TEXT NOT NULL REFERENCES access_requests (id), person TEXT NOT NULL, groups TEXT NOT NULL, reason TEXT,
        at_ms INTEGER NOT NULL, PRIMARY KEY (request_id, person)
      );
      CREATE TABLE access_steps (
        number INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL, at_ms INTEGER NOT NULL, what TEXT NOT NULL, by TEXT, words TEXT
      );
      CREATE INDEX access_steps_request ON access_steps (request_id, number);
    `,
  },
  { id: 'access-requests-via-1', sql: 'ALTER TABLE access_steps ADD COLUMN via TEXT' },
];

interface Row {
  readonly number: number;
  readonly id: AccessRequestId;
  readonly state: AccessRequestState;
  readonly principal: string;
  readonly target: string;
  readonly asked: string;
  readonly created_at_ms: number;
  readonly elapsed_ms: number;
  readonly seen_at_ms: number;
  readonly settled_at_ms: number | null;
  readonly settled_by: string | null;
  readonly settled_reason: string | null;
  readonly grant_id: GrantId | null;
}

interface ApprovalRow {
  readonly person: string;
  readonly groups: string;
  readonly reason: string | null;
  readonly at_ms: number;
}

export class AccessRequestStore {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  insert(request: AccessRequestRecord): void {
    const { id, state, principal, target, createdAtMs, elapsedMs, seenAtMs } = request;
    this.#db
      .prepare(
        'INSERT INTO access_requests (id, state, principal, target, asked, created_at_ms, elapsed_ms, seen_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      )
      .run(id, state, principal, target, JSON.stringify(askedOf(request)), createdAtMs, elapsedMs, seenAtMs);
  }

  /** False when the person has approved it before, or it is not pending. */
  addApproval(id: AccessRequestId, { by, groups, reason, atMs }: Approval): boolean {
    const sql = `INSERT OR IGNORE INTO access_approvals
      SELECT id, ?, ?, ?, ? FROM access_requests WHERE id = ? AND state = 'pending'`;
    return this.#db.prepare(sql).run(by, JSON.stringify(groups), reason, atMs, id).changes === 1;
  }

  /** Takes back the approvals of people who may not give them any more, and writes the rule's present terms; false when not pending. */
  change(id: AccessRequestId, asked: AccessAsked, approvers: readonly string[]): boolean {
    const update = this.#db.prepare(`UPDATE access_requests SET asked = ? WHERE id = ? AND state = 'pending'`);
    if (update.run(JSON.stringify(askedOf(asked)), id).changes !== 1) return false;
    this.#db
      .prepare('DELETE FROM access_approvals WHERE request_id = ? AND person NOT IN (SELECT value FROM json_each(?))')
      .run(id, JSON.stringify(approvers));
    return true;
  }

  /** False when it has ended already. */
  end(id: AccessRequestId, { state, atMs, by, reason, grantId }: AccessRequestEnd): boolean {
    const sql = `UPDATE access_requests SET state = ?, settled_at_ms = ?, settled_by = ?, settled_reason = ?, grant_id = ?
      WHERE id = ? AND state = 'pending'`;
    return this.#db.prepare(sql).run(state, atMs, by, reason, grantId, id).changes === 1;
  }

  /** Notes how much of its time has passed. */
  seen(id: AccessRequestId, elapsedMs: number, atMs: number): void {
    this.#db.prepare('UPDATE access_requests SET elapsed_ms = ?, seen_at_ms = ? WHERE id = ?').run(Math.round(elapsedMs), atMs, id);
  }

  addStep(id: AccessRequestId, { atMs, what, by, words, via = undefined }: AccessStep): void {
    const sql = 'INSERT INTO access_steps (request_id, at_ms, what, by, words, via) VALUES (?, ?, ?, ?, ?, ?)';
    this.#db.prepare(sql).run(id, atMs, what, by, words, via ?? null);
  }

  /** The steps of these requests in order. */
  steps(ids: readonly AccessRequestId[]): AccessStep[] {
    const sql = `SELECT at_ms AS atMs, what, by, words, via FROM access_steps
      WHERE request_id IN (SELECT value FROM json_each(?)) ORDER BY number LIMIT ${stepsShownMax}`;
    const rows = this.#db.prepare(sql).all(JSON.stringify(ids)) as (Omit<AccessStep, 'via'> & { readonly via: AnsweredVia | null })[];
    return rows.map(({ via, ...step }) => (via === null ? step : { ...step, via }));
  }

  get(id: string): AccessRequestRecord | undefined {
    const row = this.#db.prepare('SELECT * FROM access_requests WHERE id = ?').get(id) as Row | undefined;
    return row === undefined ? undefined : this.#record(row);
  }

  pending(): AccessRequestRecord[] {
    const rows = this.#db.prepare(`SELECT * FROM access_requests WHERE state = 'pending' ORDER BY number`).all() as Row[];
    return rows.map((row) => this.#record(row));
  }

  /** The requests that made and lengthened a grant, oldest first. */
  ofGrant(id: GrantId): AccessRequestRecord[] {
    const sql = `SELECT * FROM access_requests WHERE grant_id = ? OR json_extract(asked, '$.extendsGrant') = ? ORDER BY number`;
    return (this.#db.prepare(sql).all(id, id) as Row[]).map((row) => this.#record(row));
  }

  /** Newest first. */
  list(query: AccessQuery): { items: AccessRequestRecord[]; next: string | null } {
    const limit = Math.max(1, Math.min(query.limit ?? accessPageDefault, accessPageMax));
    const sql = `SELECT * FROM access_requests WHERE number < @before AND (@state IS NULL OR state = @state)
      AND (@principal IS NULL OR principal = @principal) AND (@target IS NULL OR target = @target) ORDER BY number DESC LIMIT @limit`;
    const { state = null, principal = null, target = null } = query;
    const rows = this.#db.prepare(sql).all({ before: beforeOf(query.cursor), state, principal, target, limit: limit + 1 }) as Row[];
    const items = rows.slice(0, limit);
    return { items: items.map((row) => this.#record(row)), next: rows.length > limit ? String(items.at(-1)?.number) : null };
  }

  #record(row: Row): AccessRequestRecord {
    const approvals = this.#db
      .prepare('SELECT person, groups, reason, at_ms FROM access_approvals WHERE request_id = ? ORDER BY at_ms, rowid')
      .all(row.id) as ApprovalRow[];
    return {
      ...(JSON.parse(row.asked) as AccessAsked),
      id: row.id,
      state: row.state,
      principal: row.principal,
      target: row.target,
      approvals: approvals.map((it) => ({ by: it.person, groups: JSON.parse(it.groups) as string[], reason: it.reason, atMs: it.at_ms })),
      createdAtMs: row.created_at_ms,
      elapsedMs: row.elapsed_ms,
      seenAtMs: row.seen_at_ms,
      settledAtMs: row.settled_at_ms,
      settledBy: row.settled_by,
      settledReason: row.settled_reason,
      grantId: row.grant_id,
    };
  }
}

function askedOf(request: AccessAsked): AccessAsked {
  const { principalName, targetProtocol, targetLabels, scope, durationMs, isBreakGlass, reason, extendsGrant } = request;
  const { ruleId, ruleTitle, policyVersion, approvers, reviewers, reasonRequired, idleMs, waitMs, secondFactor } = request;
  return {
    ...{ principalName, targetProtocol, targetLabels, scope, durationMs, isBreakGlass, reason, extendsGrant },
    ...{ ruleId, ruleTitle, policyVersion, approvers, reviewers, reasonRequired, idleMs, waitMs },
    ...(secondFactor === undefined ? {} : { secondFactor }),
  };
}
