// Access for a while: first what must not be given, then what is, then how it ends.

import t from 'tap';
import { failCommits } from '../support/failing-commits.ts';
import { Bench, everybody, hourMs, minuteMs, person, policies, policy } from './access-fixtures/desk.ts';

t.test('what is refused at once, with words', async (t) => {
  const bench = new Bench();
  const why = async (name: string, wanted: Parameters<Bench['ask']>[1]) => {
    const result = await bench.ask(name, wanted);
    return result.kind === 'refused' ? result.why : 'taken';
  };
  t.match(await why('carol', {}), /no policy lets carol ask for access to orders/);
  t.match(await why('alice', { durationMs: 2 * hourMs + 1 }), /at most 2 h/);
  t.match(await why('alice', { target: 'web-1', durationMs: minuteMs }), /only read-only access/);
  t.match(await why('alice', { target: 'nowhere' }), /no target nowhere/);
  t.match(await why('alice', { isBreakGlass: true }), /no policy lets alice break the glass/);
  t.match(await why('alice', { reason: ' \u200b ' }), /a reason is needed/);
  t.match(await why('alice', { durationMs: Number.NaN }), /for how long/);
  t.match(await why('alice', { scope: { role: 'root', readOnly: false, tables: null } }), /no role can be asked for/);
  t.match(await why('alice', { scope: { role: null, readOnly: false, tables: ['public.*'] } }), /no name of a table/);
  t.same(bench.audit, [], 'nothing was written');
});

t.test('who may not answer', async (t) => {
  const bench = new Bench();
  const id = await bench.asked('alice');
  const said = async (name: string) => bench.desk.answer(id, bench.who(name), 'approve', null);
  t.match(await said('alice'), { kind: 'refused', because: 'requester' });
  t.match(await said('robot'), { kind: 'refused', because: 'not-allowed', why: /AI agent/ });
  t.match(await said('sam'), { kind: 'refused', because: 'not-allowed' });
  t.match(await bench.desk.answer('r-000000', bench.who('bob'), 'approve', null), { because: 'unknown' });
  t.same(bench.inForce('alice'), []);
  t.match(await said('bob'), { kind: 'granted', already: false });
  t.match(await said('bob'), { kind: 'granted', already: true }, 'pressed twice');
  t.match(await said('dana'), { kind: 'not-pending' }, 'too late');
  t.equal(bench.auditTypes().filter((type) => type === 'access.granted').length, 1);
});

t.test('one no is final', async (t) => {
  const bench = new Bench();
  const id = await bench.asked('alice', { target: 'vault' });
  t.match(await bench.desk.answer(id, bench.who('bob'), 'approve', 'fine'), { kind: 'counted' });
  t.match(await bench.desk.answer(id, bench.who('sam'), 'deny', 'no'), { kind: 'denied' });
  t.match(await bench.desk.answer(id, bench.who('dana'), 'approve', 'fine'), { kind: 'not-pending', request: { state: 'denied' } });
  t.same(bench.inForce('alice', 'vault'), []);
});

t.test('two of one group and one of another, each person once', async (t) => {
  const bench = new Bench();
  const id = await bench.asked('alice', { target: 'vault' });
  const yes = (name: string) => bench.desk.answer(id, bench.who(name), 'approve', 'fine');
  t.match(await bench.desk.answer(id, bench.who('bob'), 'approve', null), { because: 'reason-missing' });
  t.match(await yes('both'), { kind: 'counted' });
  t.match(await yes('both'), { kind: 'counted', already: true });
  t.match(await yes('bob'), { kind: 'counted' }, 'both now sits for security');
  t.match(await yes('dana'), { kind: 'granted' });
  t.equal(bench.inForce('alice', 'vault').length, 1);
  const other = await bench.asked('bob', { target: 'vault' });
  const more = (name: string) => bench.desk.answer(other, bench.who(name), 'approve', 'fine');
  t.match(await more('bob'), { because: 'requester' }, 'an approver who asks is no approver');
  await more('dana');
  t.match(await more('sam'), { kind: 'counted' });
  t.match(await more('both'), { kind: 'granted' });
});

t.test('the wrong target, the wrong person', async (t) => {
  const bench = new Bench();
  await bench.given('alice');
  t.equal(bench.inForce('alice').length, 1);
  t.same(bench.inForce('alice', 'vault'), []);
  t.same(bench.inForce('omar'), []);
});

