// A row of the benchmark that is about the gateway alone: no other contender, a bound instead of a ratio.

import type { Teardown } from '../support/directories.ts';

export interface ProbeLoad {
  /** Events in the audit log that is searched. */
  readonly events: number;
  /** Sessions that are open, or wait, at once. */
  readonly sessions: number;
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
  readonly unit: 'ms' | 'kB';
  /** At most. */
  readonly must: number;
  run(t: Teardown, load: ProbeLoad): Promise<ProbeResult>;
}

export function probeText(probe: Probe, result: ProbeResult): string {
  const more = Object.entries(result.details).map(([words, number]) => `${words} ${number.toFixed(number < 100 ? 1 : 0)}`);
  const { name, title, unit, must } = probe;
  return `${name}: ${title}\n  ${verdictOf(probe, result)}: ${result.value.toFixed(1)} ${unit}, must ${must} ${unit}\n  ${more.join(', ')}`;
}

/** A line of the table that rows with contenders are in, too. */
export function probeLine(probe: Probe, result: ProbeResult): string {
  const { title, unit, must } = probe;
  return `| ${title} | at most | ${result.value.toFixed(1)} ${unit} | – | ${must} ${unit} | – | ${verdictOf(probe, result)} |`;
}

function verdictOf({ must }: Probe, { value }: ProbeResult): string {
  return value <= must ? 'must reached' : 'missed';
}
