// What is kept of an action is found again for one that is like it, and for no other; and it is bounded.

import t from 'tap';
import type { Action } from '../../src/core/action.ts';
import { AlikeActions, type Likeness } from '../../src/core/alike-actions.ts';
import { classificationOf } from '../../src/core/summary.ts';

const rule = { id: 'r', title: 'R', version: '1' };
const action = { kind: 'statement', transaction: 'none' } as Action;
const made = (more: Partial<Likeness & { name: string }> = {}) => ({
  rule,
  kind: 'statement' as const,
  transaction: 'none' as const,
  name: 'first',
  ...more,
});
const summary = () => classificationOf([]).summary;

t.test('by summary, rule, kind and transaction', async (t) => {
  const alike = new AlikeActions<ReturnType<typeof made>>();
  const [here, there] = [summary(), summary()];
  const first = made();
  alike.keep(here, first);
  t.equal(alike.find(here, rule, action), first);
  t.equal(alike.find(here, { ...rule }, action), first, 'the same rule, told by another object');
  t.equal(alike.find(there, rule, action), undefined, 'another summary that says the same');
  t.equal(alike.find(here, { ...rule, id: 's' }, action), undefined, 'another rule');
  t.equal(alike.find(here, { ...rule, version: '2' }, action), undefined, 'the rule of another version');
  t.equal(alike.find(here, rule, { ...action, transaction: 'open' } as Action), undefined, 'in a transaction');
  t.equal(alike.find(here, rule, { ...action, kind: 'function-call' } as Action), undefined, 'another kind');
});

t.test('of one summary the oldest makes room, of all of them everything', async (t) => {
  const alike = new AlikeActions<ReturnType<typeof made>>();
  const here = summary();
  for (let version = 0; version < 9; version += 1) alike.keep(here, made({ rule: { ...rule, version: String(version) } }));
  t.equal(alike.find(here, { ...rule, version: '0' }, action), undefined);
  for (let version = 1; version < 9; version += 1) t.ok(alike.find(here, { ...rule, version: String(version) }, action), `${version}`);
  for (let others = 0; others < 1024; others += 1) alike.keep(summary(), made());
  t.equal(alike.find(here, { ...rule, version: '8' }, action), undefined);
});