t.test('it ends by whichever clock says so first', async (t) => {
  const bench = new Bench();
  const id = await bench.given('alice');
  bench.clock.pass(59 * minuteMs);
  bench.clock.wallMs -= 24 * hourMs;
  bench.desk.tick();
  t.same(bench.inForce('alice'), [id], 'set back: it goes on');
  bench.clock.pass(minuteMs);
  t.same(bench.inForce('alice'), [], 'and is over when an hour has passed, before any timer ran');
  bench.desk.tick();
  t.match(bench.desk.grantOf(id), { state: 'ended', endKind: 'over' });
  const second = await bench.given('alice', { readOnly: true, durationMs: 30 * minuteMs });
  bench.clock.wallMs += 31 * minuteMs;
  t.same(bench.inForce('alice'), [], 'set forward: it ends early');
  bench.desk.tick();
  t.match(bench.desk.grantOf(second), { state: 'ended', endKind: 'over' });
});

t.test('restarts lengthen nothing', async (t) => {
  const bench = new Bench();
  const id = await bench.given('alice');
  bench.clock.pass(30 * minuteMs);
  bench.desk.tick();
  await bench.restart();
  t.same(bench.inForce('alice'), [id]);
  bench.clock.pass(20 * minuteMs);
  await bench.restart(true);
  bench.clock.wallMs += 0;
  bench.clock.pass(9 * minuteMs);
  t.same(bench.inForce('alice'), [id]);
  bench.clock.pass(minuteMs + 15_000);
  t.same(bench.inForce('alice'), []);
  const waiting = await bench.asked('alice', { target: 'orders' });
  bench.clock.wallMs -= hourMs;
  await bench.restart();
  t.match(bench.desk.requestOf(waiting), { state: 'expired' }, 'the clock was set back while it was stopped: nobody knows, so it is over');
});

t.test('a grant whose clock was set back while the gateway was stopped ends', async (t) => {
  const bench = new Bench();
  const id = await bench.given('alice');
  bench.clock.wallMs -= hourMs;
  await bench.restart();
  t.same(bench.inForce('alice'), []);
  t.match(bench.desk.grantOf(id), { state: 'ended', endKind: 'clock', endReason: /set back/ });
});

t.test('a clock that was set back before a crash does not hide how long the gateway was stopped', async (t) => {
  const bench = new Bench();
  const id = await bench.given('alice', { durationMs: 10 * minuteMs });
  bench.desk.tick();
  bench.clock.wallMs -= 4 * minuteMs;
  bench.desk.tick();
  await bench.restart(false, 6 * minuteMs);
  bench.clock.pass(4 * minuteMs);
  t.same(bench.inForce('alice'), [], `${id} had ten minutes`);
});

t.test('nobody answers in time', async (t) => {
  const bench = new Bench();
  const id = await bench.asked('alice');
  bench.clock.pass(hourMs);
  t.match(await bench.desk.answer(id, bench.who('bob'), 'approve', null), { kind: 'not-pending', request: { state: 'expired' } });
});

t.test('ended by hand, and by whom', async (t) => {
  const bench = new Bench();
  const id = await bench.given('alice');
  t.match(await bench.desk.revoke(id, bench.who('carol'), false, null), { because: 'not-allowed' });
  t.match(await bench.desk.revoke(id, bench.who('robot'), false, null), { because: 'not-allowed' });
  t.match(await bench.desk.revoke(id, bench.who('carol'), true, 'as operator'), { kind: 'done', grant: { endedBy: 'carol' } });
  t.match(await bench.desk.revoke(id, bench.who('bob'), false, null), { because: 'conflict' });
  t.same(bench.inForce('alice'), []);
  const own = await bench.given('alice');
  t.match(await bench.desk.revoke(own, bench.who('alice'), false, null), { kind: 'done' });
});

t.test('more time that is asked for is not waited for once the access has ended', async (t) => {
  for (const end of ['by its time', 'by word'] as const) {
    const bench = new Bench();
    const id = await bench.given('alice', { durationMs: 10 * minuteMs });
    const asked = await bench.desk.extend(bench.who('alice'), id, minuteMs, 'not done');
    if (asked.kind === 'refused') throw new Error(asked.why);
    t.equal(bench.desk.requestOf(asked.request.id)?.state, 'pending', end);
    if (end === 'by word') await bench.desk.revoke(id, bench.who('alice'), false, null);
    else {
      bench.clock.pass(10 * minuteMs);
      bench.desk.tick();
    }
    await new Promise(setImmediate);
    const { state, settledReason } = bench.desk.requestOf(asked.request.id) ?? {};
    t.match({ state, settledReason }, { state: 'withdrawn', settledReason: `the access ${id} has ended` }, end);
  }
});

