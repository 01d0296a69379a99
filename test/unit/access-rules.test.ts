// Access rules and `needs: grant` in the engine: what does not load, what a grant reaches, and that no decision outlives a grant.

import t from 'tap';
import { classificationOf as summaryOf } from '../../src/core/summary.ts';
import type { Grant } from '../../src/core/grant.ts';
import type { Facts } from '../../src/core/policy.ts';
import { actionOf, classificationOf } from '../../policies/engine/cases.ts';
import type { PolicyCase } from '../../policies/engine/cases.ts';
import { loadPolicies } from '../../policies/engine/load.ts';
import { hourMs, minuteMs, person, policies } from './access-fixtures/desk.ts';

const opening = 'policy: p\nrules:\n  - { id: open, actions: [connect], needs: grant, decision: allow }\n';

function problems(text: string): string {
  const loaded = loadPolicies([{ path: 'p.yaml', text }]);
  return loaded.ok ? '' : loaded.errors.map(({ line, message }) => `${line}: ${message}`).join('\n');
}

const grant = (scope: Partial<Grant['scope']> = {}, more: Partial<Grant> = {}): Grant => ({
  id: 'g-1' as Grant['id'],
  scope: { role: null, readOnly: false, tables: null, ...scope },
  rule: 'p/a',
  isBreakGlass: false,
  reason: 'r',
  approvedBy: [],
  endsAtMs: hourMs,
  ...more,
});

const facts: Facts = {
  principal: person('alice', ['engineers']),
  target: { name: 'orders' as Facts['target']['name'], protocol: 'postgres', labels: { env: 'production' } },
  session: { clientAddress: '192.0.2.1', tls: true, method: 'token', database: 'postgres' },
  nowMs: 0,
  approvals: [],
};
const does = (...effects: string[]): PolicyCase => ({ name: 'x', who: 'alice', target: 'orders', effects, expect: 'allow' });
const connects: PolicyCase = { name: 'x', who: 'alice', target: 'orders', action: 'connect', expect: 'allow' };

