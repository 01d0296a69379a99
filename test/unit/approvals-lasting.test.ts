// Second thoughts and what outlives a restart: changes asked for, a yes taken back, holds that are answered without their client.

import Database from 'better-sqlite3';
import t from 'tap';
import { createHolds } from '../../src/approvals/holds.ts';
import type { AuditEvent } from '../../src/core/audit.ts';
import { createHoldStore } from '../../src/store/holds.ts';
import { bench, person, request } from './approvals-fixtures/desk.ts';

const bob = person('bob');
const dana = person('dana');
const alice = person('alice', ['engineers']);

t.test('changes wanted: final, with words, and only of somebody else', async (t) => {
  const { desk, audit } = bench();
  const hold = desk.place(request());
  t.match(await desk.answer(hold.id, alice, 'request-changes', 'mine'), { kind: 'not-allowed', because: 'requester' });
  t.match(await desk.answer(hold.id, bob, 'request-changes', '  '), { kind: 'not-allowed', because: 'reason-missing' });
  t.match(await desk.answer(hold.id, bob, 'request-changes', 'add a\u001b[2J WHERE'), { kind: 'changes-requested', already: false });
  t.match(await hold.settled, { kind: 'changes-requested', by: 'bob', words: 'add a [2J WHERE' }, 'without what steers a terminal');
  t.match(await desk.answer(hold.id, dana, 'approve', null), { kind: 'not-pending', state: 'changes_requested' });
  t.match(await desk.answer(hold.id, bob, 'request-changes', 'again'), { kind: 'changes-requested', already: true });
  t.strictSame(audit.typesOf(hold.id), ['action.held', 'hold.changes-requested']);
});

t.test('a yes is taken back while others are waited for', async (t) => {
  const { desk, audit } = bench();
  const hold = desk.place(request({ needed: 2 }));
  t.match(await desk.takeBack(hold.id, bob), { kind: 'not-allowed', because: 'not-approved' });
  await desk.answer(hold.id, bob, 'approve', null);
  t.match(await desk.takeBack(hold.id, bob), { kind: 'taken-back', hold: { approvals: [] } });
  t.match(await desk.answer(hold.id, dana, 'approve', null), { kind: 'counted', given: 1 }, 'only one yes counts now');
  t.match(await desk.answer(hold.id, bob, 'approve', null), { kind: 'approved' }, 'the latest answer counts');
  t.match(await desk.takeBack(hold.id, bob), { kind: 'not-pending', state: 'approved' }, 'too late');
  t.strictSame(audit.typesOf(hold.id).slice(1, 4), ['hold.approval-given', 'hold.approval-taken-back', 'hold.approval-given']);
});

t.test('the signature under a yes that went is no yes again, not after a restart either', async (t) => {
  const { desk, restart } = bench();
  const asked = request({ needed: 2, expiresMs: 60_000, again: 'k' });
  const hold = desk.place({ ...asked, terms: { ...asked.terms, secondFactor: 'passkey' } });
  const proof = { kind: 'passkey', credentialId: 'c', clientDataJson: 'j', authenticatorData: 'a', signature: 's' } as const;
  t.match(await desk.answer(hold.id, bob, 'approve', null, proof), { kind: 'counted', given: 1 });
  t.match(await desk.answer(hold.id, bob, 'approve', null, proof), { kind: 'counted', already: true }, 'twice is once');
  t.match(await desk.takeBack(hold.id, bob), { kind: 'taken-back' });
  const replayed = { kind: 'not-allowed', because: 'second-factor-missing', why: /somebody else must approve/ };
  t.match(await desk.answer(hold.id, bob, 'approve', null, proof), replayed, 'anybody can read it in the audit log');
  await desk.close('the gateway stops');
  const next = restart();
  await next.recover();
  t.match(await next.answer(hold.id, bob, 'approve', null, proof), replayed);
  t.match(await next.answer(hold.id, dana, 'approve', null, { ...proof, credentialId: 'd' }), { kind: 'counted', given: 1 });
});

t.test('after a restart time goes on by itself: others are asked, and the wait ends', async (t) => {
  const { desk, restart, clock, audit } = bench();
  const asked = request({ expiresMs: 60_000, again: 'k' });
  const escalate = [{ afterMs: 59_900, to: ['managers'], sets: [['dba', 'managers']] }];
  const hold = desk.place({ ...asked, terms: { ...asked.terms, escalate } });
  await desk.close('the gateway stops');
  clock.pass(59_850);
  const next = restart();
  await next.recover();
  const changes: string[] = [];
  const heard = (kind: string) =>
    new Promise<void>((resolve) => {
      const stop = next.on((change) => {
        changes.push(change.kind);
        if (change.kind !== kind) return;
        stop();
        resolve();
      });
    });
  const running = setInterval(() => clock.pass(10), 10); // holds the process, too: the desk's own timer does not
  t.teardown(() => clearInterval(running));
  await heard('escalated');
  await heard('settled');
  t.same(changes, ['escalated', 'settled']);
  t.match(next.get(hold.id), { state: 'expired' });
  t.strictSame(audit.typesOf(hold.id), ['action.held', 'hold.escalated', 'hold.expired']);
});

