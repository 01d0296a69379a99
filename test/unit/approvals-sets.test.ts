// "Two of the DBAs and one of security": several sets of approvers on one hold, each satisfied by people of its own; what merged
// rules come to; and what is refused when policies are read.

import t from 'tap';
import { formatProblem, loadPolicies } from '../../policies/engine/load.ts';
import { withoutFormerPeople } from '../../src/approvals/former-people.ts';
import type { Action } from '../../src/core/action.ts';
import type { HoldNotice } from '../../src/core/ruling.ts';
import { classificationOf } from '../../src/core/summary.ts';
import type { Target } from '../../src/core/target.ts';
import { holdWords } from '../../src/core/words.ts';
import { Gate } from '../../src/gate/gate.ts';
import { bench, person } from './approvals-fixtures/desk.ts';

const drop =
  '{ id: drops, effects: { verbs: [drop] }, decision: hold, approvers: { groups: [dba], count: 2, and: [{ groups: [security] }] } }';

const action: Action = {
  id: 's-1-1' as Action['id'],
  kind: 'statement',
  text: 'DROP TABLE payments',
  parameters: null,
  digest: () => 'd'.repeat(64),
  mode: { key: '', settings: {}, catalogue: null },
  transaction: 'none',
  classified: classificationOf([
    {
      kind: 'drop table',
      span: { start: 0, end: 19 },
      effects: [{ verb: 'drop', access: 'write', objectKind: 'table', object: 'public.payments' }],
      missingWhere: false,
      risks: [],
      changes: [],
    },
  ]),
  prepared: null,
};

const target = { name: 'orders', protocol: 'postgres', labels: {} } as unknown as Target;

function problems(rules: string): string[] {
  const loaded = loadPolicies([{ path: 'p.yaml', text: `policy: p\nrules:\n  - ${rules}\n` }]);
  return loaded.ok ? [] : loaded.errors.map(formatProblem);
}

function held(...rules: readonly string[]) {
  const loaded = loadPolicies([{ path: 'p.yaml', text: `policy: p\nrules:\n${rules.map((rule) => `  - ${rule}`).join('\n')}\n` }]);
  if (!loaded.ok) throw new Error(loaded.errors.map(formatProblem).join('\n'));
  const bed = bench();
  const unasked = () => Promise.reject(new Error('the action was classified before'));
  const { desk, audit, clock } = bed;
  const gate = new Gate({ classifierOf: () => ({ classify: unasked }), policies: () => loaded.set, holds: desk, audit, clock });
  const notices: HoldNotice[] = [];
  const submitter = {
    sessionId: 's-1' as never,
    principal: person('alice', ['engineers', 'dba']),
    target,
    facts: { clientAddress: '10.0.0.7', tls: true, method: 'token', database: null },
    ended: new AbortController().signal,
  };
  const judged = gate.judge(action, submitter, { onHold: (notice) => void notices.push(notice), signal: new AbortController().signal });
  const [notice] = notices;
  if (notice === undefined) throw new Error('it is not held');
  const yes = (name: string, ...groups: string[]) => desk.answer(notice.holdId, person(name, groups), 'approve', null);
  return { ...bed, judged, notice, yes };
}

t.test('a yes that was given for a set counts no more when its person has left that group', async (t) => {
  const { judged, yes, desk } = held(drop.replace('count: 2', 'count: 1'));
  t.match(await yes('bob', 'dba', 'security'), { kind: 'counted', given: 1, needed: 2 });
  const alice = person('alice', ['engineers']);
  const people = new Map([alice, person('bob', ['dba', 'security', 'sales'])].map((it) => [it.name as string, it]));
  const moved = () => desk.rejudge((hold, asked) => withoutFormerPeople(hold, asked, (name) => people.get(name) ?? null));
  const approvals = () => desk.list({ state: 'pending' }).items[0]?.approvals.map(({ by }) => by);
  moved();
  t.same(approvals(), ['bob'], 'another group more changes nothing');
  people.set('bob', person('bob', ['dba']));
  moved();
  t.same(approvals(), [], 'bob could have been the one of security');
  t.match(await yes('bob', 'dba'), { kind: 'counted', given: 1 }, 'and says it again as what he is');
  t.match(await yes('dana', 'dba'), { kind: 'not-allowed' }, 'two DBAs are not enough');
  people.delete('alice');
  moved();
  t.match(await judged, { ruling: { kind: 'refuse', refusal: { message: /the account that asked may no longer sign in/ } } });
});

