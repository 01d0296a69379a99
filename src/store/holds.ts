// Holds and the approvals given to them, as rows. Every change of state is conditional on the hold being pending, so that a
// hold ends once even when two writers disagree. The whole text is kept; nothing is cut here.

import type { Parameter, TransactionState } from '../core/action.ts';
import type { Risk } from '../core/classification.ts';
import type { Approval, EscalationStep, SecondFactor, SecondFactorProof } from '../core/decision.ts';
import type { AnsweredVia } from '../core/answered-via.ts';
import type { HoldState } from '../core/hold.ts';
import type { HoldId } from '../core/ids.ts';
import type { ApproverSet } from '../core/quorum.ts';
import { beforeOf } from './cursor.ts';
import type { Db, Migration } from './database.ts';

/** One hold as it is stored and shown. Immutable: a change makes a new one. */
export interface HoldRecord {
  readonly id: HoldId;
  readonly state: HoldState;
  readonly actionId: string;
  readonly sessionId: string;
  readonly actionKind: string;
  readonly principal: string;
  readonly principalName: string;
  readonly target: string;
  readonly targetProtocol: string;
  readonly targetLabels: Readonly<Record<string, string>>;
  readonly clientAddress: string;
  readonly text: string;
  readonly parameters: readonly Parameter[] | null;
  readonly digest: string;
  readonly statementKinds: readonly string[];
  /** "drop public.orders", … */
  readonly effects: readonly string[];
  readonly risks: readonly Risk[];
  readonly transaction: TransactionState;
  readonly ruleId: string;
  readonly ruleTitle: string;
  readonly policyVersion: string;
  readonly approverGroups: readonly string[];
  /** An approver must also be in one group of each of these sets; empty in the common case. */
  readonly alsoInGroups: readonly (readonly string[])[];
  /** Each of them must be satisfied by people of its own; empty in the common case. */
  readonly approverSets: readonly ApproverSet[];
  readonly approvalsNeeded: number;
  readonly reasonRequired: boolean;
  /** What an approver has to prove with the approval; null: nothing more. */
  readonly secondFactor: SecondFactor | null;
  /** Who may answer as well when it goes on waiting: the steps still to come, by the time since it was placed. */
  readonly escalation: readonly EscalationStep[];
  readonly approvals: readonly Approval[];
  readonly createdAtMs: number;
  /** Wall clock, for people; what counts is the monotonic deadline of the process that holds. */
  readonly expiresAtMs: number;
  readonly settledAtMs: number | null;
  readonly settledBy: string | null;
  readonly settledReason: string | null;
  /** Through what that answer came; null: none, or not known. */
  readonly settledVia: AnsweredVia | null;
  /** Set for one that is answered without its client and run again afterwards: it outlives a restart. */
  readonly again: { readonly key: string; readonly approvedForMs: number } | null;
}

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

export const holdMigrations: readonly Migration[] = [
  {
    id: 'holds-1',
    sql: `
      CREATE TABLE holds (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'withdrawn')),
        principal TEXT NOT NULL, session_id TEXT NOT NULL, action_id TEXT NOT NULL, target TEXT NOT NULL, digest TEXT NOT NULL,
        text TEXT NOT NULL, parameters TEXT, asked TEXT NOT NULL, terms TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL,
        settled_at_ms INTEGER, settled_by TEXT, settled_reason TEXT
      );
      CREATE INDEX holds_state ON holds (state, number);
      CREATE INDEX holds_principal ON holds (principal, number);
      CREATE TABLE hold_approvals (
        hold_id TEXT NOT NULL REFERENCES holds (id), person TEXT NOT NULL, groups TEXT NOT NULL, reason TEXT, at_ms INTEGER NOT NULL,
        PRIMARY KEY (hold_id, person)
      );
    `,
  },
  { id: 'holds-second-factor-1', sql: 'ALTER TABLE hold_approvals ADD COLUMN second_factor TEXT' },
  // A new state, and what outlives a restart. SQLite can't change a CHECK, so the tables are made anew.
  {
    id: 'holds-2',
    sql: `
      CREATE TABLE hold_approvals_kept AS SELECT * FROM hold_approvals;
      DROP TABLE hold_approvals;
      CREATE TABLE holds_new (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'changes_requested', 'expired', 'withdrawn')),
        principal TEXT NOT NULL, session_id TEXT NOT NULL, action_id TEXT NOT NULL, target TEXT NOT NULL, digest TEXT NOT NULL,
        text TEXT NOT NULL, parameters TEXT, asked TEXT NOT NULL, terms TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL,
        settled_at_ms INTEGER, settled_by TEXT, settled_reason TEXT,
        again TEXT, elapsed_ms INTEGER NOT NULL DEFAULT 0, seen_at_ms INTEGER NOT NULL DEFAULT 0, used_at_ms INTEGER
      );
      INSERT INTO holds_new SELECT *, NULL, 0, 0, NULL FROM holds;
      DROP TABLE holds;
      ALTER TABLE holds_new RENAME TO holds;
      CREATE INDEX holds_state ON holds (state, number);
      CREATE INDEX holds_principal ON holds (principal, number);
      CREATE INDEX holds_lasting ON holds (number) WHERE again IS NOT NULL AND used_at_ms IS NULL AND state IN ('pending', 'approved');
      CREATE TABLE hold_approvals (
        hold_id TEXT NOT NULL REFERENCES holds (id), person TEXT NOT NULL, groups TEXT NOT NULL, reason TEXT, at_ms INTEGER NOT NULL,
        second_factor TEXT, on_behalf_of TEXT, PRIMARY KEY (hold_id, person)
      );
      INSERT INTO hold_approvals SELECT *, NULL FROM hold_approvals_kept;
      DROP TABLE hold_approvals_kept;
    `,
  },
  {
    id: 'holds-via-1',
    sql: 'ALTER TABLE holds ADD COLUMN settled_via TEXT; ALTER TABLE hold_approvals ADD COLUMN via TEXT',
  },
  {
    id: 'holds-spent-signatures-1',
    sql: `CREATE TABLE hold_spent_signatures (hold_id TEXT NOT NULL, person TEXT NOT NULL, PRIMARY KEY (hold_id, person))`,
  },
];

