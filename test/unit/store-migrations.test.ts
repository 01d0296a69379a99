// Databases of older versions, filled, brought up to date: no row is lost or changed, what was written then is read as it was
// meant, and holds, requests and grants of then can be answered and used now.

import { join } from 'node:path';
import t from 'tap';
import { createAccessDesk } from '../../src/approvals/access-requests.ts';
import { createHolds } from '../../src/approvals/holds.ts';
import { channelMigrations } from '../../src/composition/channels.ts';
import { identityMigrations } from '../../src/identity/tables.ts';
import { accessRequestMigrations, AccessRequestStore } from '../../src/store/access-requests.ts';
import { agentMigrations } from '../../src/store/agents.ts';
import { openDatabase, type Db, type Migration } from '../../src/store/database.ts';
import { delegationMigrations } from '../../src/store/delegations.ts';
import { grantMigrations, GrantStore } from '../../src/store/grants.ts';
import { holdMigrations } from '../../src/store/hold-tables.ts';
import { createHoldStore } from '../../src/store/holds.ts';
import { policyVersionMigrations } from '../../src/store/policy-versions.ts';
import { sessionHistoryMigrations } from '../../src/store/session-history.ts';
import { sessionMigrations } from '../../src/store/sessions.ts';
import { shapeMigrations } from '../../src/store/shapes.ts';
import { targetCredentialMigrations } from '../../src/store/target-credentials.ts';
import { policies, policy } from './access-fixtures/desk.ts';
import { MemoryAudit, person, SeededRandom, TestClock } from './approvals-fixtures/desk.ts';

/** As the gateway opens them. */
const lists: readonly (readonly Migration[])[] = [
  identityMigrations,
  holdMigrations,
  delegationMigrations,
  accessRequestMigrations,
  grantMigrations,
  shapeMigrations,
  sessionMigrations,
  sessionHistoryMigrations,
  channelMigrations,
  policyVersionMigrations,
  agentMigrations,
  targetCredentialMigrations,
];
const all = lists.flat();
const entityOf = (id: string) => id.replace(/(-second-factor|-via)?-\d+$/, '');

/** The versions there were: of one entity what it had then, of the others all; and the first of everything. */
function versions(): Map<string, readonly Migration[]> {
  const found = new Map<string, readonly Migration[]>();
  const entities = [...new Set(all.map(({ id }) => entityOf(id)))];
  const firsts = entities.flatMap((entity) => all.filter(({ id }) => entityOf(id) === entity).slice(0, 1));
  found.set(
    'the first of everything',
    all.filter((it) => firsts.includes(it)),
  );
  for (const entity of entities) {
    const own = all.filter(({ id }) => entityOf(id) === entity);
    for (let count = 1; count < own.length; count += 1)
      found.set(
        `up to ${own[count - 1]?.id}`,
        all.filter((it) => entityOf(it.id) !== entity || own.indexOf(it) < count),
      );
  }
  return found;
}

interface Column {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly pk: number;
}

const tablesOf = (db: Db) =>
  db
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'migrations'")
    .pluck()
    .all() as string[];

/** Words that a CHECK of the column takes: the first of its list. */
function allowedBy(db: Db, table: string, column: string): string | null {
  const sql = String(db.prepare('SELECT sql FROM sqlite_master WHERE name = ?').pluck().get(table));
  return new RegExp(`\\b${column} IN \\('([^']+)'`).exec(sql)?.[1] ?? null;
}

/** Two rows in every table that the test does not fill itself, references first. */
function fill(db: Db, except: ReadonlySet<string>): void {
  db.pragma('foreign_keys = OFF');
  for (const table of tablesOf(db)) {
    if (except.has(table)) continue;
    const columns = db.prepare(`PRAGMA table_info(${table})`).all() as Column[];
    const references = db.prepare(`PRAGMA foreign_key_list(${table})`).all() as { from: string }[];
    for (const row of [1, 2]) {
      const values = columns.map(({ name, type }) => {
        if (references.some(({ from }) => from === name)) return 'h-AAAAAA';
        const word = allowedBy(db, table, name);
        if (word !== null) return word;
        if (type.includes('INT')) return row;
        return type.includes('BLOB') ? Buffer.from(`${name} ${row}`) : `{"${name}":${row}}`;
      });
      db.prepare(`INSERT OR IGNORE INTO ${table} (${columns.map(({ name }) => name).join()}) VALUES (${values.map(() => '?').join()})`).run(
        values,
      );
    }
  }
  db.pragma('foreign_keys = ON');
}

