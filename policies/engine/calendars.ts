// Calendars: days and times that policies speak of by name (holidays, freezes, office hours), in a zone of their own. A
// condition reads `calendars.name`, which is true while the calendar holds.

import * as z from 'zod';
import * as limits from './limits.ts';
import { didYouMean } from './nearest.ts';
import type { Source } from './source.ts';
import { weekdays } from './vocabulary.ts';
import { zoneProblem, zoneTime } from './zone-time.ts';
import type { TimeFact } from './zone-time.ts';

const entries = z.array(z.string().min(1).max(64)).min(1).max(limits.listEntriesMax);
const clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/);

/** Words for what the pattern of a time of day asks. */
export const clockPattern = String(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/);

export const calendarSchema = z.union([
  entries.describe('Dates and ranges, in the time_zone of the file.'),
  z.strictObject({
    time_zone: z.string().min(1).max(64).optional().describe("The zone of this calendar. Default: the file's time_zone."),
    dates: entries
      .optional()
      .describe(
        '"2026-12-25", every year "12-25", a range of days "2026-12-20..2027-01-03", of moments "2026-12-20T18:00..2027-01-03T08:00". Any of them. Default: every day.',
      ),
    weekdays: z.array(z.enum(weekdays)).min(1).max(7).optional().describe('Only on these days of the week.'),
    from: clock.optional().describe('Only from this time of the day on: "08:00".'),
    to: clock.optional().describe('Only before this time of the day: "18:00". Earlier than "from": until the next morning.'),
    except: z.array(z.string()).min(1).max(100).optional().describe('Not while one of these calendars holds.'),
  }),
]);

type CalendarDocument = z.infer<typeof calendarSchema>;
type CalendarParts = Exclude<CalendarDocument, readonly string[]>;

/** Is it true at that moment? */
export type Calendar = (nowMs: number) => boolean;

type Entry = (time: TimeFact, stamp: string) => boolean;

/** Compiles the calendars of a file; what is wrong is noted at its source, and holds never. */
export function compileCalendars(
  source: Source,
  documents: Readonly<Record<string, CalendarDocument>>,
  fileZone: string,
): Map<string, Calendar> {
  const compiled = new Map<string, Calendar>();
  const compiling: string[] = [];
  const compile = (name: string): Calendar => {
    const known = compiled.get(name);
    if (known !== undefined) return known;
    const document = documents[name]!;
    const path = ['calendars', name];
    const parts: CalendarParts = Array.isArray(document) ? { dates: document } : (document as CalendarParts);
    compiling.push(name);
    const except = (parts.except ?? []).flatMap((other, index): Calendar[] => {
      if (!Object.hasOwn(documents, other)) {
        source.problem([...path, 'except', index], `no calendar is named "${other}"${didYouMean(other, Object.keys(documents))}`);
        return [];
      }
      if (compiling.includes(other)) {
        source.problem([...path, 'except', index], `calendars that need each other: ${[...compiling, other].join(' → ')}`);
        return [];
      }
      return [compile(other)];
    });
    compiling.pop();
    const calendar = calendarOf(source, parts, Array.isArray(document) ? path : [...path, 'dates'], fileZone, except);
    compiled.set(name, calendar);
    return calendar;
  };
  for (const name of Object.keys(documents)) compile(name);
  return compiled;
}

function calendarOf(
  source: Source,
  parts: CalendarParts,
  datesAt: readonly (string | number)[],
  fileZone: string,
  except: readonly Calendar[],
): Calendar {
  const { weekdays: days, from = '00:00', to = '24:00', time_zone: zone = fileZone, dates } = parts;
  const problem = zoneProblem(zone);
  if (problem !== null) {
    // The file's own zone is told at its own place.
    if (parts.time_zone !== undefined) source.problem([...datesAt.slice(0, 2), 'time_zone'], problem);
    return () => false;
  }
  if (from === to) source.problem([...datesAt.slice(0, 2), 'from'], `this calendar never holds: it begins and ends at ${from}`);
  if (dates === undefined && days === undefined && parts.from === undefined && parts.to === undefined) {
    source.problem(datesAt.slice(0, 2), 'this calendar holds always: say "dates", "weekdays", "from" or "to"');
  }
  const read = (dates ?? []).flatMap((text, index) => readEntry(source, text, [...datesAt, index]) ?? []);
  const timeAt = zoneTime(zone);
  return (nowMs) => {
    const time = timeAt(nowMs);
    const clockNow = `${two(time.hour)}:${two(time.minute)}`;
    if (days !== undefined && !days.some((day) => day === time.weekday)) return false;
    if (from <= to ? clockNow < from || clockNow >= to : clockNow < from && clockNow >= to) return false;
    const stamp = `${time.date}T${clockNow}`;
    if (dates !== undefined && !read.some((holds) => holds(time, stamp))) return false;
    return !except.some((it) => it(nowMs));
  };
}

function readEntry(source: Source, text: string, path: readonly (string | number)[]): Entry | null {
  const [first = '', last, ...more] = text.split('..').map((part) => part.trim());
  if (last === undefined) {
    if (/^\d{2}-\d{2}$/.test(first) && isDay(`2024-${first}`)) return ({ date }) => date.endsWith(`-${first}`);
    if (isDay(first)) return ({ date }) => date === first;
  } else if (more.length === 0) {
    const [begins, ends] = [stampOf(first, '00:00'), stampOf(last, '24:00')];
    if (begins !== null && ends !== null) {
      if (begins >= ends) {
        source.problem(path, `"${text}" ends before it begins`);
        return null;
      }
      return (_time, stamp) => stamp >= begins && stamp < ends;
    }
  }
  source.problem(path, `"${text}" is neither a date ("2026-12-25", every year "12-25") nor a range ("2026-12-20..2027-01-03")`);
  return null;
}

/** "2026-12-20" and "2026-12-20T18:00" as texts that compare in order. */
function stampOf(text: string, clockDefault: string): string | null {
  const [day = '', time = clockDefault] = text.split('T');
  return isDay(day) && /^(([01]\d|2[0-3]):[0-5]\d|24:00)$/.test(time) ? `${day}T${time}` : null;
}

function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const ms = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
