// Who may answer, what counts, how a hold ends, and what happens when it can't be written down.

import t from 'tap';
import { parseHoldId } from '../../src/approvals/hold-id.ts';
import { holdView, type HoldChange } from '../../src/approvals/holds.ts';
import { failCommits } from '../support/failing-commits.ts';
import { bench, person, request } from './approvals-fixtures/desk.ts';

const alice = person('alice', ['engineers', 'dba']);
const bob = person('bob');
const dana = person('dana');

t.test('one yes of an approver releases it, and a second click changes nothing', async (t) => {
  const { desk, audit } = bench();
  const hold = desk.place(request());
  t.match(hold, { id: /^h-[0-9A-HJKMNP-TV-Z]{6}$/, url: `http://127.0.0.1:8080/holds/${hold.id}` });
  t.match(await desk.answer(hold.id, bob, 'approve', 'looks fine'), { kind: 'approved', already: false, hold: { state: 'approved' } });
  t.match(await hold.settled, { kind: 'approved', approvals: [{ by: 'bob', groups: ['dba'], reason: 'looks fine' }] });
  t.match(await desk.answer(hold.id, bob, 'approve', null), { kind: 'approved', already: true });
  t.match(await desk.answer(hold.id, dana, 'approve', null), { kind: 'not-pending', state: 'approved' });
  t.match(await desk.answer(hold.id, dana, 'deny', null), { kind: 'not-pending', state: 'approved' });
  t.strictSame(audit.typesOf(hold.id), ['action.held', 'hold.approval-given', 'hold.approved']);
  t.equal(desk.pendingCount, 0);
});

t.test('who may not answer, and why', async (t) => {
  const { desk, audit } = bench();
  const hold = desk.place(request({ reasonRequired: true }));
  const cases = [
    { name: 'the requester, even from the approvers’ group', person: alice, because: 'requester' },
    { name: 'an AI agent in the group', person: person('robot', ['dba'], 'ai-agent'), because: 'ai-agent' },
    { name: 'somebody of another group', person: person('carol', ['auditors']), because: 'not-an-approver' },
    { name: 'an approver without the reason that the rule asks for', person: bob, because: 'reason-missing' },
  ] as const;
  for (const { name, person, because } of cases) {
    t.match(await desk.answer(hold.id, person, 'approve', ' \n '), { kind: 'not-allowed', because, why: String }, name);
  }
  t.match(await desk.answer(hold.id, bob, 'approve', 'x'.repeat(1001)), { because: 'reason-too-long' });
  t.match(await desk.answer(hold.id, alice, 'deny', 'mine'), { because: 'requester' });
  t.match(await desk.answer('h-000000', bob, 'approve', 'x'), { kind: 'unknown' });
  t.match(await desk.answer('../../etc', bob, 'approve', 'x'), { kind: 'unknown' });
  t.strictSame(audit.typesOf(hold.id), ['action.held'], 'nothing was counted');
  t.equal(desk.get(hold.id)?.state, 'pending');
  t.match(await desk.answer(hold.id, bob, 'deny', null), { kind: 'denied' }, 'a no needs no reason');
  t.match(await hold.settled, { kind: 'denied', by: 'bob', reason: null });
});

t.test('several rules at once: an approver must satisfy each of them, and hears so at once', async (t) => {
  const { desk, audit } = bench();
  const asked = request();
  const hold = desk.place({
    ...asked,
    terms: { ...asked.terms, approverGroups: ['dba', 'sre'], alsoInGroups: [['security', 'legal'], ['owners']] },
  });
  const why = 'only members of dba or sre who are also in security or legal and in owners may answer this hold';
  for (const groups of [['dba'], ['dba', 'security'], ['dba', 'owners'], ['security', 'owners']]) {
    const them = person('erin', groups);
    t.match(await desk.answer(hold.id, them, 'approve', null), { kind: 'not-allowed', because: 'not-an-approver', why }, groups.join());
    t.match(
      await desk.answer(hold.id, them, 'deny', 'no'),
      { kind: 'not-allowed', because: 'not-an-approver' },
      `${groups.join()}: nor deny`,
    );
    const view = holdView(desk.get(hold.id)!, them);
    t.match(view, { can_answer: false, cannot_answer_because: why, also_in_groups: [['security', 'legal'], ['owners']] });
  }
  t.strictSame(audit.typesOf(hold.id), ['action.held'], 'nothing was counted');
  t.match(audit.events[0]?.detail, { also_in_groups: [['security', 'legal'], ['owners']] });
  t.match(await desk.answer(hold.id, person('frank', ['sre', 'legal', 'owners']), 'approve', null), { kind: 'approved' });
  t.match(desk.list({}).items[0], { alsoInGroups: [['security', 'legal'], ['owners']] }, 'kept with the hold');
  t.notOk('also_in_groups' in holdView(desk.get(desk.place(request()).id)!, null), 'missing in the common case');
});

