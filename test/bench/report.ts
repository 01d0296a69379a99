// The measured numbers for people (a table and bars of text) and for programs (JSON).

import { cpus, release, totalmem } from 'node:os';
import { change, judge, medianSample } from './judge.ts';
import type { Judged } from './judge.ts';
import type { Measured } from './measure.ts';
import type { Criterion } from './workload.ts';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly node: string;
  readonly versions: Readonly<Record<string, string>>;
}

export function describeMachine(versions: Readonly<Record<string, string>>): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    versions,
  };
}

/** One row: a line for each contender with a bar, then the verdicts. */
export function rowText(measured: Measured): string {
  const { workload, samples } = measured;
  const names = [...new Set(samples.map(({ contender }) => contender))];
  const medians = names.flatMap((name) => medianSample(measured, name) ?? []);
  const most = Math.max(...medians.map(({ perSecond }) => perSecond));
  const lines = medians.map((it) => {
    const rate = `${it.perSecond.toFixed(it.perSecond < 100 ? 1 : 0)} ${unitOf(workload.unit)}`.padStart(14);
    const latency = it.latencyMicros === null ? '' : `${it.latencyMicros.toFixed(0)} µs`;
    const cpu = it.cpuMicros === null ? '' : `${it.cpuMicros.toFixed(1)} µs CPU`;
    const memory = it.memoryBytes === null ? '' : `${(it.memoryBytes / 2 ** 20).toFixed(0)} MB`;
    return `  ${it.contender.padEnd(10)} ${bar(it.perSecond / most)} ${rate} ${latency.padStart(10)} ${cpu.padStart(14)} ${memory.padStart(7)}`;
  });
  const verdicts = judge(measured).map((it) => `  ${judgedText(it)}`);
  const changes = (['rate', 'cpu'] as const).flatMap((metric) => {
    const spread = change(measured, metric);
    if (spread === null) return [];
    return [
      `  ${metric} against before: ${spread.median.toFixed(3)} (${spread.min.toFixed(3)}–${spread.max.toFixed(3)}, ${spread.count} pairs)`,
    ];
  });
  return [`${workload.name}: ${workload.title}`, ...lines, ...verdicts, ...changes].join('\n');
}

function bar(part: number): string {
  const width = 24;
  return '█'.repeat(Math.max(1, Math.round(part * width))).padEnd(width, '·');
}

function unitOf(unit: Measured['workload']['unit']): string {
  switch (unit) {
    case 'transactions':
      return 'tps';
    case 'connections':
      return 'conn/s';
    case 'MB':
      return 'MB/s';
    case 'echoes':
      return '/s';
  }
}

export function judgedText({ criterion, value, verdict }: Judged): string {
  const isMemory = criterion.metric === 'memory';
  const number = (it: number | null) => (it === null ? 'none' : isMemory ? `${(it / 2 ** 20).toFixed(0)} MB` : `${it.toFixed(2)}×`);
  const range = `${number(value.min)} to ${number(value.max)}`;
  return `${verdict}: ${wordsOf(criterion)} ${number(value.median)} (${range}), must ${number(criterion.must)}, aim ${number(criterion.aim)}`;
}

function wordsOf({ metric, of, against }: Criterion): string {
  if (of === 'agent') return 'rate through an agent beside without';
  switch (metric) {
    case 'rate':
      return `rate of ${against}`;
    case 'cpu':
      return `CPU time of ${against}`;
    case 'latency':
      return `latency of ${against}`;
    case 'added':
      return `added latency of ${against}`;
    case 'memory':
      return 'memory over idle';
  }
}

/** All rows for docs and commit messages. */
export function markdown(rows: readonly Measured[]): string {
  const lines = rows.flatMap((row) =>
    judge(row).map(({ criterion, value, verdict }) => {
      const isMemory = criterion.metric === 'memory';
      const number = (it: number | null) => (it === null ? '–' : isMemory ? `${(it / 2 ** 20).toFixed(0)} MB` : it.toFixed(2));
      return `| ${row.workload.title} | ${wordsOf(criterion)} | ${number(value.median)} | ${number(value.min)}–${number(value.max)} | ${number(criterion.must)} | ${number(criterion.aim)} | ${verdict} |`;
    }),
  );
  return ['| work | compared | median | range | must | aim | |', '| --- | --- | --- | --- | --- | --- | --- |', ...lines].join('\n');
}

export function json(
  machine: Machine,
  rows: readonly Measured[],
  load: { seconds: number; megabytes: number | null; rounds: number },
): object {
  return {
    machine,
    load,
    rows: rows.map((row) => ({
      name: row.workload.name,
      title: row.workload.title,
      unit: row.workload.unit,
      foreign_load: row.foreignLoad,
      medians: [...new Set(row.samples.map(({ contender }) => contender))].map((name) => medianSample(row, name)),
      judged: judge(row),
      against_before: { rate: change(row, 'rate'), cpu: change(row, 'cpu') },
      samples: row.samples,
    })),
  };
}
