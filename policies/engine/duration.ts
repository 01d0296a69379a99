// Durations as people write them: "90s", "15m", "2h", "1h30m", "1d".

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** What a duration may look like; also in the JSON Schema. */
export const durationPattern = /^([0-9]{1,6}(ms|s|m|h|d))+$/;

/** Milliseconds, or null when it is not a duration. */
export function parseDuration(text: string): number | null {
  if (!durationPattern.test(text)) return null;
  let totalMs = 0;
  for (const [, count, unit] of text.matchAll(/([0-9]+)(ms|s|m|h|d)/g)) totalMs += Number(count) * unitsMs[unit!]!;
  return totalMs;
}