t.test('two are needed: the same person counts once, and says so', async (t) => {
  const { desk } = bench();
  const hold = desk.place(request({ needed: 2 }));
  const progress: number[] = [];
  hold.onProgress((given) => progress.push(given));
  t.match(await desk.answer(hold.id, bob, 'approve', null), { kind: 'counted', given: 1, needed: 2, already: false });
  t.match(await desk.answer(hold.id, bob, 'approve', null), { kind: 'counted', given: 1, needed: 2, already: true });
  t.match(await desk.answer(hold.id, dana, 'approve', null), { kind: 'approved' });
  t.match(await hold.settled, { kind: 'approved', approvals: [{ by: 'bob' }, { by: 'dana' }] });
  t.strictSame(progress, [1]);
});

t.test('one no is enough, also after the same person’s yes', async (t) => {
  const { desk } = bench();
  const hold = desk.place(request({ needed: 2 }));
  await desk.answer(hold.id, bob, 'approve', null);
  t.match(await desk.answer(hold.id, bob, 'deny', 'on second thoughts'), { kind: 'denied' });
  t.match(await hold.settled, { kind: 'denied', by: 'bob', reason: 'on second thoughts' });
});

t.test('races: approvals and denials given at once end it once', async (t) => {
  for (const slow of [false, true]) {
    const { desk, audit } = bench();
    const hold = desk.place(request());
    if (slow) audit.slow = [];
    const answers = [
      desk.answer(hold.id, bob, 'approve', null),
      desk.answer(hold.id, dana, 'approve', null),
      desk.answer(hold.id, bob, 'approve', null),
      desk.answer(hold.id, dana, 'deny', null),
    ];
    hold.withdraw('cancelled by the client');
    for (const durable of audit.slow ?? []) durable.resolve();
    const kinds = (await Promise.all(answers)).map((it) => it.kind);
    t.strictSame(kinds, ['approved', 'not-pending', 'approved', 'not-pending'], slow ? 'waiting for the disk' : 'at once');
    t.match(await hold.settled, { kind: 'approved', approvals: [{ by: 'bob' }] });
    t.strictSame(audit.typesOf(hold.id), ['action.held', 'hold.approval-given', 'hold.approved']);
  }
});

t.test('with fsync nothing is released before the disk has it', async (t) => {
  const { desk, audit } = bench();
  const hold = desk.place(request());
  audit.slow = [];
  let settled = false;
  void hold.settled.then(() => (settled = true));
  const answered = desk.answer(hold.id, bob, 'approve', null);
  await new Promise(setImmediate);
  t.equal(settled, false);
  for (const durable of audit.slow) durable.resolve();
  t.match(await answered, { kind: 'approved' });
  t.match(await hold.settled, { kind: 'approved' });
});

