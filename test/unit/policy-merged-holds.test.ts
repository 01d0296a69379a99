// Two rules with different approvers hold the same action: engine, gate, desk and the words at the client agree on who may answer.

import t from 'tap';
import { loadPolicies } from '../../policies/engine/load.ts';
import type { Action } from '../../src/core/action.ts';
import type { HoldNotice } from '../../src/core/ruling.ts';
import { classificationOf } from '../../src/core/summary.ts';
import type { Target } from '../../src/core/target.ts';
import { holdWords } from '../../src/core/words.ts';
import { Gate } from '../../src/gate/gate.ts';
import { bench, person } from './approvals-fixtures/desk.ts';

const policy = `policy: p
rules:
  - { id: drops, effects: { verbs: [drop] }, decision: hold, approvers: { groups: [dba, sre] } }
  - { id: payments, effects: { tables: [payments] }, decision: hold, approvers: { groups: [finance] } }
`;

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

const target: Target = {
  name: 'orders' as Target['name'],
  protocol: 'postgres',
  labels: {},
  host: '127.0.0.1',
  port: 1,
  user: 'gateway',
  password: null,
  database: null,
  tls: { mode: 'disable', ca: null, certificate: null, key: null, serverName: null },
};

t.test('one approver in a group of each rule, and nobody else', async (t) => {
  const loaded = loadPolicies([{ path: 'p.yaml', text: policy }]);
  if (!loaded.ok) return t.fail('loads');
  const { desk, audit, clock } = bench();
  const unasked = () => Promise.reject(new Error('the action was classified before'));
  const gate = new Gate({ classifierOf: () => ({ classify: unasked }), policies: () => loaded.set, holds: desk, audit, clock });
  const notices: HoldNotice[] = [];
  const submitter = {
    sessionId: 's-1' as never,
    principal: person('alice', ['engineers']),
    target,
    facts: { clientAddress: '10.0.0.7', tls: true, method: 'token', database: null },
    ended: new AbortController().signal,
  };
  const lane = { onHold: (notice: HoldNotice) => void notices.push(notice), signal: new AbortController().signal };
  const judged = gate.judge(action, submitter, lane);

  const [notice] = notices;
  if (notice === undefined) return t.fail('the client is told at once');
  t.match(notice, { approverGroups: ['dba', 'sre'], alsoInGroups: [['finance']] });
  const words = holdWords(notice, clock.nowMs());
  t.match(words[1], /^waiting for approval by one person of dba or sre who are also in finance; rule p\/drops, p\/payments;/);

  t.match(await desk.answer(notice.holdId, person('bob', ['dba']), 'approve', null), { because: 'not-an-approver' });
  t.match(await desk.answer(notice.holdId, person('fay', ['finance']), 'approve', null), { because: 'not-an-approver' });
  t.equal(desk.pendingCount, 1, 'neither was counted');
  t.match(await desk.answer(notice.holdId, person('gil', ['sre', 'finance']), 'approve', null), { kind: 'approved' });
  t.match(await judged, { ruling: { kind: 'release' }, approvedBy: ['gil'] });
});

/** Who may answer a hold of these rules after a time, told by groups alone. */
function mayAnswer(rules: readonly string[], groups: readonly string[], waitedMs: number): boolean {
  const loaded = loadPolicies([{ path: 'p.yaml', text: `policy: p\nrules:\n${rules.join('\n')}\n` }]);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));
  const { desk, audit, clock } = bench();
  const unasked = () => Promise.reject(new Error('the action was classified before'));
  const gate = new Gate({ classifierOf: () => ({ classify: unasked }), policies: () => loaded.set, holds: desk, audit, clock });
  const submitter = {
    sessionId: 's-1' as never,
    principal: person('alice', ['engineers']),
    target,
    facts: { clientAddress: '10.0.0.7', tls: true, method: 'token', database: null },
    ended: new AbortController().signal,
  };
  let approverGroups: readonly string[] = [];
  let alsoInGroups: readonly (readonly string[])[] = [];
  const onHold = (notice: HoldNotice) => void ({ approverGroups, alsoInGroups = [] } = notice);
  void gate.judge(action, submitter, { onHold, signal: new AbortController().signal });
  clock.pass(waitedMs);
  desk.expireDue();
  return [approverGroups, ...alsoInGroups].every((set) => set.some((group) => groups.includes(group)));
}

t.test('rules that hold at once escalate each for itself, whatever their order', (t) => {
  const a =
    '  - { id: a, effects: { verbs: [drop] }, decision: hold, approvers: { groups: [dba], escalate: { after: 1m, to: [managers] } } }';
  const b =
    '  - { id: b, effects: { tables: [payments] }, decision: hold, approvers: { groups: [finance], escalate: { after: 2m, to: [board] } } }';
  const c = '  - { id: c, effects: { tables: [payments] }, decision: hold, approvers: { groups: [dba, finance] } }';
  const d = '  - { id: d, effects: { verbs: [drop] }, decision: hold, approvers: { groups: [dba] } }';
  const all = ['dba', 'managers', 'finance', 'board'];
  const everyone = Array.from({ length: 16 }, (_, bits) => all.filter((_, at) => (bits >> at) % 2 === 1));
  const wants = (minutes: number, rules: readonly string[], groups: readonly string[]) =>
    rules.every((rule) => {
      const sets: Record<string, string[]> = {
        [a]: minutes >= 1 ? ['dba', 'managers'] : ['dba'],
        [b]: minutes >= 2 ? ['finance', 'board'] : ['finance'],
        [c]: ['dba', 'finance'],
        [d]: ['dba'],
      };
      return sets[rule]?.some((group) => groups.includes(group));
    });
  for (const rules of [
    [a, b],
    [b, a],
    [a, c],
    [c, a],
    [a, d],
    [d, a],
    [a, b, c],
    [c, b, a],
    [b, c],
  ]) {
    for (const minutes of [0, 1, 2]) {
      const wrong = everyone.filter((groups) => {
        const may = mayAnswer(rules, groups, minutes * 60_000);
        return may !== wants(minutes, rules, groups);
      });
      t.strictSame(wrong, [], `${rules.map((rule) => rule.slice(10, 11)).join('+')} after ${minutes} min`);
    }
  }
  t.end();
});
