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
