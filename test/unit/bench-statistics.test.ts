// What the benchmark concludes from numbers: medians of paired ratios, and no verdict when they are too few or too far apart.

import t from 'tap';
import type { ContenderName } from '../bench/contender.ts';
import { judge } from '../bench/judge.ts';
import type { Measured, Sample } from '../bench/measure.ts';
import { chosen, readOptions } from '../bench/options.ts';
import { benchPolicies, rulesTotal } from '../bench/policies.ts';
import { median, pairedRatios, spreadOf } from '../bench/statistics.ts';
import { readPgbench, readSysbench } from '../bench/tools-output.ts';
import type { Criterion, Workload } from '../bench/workload.ts';
import { loadPolicies } from '../../policies/engine/load.ts';

const sample = (contender: ContenderName, round: number, perSecond: number, latencyMicros = 1e6 / perSecond): Sample => ({
  contender,
  round,
  perSecond,
  latencyMicros,
  cpuMicros: contender === 'direct' ? null : 10,
  memoryBytes: null,
});

function measured(criterion: Criterion, samples: readonly Sample[], foreignLoad = 0): Measured {
  const workload: Workload = {
    name: 'pg-x',
    title: 'x',
    protocol: 'postgres',
    unit: 'transactions',
    contenders: ['direct', 'haproxy', 'sallyport'],
    criteria: [criterion],
    run: () => Promise.reject(new Error('not run here')),
  };
  return { workload, samples, foreignLoad };
}

const rate: Criterion = { metric: 'rate', against: 'haproxy', must: 0.85, aim: 1 };

/** Ours is `part` of theirs in each round, whatever the machine does meanwhile. */
const rounds = (parts: readonly number[]): Sample[] =>
  parts.flatMap((part, round) => [sample('haproxy', round, 1000 * (round + 1)), sample('sallyport', round, 1000 * (round + 1) * part)]);

t.test('medians and spread', async (t) => {
  t.equal(median([3, 1, 2]), 2);
  t.equal(median([4, 1, 2, 3]), 2.5);
  t.equal(spreadOf([1, 1, 1, 100]).median, 1);
  t.ok(spreadOf([1, 2, 3, 4]).relative > 0.5);
  t.same(pairedRatios([1, null, 3], [2, 2, 2]), [0.5, 1.5]);
});

for (const [name, parts, foreignLoad, verdict] of [
  ['reaches the aim', [1.1, 1.1, 1.1], 0, 'aim reached'],
  ['reaches what it must', [0.9, 0.9, 0.91], 0, 'must reached'],
  ['misses', [0.5, 0.5, 0.5], 0, 'missed'],
  ['is too noisy when rounds differ much', [0.5, 0.9, 1.4], 0, 'too noisy'],
  ['is too noisy when others used the machine', [1.1, 1.1, 1.1], 0.5, 'too noisy'],
  ['is too short with two rounds', [1.1, 1.1], 0, 'too short'],
] as const) {
  t.test(`a rate that ${name}`, async (t) => {
    t.equal(judge(measured(rate, rounds(parts), foreignLoad))[0]?.verdict, verdict);
  });
}

t.test('added latency is over the direct connection, and less is better', async (t) => {
  const criterion: Criterion = { metric: 'added', against: 'haproxy', must: 1.5, aim: 1.1 };
  const samples = [0, 1, 2].flatMap((round) => [
    sample('direct', round, 1000, 50),
    sample('haproxy', round, 1000, 70),
    sample('sallyport', round, 1000, 78),
  ]);
  const [judged] = judge(measured(criterion, samples));
  t.equal(judged?.value.median, 1.4);
  t.equal(judged?.verdict, 'must reached');
});

t.test('what the tools print', async (t) => {
  const pgbench =
    'number of transactions actually processed: 1200\nnumber of failed transactions: 0 (0.000%)\ntps = 600.5 (without initial connection time)\n';
  t.same(readPgbench(pgbench, 2), { amount: 1200, perSecond: 600.5, latencyMicros: (2 / 600.5) * 1e6 });
  t.throws(() => readPgbench(pgbench.replace('transactions: 0', 'transactions: 3'), 2), 'failed transactions are no result');
  t.throws(() => readPgbench('connection refused', 1));
  const sysbench =
    '    transactions:                        500    (100.00 per sec.)\n    ignored errors:                      0      (0.00 per sec.)\n';
  t.equal(readSysbench(sysbench, 1).perSecond, 100);
  t.throws(() => readSysbench(sysbench.replace(/errors: +0/, 'errors: 7'), 1), 'errors are no result');
});

t.test('the command line', async (t) => {
  const rows = [{ name: 'pg-simple-c1' }, { name: 'pg-copy-in' }];
  t.same(chosen(rows, ['pg-copy']), [{ name: 'pg-copy-in' }]);
  t.throws(() => chosen(rows, ['pg-nothing']), /no row "pg-nothing"/);
  t.throws(() => readOptions(['--seconds', '0']), /--seconds/);
  t.equal(readOptions(['--warm-up', '0']).warmUpSeconds, 0, 'a row may begin cold');
  t.throws(() => readOptions(['--warm-up=-1']), /--warm-up takes a whole number from 0/);
  t.throws(() => readOptions(['--rounds', 'many']), /--rounds/);
});

t.test('the policy set loads and has the rules that it says', async (t) => {
  const loaded = loadPolicies(Object.entries(benchPolicies()).map(([path, text]) => ({ path, text })));
  t.ok(loaded.ok, loaded.ok ? '' : loaded.errors.map(({ message }) => message).join('\n'));
  if (loaded.ok) t.equal(loaded.set.rules.length, rulesTotal);
});
