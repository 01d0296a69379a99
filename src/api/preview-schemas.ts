// The schema of a preview, for the OpenAPI document and for what goes out.

import { z } from 'zod';

export const previewView = z
  .object({
    state: z.enum(['ready', 'none']),
    why: z.string().nullable(),
    made_at: z.string().nullable(),
    tables: z
      .array(
        z.object({
          name: z.string(),
          kind: z.string(),
          rows: z.number().nullable(),
          rows_from: z.enum(['statistics', 'size']),
          bytes: z.number().nullable(),
        }),
      )
      .readonly(),
    statements: z
      .array(
        z.object({
          kind: z.string(),
          rows: z.object({ table: z.string(), rows: z.number(), bound: z.enum(['about', 'at-most']), of: z.number() }).nullable(),
          consequences: z.array(z.object({ kind: z.enum(['dropped-too', 'rows-too', 'runs', 'prevents']), what: z.string() })).readonly(),
          consequences_left_out: z.number(),
          locks: z
            .array(
              z.object({
                table: z.string(),
                mode: z.string(),
                stops: z.string(),
                held_by_others: z.number(),
                waiting: z.number(),
                oldest_holder_ms: z.number().nullable(),
              }),
            )
            .readonly(),
        }),
      )
      .readonly(),
    notes: z.array(z.string()).readonly(),
  })
  .meta({ id: 'Preview' });
