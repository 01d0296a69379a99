// The desk of shapes over a real store: who must have agreed, what ends one, restarts, clocks and writes that fail.

import t from 'tap';
import { createShapeDesk } from '../../src/approvals/shape-approvals.ts';
import type { ShapeDesk, ShapeWanted } from '../../src/approvals/shape-desk.ts';
import { createHolds } from '../../src/approvals/holds.ts';
import type { HoldDesk } from '../../src/approvals/holds.ts';
import type { Action } from '../../src/core/action.ts';
import type { HoldId } from '../../src/core/ids.ts';
import type { Principal } from '../../src/core/principal.ts';
import type { Shape, ShapeAsked } from '../../src/core/shape.ts';
import { openDatabase } from '../../src/store/database.ts';
import { holdMigrations } from '../../src/store/hold-tables.ts';
import { shapeMigrations } from '../../src/store/shapes.ts';
import { failCommits } from '../support/failing-commits.ts';
import { MemoryAudit, SeededRandom, TestClock, person, request } from './approvals-fixtures/desk.ts';

const minuteMs = 60_000;
const alice = person('alice', ['engineers']);
const wanted: ShapeWanted = { durationMs: 30 * minuteMs, usesMax: null, conditions: [{ hole: 1, condition: { kind: 'any' } }] };

/** Shapes of "VERB NUMBER": the verb is the tree. */
function shapeOf({ text }: Action): Shape {
  const [verb = '', value = ''] = text.split(' ');
  return { hash: verb, words: `${verb} ‹1›`, holes: [{ kind: 'integer', value, span: { start: verb.length + 1, end: text.length } }] };
}

class World {
  readonly clock = new TestClock();
  readonly audit = new MemoryAudit();
  readonly db = openDatabase(':memory:', [...holdMigrations, ...shapeMigrations]);
  readonly people = new Map<string, Principal>(
    [alice, person('bob'), person('dana'), person('robot', ['dba'], 'ai-agent')].map((it) => [it.name, it]),
  );
  readonly #random = new SeededRandom(7);
  holds: HoldDesk;
  desk: ShapeDesk;

  constructor() {
    [this.holds, this.desk] = this.#open(0);
  }

  restart(newestEventMs = 0, wallMsLater = 0): void {
    this.desk.close();
    this.clock.wallMs += wallMsLater;
    [this.holds, this.desk] = this.#open(newestEventMs);
  }

