// The shape of a rule's obligations: what the gateway does for an action that it lets through.

import * as z from 'zod';
import { durationPattern } from './duration.ts';
import { resultRowsMax } from './limits.ts';
import { maskKey } from './mask-document.ts';

const duration = z.string().regex(durationPattern);

/** Keys of a rule. */
export const obligationKeys = {
  fence: z
    .enum(['read-only'])
    .optional()
    .describe(
      'On allow: what was judged to only read runs so that the database itself refuses writes; a write it stops is judged again as the change that it is. PostgreSQL.',
    ),
  max_rows: z
    .int()
    .min(1)
    .max(resultRowsMax)
    .optional()
    .describe('On allow and hold: a statement that returns more rows than this ends with an error after them. PostgreSQL.'),
  statement_timeout: duration
    .optional()
    .describe('On allow and hold: a statement that runs longer is cancelled at the target (30s, 5m). PostgreSQL.'),
  mask: maskKey.optional(),
  require_reason: z
    .boolean()
    .optional()
    .describe(
      "On allow and hold: it runs only in a session that says what it is for (SET sallyport.reason = '…', SetEnv SALLYPORT_REASON).",
    ),
  require_second_factor: duration
    .optional()
    .describe('On allow and hold: it runs only within this time after the person proved a second factor (5m, 8h).'),
};

/** What a rule says, read. */
export type ObligationDocument = { readonly [Key in keyof typeof obligationKeys]?: z.infer<(typeof obligationKeys)[Key]> | undefined };
