// A row of the benchmark: some work, who does it, and what is asked of the result.

import type { ContenderName, Endpoint } from './contender.ts';
import type { LoadResult } from './tools-output.ts';

export type Protocol = 'postgres' | 'postgres-tls' | 'mysql' | 'mysql-tls' | 'ssh';

export interface Load {
  readonly seconds: number;
  /** For bulk work, instead of seconds. */
  readonly megabytes: number;
}

/** What of a sample is compared. "added" is the latency over the direct connection's. */
export type Metric = 'rate' | 'cpu' | 'latency' | 'added' | 'memory';

export interface Criterion {
  readonly metric: Metric;
  /** Memory is measured against idle. */
  readonly against: ContenderName | 'idle';
  /** Whose number it is; ours when it is missing. */
  readonly of?: ContenderName;
  /** A bound of the ratio (of bytes for memory): at least for rates, at most for the others. No `must` was asked where it is null. */
  readonly must: number | null;
  readonly aim: number;
}

export interface Workload<Where = Endpoint> {
  /** As in --only. */
  readonly name: string;
  readonly title: string;
  readonly protocol: Protocol;
  readonly unit: 'transactions' | 'MB' | 'connections' | 'echoes';
  /** Of one run of bulk work when nobody said otherwise. */
  readonly megabytes?: number;
  readonly contenders: readonly ContenderName[];
  readonly criteria: readonly Criterion[];
  run(endpoint: Where, load: Load): Promise<LoadResult>;
}

/** The rate through an agent beside the rate without. */
export const throughAgent: Criterion = { metric: 'rate', of: 'agent', against: 'sallyport', must: 0.7, aim: 0.9 };
