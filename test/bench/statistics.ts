// Medians and spread of few noisy numbers.

/** The middle one, or the mean of the two in the middle. NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** How far the middle half reaches, as a part of the median: robust against one bad round. 0 for fewer than 2 values. */
  readonly relative: number;
  readonly count: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = median(sorted);
  const relative = sorted.length < 2 ? 0 : (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / Math.abs(middle);
  return { median: middle, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN, relative, count: sorted.length };
}

/** Linear between the neighbours; NaN for no values. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

/** Ratios round by round; rounds that miss one of the two are left out. */
export function pairedRatios(ours: readonly (number | null)[], theirs: readonly (number | null)[]): number[] {
  const ratios: number[] = [];
  for (let round = 0; round < Math.min(ours.length, theirs.length); round += 1) {
    const our = ours[round];
    const their = theirs[round];
    if (our !== null && our !== undefined && their !== null && their !== undefined && their > 0) ratios.push(our / their);
  }
  return ratios;
}