/** What is only shown, together in one column. */
type Asked = Pick<
  HoldRecord,
  | 'actionKind'
  | 'principalName'
  | 'targetProtocol'
  | 'targetLabels'
  | 'clientAddress'
  | 'statementKinds'
  | 'effects'
  | 'risks'
  | 'transaction'
>;
type Terms = Pick<
  HoldRecord,
  | 'ruleId'
  | 'ruleTitle'
  | 'policyVersion'
  | 'approverGroups'
  | 'alsoInGroups'
  | 'approverSets'
  | 'approvalsNeeded'
  | 'reasonRequired'
  | 'secondFactor'
  | 'escalation'
>;

interface Row {
  readonly number: number;
  readonly id: HoldId;
  readonly state: HoldState;
  readonly principal: string;
  readonly session_id: string;
  readonly action_id: string;
  readonly target: string;
  readonly digest: string;
  readonly text: string;
  readonly parameters: string | null;
  readonly asked: string;
  readonly terms: string;
  readonly created_at_ms: number;
  readonly expires_at_ms: number;
  readonly settled_at_ms: number | null;
  readonly settled_by: string | null;
  readonly settled_reason: string | null;
  readonly settled_via: AnsweredVia | null;
  readonly again: string | null;
  readonly elapsed_ms: number;
  readonly seen_at_ms: number;
}

interface ApprovalRow {
  readonly person: string;
  readonly groups: string;
  readonly reason: string | null;
  readonly at_ms: number;
  readonly second_factor: string | null;
  readonly on_behalf_of: string | null;
  readonly via: AnsweredVia | null;
}

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
  /** Those that outlive a restart: pending, or approved and not used yet. With the time that had passed when it was last seen. */
  lasting(): { readonly record: HoldRecord; readonly elapsedMs: number; readonly seenAtMs: number }[];
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
    `SELECT * FROM holds WHERE again IS NOT NULL AND used_at_ms IS NULL AND state IN ('pending', 'approved') ORDER BY number`,
  );
  const seen = db.prepare('UPDATE holds SET elapsed_ms = ?, seen_at_ms = ? WHERE id = ?');
  const use = db.prepare(`UPDATE holds SET used_at_ms = ? WHERE id = ? AND used_at_ms IS NULL AND state = 'approved'`);
  const takeBack = db.prepare(`DELETE FROM hold_approvals WHERE hold_id = @id AND person = @person
    AND EXISTS (SELECT 1 FROM holds WHERE id = @id AND state = 'pending')`);

  const recordOf = (row: Row): HoldRecord => toRecord(row, approvals.all(row.id) as ApprovalRow[]);

  return {
    atomically: (work) => db.transaction(work).immediate(),
    exists: (id) => exists.get(id) !== undefined,
    insert: (hold) => {
      insert.run({ ...hold, ...jsonColumns(hold), again: hold.again === null ? null : JSON.stringify(hold.again) });
    },
    addApproval: (id, { by, groups, reason, atMs, secondFactor, onBehalfOf = null, via = null }) => {
      const proof = secondFactor === undefined ? null : JSON.stringify(secondFactor);
      const row = { id, person: by, groups: JSON.stringify(groups), reason, atMs, secondFactor: proof, onBehalfOf, via };
      return approve.run(row).changes === 1;
    },
    change: (hold) => {
      if (changeTerms.run(jsonColumns(hold).terms, hold.id).changes !== 1) return false;
      const kept = new Set(hold.approvals.map((it) => it.by));
      for (const { person } of approvals.all(hold.id) as ApprovalRow[]) {
        if (kept.has(person)) continue;
        spend.run(hold.id, person);
        dropApproval.run(hold.id, person);
      }
      return true;
    },
    end: (id, values) => end.run({ id, ...values }).changes === 1,
    overrule: (id, values) => overrule.run({ id, ...values }).changes === 1,
    get: (id) => {
      const row = get.get(id) as Row | undefined;
      return row === undefined ? undefined : recordOf(row);
    },
    list: (query) => listHolds(db, query),
    lasting: () => (lasting.all() as Row[]).map((row) => ({ record: recordOf(row), elapsedMs: row.elapsed_ms, seenAtMs: row.seen_at_ms })),
    seen: (id, elapsedMs, atMs) => {
      seen.run(Math.round(elapsedMs), atMs, id);
    },
    use: (id, atMs) => use.run(atMs, id).changes === 1,
    takeBack: (id, person) => {
      spend.run(id, person);
      return takeBack.run({ id, person }).changes === 1;
    },
    hasSpentSignature: (id, person) => spent.get(id, person) !== undefined,
    pending: () => (pending.all() as Row[]).map(recordOf),
  };
}

