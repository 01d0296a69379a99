// Lending one's right to answer: whose voice counts, who never gets anywhere by it, and when it ends.

import t from 'tap';
import { Delegations } from '../../src/approvals/delegations.ts';
import { createHolds } from '../../src/approvals/holds.ts';
import type { Principal } from '../../src/core/principal.ts';
import { openDatabase } from '../../src/store/database.ts';
import { delegationMigrations } from '../../src/store/delegations.ts';
import { holdMigrations } from '../../src/store/hold-tables.ts';
import { MemoryAudit, person, request, SeededRandom, TestClock } from './approvals-fixtures/desk.ts';

const day = 24 * 3_600_000;
const bob = person('bob', ['dba']);
const erik = person('erik', ['dba']);
const dana = person('dana', ['security']);
const fay = person('fay', ['security']);
const alice = person('alice', ['engineers']);
const robot = person('robot', ['dba'], 'ai-agent');

function office(t: { teardown(undo: () => void): void }) {
  const db = openDatabase(':memory:', [...holdMigrations, ...delegationMigrations]);
  const clock = new TestClock();
  const audit = new MemoryAudit();
  const random = new SeededRandom(7);
  const people = new Map<string, Principal>([bob, erik, dana, fay, alice, robot].map((it) => [it.name, it]));
  const open = (newestEventMs?: number) => {
    const delegations = new Delegations({
      ...{ db, clock, random, audit },
      ...(newestEventMs === undefined ? {} : { newestEventMs }),
      person: (name) => people.get(name) ?? null,
      mayApprove: ({ groups }) => groups.some((it) => it === 'dba' || it === 'security'),
    });
    t.teardown(() => delegations.close());
    return delegations;
  };
  const delegations = open();
  const desk = createHolds({ db, clock, audit, random, consoleUrl: null, lendersOf: (name) => delegations.lendersOf(name) });
  return { clock, audit, people, open, delegations, desk };
}

t.test('the delegate answers in the lender’s right, and it is said so', async (t) => {
  const { desk, delegations, audit } = office(t);
  const hold = desk.place(request());
  t.match(await desk.answer(hold.id, dana, 'approve', null), { kind: 'not-allowed', because: 'not-an-approver' });
  await delegations.give(bob, 'dana', day, 'on holiday');
  t.match(await desk.answer(hold.id, dana, 'approve', null), { kind: 'approved' });
  t.match(await hold.settled, { kind: 'approved', approvals: [{ by: 'dana', onBehalfOf: 'bob', groups: ['security', 'dba'] }] });
  const given = audit.events.find((it) => it.type === 'hold.approval-given');
  t.match(given, { principal: 'dana', detail: { on_behalf_of: 'bob' } });
  t.match(
    audit.events.find((it) => it.type === 'delegation.given'),
    { principal: 'bob', detail: { to: 'dana', reason: 'on holiday' } },
  );
});

t.test('whoever is removed lends nothing and is lent nothing any more, and neither is the next of that name', async (t) => {
  const { delegations, audit, open } = office(t);
  await delegations.give(bob, 'dana', day, null);
  await delegations.give(erik, 'dana', day, null);
  await delegations.give(fay, 'bob', day, null);
  delegations.endAllOf('bob', 'scim:hr');
  const left = [{ from: 'erik', to: 'dana' }];
  t.match(delegations.list(), left);
  t.match(open().list(), left, 'after a restart, too');
  t.same(
    audit.events.filter((it) => it.type === 'delegation.ended').map((it) => [it.principal, it.detail['from']]),
    [
      ['scim:hr', 'bob'],
      ['scim:hr', 'fay'],
    ],
  );
});

t.test('one right is one voice', async (t) => {
  const { desk, delegations } = office(t);
  await delegations.give(bob, 'dana', day, null);
  await delegations.give(bob, 'fay', day, null);
  const hold = desk.place(request({ needed: 2 }));
  t.match(await desk.answer(hold.id, dana, 'approve', null), { kind: 'counted', given: 1 });
  t.match(await desk.answer(hold.id, bob, 'approve', null), { kind: 'not-allowed', why: /dana has answered in your right/ });
  t.match(await desk.answer(hold.id, fay, 'approve', null), { kind: 'not-allowed', why: /dana has answered in bob's right/ });
  t.match(await desk.answer(hold.id, erik, 'approve', null), { kind: 'approved' });
});

t.test('a right that was used already does not hide another one', async (t) => {
  const { delegations, desk } = office(t);
  await delegations.give(bob, 'dana', day, null);
  await delegations.give(erik, 'dana', day, null);
  const hold = desk.place(request({ needed: 2 }));
  t.match(await desk.answer(hold.id, bob, 'approve', null), { kind: 'counted' });
  t.match(await desk.answer(hold.id, dana, 'approve', null), {
    kind: 'approved',
    hold: { approvals: [{ by: 'bob' }, { by: 'dana', onBehalfOf: 'erik' }] },
  });
  t.match(await desk.answer(hold.id, erik, 'approve', null), { kind: 'not-pending' });
});

t.test('nobody approves their own by it, nor by two steps, and no AI agent', async (t) => {
  const { desk, delegations } = office(t);
  await delegations.give(bob, 'dana', day, null);
  await delegations.give(dana, 'fay', day, null);
  const ofBob = desk.place(request({ by: bob }));
  t.match(await desk.answer(ofBob.id, bob, 'approve', null), { because: 'requester' });
  t.match(await desk.answer(ofBob.id, dana, 'approve', null), { because: 'not-an-approver' }, 'bob’s right answers nothing of bob');
  const ofDana = desk.place(request({ by: dana }));
  t.match(await desk.answer(ofDana.id, dana, 'approve', null), { because: 'requester' });
  const other = desk.place(request());
  t.match(await desk.answer(other.id, fay, 'approve', null), { because: 'not-an-approver' }, 'what is lent is not passed on');
  await t.rejects(delegations.give(bob, 'robot', day, null), { code: 'invalid-request' });
  await t.rejects(delegations.give(bob, 'bob', day, null), { code: 'invalid-request' });
  await t.rejects(delegations.give(bob, 'alice', day, null), /does not have the right to approve/);
  await t.rejects(delegations.give(alice, 'dana', day, null), { code: 'invalid-request' });
  await t.rejects(delegations.give(bob, 'dana', 91 * day, null), /90 days/);
});

t.test('it ends: by its time, by word, with its lender, and no clock makes it longer', async (t) => {
  const { desk, delegations, clock, people, open } = office(t);
  const byWord = await delegations.give(bob, 'dana', day, null);
  t.equal(await delegations.end(byWord.id, fay, false), undefined, 'not by others');
  t.match(await delegations.end(byWord.id, dana, false), { endedBy: 'dana' });
  t.strictSame(delegations.lendersOf('dana'), []);
  await delegations.give(bob, 'dana', day, null);
  people.delete('bob');
  t.strictSame(delegations.lendersOf('dana'), [], 'who may not act lends nothing');
  people.set('bob', bob);
  t.equal(open().lendersOf('dana').length, 1, 'after a restart it goes on');
  clock.wallMs -= 10 * day;
  clock.passedMs += day;
  const hold = desk.place(request());
  t.match(await desk.answer(hold.id, dana, 'approve', null), { because: 'not-an-approver' }, 'over, though the clock was set back');
  t.strictSame(open().lendersOf('dana'), [], 'and not after a restart');
  await delegations.give(bob, 'fay', day, null);
  t.strictSame(open(clock.nowMs() + 60_000).lendersOf('fay'), [], 'nor after one with the clock behind the audit log');
});