t.test('what can’t be written down does not run', async (t) => {
  t.test('the audit log refuses', async (t) => {
    const { desk, audit } = bench();
    const hold = desk.place(request());
    audit.fail = true;
    t.match(await desk.answer(hold.id, bob, 'approve', null), { kind: 'failed', why: /no space left/ });
    t.match(await hold.settled, { kind: 'withdrawn', why: /could not write the decision down/ });
    audit.fail = false;
    t.strictSame(audit.typesOf(hold.id), ['action.held', 'hold.withdrawn'], 'its end is in the log once there is room');
    t.match(await desk.answer(hold.id, bob, 'approve', null), { kind: 'not-pending', state: 'withdrawn' });
    t.throws(() => ((audit.fail = true), desk.place(request())), { code: 'store-failed' });
  });
  t.test('the disk refuses after the approval was written', async (t) => {
    const { desk, audit } = bench();
    const hold = desk.place(request());
    audit.slow = [];
    const answered = desk.answer(hold.id, bob, 'approve', null);
    for (const durable of audit.slow) durable.reject(new Error('EIO'));
    t.match(await answered, { kind: 'failed' });
    t.match(await hold.settled, { kind: 'withdrawn' });
    t.equal(desk.get(hold.id)?.state, 'withdrawn', 'nor does the store say approved');
  });
  t.test('the store takes nothing for a while', async (t) => {
    const { desk, db, audit, restart } = bench();
    const hold = desk.place(request());
    db.pragma('query_only = on');
    t.match(await desk.answer(hold.id, bob, 'deny', null), { kind: 'failed' });
    t.match(await hold.settled, { kind: 'withdrawn' });
    db.pragma('query_only = off');
    desk.expireDue(); // its timer
    const before = audit.typesOf(hold.id);
    const after = restart();
    t.equal(await after.recover(), 0, 'nothing is left to be withdrawn');
    t.match(after.get(hold.id), { state: 'withdrawn', settledReason: /could not write/ });
    t.strictSame(audit.typesOf(hold.id), before);
  });
  t.test('the store fails at the very end, behind the log', async (t) => {
    const { desk, db, audit, restart } = bench();
    const placed = () => desk.place(request());
    const [denied, approved, left, waiting] = [placed(), placed(), placed(), placed()];
    const works = failCommits(db, 'holds');
    t.match(await desk.answer(denied.id, bob, 'deny', 'no'), { kind: 'denied' }, 'the log has it, and nothing runs');
    t.match(await denied.settled, { kind: 'denied' });
    t.match(await desk.answer(approved.id, bob, 'approve', null), { kind: 'failed' });
    t.match(await approved.settled, { kind: 'withdrawn' });
    left.withdraw('the client left');
    t.throws(() => desk.place(request({ session: 's-none' })), { code: 'store-failed' });
    t.strictSame(
      audit.events.filter((it) => it.sessionId === 's-none').map(({ type }) => type),
      ['action.held', 'hold.withdrawn'],
      'what the log says is held ends there',
    );
    const ends = () => [denied, approved, left].map(({ id }) => audit.typesOf(id).slice(1));
    const before = ends();
    t.strictSame(before, [['hold.denied'], ['hold.approval-given', 'hold.approved', 'hold.withdrawn'], ['hold.withdrawn']]);

    // Killed: the store never heard of any of that.
    works();
    const after = restart();
    t.equal(await after.recover(), 1, 'only what the log knows no end of is withdrawn');
    t.strictSame(ends(), before, 'nothing ends once more');
    t.match(after.get(denied.id), { state: 'denied', settledBy: 'bob', settledReason: 'no' });
    t.match(after.get(approved.id), { state: 'withdrawn', settledReason: /could not write/ });
    t.match(after.get(waiting.id), { state: 'withdrawn', settledReason: 'the gateway restarted' });
  });
  t.test('the store is gone', async (t) => {
    const { desk, db } = bench();
    const hold = desk.place(request());
    db.close();
    t.match(await desk.answer(hold.id, bob, 'approve', null), { kind: 'failed' });
    t.match(await hold.settled, { kind: 'withdrawn' });
    t.throws(() => desk.place(request()), { code: 'store-failed' });
  });
});

t.test('expiry goes by time that passes, not by the wall clock', async (t) => {
  const { desk, clock, audit } = bench();
  const hold = desk.place(request({ expiresMs: 60_000 }));
  clock.wallMs -= 3_600_000;
  clock.passedMs += 59_999;
  desk.expireDue();
  t.equal(desk.get(hold.id)?.state, 'pending');
  clock.passedMs += 1;
  t.match(await desk.answer(hold.id, bob, 'approve', null), { kind: 'not-pending', state: 'expired' }, 'also when no timer was first');
  t.match(await hold.settled, { kind: 'expired' });
  t.strictSame(audit.typesOf(hold.id), ['action.held', 'hold.expired']);
});

t.test('its own timer ends it', async (t) => {
  const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
  const { desk } = bench({ clock });
  const keepsTheProcess = setInterval(() => undefined, 1000);
  t.teardown(() => clearInterval(keepsTheProcess));
  const later = desk.place(request({ expiresMs: 60_000 }));
  const soon = desk.place(request({ expiresMs: 5 }));
  t.match(await soon.settled, { kind: 'expired' });
  t.equal(desk.get(later.id)?.state, 'pending');
  await desk.close('the gateway is stopping');
  t.match(await later.settled, { kind: 'withdrawn', why: 'the gateway is stopping' });
  t.throws(() => desk.place(request()), { code: 'limit-reached' });
});

