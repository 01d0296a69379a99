// The section `on_call` of sallyport.yaml: groups whose one member changes by the clock.

import { z } from 'zod';

interface Words {
  readonly name: z.ZodType<string>;
  readonly group: z.ZodType<string>;
}

const schedulesMax = 100;
const peopleMax = 100;
const overridesMax = 1_000;

const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

/** "2026-01-05T09:00" as milliseconds since 1970 of a clock that shows UTC. */
const wallTime = z
  .string('write a time as in "2026-01-05T09:00"')
  .meta({ description: 'Time on the wall in the zone, as in "2026-01-05T09:00".', examples: ['2026-01-05T09:00'] })
  .transform((text, context) => {
    const ms = /^20\d\d-\d\d-\d\d[T ]\d\d:\d\d$/.test(text) ? Date.parse(`${text.replace(' ', 'T')}:00Z`) : NaN;
    // Date.parse takes the 31st of February for a day in March.
    if (!Number.isNaN(ms) && new Date(ms).toISOString().slice(0, 16) === text.replace(' ', 'T')) return ms;
    context.addIssue({ code: 'custom', message: `"${text}" is not a time on the wall: write it as in "2026-01-05T09:00", without a zone` });
    return z.NEVER;
  });

const turn = z
  .string('write a length as in "1w"')
  .meta({ description: 'Length of a turn in hours, days or weeks, as in "1w".', examples: ['1w'] })
  .transform((text, context) => {
    const [, count, unit] = /^([1-9]\d{0,2})([hdw])$/.exec(text) ?? [];
    if (count !== undefined && unit !== undefined) return Number(count) * (unitMs[unit] ?? NaN);
    context.addIssue({
      code: 'custom',
      message: `"${text}" is not the length of a turn: write hours, days or weeks, as in "12h", "1d", "1w"`,
    });
    return z.NEVER;
  });

const zone = z
  .string()
  .max(100)
  .refine(isZone, 'is not a time zone: write its name in the IANA database, as in "Europe/Berlin"')
  .describe('Time zone by its name in the IANA database.');

export function onCallSection({ name, group }: Words) {
  const override = z.strictObject({ from: wallTime, to: wallTime, person: name });
  const schedule = z.strictObject({
    group,
    zone: zone.default('UTC'),
    starts: wallTime.describe('When the first of the people begins.'),
    every: turn,
    people: z.array(name).min(1, 'name somebody').max(peopleMax).describe('In the order of their turns.'),
    overrides: z.array(override).max(overridesMax).default([]).describe('Who stands in; of two at a time the later in the list.'),
  });
  return z.array(schedule).max(schedulesMax).default([]);
}

export type WrittenOnCall = z.output<ReturnType<typeof onCallSection>>;

function isZone(text: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: text }).resolvedOptions().timeZone !== '' && !/^[+-]/.test(text);
  } catch {
    return false;
  }
}