const rowsOf = (db: Db, table: string) => db.prepare(`SELECT * FROM ${table} ORDER BY 1, 2`).all() as Record<string, unknown>[];

/** A hold and a request as they were first written. */
const asked = JSON.stringify({
  ...{ actionKind: 'statement', principalName: 'ALICE', targetProtocol: 'postgres', targetLabels: {}, clientAddress: '10.0.0.7' },
  ...{ statementKinds: ['drop table'], effects: ['drop public.orders'], risks: [], transaction: 'none' },
});
const terms = JSON.stringify({
  ...{
    ruleId: 'p/r',
    ruleTitle: 'Dropping waits',
    policyVersion: 'v1',
    approverGroups: ['dba'],
    approvalsNeeded: 2,
    reasonRequired: false,
  },
});
const requestAsked = JSON.stringify({
  ...{ principalName: 'alice', targetProtocol: 'postgres', targetLabels: {}, scope: { role: null, readOnly: false, tables: null } },
  ...{ durationMs: 3_600_000, isBreakGlass: false, reason: 'ticket 7', extendsGrant: null },
  ...{ ruleId: 'p/work-on', ruleTitle: 'Work on', policyVersion: 'v1', approvers: [{ groups: ['dba'], count: 1 }], reviewers: [] },
  ...{ reasonRequired: false, idleMs: null, waitMs: 3_600_000 },
});
const grantGiven = JSON.stringify({
  ...{ requestId: 'r-BBBBBB', principalName: 'alice', targetProtocol: 'postgres', targetLabels: {} },
  ...{ scope: { role: null, readOnly: false, tables: null }, ruleId: 'p/work-on', ruleTitle: 'Work on', isBreakGlass: false },
  ...{ reason: 'ticket 7', approvedBy: ['bob'], approverGroups: ['dba'], reviewers: [], idleMs: null },
});

function fillApprovals(db: Db, nowMs: number): void {
  for (const [id, state] of [
    ['h-AAAAAA', 'pending'],
    ['h-BBBBBB', 'denied'],
  ]) {
    db.prepare(
      `INSERT INTO holds (id, state, principal, session_id, action_id, target, digest, text, parameters, asked, terms, created_at_ms, expires_at_ms)
       VALUES (?, ?, 'alice', 's-1', 'a-1', 'orders', 'd', 'DROP TABLE orders', '[{"type":"int4","text":"7"}]', ?, ?, ?, ?)`,
    ).run(id, state, asked, terms, nowMs - 1000, nowMs + 900_000);
    db.prepare(`INSERT INTO hold_approvals (hold_id, person, groups, reason, at_ms) VALUES (?, 'bob', '["dba"]', 'yes', ?)`).run(id, nowMs);
  }
  const request = db.prepare(
    `INSERT INTO access_requests (id, state, principal, target, asked, created_at_ms, elapsed_ms, seen_at_ms, grant_id)
     VALUES (?, ?, 'alice', 'orders', ?, ?, 1000, ?, ?)`,
  );
  request.run('r-AAAAAA', 'pending', requestAsked, nowMs - 1000, nowMs, null);
  request.run('r-BBBBBB', 'granted', requestAsked, nowMs - 1000, nowMs, 'g-AAAAAA');
  db.prepare(
    `INSERT INTO access_approvals (request_id, person, groups, reason, at_ms) VALUES ('r-BBBBBB', 'bob', '["dba"]', 'yes', ?)`,
  ).run(nowMs);
  db.prepare(`INSERT INTO access_steps (request_id, at_ms, what, by, words) VALUES ('r-BBBBBB', ?, 'access.requested', 'alice', 'x')`).run(
    nowMs,
  );
  db.prepare(
    `INSERT INTO grants (id, request_id, state, principal, target, given, started_at_ms, ends_at_ms, duration_ms, elapsed_ms, seen_at_ms, review)
     VALUES ('g-AAAAAA', 'r-BBBBBB', 'active', 'alice', 'orders', ?, ?, ?, 3600000, 1000, ?, 'none')`,
  ).run(grantGiven, nowMs - 1000, nowMs + 3_599_000, nowMs);
}