t.test('wait: error goes on waiting after a restart, with the yeses given so far', async (t) => {
  const { desk, restart, clock } = bench();
  const hold = desk.place(request({ needed: 2, expiresMs: 60_000, again: 'k' }));
  const live = desk.place(request());
  await desk.answer(hold.id, bob, 'approve', null);
  await desk.close('the gateway stops');
  t.match(await live.settled, { kind: 'withdrawn' });
  clock.pass(10_000);
  const next = restart();
  await next.recover();
  const [again] = next.lasting();
  t.match(again, { key: 'k', hold: { id: hold.id } });
  t.equal(next.get(hold.id)?.state, 'pending');
  t.match(await next.answer(hold.id, dana, 'approve', null), { kind: 'approved' });
  t.match(await again?.hold.settled, { kind: 'approved', approvals: [{ by: 'bob' }, { by: 'dana' }] });
});

t.test('an approval is used once, also across restarts, and only in its time', async (t) => {
  const { desk, restart, clock } = bench();
  const hold = desk.place(request({ again: 'k', approvedForMs: 60_000 }));
  const late = desk.place(request({ again: 'late', approvedForMs: 5_000 }));
  for (const { id } of [hold, late]) await desk.answer(id, bob, 'approve', null);
  clock.pass(10_000);
  const next = restart();
  await next.recover();
  t.strictSame(
    next.lasting().map((it) => it.key),
    ['k'],
    'what is over does not come back',
  );
  const [again] = next.lasting();
  t.equal(again?.approvedForMs, 50_000);
  t.equal(again?.hold.use?.(), true);
  t.equal(again?.hold.use?.(), false);
  const third = restart();
  await third.recover();
  t.strictSame(third.lasting(), []);
});

t.test('approvals that were never used and are over are not read at the start', async (t) => {
  const { desk, db, clock, restart } = bench();
  const [over, usable] = ['a', 'b'].map((again, n) => desk.place(request({ again, approvedForMs: (n + 1) * 60_000 })));
  for (const hold of [over, usable]) await desk.answer(hold?.id ?? '', bob, 'approve', null);
  await desk.close('the gateway stops');
  clock.pass(60_000);
  t.strictSame(
    createHoldStore(db)
      .lasting(clock.nowMs())
      .map(({ record }) => record.id),
    [usable?.id],
  );
  const next = restart();
  await next.recover();
  t.strictSame(
    next.lasting().map(({ key }) => key),
    ['b'],
  );
});

t.test('a power cut that took the newest changes of the store', async (t) => {
  const { desk, restart, db, audit } = bench();
  const keys = ['denied', 'approved', 'used'] as const;
  const [denied, approved, used] = keys.map((again) => desk.place(request({ again })));
  if (denied === undefined || approved === undefined || used === undefined) throw new Error('not placed');
  await desk.answer(used.id, bob, 'approve', null);
  const kept = db.serialize();
  await desk.answer(denied.id, bob, 'deny', 'no');
  await desk.answer(approved.id, bob, 'approve', null);
  t.equal(used.use?.(), true);
  audit.append({ ...(audit.events[0] as AuditEvent), type: 'action.released', holdId: used.id });

  const next = restart(new Database(kept));
  await next.recover();
  t.strictSame(next.lasting(), [], 'nothing is answered or run a second time');
  t.match(next.get(denied.id), { state: 'denied', settledBy: 'bob' });
  t.match(next.get(approved.id), { state: 'withdrawn', settledReason: /before it could keep the approval/ });
  t.strictSame(audit.typesOf(denied.id), ['action.held', 'hold.denied']);
  t.equal(audit.typesOf(approved.id).at(-1), 'hold.withdrawn', 'who waits for it hears that it can not be used');
});

t.test('no clock makes it longer', async (t) => {
  t.test('set back while the gateway was stopped', async (t) => {
    const { desk, restart, clock } = bench();
    const hold = desk.place(request({ expiresMs: 60_000, again: 'k' }));
    clock.wallMs -= 3_600_000;
    const next = restart();
    await next.recover();
    t.strictSame(next.lasting(), []);
    t.match(next.get(hold.id), { state: 'withdrawn' });
  });
  t.test('behind the audit log after a restart', async (t) => {
    const { db, desk, clock, audit, random } = bench();
    const hold = desk.place(request({ expiresMs: 60_000, again: 'k' }));
    const newestEventMs = clock.nowMs() + 30_000;
    const next = createHolds({ db, clock, audit, random, readLog: audit.read, consoleUrl: null, newestEventMs });
    await next.recover();
    t.match(next.get(hold.id), { state: 'withdrawn' });
  });
  t.test('set back while it runs', async (t) => {
    const { desk, clock } = bench();
    const hold = desk.place(request({ expiresMs: 60_000, again: 'k' }));
    clock.wallMs -= 3_600_000;
    clock.pass(60_001);
    desk.expireDue();
    t.match(await hold.settled, { kind: 'expired' });
  });
  t.test('over while it was stopped', async (t) => {
    const { desk, restart, clock } = bench();
    const hold = desk.place(request({ expiresMs: 60_000, again: 'k' }));
    clock.pass(60_001);
    const next = restart();
    await next.recover();
    t.match(next.get(hold.id), { state: 'withdrawn' });
  });
});