t.test('what does not load, with its line', (t) => {
  const rule = (words: string) => problems(`${opening}access:\n  - { id: a, ${words} }\n`);
  t.match(rule('longest: 1h'), /5: an access rule must say who may approve/);
  t.match(rule('longest: 1h, automatic: true, approvers: { groups: [dba] }'), /leave one of the two out/);
  t.match(rule('longest: 32d, automatic: true'), /longest must lie between 1m and 31d/);
  t.match(rule('longest: 1h, automatic: true, break_glass: true'), /add "reviewers"/);
  t.match(rule('longest: 1h, automatic: true, reviewers: { groups: [x] }'), /belongs to rules with "break_glass/);
  t.match(rule('longest: 1h, automatic: true, when: "action.kind == \'connect\'"'), /asked before there is a session/);
  t.match(rule('longest: 1h, approvers: { groups: [dba], second_factor: totp }'), /second_factor/, 'what would not be enforced is refused');
  t.match(rule('longest: 1h, automatic: true, groups: [x]'), /groups/);
  t.match(problems(`${opening}  - { id: x, needs: grant, decision: deny }\n`), /"needs" is for allow and hold/);
  t.match(problems(`${opening}access:\n  - { id: open, longest: 1h, automatic: true }\n`), /named open stands in this policy already/);
  t.equal(rule('longest: 1h, automatic: true'), '');
  t.end();
});

t.test('no decision outlives its grant, though everything else stays the same', (t) => {
  const set = policies(
    `${opening}  - { id: work, needs: grant, decision: allow }\n  - { id: low, when: grant.active, effects: { tables: [low] }, decision: allow }\n`,
  );
  const work = does('read public.orders');
  const [action, classification] = [actionOf(work), classificationOf(work)];
  const kinds = [[], [grant()], [], [grant({ readOnly: true })], []].map(
    (grants) => set.decide(action, classification, { ...facts, grants }).kind,
  );
  t.same(kinds, ['deny', 'allow', 'deny', 'allow', 'deny']);
  const allowed = set.decide(action, classification, { ...facts, grants: [grant()] });
  t.match(allowed, { grants: ['g-1'] }, 'it says which grant it took');
  t.end();
});

t.test('what a grant reaches', (t) => {
  const set = policies(`${opening}  - { id: work, needs: grant, decision: allow }\n`);
  const kind = (one: PolicyCase, given: Grant, more: Partial<Facts> = {}) =>
    set.decide(actionOf(one), classificationOf(one), { ...facts, ...more, grants: [given] }).kind;
  const tables = (...names: string[]) => grant({ tables: names });
  t.equal(kind(does('read public.orders', 'update public.people'), tables('public.orders')), 'deny', 'one effect outside is enough');
  t.equal(kind(does('read Public.Orders'), tables('public.orders')), 'deny', 'names are exact');
  t.equal(kind(does('read orders'), tables('public.orders')), 'deny', 'a name whose schema is not known may be another table');
  t.equal(kind(does('transaction'), tables('orders')), 'allow');
  t.equal(kind(does('call evil'), tables('orders')), 'deny');
  t.equal(kind(does('server-program sh'), tables('orders')), 'deny');
  const calls = (given: Grant) => {
    const one = does('call public.total');
    const { statements } = classificationOf(one);
    const harmless = statements.map((it) => ({ ...it, effects: it.effects.map((effect) => ({ ...effect, access: 'read' as const })) }));
    return set.decide(actionOf(one), summaryOf(harmless), { ...facts, grants: [given] }).kind;
  };
  t.equal(calls(tables('public.orders')), 'deny', 'a function of the target can read other tables');
  t.equal(calls(tables('public.orders', 'public.total')), 'allow', 'unless it was asked for by name');
  t.equal(calls(grant({ readOnly: true })), 'allow');
  t.equal(kind(does('guard role'), grant({ readOnly: true })), 'deny');
  const shop = { target: { ...facts.target, protocol: 'mysql' as const }, session: { ...facts.session, database: 'shop' } };
  t.equal(kind(does('read shop.orders'), tables('orders'), shop), 'allow');
  t.equal(kind(does('read public.orders'), tables('orders'), shop), 'deny');
  const machine = (account: string) => ({
    target: { ...facts.target, protocol: 'ssh' as const },
    session: { ...facts.session, database: account },
  });
  t.equal(kind(connects, grant({ role: 'deploy' }), machine('deploy')), 'allow');
  t.equal(kind(connects, grant({ role: 'deploy' }), machine('root')), 'deny', 'another account');
  t.end();
});

t.test('roles, holds and words', (t) => {
  const set = policies(`${opening}
  - { id: deploy, needs: { roles: [deploy] }, effects: { verbs: [update] }, decision: allow }
  - { id: ask, needs: grant, effects: { verbs: [drop] }, decision: hold, approvers: { groups: [dba] } }
  - { id: none, effects: { verbs: [truncate] }, when: '!grant.active', decision: deny, message: 'first: {ask}' }
access:
  - { id: a, principals: { groups: [engineers] }, longest: 30m, approvers: { groups: [dba] }, roles: [deploy] }
`);
  const decide = (one: PolicyCase, ...grants: Grant[]) => set.decide(actionOf(one), classificationOf(one), { ...facts, grants });
  t.match(decide(does('update t'), grant()), {
    kind: 'deny',
    message: /does not reach it; ask for access: sallyport request orders --for 30m --role deploy/,
  });
  t.match(decide(does('update t'), grant({ role: 'deploy' })), { kind: 'allow' });
  t.match(decide(does('drop t')), { kind: 'deny' });
  t.match(decide(does('drop t'), grant()), { kind: 'hold' });
  t.match(decide(does('truncate t')), { kind: 'deny', message: 'first: sallyport request orders --for 30m --role deploy --reason "…"' });
  t.match(decide(connects), { kind: 'deny', message: /ask for access/ });
  const free = policies(`policy: p
rules:
  - { id: all, decision: allow }
  - { id: no, when: '!grant.active', effects: { verbs: [update] }, decision: deny }
`);
  const freely = (verb: string) =>
    free.decide(actionOf(does(`${verb} t`)), classificationOf(does(`${verb} t`)), { ...facts, grants: [grant()] });
  t.match(freely('update'), { kind: 'allow', grants: ['g-1'] }, 'a grant that keeps a denial away counts as used');
  t.notOk('grants' in freely('insert'));
  const stranger = { ...facts, principal: person('mallory', []) };
  const words = set.decide(actionOf(connects), classificationOf(connects), stranger);
  t.match(words, { kind: 'deny', message: /^nothing allows mallory to open a session on orders$/ }, 'nobody is sent to ask in vain');
  t.end();
});

t.test('a condition on the reason refuses in words, and the line that asks is told all the same', (t) => {
  const set = policies(`${opening}access:
  - { id: ticket, title: With a ticket, longest: 8h, when: 'request.reason.startsWith("OPS-")', approvers: { groups: [dba] } }
`);
  const wish = (reason: string) =>
    set.judgeWish({ durationMs: hourMs, scope: { role: null, readOnly: false, tables: null }, isBreakGlass: false, reason }, facts);
  t.match(wish('OPS-7 totals'), { kind: 'ask', rule: 'p/ticket' });
  t.match(wish('please'), { kind: 'refuse', message: /^p\/ticket: the reason .*\(With a ticket\)$/ });
  t.match(set.decide(actionOf(connects), classificationOf(connects), facts), { message: /sallyport request orders --for 1h --reason/ });
  t.end();
});

t.test('of several rules that serve a wish the mildest decides', (t) => {
  const set = policies(`${opening}access:
  - { id: three, longest: 8h, approvers: [{ groups: [dba], count: 2 }, { groups: [sec] }] }
  - { id: one, longest: 2h, approvers: { groups: [dba] } }
  - { id: none, longest: 15m, read_only: true, automatic: true }
`);
  const rule = (durationMs: number, readOnly: boolean) => {
    const decision = set.judgeWish({ durationMs, scope: { role: null, readOnly, tables: null }, isBreakGlass: false, reason: '' }, facts);
    return decision.kind === 'refuse' ? decision.message : decision.rule;
  };
  t.equal(rule(10 * minuteMs, true), 'p/none');
  t.equal(rule(10 * minuteMs, false), 'p/one');
  t.equal(rule(5 * hourMs, true), 'p/three');
  t.match(rule(9 * hourMs, true), /p\/three: access lasts at most 8 h/);
  t.end();
});
