// The shape of a template's places: what may stand where a value is left open.

import * as z from 'zod';
import * as limits from './limits.ts';

export const placeTypes = ['int', 'number', 'text', 'date', 'uuid'] as const;

/** What a place may hold. */
export const placeSchema = z.strictObject({
  type: z
    .enum(placeTypes)
    .optional()
    .describe('int, number, text (also a plain word of a command), date (2026-11-21) or uuid. Not needed beside "in".'),
  in: z
    .array(z.union([z.string(), z.number()]))
    .min(1)
    .max(limits.listEntriesMax)
    .optional()
    .describe('Exactly one of these. "$name" stands for the entries of a list.'),
  min: z.number().optional().describe('int and number: not less than this.'),
  max: z.number().optional().describe('int and number: not more than this.'),
  like: z.string().min(1).max(limits.patternCharsMax).optional().describe('text: must match this pattern; * and ? are wildcards.'),
  max_length: z
    .int()
    .min(1)
    .max(limits.templateTextMax)
    .optional()
    .describe(`text: at most so many characters. Default: ${limits.placeLengthDefault}.`),
});

export type PlaceDocument = z.infer<typeof placeSchema>;
