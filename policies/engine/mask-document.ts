// The shape of the key "mask" of a rule: what is hidden in results, by columns or by what a value looks like.

import * as z from 'zod';
import { detectors, maskMethods } from '../../src/core/masking.ts';
import { listEntriesMax, patternCharsMax } from './limits.ts';

/** Entries of one rule. */
const masksMax = 100;

const method = z
  .enum(maskMethods)
  .optional()
  .describe('What stands in its place: partial (a***@example.org; default), hash (the same for the same value), fixed (***), null.');

const entry = z.strictObject({
  columns: z
    .array(z.string().min(1).max(patternCharsMax))
    .min(1)
    .max(listEntriesMax)
    .optional()
    .describe('Columns: "ssn" in any table, "customers.email", "public.customers.*"; * and ? are wildcards.'),
  detector: z.enum(detectors).optional().describe('Or: whatever looks like this, in any column.'),
  with: method,
  predicates: z
    .enum(['allow', 'hold', 'deny'])
    .optional()
    .describe(
      'Asking about these columns in WHERE, JOIN, GROUP BY, ORDER BY, CASE and the like, which tells about hidden values: deny it, hold it for the approvers of the rule, or allow it (default).',
    ),
});

export const maskKey = z.array(entry).min(1).max(masksMax).describe('On allow and hold: what is hidden in results. PostgreSQL and MySQL.');

export type MaskDocument = z.infer<typeof maskKey>;