function listHolds(db: Db, query: HoldQuery): HoldPage {
  const limit = Math.max(1, Math.min(query.limit ?? holdPageDefault, holdPageMax));
  const conditions = ['number < @before'];
  if (query.state !== undefined) conditions.push('state = @state');
  if (query.principal !== undefined) conditions.push('principal = @principal');
  const before = beforeOf(query.cursor);
  const sql = `SELECT * FROM holds WHERE ${conditions.join(' AND ')} ORDER BY number DESC`;
  const parameters = {
    before,
    ...(query.state === undefined ? {} : { state: query.state }),
    ...(query.principal === undefined ? {} : { principal: query.principal }),
  };
  const items: HoldRecord[] = [];
  let chars = 0;
  let last = 0;
  for (const row of db.prepare(sql).iterate(parameters) as IterableIterator<Row>) {
    if (items.length === limit || (items.length > 0 && chars + row.text.length > pageCharsMax))
      return { items: withApprovals(db, items), next: String(last) };
    items.push(toRecord(row, []));
    chars += row.text.length;
    last = row.number;
  }
  return { items: withApprovals(db, items), next: null };
}

function withApprovals(db: Db, holds: readonly HoldRecord[]): HoldRecord[] {
  const approvals = db.prepare(
    'SELECT person, groups, reason, at_ms, second_factor, on_behalf_of, via FROM hold_approvals WHERE hold_id = ? ORDER BY at_ms, rowid',
  );
  return holds.map((it) => ({ ...it, approvals: (approvals.all(it.id) as ApprovalRow[]).map(toApproval) }));
}

function jsonColumns(hold: HoldRecord): { parameters: string | null; asked: string; terms: string } {
  const { actionKind, principalName, targetProtocol, targetLabels, clientAddress, statementKinds, effects, risks, transaction } = hold;
  const {
    ruleId,
    ruleTitle,
    policyVersion,
    approverGroups,
    alsoInGroups,
    approverSets,
    approvalsNeeded,
    reasonRequired,
    secondFactor,
    escalation,
  } = hold;
  const asked: Asked = {
    actionKind,
    principalName,
    targetProtocol,
    targetLabels,
    clientAddress,
    statementKinds,
    effects,
    risks,
    transaction,
  };
  const terms: Terms = {
    ruleId,
    ruleTitle,
    policyVersion,
    approverGroups,
    alsoInGroups,
    approverSets,
    approvalsNeeded,
    reasonRequired,
    secondFactor,
    escalation,
  };
  return {
    parameters: hold.parameters === null ? null : JSON.stringify(hold.parameters),
    asked: JSON.stringify(asked),
    terms: JSON.stringify(terms),
  };
}

function toRecord(row: Row, approvals: readonly ApprovalRow[]): HoldRecord {
  return {
    id: row.id,
    state: row.state,
    actionId: row.action_id,
    sessionId: row.session_id,
    principal: row.principal,
    target: row.target,
    text: row.text,
    parameters: row.parameters === null ? null : (JSON.parse(row.parameters) as Parameter[]),
    digest: row.digest,
    ...(JSON.parse(row.asked) as Asked),
    // Rows of earlier versions do not have these.
    alsoInGroups: [],
    secondFactor: null,
    escalation: [],
    approverSets: [],
    ...(JSON.parse(row.terms) as Omit<Terms, 'alsoInGroups' | 'secondFactor' | 'escalation' | 'approverSets'> & Partial<Terms>),
    approvals: approvals.map(toApproval),
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    settledAtMs: row.settled_at_ms,
    settledBy: row.settled_by,
    settledReason: row.settled_reason,
    settledVia: row.settled_via,
    again: row.again === null ? null : (JSON.parse(row.again) as HoldRecord['again']),
  };
}

function toApproval(row: ApprovalRow): Approval {
  const approval = { by: row.person, groups: JSON.parse(row.groups) as string[], reason: row.reason, atMs: row.at_ms };
  return {
    ...approval,
    ...(row.second_factor === null ? {} : { secondFactor: JSON.parse(row.second_factor) as SecondFactorProof }),
    ...(row.on_behalf_of === null ? {} : { onBehalfOf: row.on_behalf_of }),
    ...(row.via === null ? {} : { via: row.via }),
  };
}
