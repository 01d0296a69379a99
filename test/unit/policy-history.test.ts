// History and calendars as facts: habits from real rows of sessions, the last minute, and the clock on the wall.

import t from 'tap';
import { formatProblem, loadPolicies } from '../../policies/engine/load.ts';
import type { Action } from '../../src/core/action.ts';
import type { Histories, HistorySubject } from '../../src/core/history.ts';
import type { Facts } from '../../src/core/policy.ts';
import { classificationOf } from '../../src/core/summary.ts';
import { createHistories, pairsMax } from '../../src/sessions/histories.ts';
import { MinuteCount } from '../../src/sessions/minute-count.ts';
import { openDatabase } from '../../src/store/database.ts';
import { openSessionHistory, sessionHistoryMigrations } from '../../src/store/session-history.ts';
import { createSessionStore, sessionMigrations } from '../../src/store/sessions.ts';
import { statementOf } from '../support/statements.ts';

const dayMs = 86_400_000;
const noon = Date.parse('2026-11-18T12:00:00Z');

interface World {
  readonly histories: Histories;
  nowMs: number;
  open(id: string, person: string, target: string, atMs: number): HistorySubject;
  reads(): number;
}

function world(t: { testdir(): string; teardown(down: () => void): void }): World {
  const db = openDatabase(`${t.testdir()}/sallyport.db`, [...sessionMigrations, ...sessionHistoryMigrations]);
  t.teardown(() => db.close());
  const sessions = createSessionStore(db);
  const store = openSessionHistory(db);
  let reads = 0;
  const counted = {
    countBefore: (...asked: Parameters<typeof store.countBefore>) => ((reads += 1), store.countBefore(...asked)),
    lastStarts: (...asked: Parameters<typeof store.lastStarts>) => ((reads += 1), store.lastStarts(...asked)),
  };
  const clock = { nowMs: () => it.nowMs, monotonicMs: () => it.nowMs };
  const it: World = {
    nowMs: noon,
    histories: createHistories(counted, clock),
    reads: () => reads,
    open: (id, person, target, atMs) => {
      const facts = { clientAddress: '192.0.2.1', tls: true, method: 'token', database: null };
      const counts = { statements: 0, held: 0, denied: 0 };
      sessions.opened({ id, principal: { name: person }, target: { name: target, protocol: 'postgres' }, facts, counts }, atMs);
      return { sessionId: id, principal: { name: person }, target: { name: target } };
    },
  };
  return it;
}

t.test('the first session of a person on a target stays the first one while it lasts', async (t) => {
  const { histories, open } = world(t);
  const asked = { sessionId: 's1', principal: { name: 'alice' }, target: { name: 'orders' } };
  t.equal(histories.of(asked).sessionsBefore, 0, 'before it is written');
  const first = open('s1', 'alice', 'orders', noon);
  open('s2', 'alice', 'shop', noon);
  open('s3', 'bob', 'orders', noon);
  const second = open('s4', 'alice', 'orders', noon);
  t.equal(histories.of(first).sessionsBefore, 0);
  t.equal(histories.of(second).sessionsBefore, 1);
  open('s5', 'alice', 'orders', noon);
  t.equal(histories.of(second).sessionsBefore, 1, 'what came later does not count');
});

t.test('an hour is unusual for somebody who is known and never comes then', async (t) => {
  const it = world(t);
  for (let day = 1; day <= 19; day += 1) it.open(`old-${day}`, 'alice', 'orders', noon - day * dayMs);
  const known = (name: string) => it.histories.of({ sessionId: name, principal: { name: 'alice' }, target: { name: 'orders' } });
  it.nowMs = noon + 12 * 3_600_000;
  t.notOk(known('a').isUnusualHour, 'nineteen sessions are not enough to tell');
  it.open('old-20', 'alice', 'orders', noon - 20 * dayMs);
  t.ok(known('b').isUnusualHour, 'midnight');
  for (const [hours, unusual] of [
    [0, false],
    [1, false],
    [-1, false],
    [2, true],
    [-2, true],
    [23, false],
    [24, false],
  ] as const) {
    // prettier-ignore
    it.nowMs = noon + hours * 3_600_000;
    t.equal(known(`at-${hours}`).isUnusualHour, unusual, `${hours} hours after noon`);
  }
  it.nowMs = noon + 100 * dayMs + 12 * 3_600_000;
  t.notOk(known('c').isUnusualHour, 'habits of long ago tell nothing');
});

