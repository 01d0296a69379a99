// A row of the benchmark that is about the gateway alone: no other contender, a bound instead of a ratio.

import type { Teardown } from '../support/directories.ts';

export interface ProbeLoad {
  /** Events in the audit log that is searched. */
  readonly events: number;
  /** Sessions that are open, or wait, at once. */
  readonly sessions: number;
  /** Of a file that is carried. */
  readonly megabytes: number;
}

export interface ProbeResult {
  /** What is compared with the bound. */
  readonly value: number;
  /** What else was seen, by words with units. */
  readonly details: Readonly<Record<string, number>>;
}

export interface Probe {
  /** As in --only. */
  readonly name: string;
  readonly title: string;
  readonly unit: 'ms' | 'kB' | '×';
  /** At most; for a ratio (×) at least. */
  readonly must: number;
  run(t: Teardown, load: ProbeLoad): Promise<ProbeResult>;
}

export function probeText(probe: Probe, { value, details }: ProbeResult): string {
  const more = Object.entries(details).map(([words, number]) => `${words} ${number.toFixed(number < 100 ? 1 : 0)}`);
  const isReached = probe.unit === '×' ? value >= probe.must : value <= probe.must;
  const verdict = isReached ? 'must reached' : 'missed';
  return `${probe.name}: ${probe.title}\n  ${verdict}: ${value.toFixed(probe.unit === '×' ? 2 : 1)} ${probe.unit}, must ${probe.must} ${probe.unit}\n  ${more.join(', ')}`;
}