  #open(newestEventMs: number): [HoldDesk, ShapeDesk] {
    const { db, clock, audit } = this;
    const holds = createHolds({ db, clock, audit, random: this.#random, consoleUrl: null });
    const desk = createShapeDesk({
      ...{ db, clock, audit, newestEventMs, random: this.#random, log: { error: () => undefined } },
      classifierOf: () => ({ classify: () => request().classification, shapeOf }),
      person: (name) => this.people.get(name) ?? null,
      holdNamed: (id) => holds.get(id),
    });
    holds.on(({ kind, hold }) => {
      if (kind === 'settled') desk.settled(hold);
    });
    desk.recover();
    return [holds, desk];
  }

  asked(text: string, more: Partial<ShapeAsked> = {}): ShapeAsked {
    const { principal, target, classification, rule, terms } = request({ by: alice, text });
    const action = { text, kind: 'statement' } as Action;
    return {
      action,
      classification,
      principal,
      target,
      database: 'd',
      ruleId: rule.id,
      terms: { ...terms, shapeMsMax: 60 * minuteMs },
      ...more,
    };
  }

  held(text: string, needed = 1): HoldId {
    const { id } = this.holds.place(request({ by: alice, text, needed }));
    this.desk.offer(id, this.asked(text));
    return id;
  }

  approve(id: HoldId, by: string, with_: ShapeWanted | null = wanted) {
    const approver = this.people.get(by) as Principal;
    const give = () => this.holds.answer(id, approver, 'approve', null);
    return with_ === null ? give() : this.desk.approve(id, approver, with_, give);
  }

  runs(text: string, more: Partial<ShapeAsked> = {}): boolean {
    return this.desk.match(this.asked(text, more))?.take() ?? false;
  }
}

t.test('who must have agreed', async (t) => {
  const world = new World();
  const id = world.held('DELETE 5', 2);
  t.match(await world.approve(id, 'bob'), { kind: 'counted' });
  t.match(await world.approve(id, 'bob'), { kind: 'refused', because: 'conflict' }, 'once each');
  t.match(await world.approve(id, 'robot'), { kind: 'not-allowed', because: 'ai-agent' });
  t.match(await world.approve(id, 'alice'), { kind: 'not-allowed', because: 'requester' });
  t.notOk(world.runs('DELETE 6'), 'one of two');
  const narrow: ShapeWanted = {
    durationMs: 10 * minuteMs,
    usesMax: 2,
    conditions: [{ hole: 1, condition: { kind: 'range', least: '1', most: '9' } }],
  };
  t.match(await world.approve(id, 'dana', narrow), { kind: 'approved' });
  t.match(world.desk.shapeOfHold(id), { state: 'active', durationMs: 10 * minuteMs, usesMax: 2 }, 'the least of what they agreed to');
  t.notOk(world.runs('DELETE 10'), 'what one of them did not agree to');
  t.ok(world.runs('DELETE 6'));
  t.same(
    world.audit.events.filter(({ type }) => type.startsWith('shape.')).map(({ type, principal }) => [type, principal]),
    [['shape.approved', 'dana']],
  );

  const other = world.held('UPDATE 5', 2);
  await world.approve(other, 'bob');
  t.match(await world.approve(other, 'dana', null), { kind: 'approved' });
  t.equal(world.desk.shapeOfHold(other), undefined, 'one of them approved only this');
});

t.test('a yes that was taken back takes its shape along', async (t) => {
  const world = new World();
  const id = world.held('DELETE 5', 2);
  await world.approve(id, 'bob');
  const { takeBack } = world.holds as Partial<{ takeBack: (id: string, person: Principal) => Promise<unknown> }>;
  if (takeBack === undefined) return;
  await takeBack.call(world.holds, id, world.people.get('bob') as Principal);
  world.clock.pass(1000);
  await world.approve(id, 'bob', null);
  t.match(await world.approve(id, 'dana'), { kind: 'approved' });
  t.equal(world.desk.shapeOfHold(id), undefined);
});

t.test('only what was agreed to matches', async (t) => {
  const world = new World();
  await world.approve(world.held('DELETE 5'), 'bob');
  const { target, terms } = world.asked('DELETE 5');
  t.notOk(world.runs('UPDATE 5'));
  t.notOk(world.runs('DELETE 5', { principal: person('eve', ['engineers']) }), 'another person');
  t.notOk(world.runs('DELETE 5', { target: { ...target, name: 'copy' as typeof target.name } }), 'another target');
  t.notOk(world.runs('DELETE 5', { database: 'other' }));
  t.notOk(world.runs('DELETE 5', { ruleId: 'p/other' }), 'another rule asks something else');
  const { shapeMsMax: _, ...exact } = terms;
  t.notOk(world.runs('DELETE 5', { terms: exact }), 'its rule lets none be approved any more');
  world.clock.pass(11 * minuteMs);
  t.notOk(world.runs('DELETE 5', { terms: { ...terms, shapeMsMax: 10 * minuteMs } }), 'its rule lets it last less now');
  t.ok(world.runs('DELETE 5'));
});

t.test('it ends', async (t) => {
  const ends: Record<string, (world: World, id: HoldId) => void> = {
    over: ({ clock }) => clock.pass(30 * minuteMs),
    'over by the wall clock': ({ clock }) => void (clock.wallMs += 30 * minuteMs),
    'over by the monotonic clock': ({ clock }) => void (clock.passedMs += 30 * minuteMs),
    'the person is disabled': (world) => {
      world.people.delete('alice');
      world.desk.rejudge();
    },
    'the approver is disabled': (world) => {
      world.people.delete('bob');
      world.desk.rejudge();
    },
    'the approver is out of the group': (world) => {
      world.people.set('bob', person('bob', ['engineers']));
      world.desk.rejudge();
    },
    revoked: ({ desk }, id) => void desk.revoke(desk.shapeOfHold(id)?.id ?? '', person('dana'), false, null),
    'over while it was stopped': (world) => {
      world.clock.pass(31 * minuteMs);
      world.restart();
    },
    'the clock was set back while it was stopped': (world) => {
      world.restart(0, -60 * minuteMs);
    },
    'set back by less than it was stopped': (world) => {
      world.restart(world.clock.wallMs + 20 * minuteMs, 10 * minuteMs);
    },
  };
  for (const [name, end] of Object.entries(ends)) {
    const world = new World();
    const id = world.held('DELETE 5');
    await world.approve(id, 'bob');
    t.ok(world.runs('DELETE 6'));
    end(world, id);
    t.notOk(world.runs('DELETE 7'), name);
    t.equal(world.desk.shapeOfHold(id)?.state, 'ended', name);
    world.clock.wallMs -= 30 * minuteMs;
    t.notOk(world.runs('DELETE 7'), `${name}, for good`);
    world.desk.close();
  }
});

t.test('restarts measure on', async (t) => {
  const world = new World();
  await world.approve(world.held('DELETE 5'), 'bob');
  world.clock.pass(20 * minuteMs);
  world.restart();
  t.ok(world.runs('DELETE 5'));
  world.clock.pass(11 * minuteMs);
  t.notOk(world.runs('DELETE 5'));
});

t.test('what is not written down lets nothing run', async (t) => {
  const world = new World();
  const id = world.held('DELETE 5');
  world.audit.fail = true;
  t.match(await world.approve(id, 'bob'), { kind: 'failed' });
  t.notOk(world.runs('DELETE 5'));
  world.audit.fail = false;
  const again = world.held('DELETE 5');
  await world.approve(again, 'bob');
  const shape = world.desk.shapeOfHold(again);
  world.db.exec('DROP TABLE shapes');
  t.notOk(world.runs('DELETE 5'), 'a use that can not be counted');
  t.equal(shape?.uses, 0);
});

t.test('an end that the store does not keep at the very end is in the log once', async (t) => {
  const world = new World();
  const id = world.held('DELETE 5');
  await world.approve(id, 'bob');
  const works = failCommits(world.db, 'shapes');
  world.desk.revoke(world.desk.shapeOfHold(id)?.id ?? '', alice, false, null);
  for (let round = 0; round < 3; round += 1) world.desk.tick();
  works();
  world.desk.tick();
  t.equal(world.audit.events.filter(({ type }) => type === 'shape.revoked').length, 1);
  t.match(world.desk.shapeOfHold(id), { state: 'ended' });
});

t.test('who may end it', async (t) => {
  const world = new World();
  const id = world.held('DELETE 5');
  await world.approve(id, 'bob');
  const shape = world.desk.shapeOfHold(id)?.id ?? '';
  t.match(world.desk.revoke(shape, person('eve', ['engineers']), false, null), { because: 'not-allowed' });
  t.match(world.desk.revoke(shape, person('robot', ['dba'], 'ai-agent'), false, null), { because: 'not-allowed' });
  t.match(world.desk.revoke('sh-000000', person('bob'), false, null), { because: 'unknown' });
  t.match(world.desk.revoke(shape.toLowerCase(), alice, false, null), { kind: 'done' }, 'whoever has it');
});
