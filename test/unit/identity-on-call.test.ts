// On-call rotations: whose turn it is at an instant, at daylight saving time too, and what an approver is by it.

import t from 'tap';
import type { OnCallSchedule } from '../../src/core/identity-config.ts';
import { turnAt } from '../../src/identity/on-call.ts';
import { instantOf, wallTimeMs } from '../../src/identity/wall-time.ts';

const hourMs = 3_600_000;
const wall = (text: string) => Date.parse(`${text}:00Z`);
const schedule = (more: Partial<OnCallSchedule> = {}): OnCallSchedule => ({
  group: 'dba-on-call',
  zone: 'Europe/Berlin',
  startsWallMs: wall('2026-01-05T09:00'),
  everyWallMs: 7 * 24 * hourMs,
  people: ['bob', 'dana', 'frank'],
  overrides: [],
  ...more,
});
const personAt = (it: OnCallSchedule, at: string) => turnAt(it, Date.parse(at)).person;

t.test('turns change at the same time on the wall in winter and in summer', (t) => {
  const it = schedule();
  t.equal(personAt(it, '2026-01-05T07:59:59.999Z'), null, 'before the start nobody is on call');
  t.equal(personAt(it, '2026-01-05T08:00:00Z'), 'bob');
  t.equal(personAt(it, '2026-01-12T07:59:59.999Z'), 'bob');
  t.equal(personAt(it, '2026-01-12T08:00:00Z'), 'dana');
  t.equal(personAt(it, '2026-01-26T08:00:00Z'), 'bob', 'the first again');
  t.equal(personAt(it, '2026-03-30T06:59:59Z'), 'frank', 'the clocks went forward the day before');
  t.equal(personAt(it, '2026-03-30T07:00:00Z'), 'bob');
  t.equal(turnAt(it, Date.parse('2026-03-24T12:00:00Z')).untilMs, Date.parse('2026-03-30T07:00:00Z'));
  t.equal(turnAt(it, 0).untilMs, Date.parse('2026-01-05T08:00:00Z'), 'long before the start');
  t.end();
});

t.test('a change in the hour that is missing, and in the one that happens twice', (t) => {
  const daily = schedule({ startsWallMs: wall('2026-03-01T02:30'), everyWallMs: 24 * hourMs, people: ['bob', 'dana'] });
  t.equal(personAt(daily, '2026-03-29T00:59:59.999Z'), 'dana', '01:59:59 in Berlin');
  t.equal(personAt(daily, '2026-03-29T01:00:00Z'), 'bob', '03:00 in Berlin: 02:30 did not happen');
  t.equal(personAt(daily, '2026-10-25T00:29:59Z'), 'dana');
  t.equal(personAt(daily, '2026-10-25T00:30:00Z'), 'bob', '02:30 the first time');
  t.equal(personAt(daily, '2026-10-25T01:10:00Z'), 'bob', '02:10 again: the turn stays');
  t.equal(personAt(daily, '2026-10-25T01:30:00Z'), 'bob', '02:30 the second time');
  t.end();
});

t.test('an override stands in, ends by itself, and the later in the list wins', (t) => {
  const it = schedule({
    overrides: [
      { fromWallMs: wall('2026-01-06T09:00'), toWallMs: wall('2026-01-08T09:00'), person: 'erin' },
      { fromWallMs: wall('2026-01-07T12:00'), toWallMs: wall('2026-01-07T18:00'), person: 'gina' },
    ],
  });
  t.same(turnAt(it, Date.parse('2026-01-06T07:00:00Z')), { person: 'bob', untilMs: Date.parse('2026-01-06T08:00:00Z') });
  t.same(turnAt(it, Date.parse('2026-01-06T08:00:00Z')), { person: 'erin', untilMs: Date.parse('2026-01-07T11:00:00Z') });
  t.same(turnAt(it, Date.parse('2026-01-07T11:00:00Z')), { person: 'gina', untilMs: Date.parse('2026-01-07T17:00:00Z') });
  t.equal(personAt(it, '2026-01-07T17:00:00Z'), 'erin');
  t.equal(personAt(it, '2026-01-08T08:00:00Z'), 'bob');
  t.end();
});

t.test('at any instant: one person, until then the same one, and turns in their order', (t) => {
  // A seeded generator: the same cases in every run.
  let seed = 20_260_105;
  const below = (limit: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed % limit;
  };
  const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'Pacific/Chatham', 'Africa/Casablanca', 'UTC'];
  const failures: string[] = [];
  for (let round = 0; round < 300; round += 1) {
    const zone = zones[below(zones.length)] ?? 'UTC';
    const startsWallMs = wall('2026-01-01T00:00') + below(400) * hourMs + below(60) * 60_000;
    const people = Array.from({ length: 2 + below(4) }, (_, index) => `p${index}`);
    const it = schedule({ zone, startsWallMs, everyWallMs: (1 + below(200)) * hourMs, people });
    const nowMs = instantOf(startsWallMs, zone) + below(700 * 24) * hourMs + below(hourMs);
    const turn = turnAt(it, nowMs);
    const say = (what: string) => failures.push(`${what}: ${JSON.stringify({ ...it, nowMs })}`);
    if (turn.person === null || turn.untilMs <= nowMs) say('no turn');
    if (turnAt(it, turn.untilMs - 1).person !== turn.person) say('not the same until the end');
    const next = turnAt(it, turn.untilMs);
    const steps = (people.indexOf(next.person ?? '') - people.indexOf(turn.person ?? '') + people.length) % people.length;
    // A turn of an hour that the clock skips does not take place; longer ones always do.
    if (steps !== 1 && it.everyWallMs > 2 * hourMs) say('not the next one');
    const shown = wallTimeMs(turn.untilMs, zone);
    if (instantOf(shown, zone) > turn.untilMs) say('a change in an hour that happens the second time');
  }
  t.same(failures, []);
  t.end();
});

t.test('wall times are never later instants in a wrong order', (t) => {
  for (const [zone, day] of [
    ['Europe/Berlin', '2026-03-29T00:00'],
    ['Europe/Berlin', '2026-10-25T00:00'],
    ['Australia/Lord_Howe', '2026-04-05T00:00'],
    ['Pacific/Apia', '2011-12-30T00:00'],
  ] as const) {
    let before = -Infinity;
    let isOrdered = true;
    for (let minute = 0; minute < 300; minute += 5) {
      const atMs = instantOf(wall(day) + minute * 60_000, zone);
      isOrdered &&= atMs >= before;
      before = atMs;
    }
    t.ok(isOrdered, `${zone} ${day}`);
  }
  t.equal(instantOf(wall('2011-12-30T12:00'), 'Pacific/Apia'), Date.parse('2011-12-30T10:00:00Z'), 'a day that did not happen');
  t.end();
});