t.test('the last minute counts every session of the pair, and nobody else', async (t) => {
  const it = world(t);
  const mine = it.open('s1', 'alice', 'orders', noon);
  const other = it.open('s2', 'alice', 'orders', noon);
  const bob = it.open('s3', 'bob', 'orders', noon);
  for (let count = 0; count < 5; count += 1) it.histories.acted(mine, count === 0);
  it.histories.acted(other, true);
  it.histories.acted(bob, true);
  t.match(it.histories.of(mine), { actionsLastMinute: 6, denialsLastMinute: 2 });
  it.nowMs += 59_000;
  it.histories.acted(mine, false);
  t.equal(it.histories.of(other).actionsLastMinute, 7);
  it.nowMs += 1_000;
  t.match(it.histories.of(mine), { actionsLastMinute: 1, denialsLastMinute: 0 });
  it.nowMs += 60_000;
  t.equal(it.histories.of(mine).actionsLastMinute, 0);
  t.equal(it.reads(), 0, 'and nothing was read from the disk for it');
});

t.test('a pair that was forgotten among too many is counted anew, the same for all its sessions', async (t) => {
  const { histories } = world(t);
  const subject = (sessionId: string, person: string) => ({ sessionId, principal: { name: person }, target: { name: 'orders' } });
  const [first, second] = [subject('s1', 'alice'), subject('s2', 'alice')];
  histories.acted(first, true);
  for (let pair = 0; pair < pairsMax; pair += 1) histories.acted(subject('other', `p${pair}`), false);
  histories.acted(second, false);
  histories.acted(first, false);
  for (const it of [first, second]) t.match(histories.of(it), { actionsLastMinute: 2, denialsLastMinute: 0 });
});

t.test('a count for a minute is the sum of its last sixty seconds', async (t) => {
  const count = new MinuteCount();
  const added: number[] = [];
  let nowMs = 1_000_000;
  for (let step = 0; step < 2_000; step += 1) {
    nowMs += (step * 7919) % 3_000;
    if (step % 5 !== 0) {
      count.add(nowMs);
      added.push(nowMs);
    }
    const expected = added.filter((atMs) => Math.floor(nowMs / 1000) - Math.floor(atMs / 1000) < 60).length;
    if (count.at(nowMs) !== expected) return t.equal(count.at(nowMs), expected, `step ${step}`);
  }
  t.pass();
});

const action: Action = statementOf('delete from x');
const session = { clientAddress: '10.1.1.1', tls: true, method: 'token', database: null };
const classification = classificationOf([
  { kind: 'delete', span: { start: 0, end: 1 }, effects: [{ verb: 'delete', access: 'write', objectKind: 'table', object: 'x' }], missingWhere: true, risks: [], changes: [] },
]); // prettier-ignore

function facts(over: Partial<Facts>): Facts {
  return {
    principal: { name: 'alice' as never, displayName: 'Alice', kind: 'person', groups: [] },
    target: { name: 'orders' as never, protocol: 'postgres', labels: {} },
    session,
    nowMs: noon,
    approvals: [],
    ...over,
  };
}

const load = (text: string) => {
  const loaded = loadPolicies([{ path: 'p.yaml', text }]);
  if (!loaded.ok) throw new Error(loaded.errors.map(formatProblem).join('\n'));
  return loaded.set;
};
const problems = (text: string) => {
  const loaded = loadPolicies([{ path: 'p.yaml', text }]);
  return loaded.ok ? '' : loaded.errors.map(formatProblem).join('\n');
};
const denyWhen = (when: string, head = '') =>
  `policy: p\n${head}rules:\n  - { id: all, decision: allow }\n  - { id: no, decision: deny, when: '${when}' }\n`;

t.test('a decision that reads history is not remembered, and one that does not costs nothing', async (t) => {
  const it = world(t);
  const mine = it.open('s1', 'alice', 'orders', noon);
  const history = it.histories.of(mine);
  const one = facts({ history });
  const set = load(denyWhen('history.actions_last_minute >= 3'));
  for (const expected of ['allow', 'allow', 'allow', 'deny']) {
    t.equal(set.decide(action, classification, one).kind, expected);
    it.histories.acted(mine, false);
  }
  const plain = load('policy: p\nrules:\n  - { id: all, decision: allow }\n');
  const habits = load(denyWhen('history.first_time'));
  plain.decide(action, classification, one);
  t.equal(it.reads(), 0);
  t.equal(habits.decide(action, classification, one).kind, 'deny');
  habits.decide(action, classification, one);
  t.equal(it.reads(), 1, 'once for a session');
});