t.test('after a restart an approval runs nothing', async (t) => {
  const { desk, restart, audit } = bench();
  const hold = desk.place(request());
  const next = restart();
  t.match(await next.answer(hold.id, bob, 'approve', null), { kind: 'not-pending', state: 'withdrawn' }, 'even before recover');
  t.equal(await next.recover(), 1);
  t.match(next.get(hold.id), { state: 'withdrawn', settledReason: 'the gateway restarted' });
  t.match(await next.answer(hold.id, bob, 'approve', null), { kind: 'not-pending', state: 'withdrawn' });
  t.strictSame(audit.typesOf(hold.id), ['action.held', 'hold.withdrawn']);
  t.equal(await next.recover(), 0);
});

t.test('limits, each in words', (t) => {
  const { desk } = bench({ limits: { pendingMax: 5, pendingPerPersonMax: 3, pendingPerSessionMax: 2, textCharsMax: 100 } });
  desk.place(request({ session: 's' }));
  desk.place(request({ session: 's' }));
  t.throws(() => desk.place(request({ session: 's' })), { code: 'limit-reached', message: /this session has 2/ });
  desk.place(request());
  t.throws(() => desk.place(request()), { code: 'limit-reached', message: /you have 3/ });
  desk.place(request({ by: person('erin') }));
  desk.place(request({ by: person('frank') }));
  t.throws(() => desk.place(request({ by: person('grace') })), { code: 'limit-reached', message: /5 holds are waiting/ });
  t.throws(() => desk.place(request({ text: 'x'.repeat(101) })), { code: 'limit-reached', message: /too long/ });
  t.end();
});

t.test('judged again', async (t) => {
  const { desk, audit } = bench();
  const denied = desk.place(request());
  const stricter = desk.place(request({ needed: 2 }));
  const broken = desk.place(request());
  await desk.answer(stricter.id, bob, 'approve', null);
  const rule = { id: 'production/new', title: 'New rule', version: 'v2' };
  const terms = { approverGroups: ['owners'], approvalsNeeded: 1, expiresMs: 1, expiresInTransactionMs: 1, reasonRequired: false };
  desk.rejudge((hold) => {
    if (hold.id === denied.id) return { kind: 'withdraw', why: 'the policies changed and now deny it' };
    if (hold.id === broken.id) throw new Error('policy broke');
    return { kind: 'change', rule, terms, approvals: [] };
  });
  t.match(await denied.settled, { kind: 'withdrawn', why: /now deny it/ });
  t.match(await broken.settled, { kind: 'withdrawn', why: /policy broke/ });
  t.match(desk.get(stricter.id), { state: 'pending', ruleId: 'production/new', approverGroups: ['owners'], approvals: [] });
  t.match(
    audit.events.find((it) => it.type === 'hold.changed'),
    { type: 'hold.changed', detail: { approvals_no_longer_counted: ['bob'] } },
  );
  t.match(await desk.answer(stricter.id, bob, 'approve', null), { because: 'not-an-approver' });
  t.match(await desk.answer(stricter.id, person('olga', ['owners']), 'approve', null), { kind: 'approved' });
});

t.test('listeners hear each change after it was written; a broken one breaks nothing', async (t) => {
  const { desk } = bench();
  const heard: string[] = [];
  desk.on(() => {
    throw new Error('broken');
  });
  const stop = desk.on(({ kind, hold }: HoldChange) => heard.push(`${kind} ${hold.state} ${hold.approvals.length}`));
  const hold = desk.place(request({ needed: 2 }));
  await desk.answer(hold.id, bob, 'approve', null);
  await desk.answer(hold.id, dana, 'approve', null);
  stop();
  desk.place(request());
  t.strictSame(heard, ['placed pending 0', 'progress pending 1', 'settled approved 2']);
});

