// From the clock on a wall in some time zone to instants, and back. Wall times are milliseconds since 1970 as if that clock showed
// UTC. Where the clocks go back an hour happens twice, and the first one is meant; where they go forward an hour is missing, and
// the moment after it is meant. So a later wall time is never an earlier instant.

const formats = new Map<string, Intl.DateTimeFormat>();

/** What the clock on the wall shows at an instant. Throws RangeError for zones that nobody knows. */
export function wallTimeMs(atMs: number, zone: string): number {
  let format = formats.get(zone);
  if (format === undefined) {
    const digits = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' } as const;
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', calendar: 'gregory', ...digits });
    formats.set(zone, format);
  }
  const part: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of format.formatToParts(atMs)) part[type] = Number(value);
  const { year = NaN, month = NaN, day = NaN, hour = NaN, minute = NaN, second = NaN } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second) + (((atMs % 1000) + 1000) % 1000);
}

/** Further than any zone is from UTC, and than the clocks of one are ever put at once. */
const aroundMs = 48 * 3_600_000;

/** The first instant at which the clock on the wall shows `wallMs` or, where it skips that time, more. */
export function instantOf(wallMs: number, zone: string): number {
  const offsetMs = (atMs: number) => wallTimeMs(atMs, zone) - atMs;
  const candidates = [wallMs - offsetMs(wallMs - aroundMs), wallMs - offsetMs(wallMs + aroundMs)];
  const right = candidates.filter((atMs) => wallTimeMs(atMs, zone) === wallMs);
  if (right.length > 0) return Math.min(...right);
  let before = Math.min(...candidates) - 1;
  let after = Math.max(...candidates);
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (wallTimeMs(middle, zone) >= wallMs) after = middle;
    else before = middle;
  }
  return after;
}
