// Deciding about one action by a thousand rules: half of them ask for effects, the others by conditions, columns and the time. Nothing of a
// decision is remembered, so that all of them are asked each time.

import { action, facts, fresh, loadRules, ruleKinds } from '../support/many-rules.ts';
import type { Probe } from './probe.ts';

const rulesTotal = 1_000;
const decisionsTotal = 5_000;
/** The compiler is warm after so many. */
const warmUp = 500;

export const policyRules: Probe = {
  name: 'policy-rules',
  title: 'one action by 1,000 rules, 99th percentile',
  unit: 'ms',
  must: 1,
  run: () => {
    const set = loadRules(Array.from({ length: rulesTotal }, (_, index) => ruleOf(index)));
    for (let done = 0; done < warmUp; done += 1) set.decide(action, fresh(), facts);
    const times: number[] = [];
    for (let done = 0; done < decisionsTotal; done += 1) {
      const classification = fresh();
      const startMs = performance.now();
      set.decide(action, classification, facts);
      times.push(performance.now() - startMs);
    }
    times.sort((a, b) => a - b);
    const at = (share: number): number => times[Math.floor(share * decisionsTotal)] ?? NaN;
    return Promise.resolve({ value: at(0.99), details: { 'median ms': at(0.5), 'slowest ms': at(1 - 1 / decisionsTotal) } });
  },
};

function ruleOf(index: number): string {
  const [matchers, ...others] = ruleKinds;
  const kind = index % 2 === 0 ? matchers : others[Math.floor(index / 2) % others.length];
  return kind?.[1](index) ?? '';
}