const filledHere = new Set(['holds', 'hold_approvals', 'access_requests', 'access_approvals', 'access_steps', 'grants']);

for (const [name, then] of versions()) {
  t.test(name, async (t) => {
    const path = `${t.testdir({})}/old.db`;
    const clock = new TestClock();
    const old = openDatabase(path, then);
    fillApprovals(old, clock.nowMs());
    fill(old, filledHere);
    const tables = tablesOf(old);
    const before = new Map(tables.map((table) => [table, rowsOf(old, table)]));
    old.close();

    const db = openDatabase(path, all);
    t.teardown(() => db.close());
    t.strictSame(db.pragma('integrity_check'), [{ integrity_check: 'ok' }]);
    t.strictSame(db.prepare('SELECT count(*) FROM migrations').pluck().get(), all.length);
    for (const [table, rows] of before) {
      t.ok(rows.length > 0, `${table} was filled`);
      // Columns that came since are extra; those of then have what they had.
      t.match(
        rowsOf(db, table).map((row) => ({ ...row })),
        rows.map((row) => ({ ...row })),
        table,
      );
    }
    openDatabase(path, all).close(); // again: nothing is left to do

    t.match(createHoldStore(db).get('h-AAAAAA'), {
      ...{ state: 'pending', text: 'DROP TABLE orders', approverGroups: ['dba'], alsoInGroups: [], approvalsNeeded: 2, again: null },
      ...{ secondFactor: null, escalation: [], approvals: [{ by: 'bob', groups: ['dba'], reason: 'yes' }] },
    });
    t.match(new AccessRequestStore(db).get('r-AAAAAA'), { state: 'pending', reason: 'ticket 7', approvals: [] });
    t.match(new AccessRequestStore(db).get('r-BBBBBB'), { state: 'granted', approvals: [{ by: 'bob', groups: ['dba'] }] });
    t.match(new GrantStore(db).get('g-AAAAAA'), { state: 'active', approvedBy: ['bob'] });

    const audit = new MemoryAudit();
    const random = new SeededRandom(1);
    const holds = createHolds({ db, clock, audit, random, consoleUrl: null });
    t.equal(await holds.recover(), 1, 'the client of the hold is gone');
    t.match(holds.get('h-AAAAAA'), { state: 'withdrawn' });

    const people = new Map([person('alice', ['engineers']), person('bob', ['dba'])].map((it) => [it.name as string, it]));
    const set = policies(policy);
    const access = createAccessDesk({
      ...{ db, clock, random, audit, log: { error: (fields) => t.fail(JSON.stringify(fields)), warn: () => undefined } },
      policies: () => set,
      person: (who) => people.get(who) ?? null,
      targetNamed: (target) => ({ name: target as never, protocol: 'postgres', labels: {} }),
      isSessionOpen: () => false,
    });
    t.teardown(() => access.close());
    await access.recover();
    t.equal(access.inForce('alice', 'orders').length, 1, 'what was given then holds now');
    t.match(await access.answer('r-AAAAAA', person('bob', ['dba']), 'approve', null), { kind: 'granted' }, 'what waited then is given now');
    clock.pass(3_600_000);
    access.tick();
    t.equal(access.inForce('alice', 'orders').length, 0);
  });
}

t.test('a file that is no database is refused with its name and what to do', async (t) => {
  const path = join(t.testdir({ 'broken.db': 'no database' }), 'broken.db');
  t.throws(() => openDatabase(path, all), { code: 'store-failed', message: `the database ${path} can't be opened`, hint: /Backups/ });
});

t.test('a database of a newer version is refused, and left as it is', (t) => {
  const path = join(t.testdir(), 'newer.db');
  openDatabase(path, [...all, { id: 'hold-999', sql: 'CREATE TABLE later (id TEXT)' }]).close();
  t.throws(() => openDatabase(path, all), { code: 'store-failed', message: /newer version of the gateway \(hold-999\)/, hint: /Backups/ });
  const db = openDatabase(path, [...all, { id: 'hold-999', sql: '' }]);
  t.same(db.prepare('SELECT * FROM later').all(), [], 'the newer version opens it again');
  db.close();
  t.end();
});