t.test('broken glass is ended by those who have to review it, too', async (t) => {
  const bench = new Bench();
  const id = await bench.given('omar', { isBreakGlass: true });
  t.match(await bench.desk.revoke(id, bench.who('bob'), false, null), { because: 'not-allowed' }, 'he reviews nothing');
  t.match(await bench.desk.revoke(id, bench.who('sam'), false, 'enough'), { kind: 'done', grant: { endedBy: 'sam', review: 'open' } });
});

t.test('an end that cannot be written takes the access away all the same, and is written later', async (t) => {
  const bench = new Bench();
  const id = await bench.given('alice');
  bench.auditFails = true;
  t.match(await bench.desk.revoke(id, bench.who('bob'), false, 'now'), { because: 'failed' });
  t.same(bench.inForce('alice'), []);
  bench.auditFails = false;
  bench.desk.tick();
  t.match(bench.desk.grantOf(id), { state: 'ended', endedBy: 'bob' });
});

t.test('what the store does not keep at the very end is in the log once', async (t) => {
  const bench = new Bench();
  const grant = await bench.given('alice');
  const request = await bench.asked('omar', { durationMs: 2 * hourMs });
  const kept = [failCommits(bench.db, 'grants')];
  t.match(await bench.desk.revoke(grant, bench.who('bob'), false, 'now'), { because: 'failed' });
  for (let round = 0; round < 3; round += 1) bench.desk.tick();
  kept.push(failCommits(bench.db, 'access_requests'));
  bench.clock.pass(hourMs);
  for (let round = 0; round < 3; round += 1) bench.desk.tick();
  t.match(await bench.desk.answer(request, bench.who('bob'), 'approve', null), { because: 'failed' }, 'its time is over all the same');
  for (const works of kept) works();
  bench.desk.tick();
  t.match(bench.desk.grantOf(grant), { state: 'ended', endedBy: 'bob' });
  t.match(bench.desk.requestOf(request), { state: 'expired' });
  const ends = bench.auditTypes().filter((type) => type === 'grant.revoked' || type === 'access.expired');
  t.strictSame(ends, ['grant.revoked', 'access.expired']);
});

t.test('a yes that cannot be written gives nothing', async (t) => {
  const bench = new Bench();
  const id = await bench.asked('alice');
  bench.auditFails = true;
  t.match(await bench.desk.answer(id, bench.who('bob'), 'approve', null), { because: 'failed' });
  t.same(bench.inForce('alice'), []);
  t.equal(bench.desk.requestOf(id)?.state, 'pending');
  bench.auditFails = false;
  t.match(await bench.desk.answer(id, bench.who('bob'), 'approve', null), { kind: 'granted' });
});

t.test('more time', async (t) => {
  const bench = new Bench();
  const id = await bench.given('alice');
  const alice = bench.who('alice');
  t.match(await bench.desk.extend(bench.who('omar'), id, hourMs, 'mine?'), { because: 'unknown' }, 'not yours');
  t.match(await bench.desk.extend(alice, id, hourMs + 1, 'more'), { why: /at most 2 h/ }, 'over the longest time, extension included');
  const asked = await bench.desk.extend(alice, id, hourMs, 'not done yet');
  if (asked.kind !== 'requested') return t.fail(asked.why);
  t.match(await bench.desk.extend(alice, id, minuteMs, 'again'), { because: 'conflict' });
  t.match(await bench.desk.answer(asked.request.id, alice, 'approve', null), { because: 'requester' });
  bench.clock.pass(59 * minuteMs);
  t.match(await bench.desk.answer(asked.request.id, bench.who('dana'), 'approve', null), { kind: 'granted' });
  bench.clock.pass(hourMs);
  t.same(bench.inForce('alice'), [id]);
  t.match(await bench.desk.extend(alice, id, minuteMs, 'and more'), { kind: 'refused' }, 'two hours are two hours');
  bench.clock.pass(minuteMs);
  t.same(bench.inForce('alice'), []);
  t.match(await bench.desk.extend(alice, id, minuteMs, 'after its end'), { because: 'unknown' });
});