t.test('two of the DBAs and one of security', async (t) => {
  const { judged, notice, yes, desk, audit, clock } = held(drop);
  t.match(holdWords(notice, clock.nowMs())[1], /^waiting for approval by 2 of dba and 1 of security; rule p\/drops/);
  t.match(await yes('eve', 'sales'), { kind: 'not-allowed' });
  t.match(await yes('alice', 'dba', 'security'), { kind: 'not-allowed', because: 'requester' });
  t.match(await yes('bob', 'dba'), { kind: 'counted', given: 1, needed: 3 });
  t.match(await yes('bob', 'dba'), { kind: 'counted', given: 1, already: true });
  t.match(await yes('dana', 'dba'), { kind: 'counted', given: 2 });
  t.match(await yes('erik', 'dba'), { kind: 'not-allowed', why: /2 of dba and 1 of security must say yes.*somebody else is needed/ });
  t.equal(desk.pendingCount, 1, 'three DBAs are not enough');
  t.match(await yes('sam', 'security'), { kind: 'approved' });
  t.match(await judged, { ruling: { kind: 'release' }, approvedBy: ['bob', 'dana', 'sam'] });
  t.match(audit.events[0]?.detail, {
    approver_sets: [
      { groups: ['dba'], count: 2 },
      { groups: ['security'], count: 1 },
    ],
    approvals_needed: 3,
  });
});

t.test('somebody of both groups has one voice, and takes the place where it is needed', async (t) => {
  const { judged, yes } = held(drop);
  t.match(await yes('both', 'dba', 'security'), { kind: 'counted', given: 1 });
  t.match(await yes('sam', 'security'), { kind: 'counted', given: 2 }, 'then both stands for the DBAs');
  t.match(await yes('sue', 'security'), { kind: 'not-allowed' });
  t.match(await yes('bob', 'dba'), { kind: 'approved' });
  t.match(await judged, { ruling: { kind: 'release' } });
});

t.test('a yes that is taken back frees its place; a no is final', async (t) => {
  const { judged, yes, desk, notice } = held(drop);
  await yes('bob', 'dba');
  await yes('dana', 'dba');
  t.match(await desk.takeBack(notice.holdId, person('bob', ['dba'])), { kind: 'taken-back' });
  t.match(await yes('erik', 'dba'), { kind: 'counted', given: 2 });
  t.match(await desk.answer(notice.holdId, person('sam', ['security']), 'deny', 'no'), { kind: 'denied' });
  t.match(await judged, { ruling: { kind: 'refuse' } });
});

t.test('with other rules, in any order: what follows from another set is not asked twice', async (t) => {
  const one = '{ id: one, effects: { verbs: [drop] }, decision: hold, approvers: { groups: [dba, sre] } }';
  const finance = '{ id: money, effects: { tables: [payments] }, decision: hold, approvers: { groups: [finance] } }';
  for (const rules of [
    [drop, one, finance],
    [finance, one, drop],
  ]) {
    const { notice } = held(...rules);
    t.same(
      notice.approverSets?.toSorted((a, b) => (a.groups.join() < b.groups.join() ? -1 : 1)),
      [
        { groups: ['dba'], count: 2 },
        { groups: ['finance'], count: 1 },
        { groups: ['security'], count: 1 },
      ],
    );
    t.equal(notice.approvalsNeeded, 4);
  }
  const { notice } = held(drop, drop.replace('drops', 'again'));
  t.equal(notice.approvalsNeeded, 3, 'the same asked twice is asked once');
});

t.test('what makes no sense is said when policies are read', (t) => {
  t.match(problems(drop.replace('and: [', 'escalate: { after: 5m, to: [managers] }, and: [')), [/not which of several sets it widens/]);
  t.match(problems(drop.replace('[{ groups: [security] }]', '[]')), [/and/]);
  t.match(problems(drop.replace('{ groups: [security] }', '{ groups: [security], count: 0 }')), [/count/]);
  t.strictSame(problems(drop), []);
  t.end();
});
