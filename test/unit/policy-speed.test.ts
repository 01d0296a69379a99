// What a decision costs. Prints; asserts only what would be a mistake of an order of magnitude, because the machine is shared.

import t from 'tap';
import { loadPolicies } from '../../policies/engine/load.ts';
import type { LoadedPolicySet } from '../../policies/engine/load.ts';
import type { Action } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import type { Facts } from '../../src/core/policy.ts';
import { classificationOf } from '../../src/core/summary.ts';

const action: Action = {
  id: 'a1' as Action['id'],
  kind: 'statement',
  text: 'update t1 set x = 1 where id = 2',
  parameters: null,
  digest: () => '',
  mode: { key: '', settings: {}, catalogue: null },
  transaction: 'none',
  classified: null,
  prepared: null,
};

const facts: Facts = {
  principal: { name: 'alice' as never, displayName: 'Alice', kind: 'person', groups: ['engineers'] },
  target: { name: 'orders' as never, protocol: 'postgres', labels: { env: 'production' } },
  session: { clientAddress: '10.1.2.3', tls: true, method: 'token', database: 'orders' },
  nowMs: 0,
  approvals: [],
};

const fresh = (): Classification =>
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

function load(rules: string[]): LoadedPolicySet {
  const loaded = loadPolicies([{ path: 'speed.yaml', text: `policy: speed\nrules:\n${rules.join('\n')}\n` }]);
  if (!loaded.ok) throw new Error(loaded.errors[0]!.message);
  return loaded.set;
}

/** Microseconds for each call: the quickest of some batches. */
function cost(count: number, call: (index: number) => unknown): number {
  const batches = Array.from({ length: 9 }, (_, batch) => {
    const start = process.hrtime.bigint();
    for (let index = 0; index < count; index += 1) call(batch * count + index);
    return Number(process.hrtime.bigint() - start) / 1000 / count;
  });
  return Math.min(...batches);
}

/** The median and the 99th percentile of single calls. Of several rounds the best one counts: neighbours only ever add. */
function quantiles(count: number, call: () => unknown): readonly [p50Us: number, p99Us: number] {
  const times = Array.from({ length: count }, () => cost1(call)).sort((a, b) => a - b);
  return [times[Math.floor(count * 0.5)]!, times[Math.floor(count * 0.99) - 1]!];
}

/** Microseconds of one call. */
function cost1(call: () => unknown): number {
  const start = process.hrtime.bigint();
  call();
  return Number(process.hrtime.bigint() - start) / 1000;
}

const kinds: [string, (index: number) => string][] = [
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

/** Rounds until one is undisturbed; on a quiet machine the first is. */
const roundsMax = 40;

for (const [name, rule] of kinds) {
  t.test(`1,000 rules of ${name}`, async (t) => {
    const set = load(Array.from({ length: 1_000 }, (_, index) => rule(index)));
    set.decide(action, fresh(), facts);
    const uncachedUs = cost(30, () => set.decide(action, fresh(), facts));
    const session = { ...facts.session };
    const firstUs = cost(3, () => set.decide(action, fresh(), { ...facts, session: { ...session } }));
    let [p50Us, p99Us] = [Infinity, Infinity];
    for (let round = 0; round < roundsMax && p99Us > 1_000; round += 1) {
      const [p50, p99] = quantiles(100, () => set.decide(action, fresh(), facts));
      if (p99 < p99Us) [p50Us, p99Us] = [p50, p99];
    }
    t.comment(`${name}: p50 ${p50Us.toFixed(0)} us, p99 ${p99Us.toFixed(0)} us`);
    // The goal is 1,000 us on a quiet machine; this one is shared.
    t.ok(p99Us < 10_000, 'the 99th percentile');
    t.comment(`${name}: uncached ${uncachedUs.toFixed(0)} us, first of a session ${firstUs.toFixed(0)} us`);
    t.ok(uncachedUs < 10_000);
  });
}

t.test('a decision that was made before', async (t) => {
  const set = load(Array.from({ length: 1_000 }, (_, index) => kinds[0]![1](index)));
  const classifications = Array.from({ length: 100 }, fresh);
  for (const classification of classifications) set.decide(action, classification, facts);
  const cachedUs = cost(20_000, (index) => set.decide(action, classifications[index % 100]!, { ...facts }));
  t.comment(`cached ${cachedUs.toFixed(3)} us`);
  t.ok(cachedUs < 10);
});