t.test('escalation: others may answer when it waits for long, once, and the person hears of it', async (t) => {
  const { desk, clock, audit } = bench();
  const asked = request({ expiresMs: 600_000 });
  const hold = desk.place({
    ...asked,
    terms: { ...asked.terms, escalate: [{ afterMs: 300_000, to: ['managers'], sets: [['dba', 'managers']] }] },
  });
  const told: (readonly string[])[] = [];
  hold.onProgress((_, groups) => told.push(groups));
  const changes: string[] = [];
  desk.on(({ kind }) => changes.push(kind));
  const mia = person('mia', ['managers']);
  clock.pass(299_999);
  desk.expireDue();
  t.match(await desk.answer(hold.id, mia, 'approve', null), { kind: 'not-allowed', because: 'not-an-approver' });
  clock.pass(1);
  desk.expireDue();
  desk.expireDue();
  t.strictSame(changes, ['escalated']);
  t.strictSame(told, [['dba', 'managers']]);
  desk.rejudge((_, { rule, terms }) => ({ kind: 'change', rule, terms, approvals: [] }));
  t.strictSame(desk.get(hold.id)?.approverGroups, ['dba', 'managers'], 'judged again it stays so');
  t.match(await desk.answer(hold.id, mia, 'approve', null), { kind: 'approved' });
  t.strictSame(audit.typesOf(hold.id), ['action.held', 'hold.escalated', 'hold.approval-given', 'hold.approved']);
});

t.test('escalation in steps, across a restart, with several sets', async (t) => {
  const { desk, clock, audit, restart } = bench();
  const asked = request({ expiresMs: 600_000, again: 'k' });
  const escalate = [
    { afterMs: 100_000, to: ['managers'], sets: [['dba', 'managers'], ['finance']] },
    {
      afterMs: 200_000,
      to: ['board'],
      sets: [
        ['dba', 'managers'],
        ['board', 'finance'],
      ],
    },
  ];
  const hold = desk.place({ ...asked, terms: { ...asked.terms, alsoInGroups: [['finance']], escalate } });
  const director = person('dirk', ['managers', 'board']);
  clock.pass(100_000);
  desk.expireDue();
  t.match(desk.get(hold.id), { approverGroups: ['dba', 'managers'], alsoInGroups: [['finance']] });
  t.equal(desk.get(hold.id)?.escalation.length, 1, 'one step is still to come');
  t.match(await desk.answer(hold.id, person('max', ['managers']), 'approve', null), { kind: 'not-allowed' }, 'every set counts');
  await desk.close('the gateway stops');

  const next = restart();
  await next.recover();
  t.match(next.get(hold.id), { state: 'pending', approverGroups: ['dba', 'managers'] }, 'what was widened stays so');
  t.match(await next.answer(hold.id, director, 'approve', null), { kind: 'not-allowed' }, 'the second step is not due');
  clock.wallMs -= 3_600_000;
  clock.pass(99_999);
  next.expireDue();
  t.match(await next.answer(hold.id, director, 'approve', null), { kind: 'not-allowed' }, 'a clock set back brings it no nearer');
  clock.pass(1);
  next.expireDue();
  next.expireDue();
  t.strictSame(
    audit.typesOf(hold.id).filter((type) => type === 'hold.escalated'),
    ['hold.escalated', 'hold.escalated'],
  );
  t.match(await next.answer(hold.id, director, 'approve', null), { kind: 'approved' });
});

t.test('two steps that are due at one look are one announcement', (t) => {
  const { desk, clock } = bench();
  const asked = request();
  const escalate = [
    { afterMs: 1_000, to: ['managers'], sets: [['dba', 'managers']] },
    { afterMs: 2_000, to: ['board'], sets: [['dba', 'managers', 'board']] },
  ];
  const hold = desk.place({ ...asked, terms: { ...asked.terms, escalate } });
  const changes: string[] = [];
  desk.on(({ kind }) => changes.push(kind));
  clock.pass(5_000);
  desk.expireDue();
  t.strictSame(changes, ['escalated']);
  t.strictSame(desk.get(hold.id)?.approverGroups, ['dba', 'managers', 'board']);
  t.end();
});