t.test('without a history conditions on it fail closed', async (t) => {
  t.equal(load(denyWhen('history.first_time')).decide(action, classification, facts({})).kind, 'deny');
  const allow = load("policy: p\nrules:\n  - { id: known, decision: allow, when: '!history.first_time' }\n");
  t.equal(allow.decide(action, classification, facts({})).kind, 'deny');
});

t.test('calendars hold when the clock on the wall says so', async (t) => {
  const set = load(
    denyWhen(
      'calendars.freeze',
      `time_zone: Europe/Berlin
calendars:
  holidays: ['12-25', '2026-12-26', '2027-03-26..2027-03-29']
  nights: { from: '22:00', to: '06:00' }
  office: { weekdays: [monday, tuesday, wednesday, thursday, friday], from: '08:00', to: '18:00', except: [holidays] }
  release: { dates: ['2026-12-20T18:00..2027-01-03T08:00'], time_zone: UTC }
  freeze: { dates: ['2020-01-01..2040-01-01'], except: [office] }
`,
    ),
  );
  const denied = (at: string) => set.decide(action, classification, facts({ nowMs: Date.parse(at) })).kind === 'deny';
  t.notOk(denied('2026-11-18T08:00:00+01:00'));
  t.ok(denied('2026-11-18T07:59:00+01:00'));
  t.ok(denied('2026-11-18T18:00:00+01:00'));
  t.ok(denied('2026-11-21T12:00:00+01:00'), 'a Saturday');
  t.ok(denied('2028-12-25T12:00:00+01:00'), 'Christmas of another year, a Monday');
  t.ok(denied('2027-03-29T12:00:00+02:00'), 'the last day of a range');
  t.notOk(denied('2027-03-30T12:00:00+02:00'));

  const by = (name: string, at: string) => {
    const own = load(
      denyWhen(
        `calendars.${name}`,
        "calendars:\n  nights: { from: '22:00', to: '06:00' }\n  release: ['2026-12-20T18:00..2027-01-03T08:00']\n",
      ),
    );
    return own.decide(action, classification, facts({ nowMs: Date.parse(at) })).kind === 'deny';
  };
  t.ok(by('nights', '2026-11-18T23:00:00Z'));
  t.ok(by('nights', '2026-11-18T05:59:00Z'));
  t.notOk(by('nights', '2026-11-18T06:00:00Z'));
  t.notOk(by('release', '2026-12-20T17:59:00Z'));
  t.ok(by('release', '2026-12-20T18:00:00Z'));
  t.ok(by('release', '2027-01-03T07:59:00Z'));
  t.notOk(by('release', '2027-01-03T08:00:00Z'));
});

t.test('mistakes in calendars are errors with their place', async (t) => {
  const head = (lines: string) => denyWhen('calendars.x', `calendars:\n  x: ${lines}\n`);
  for (const [lines, expected] of [
    ["['2026-13-01']", /p\.yaml:3:7: "2026-13-01" is neither a date/],
    ["['2027-02-30']", /neither a date/],
    ["['2027-01-03..2026-12-20']", /ends before it begins/],
    ["['02-30']", /neither a date/],
    ["{ from: '8:00' }", /a time of the day such as "08:00"/],
    ["{ from: '08:00', to: '08:00' }", /never holds/],
    ['{ except: [x] }', /calendars that need each other: x → x/],
    ['{ weekdays: [munday] }', /did you mean "monday"/],
    ["{ from: '08:00', except: [holiday] }", /no calendar is named "holiday"/],
    ['{ time_zone: Mars, weekdays: [monday] }', /"Mars" is not a time zone/],
    ['{ time_zone: UTC }', /holds always/],
  ] as const) {
    t.match(problems(head(lines)), expected, lines);
  }
  t.match(problems(denyWhen('calendars.y', "calendars:\n  freeze: ['12-25']\n")), /no calendar is named "y"/);
  t.match(problems(denyWhen('calendars.freezes', "calendars:\n  freeze: ['12-25']\n")), /did you mean "freeze"/);
});
