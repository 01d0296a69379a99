// Runs one row: every contender once in each round, in an order that turns, so that whatever the machine does besides
// hits all of them. Numbers are compared only within a round.

import type { Contender, ContenderName, Stage } from './contender.ts';
import { cpuMicros, machineMicros, residentBytes, watchMemory } from './process-usage.ts';
import type { Load, Workload } from './workload.ts';

/** One run of one contender. */
export interface Sample {
  readonly contender: ContenderName;
  readonly round: number;
  readonly perSecond: number;
  readonly latencyMicros: number | null;
  /** Of the proxy's process, for each transaction (or megabyte, or connection). */
  readonly cpuMicros: number | null;
  /** Most memory of the proxy while it ran, above what it had before the first run of the row. */
  readonly memoryBytes: number | null;
}

export interface Measured {
  readonly workload: Omit<Workload, 'run'>;
  readonly samples: readonly Sample[];
  /** Part of the machine that was busy while nothing was measured, 0 to 1: what others did. */
  readonly foreignLoad: number;
}

const quietLookMs = 500;

export async function measure<Where>(
  workload: Workload<Where>,
  stage: Stage<Where>,
  load: Load,
  warmUpSeconds: number,
  rounds: number,
  onSample: (sample: Sample) => void,
  signal: AbortSignal,
): Promise<Measured> {
  const contenders = stage.contenders.filter(({ name }) => name === 'before' || name === 'threads' || workload.contenders.includes(name));
  const foreignLoad = await lookAround();
  const idle = new Map(contenders.map(({ name, pids }) => [name, sum(pids, residentBytes)]));
  if (workload.megabytes === undefined && warmUpSeconds > 0)
    await warmUp(workload, contenders, { ...load, seconds: warmUpSeconds }, signal);
  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < contenders.length; turn += 1) {
      signal.throwIfAborted();
      const contender = contenders[(turn + round) % contenders.length] as Contender<Where>;
      await stage.reset();
      const sample = await runOnce(workload, contender, load, round, idle.get(contender.name) ?? 0);
      samples.push(sample);
      onSample(sample);
    }
  }
  return { workload, samples, foreignLoad };
}

/** A gateway works for weeks; what V8 has not compiled yet is nobody's rate. Every contender does the same, so that caches are warm for all. */
async function warmUp<Where>(
  workload: Workload<Where>,
  contenders: readonly Contender<Where>[],
  load: Load,
  signal: AbortSignal,
): Promise<void> {
  for (const { endpoint } of contenders) {
    signal.throwIfAborted();
    await workload.run(endpoint, load);
  }
}

async function runOnce<Where>(
  workload: Workload<Where>,
  { name, endpoint, pids }: Contender<Where>,
  load: Load,
  round: number,
  idleBytes: number,
): Promise<Sample> {
  const memory = watchMemory(() => sum(pids, residentBytes));
  const before = sum(pids, cpuMicros);
  let most = 0;
  const result = await workload.run(endpoint, load).finally(() => (most = memory.stop()));
  return {
    contender: name,
    round,
    perSecond: result.perSecond,
    latencyMicros: result.latencyMicros,
    cpuMicros: pids.length === 0 ? null : (sum(pids, cpuMicros) - before) / result.amount,
    memoryBytes: pids.length === 0 ? null : most - idleBytes,
  };
}

function sum(pids: readonly number[], of: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + of(pid), 0);
}

async function lookAround(): Promise<number> {
  const before = machineMicros();
  await new Promise((resolve) => setTimeout(resolve, quietLookMs));
  const after = machineMicros();
  return (after.used - before.used) / Math.max(1, after.total - before.total);
}
