// Compares what was measured with what is asked: medians of ratios within rounds, and whether their spread allows a verdict.

import type { ContenderName } from './contender.ts';
import type { Measured, Sample } from './measure.ts';
import { median, pairedRatios, spreadOf } from './statistics.ts';
import type { Spread } from './statistics.ts';
import type { Criterion, Metric } from './workload.ts';

/** Verdicts need a middle half of the ratios within this part of their median. */
export const spreadMax = 0.15;
/** Added latency is a small difference of two noisy numbers. */
export const spreadAddedMax = 0.3;
/** Above this, others used the machine so much that nothing is judged. */
export const foreignLoadMax = 0.2;
/** Fewer rounds have no spread to speak of. */
export const roundsMin = 3;

export type Verdict = 'aim reached' | 'must reached' | 'missed' | 'too noisy' | 'too short' | 'aim missed';

export interface Judged {
  readonly criterion: Criterion;
  readonly value: Spread;
  readonly verdict: Verdict;
}

/** Judges what our contender reached; "before" is only compared, never judged. */
export function judge(measured: Measured): Judged[] {
  return measured.workload.criteria.flatMap((criterion) => {
    const value = spreadOf(valuesOf(measured, criterion));
    return value.count === 0 ? [] : [{ criterion, value, verdict: verdictOf(criterion, value, measured.foreignLoad) }];
  });
}

/** Ours over the one from before, round by round; null when there was none. */
export function change(measured: Measured, metric: 'rate' | 'cpu'): Spread | null {
  const values = pairedRatios(column(measured, 'sallyport', metric), column(measured, 'before', metric));
  return values.length === 0 ? null : spreadOf(values);
}

/** The samples of one contender, median of each number. */
export function medianSample(measured: Measured, contender: ContenderName): Sample | null {
  const own = measured.samples.filter((sample) => sample.contender === contender);
  if (own.length === 0) return null;
  const of = (pick: (sample: Sample) => number | null) => {
    const values = own.map(pick).filter((value) => value !== null);
    return values.length === 0 ? null : median(values);
  };
  return {
    contender,
    round: -1,
    perSecond: of((it) => it.perSecond) ?? 0,
    latencyMicros: of((it) => it.latencyMicros),
    cpuMicros: of((it) => it.cpuMicros),
    memoryBytes: of((it) => it.memoryBytes),
  };
}

function valuesOf(measured: Measured, { metric, of = 'sallyport', against }: Criterion): number[] {
  const own = column(measured, of, metric);
  if (against === 'idle') return own.filter((it) => it !== null);
  return pairedRatios(own, column(measured, against, metric));
}

/** A number of one contender in each round. */
function column(measured: Measured, contender: ContenderName, metric: Metric): (number | null)[] {
  const own = measured.samples.filter((sample) => sample.contender === contender).sort((a, b) => a.round - b.round);
  switch (metric) {
    case 'rate':
      return own.map((it) => it.perSecond);
    case 'cpu':
      return own.map((it) => it.cpuMicros);
    case 'latency':
      return own.map((it) => it.latencyMicros);
    case 'memory':
      return own.map((it) => it.memoryBytes);
    case 'added': {
      const direct = measured.samples.filter((sample) => sample.contender === 'direct').sort((a, b) => a.round - b.round);
      return own.map((it, round) => difference(it.latencyMicros, direct[round]?.latencyMicros ?? null));
    }
  }
}

function difference(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a - b;
}

function verdictOf({ metric, must, aim }: Criterion, { median: value, relative, count }: Spread, foreignLoad: number): Verdict {
  if (count < roundsMin) return 'too short';
  const limit = metric === 'added' ? spreadAddedMax : spreadMax;
  // Memory and clear distance from the bound need no narrow spread.
  if (metric !== 'memory' && (foreignLoad > foreignLoadMax || relative > limit)) return 'too noisy';
  const reaches = (bound: number) => (metric === 'rate' ? value >= bound : value <= bound);
  if (reaches(aim)) return 'aim reached';
  if (must === null) return 'aim missed';
  return reaches(must) ? 'must reached' : 'missed';
}
