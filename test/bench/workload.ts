// A row of the benchmark: some work, who does it, and what is asked of the result.

import type { ContenderName, Endpoint } from './contender.ts';
import type { LoadResult } from './tools-output.ts';

export type Protocol = 'postgres' | 'mysql';

export interface Load {
  readonly seconds: number;
  /** For bulk work, instead of seconds. */
  readonly megabytes: number;
}

/** What of a sample is compared. "added" is the latency over the direct connection's. */
export type Metric = 'rate' | 'cpu' | 'added' | 'memory';

export interface Criterion {
  readonly metric: Metric;
  /** Memory is measured against idle. */
  readonly against: ContenderName | 'idle';
  /** A bound of the ratio (of bytes for memory): at least for rates, at most for the others. */
  readonly must: number;
  readonly aim: number;
}

export interface Workload {
  /** As in --only. */
  readonly name: string;
  readonly title: string;
  readonly protocol: Protocol;
  readonly unit: 'transactions' | 'MB' | 'connections';
  readonly contenders: readonly ContenderName[];
  readonly criteria: readonly Criterion[];
  run(endpoint: Endpoint, load: Load): Promise<LoadResult>;
}