t.test('lists: newest first, by state and person, in pages', async (t) => {
  const { desk } = bench();
  const ids = Array.from({ length: 7 }, (_, n) => desk.place(request({ by: person(n % 2 === 0 ? 'alice' : 'erin') })).id);
  await desk.answer(ids[3] as string, bob, 'deny', null);
  const first = desk.list({ state: 'pending', limit: 4 });
  t.strictSame(
    first.items.map((it) => it.id),
    [ids[6], ids[5], ids[4], ids[2]],
  );
  const second = desk.list({ state: 'pending', limit: 4, cursor: first.next ?? '' });
  t.strictSame(
    second.items.map((it) => it.id),
    [ids[1], ids[0]],
  );
  t.equal(second.next, null);
  t.strictSame(
    desk.list({ principal: 'erin' }).items.map((it) => it.id),
    [ids[5], ids[3], ids[1]],
  );
  t.throws(() => desk.list({ cursor: 'nonsense' }), { code: 'invalid-request' });
});

t.test('lists: a text is found in all that people see of a hold, among many and in large ones, in steps that take no time', async (t) => {
  const { desk } = bench();
  const ids: string[] = [];
  const place = (text: string, by = 'alice') => {
    ids.push(desk.place(request({ text, by: person(by) })).id);
  };
  place('DROP TABLE Invoices -- 100%');
  for (let number = 0; number < 30; number += 1) place(`SELECT ${number}`);
  place('SELECT 1', 'invoice-robot');
  await desk.answer(ids[5] as string, bob, 'deny', 'ask INVOICING first');
  await desk.answer(ids[6] as string, bob, 'approve', null);
  place('a'.repeat(2 * 1024 * 1024));
  place('b'.repeat(3 * 1024 * 1024));
  const found = (text: string, more: object = {}) => {
    const all: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = desk.list({ text, limit: 2, ...more, ...(cursor === undefined ? {} : { cursor }) });
      t.ok(page.items.length <= 2);
      all.push(...page.items.map(({ id }) => id));
      cursor = page.next ?? undefined;
      pages += 1;
    } while (cursor !== undefined);
    return { all, pages };
  };
  t.strictSame(found('invoic').all, [ids[31], ids[5], ids[0]], 'in the person, the reason, the statement; newest first');
  t.strictSame(found('invoic', { state: 'denied' }).all, [ids[5]]);
  t.strictSame(found('invoic', { principal: 'alice' }).all, [ids[5], ids[0]]);
  t.strictSame(found('BOB').all, [ids[6], ids[5]], 'in who approved or denied');
  t.strictSame(found(ids[3] as string).all, [ids[3]], 'in the number');
  t.strictSame(found('100%').all, [ids[0]], 'no letter means another');
  t.strictSame(found('1_0').all, []);
  t.ok(found('nowhere').pages > 1, 'large texts are not all looked at for one page');
  const beganMs = performance.now();
  t.strictSame(found(`${'a'.repeat(1_900)}c`).all, []);
  t.ok(performance.now() - beganMs < 2_000, 'letters that nearly match cost no more');
});

t.test('the whole text is kept, and the view says who may answer', async (t) => {
  const { desk } = bench();
  const text = `DROP TABLE orders; -- ${'\u202e<script>\u001b[2J'.repeat(20_000)}`;
  const hold = desk.place(request({ text }));
  const record = desk.list({}).items[0];
  if (record === undefined) throw new Error('not listed');
  t.equal(record.text, text);
  t.match(holdView(record, bob), {
    id: hold.id,
    text,
    effects: ['drop public.orders'],
    risks: [{ start: 0, end: 10 }],
    parameters: [{ type: 'int4', text: '7' }],
    can_answer: true,
    cannot_answer_because: null,
  });
  t.match(holdView(record, alice), { can_answer: false, cannot_answer_because: /you asked for this yourself/ });
  t.match(holdView(record, null), { can_answer: false, cannot_answer_because: null });
  await desk.answer(hold.id, bob, 'deny', 'no\u001b[2J\u202e\nway');
  t.match(holdView(desk.get(hold.id) ?? record, bob), {
    state: 'denied',
    settled_by: 'bob',
    settled_reason: 'no [2J way',
    cannot_answer_because: 'it is denied already',
  });
});

t.test('a hold number can be typed as it was heard', (t) => {
  for (const typed of ['h-7K3M9Q', 'H-7k3m9q', '7k3m9q', ' h-7K3M9Q ']) t.equal(parseHoldId(typed), 'h-7K3M9Q', typed);
  t.equal(parseHoldId('h-OIL123'), 'h-011123');
  for (const wrong of ['', 'h-', 'h-7K3M9', 'h-7K3M9QX', 'h-7K3M9U', 'h-7K3 9Q', '../../x']) t.equal(parseHoldId(wrong), null, wrong);
  t.end();
});
