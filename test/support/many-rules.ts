// Policies of very many rules and one action that they are asked about, for tests and benchmarks of what a decision costs.

import { loadPolicies } from '../../policies/engine/load.ts';
import type { LoadedPolicySet } from '../../policies/engine/load.ts';
import type { Action } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import type { Facts } from '../../src/core/policy.ts';
import { classificationOf } from '../../src/core/summary.ts';
import { statementOf } from './statements.ts';

export const action: Action = statementOf('update t1 set x = 1 where id = 2');

export const facts: Facts = {
  principal: { name: 'alice' as never, displayName: 'Alice', kind: 'person', groups: ['engineers'] },
  target: { name: 'orders' as never, protocol: 'postgres', labels: { env: 'production' } },
  session: { clientAddress: '10.1.2.3', tls: true, method: 'token', database: 'orders' },
  nowMs: 0,
  approvals: [],
};

/** One that no decision is remembered for. */
export const fresh = (): Classification =>
  classificationOf([
    {
      kind: 'update',
      span: { start: 0, end: 1 },
      effects: [
        { verb: 'update', access: 'write', objectKind: 'table', object: 'public.t1' },
        { verb: 'read', access: 'read', objectKind: 'table', object: 'public.t1' },
      ],
      missingWhere: false,
      risks: [],
      columns: { read: ['public.t1.id', 'public.t1.name'], asked: ['public.t1.id'], written: ['public.t1.x'] },
      changes: [],
    },
  ]);

/** A set of one file with these rules. */
export function loadRules(rules: readonly string[]): LoadedPolicySet {
  const loaded = loadPolicies([{ path: 'speed.yaml', text: `policy: speed\nrules:\n${rules.join('\n')}\n` }]);
  if (!loaded.ok) throw new Error(loaded.errors[0]!.message);
  return loaded.set;
}

/** Rules that ask by different means, by their number; none of them matches the action. */
export const ruleKinds: readonly [string, (index: number) => string][] = [
  [
    'matchers',
    (i) => `  - { id: r${i}, effects: { verbs: [update], tables: ["app${i}.*", x${i}] }, decision: ${i % 2 === 0 ? 'deny' : 'allow'} }`,
  ],
  [
    'conditions',
    (i) =>
      `  - { id: r${i}, when: 'action.tables.exists(t, t == "x${i}") && action.access == "write"', decision: ${i % 2 === 0 ? 'deny' : 'allow'} }`,
  ],
  [
    'conditions about columns',
    (i) =>
      `  - { id: r${i}, when: 'action.reads_column(["t${i}x.ssn", "*.password${i}"]) || action.writes_column("y${i}")', decision: ${i % 2 === 0 ? 'deny' : 'allow'} }`,
  ],
  [
    'conditions with the time',
    (i) => `  - { id: r${i}, when: 'time.hour > 24${i} && action.access == "write"', decision: ${i % 2 === 0 ? 'deny' : 'allow'} }`,
  ],
];
