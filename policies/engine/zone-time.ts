// A moment as a clock on the wall of a place shows it. Made at most once a minute for each zone.

import { weekdays } from './vocabulary.ts';

export class TimeFact {
  readonly hour: number;
  readonly minute: number;
  readonly weekday: string;
  /** "2026-11-21". */
  readonly date: string;

  constructor(hour: number, minute: number, weekday: string, date: string) {
    this.hour = hour;
    this.minute = minute;
    this.weekday = weekday;
    this.date = date;
  }
}

/** Null when it is a time zone that this Node knows. */
export function zoneProblem(zone: string): string | null {
  try {
    new Intl.DateTimeFormat('en-GB', { timeZone: zone });
    return null;
  } catch {
    return `"${zone}" is not a time zone (use a name such as "Europe/Berlin", or "UTC")`;
  }
}

/** A function from wall-clock milliseconds to the time in the zone. */
export function zoneTime(zone: string): (nowMs: number) => TimeFact {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    weekday: 'long',
  });
  let minute = Number.NaN;
  let fact: TimeFact | null = null;
  return (nowMs) => {
    // Every zone's offset is a whole number of minutes today, so one answer holds for the whole UTC minute.
    const wanted = Math.floor(nowMs / 60_000);
    if (fact === null || wanted !== minute) {
      fact = read(format, nowMs);
      minute = wanted;
    }
    return fact;
  };
}

function read(format: Intl.DateTimeFormat, nowMs: number): TimeFact {
  const part: Record<string, string> = {};
  for (const { type, value } of format.formatToParts(nowMs)) part[type] = value;
  const weekday = weekdays.find((day) => day === part['weekday']?.toLowerCase()) ?? 'unknown';
  return new TimeFact(Number(part['hour']), Number(part['minute']), weekday, `${part['year']}-${part['month']}-${part['day']}`);
}
