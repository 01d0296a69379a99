// What a decision costs. Prints; asserts only what would be a mistake of an order of magnitude, because the machine is shared.

import t from 'tap';
import { action, facts, fresh, loadRules, ruleKinds } from '../support/many-rules.ts';

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

/** Rounds until one is undisturbed; on a quiet machine the first is. */
const roundsMax = 40;

for (const [name, rule] of ruleKinds) {
  t.test(`1,000 rules of ${name}`, async (t) => {
    const set = loadRules(Array.from({ length: 1_000 }, (_, index) => rule(index)));
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
  const set = loadRules(Array.from({ length: 1_000 }, (_, index) => ruleKinds[0]![1](index)));
  const classifications = Array.from({ length: 100 }, fresh);
  for (const classification of classifications) set.decide(action, classification, facts);
  const cachedUs = cost(20_000, (index) => set.decide(action, classifications[index % 100]!, { ...facts }));
  t.comment(`cached ${cachedUs.toFixed(3)} us`);
  t.ok(cachedUs < 10);
});