t.test('an extension answered after the end gives nothing', async (t) => {
  const bench = new Bench();
  const id = await bench.given('alice');
  const asked = await bench.desk.extend(bench.who('alice'), id, minuteMs, 'late');
  if (asked.kind !== 'requested') return t.fail(asked.why);
  bench.clock.pass(hourMs);
  t.match(await bench.desk.answer(asked.request.id, bench.who('bob'), 'approve', null), { kind: 'not-pending' });
  t.same(bench.inForce('alice'), []);
});

t.test('unused for long enough, it ends', async (t) => {
  const bench = new Bench();
  const id = await bench.given('alice', { readOnly: true, durationMs: 30 * minuteMs });
  bench.openSessions.add('s-1');
  bench.desk.used(id as never, 's-1');
  bench.clock.pass(11 * minuteMs);
  bench.desk.tick();
  t.same(bench.inForce('alice'), [id], 'a session is open');
  bench.openSessions.clear();
  bench.clock.pass(10 * minuteMs);
  bench.desk.tick();
  t.match(bench.desk.grantOf(id), { state: 'ended', endKind: 'idle', sessions: 1 });
});

t.test('policies and people that change count at once', async (t) => {
  const bench = new Bench();
  const id = await bench.given('alice');
  const waiting = await bench.asked('alice', { target: 'vault' });
  await bench.desk.answer(waiting, bench.who('bob'), 'approve', 'fine');
  bench.people.set('bob', person('bob', ['engineers']));
  bench.desk.rejudge();
  t.same(bench.desk.requestOf(waiting)?.approvals, [], 'a former approver does not count');
  t.same(bench.inForce('alice'), [id], 'what was given stays given');
  bench.policies = policies(policy.replace('longest: 2h', 'longest: 30m'));
  bench.desk.rejudge();
  t.match(bench.desk.grantOf(id), { state: 'ended', endKind: 'policies' });
  bench.people.delete('alice');
  bench.desk.rejudge();
  t.match(bench.desk.requestOf(waiting), { state: 'withdrawn', settledReason: /may no longer sign in/ });
});

t.test('the broken glass owes a review', async (t) => {
  const bench = new Bench();
  const id = await bench.given('omar', { isBreakGlass: true, target: 'vault' });
  t.match(bench.desk.inForce('omar', 'vault'), [{ isBreakGlass: true }]);
  const review = (name: string, words = 'looked at the recording') => bench.desk.review(id, bench.who(name), words);
  t.match(await review('sam'), { because: 'conflict', why: /still in force/ });
  bench.clock.pass(hourMs);
  bench.desk.tick();
  t.equal(bench.desk.grants({ review: 'open' }).items.length, 1);
  bench.clock.pass(24 * hourMs);
  bench.desk.tick();
  t.ok(
    bench.changes.some(({ kind }) => kind === 'review-due'),
    'it is asked for again',
  );
  await bench.restart();
  t.equal(bench.desk.grants({ review: 'open' }).items.length, 1, 'open until it is done');
  t.match(await review('omar'), { because: 'requester' });
  t.match(await review('bob'), { because: 'not-allowed' });
  t.match(await review('sam', '  '), { because: 'reason-missing' });
  t.match(await review('sam'), { kind: 'done', grant: { review: 'done', reviewedBy: 'sam' } });
  t.match(await review('both'), { because: 'conflict' });
  t.equal(bench.auditTypes().at(-1), 'grant.reviewed');
});

t.test('every step is in the log and in the timeline', async (t) => {
  const bench = new Bench();
  const id = await bench.given('alice');
  bench.desk.used(id as never, 's-1');
  bench.desk.used(id as never, 's-1');
  await bench.desk.revoke(id, bench.who('bob'), false, 'done');
  const types = ['access.requested', 'access.approval-given', 'access.granted', 'grant.used', 'grant.revoked'];
  t.same(bench.auditTypes(), types);
  const request = bench.desk.requestOf(bench.desk.grantOf(id)?.requestId ?? '');
  t.same(request === undefined ? [] : bench.desk.timeline(request).map(({ what }) => what), types);
  t.ok(everybody.length > 0);
});
