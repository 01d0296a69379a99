// Live messages and answers can cross: what is newest must win, and a settled hold must stay settled.

import t from 'tap';
import type { HoldView, Page, SessionView } from '../../src/api/contract.ts';
import type { SessionFilters } from '../../src/console/api.ts';
import { newerHold, withHold, withSession } from '../../src/console/live-cache.ts';

const hold = (change: Partial<HoldView>): HoldView => ({
  id: 'h1',
  state: 'pending',
  action_id: 'a1',
  session_id: 's1',
  action_kind: 'statement',
  principal: 'alice',
  principal_name: 'Alice',
  target: 'orders',
  target_protocol: 'postgres',
  target_labels: {},
  client_address: '127.0.0.1:1',
  text: 'drop table x',
  parameters: null,
  digest: '',
  statement_kinds: [],
  effects: [],
  risks: [],
  transaction: 'none',
  rule: 'r',
  rule_title: 'R',
  policy_version: 'v',
  approver_groups: ['dba'],
  approvals_needed: 2,
  approvals: [],
  reason_required: false,
  created_at: '2026-01-01T00:00:00Z',
  expires_at: '2026-01-01T00:10:00Z',
  settled_at: null,
  settled_by: null,
  settled_reason: null,
  can_answer: true,
  cannot_answer_because: null,
  ...change,
});
const approval = { by: 'bob', reason: null, at: '2026-01-01T00:01:00Z' };
const page = (...items: HoldView[]): Page<HoldView> => ({ items, next: null });

t.test('a settled hold never turns pending again', async (t) => {
  t.equal(newerHold(hold({ state: 'withdrawn' }), hold({})).state, 'withdrawn');
});

t.test('an older count of approvals does not replace a newer one', async (t) => {
  t.equal(newerHold(hold({ approvals: [approval] }), hold({})).approvals.length, 1);
  t.equal(newerHold(hold({}), hold({ approvals: [approval] })).approvals.length, 1);
});

t.test('a new hold joins the queue by how soon it expires', async (t) => {
  const sooner = hold({ id: 'h2', expires_at: '2026-01-01T00:05:00Z' });
  t.same(
    withHold(page(hold({})), sooner)?.items.map((item) => item.id),
    ['h2', 'h1'],
  );
});

t.test('a settled hold leaves the queue, an updated one stays once', async (t) => {
  t.same(withHold(page(hold({})), hold({ state: 'denied' }))?.items, []);
  t.equal(withHold(page(hold({})), hold({ approvals: [approval] }))?.items.length, 1);
});

t.test('a queue that was never loaded is not invented', async (t) => {
  t.equal(withHold(undefined, hold({})), undefined);
});

const session = (change: Partial<SessionView>): SessionView => ({
  id: 's1',
  state: 'open',
  principal: 'alice',
  target: 'orders',
  protocol: 'postgres',
  client_address: '10.0.0.7',
  tls: true,
  method: 'token',
  database: null,
  started_at: '2026-01-01T00:00:00Z',
  ended_at: null,
  end_reason: null,
  statements: 0,
  held: 0,
  denied: 0,
  ...change,
});

t.test('a new session joins the lists that asked for such ones; what is shown already is kept up to date in all', async (t) => {
  const everything = { state: '', text: '', since: '', until: '' } as const;
  const idsIn = (asked: SessionFilters, heard: SessionView) =>
    withSession([{ items: [session({})], next: null }], heard, asked)[0]?.items.map(({ id, state }) => `${id} ${state}`);
  const other = session({ id: 's2', principal: 'Bob', target: 'scratch' });
  t.same(idsIn(everything, other), ['s2 open', 's1 open']);
  t.same(idsIn({ ...everything, text: 'BOB scr' }, other), ['s2 open', 's1 open']);
  t.same(idsIn({ ...everything, text: 'bob orders' }, other), ['s1 open']);
  t.same(idsIn({ ...everything, state: 'closed' }, other), ['s1 open']);
  t.same(idsIn({ ...everything, until: '2025-12-31T00:00:00Z' }, other), ['s1 open']);
  t.same(idsIn({ ...everything, since: '2026-06-01T00:00:00Z' }, { ...other, ended_at: '2026-01-01T00:01:00Z' }), ['s1 open']);
  t.same(idsIn({ ...everything, text: 'bob' }, session({ state: 'closed' })), ['s1 closed']);
});
