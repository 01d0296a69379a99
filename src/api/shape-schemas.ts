// The contract of approved shapes as schemas; see schemas.ts.

import { z } from 'zod';
import type { HoldShapeView, HoleConditionView, ShapeApprovalBody, ShapeView } from './contract.ts';

/** A day: what is approved for longer should stand in the policies. */
const forMsMax = 86_400_000;
const time = z.string().meta({ format: 'date-time' });
const digits = z.string().regex(/^-?\d{1,39}$/, 'a whole number in decimal digits');
const value = z.string().max(1000);

const any = z.strictObject({ kind: z.literal('any') });
const range = z.strictObject({ kind: z.literal('range'), least: digits, most: digits });
const oneOf = z.strictObject({ kind: z.literal('one-of'), values: z.array(value).min(1).max(100) });

export const shapeApprovalBody: z.ZodType<ShapeApprovalBody> = z.strictObject({
  for_ms: z.int().min(1000).max(forMsMax),
  uses_max: z.int().min(1).max(100_000).optional(),
  parameters: z
    .array(
      z.strictObject({
        hole: z.int().min(1).max(1000),
        condition: z.discriminatedUnion('kind', [z.strictObject({ kind: z.literal('equal') }), any, range, oneOf]),
      }),
    )
    .max(1000)
    .optional(),
});

const condition: z.ZodType<HoleConditionView> = z.union([z.object({ kind: z.literal('equal'), value: z.string() }), any, range, oneOf]);
const choice = z.object({
  by: z.string(),
  duration_ms: z.number(),
  uses_max: z.number().nullable(),
  conditions: z.array(condition),
});
const hole = z.object({ kind: z.string(), value: z.string() });

export const shapeState = z.enum(['active', 'ended']);

export const shapeView: z.ZodType<ShapeView> = z
  .object({
    id: z.string(),
    hold_id: z.string(),
    state: shapeState,
    principal: z.string(),
    principal_name: z.string(),
    target: z.string(),
    target_protocol: z.string(),
    database: z.string().nullable(),
    words: z.string(),
    hash: z.string(),
    holes: z.array(hole),
    effects: z.array(z.string()),
    choices: z.array(choice),
    approved_by: z.array(z.string()),
    rule: z.string(),
    rule_title: z.string(),
    started_at: time,
    ends_at: time,
    uses: z.number(),
    uses_max: z.number().nullable(),
    last_used_at: time.nullable(),
    ended_at: time.nullable(),
    end_kind: z.string().nullable(),
    ended_by: z.string().nullable(),
    end_reason: z.string().nullable(),
    can_revoke: z.boolean(),
  })
  .meta({ id: 'Shape' });

export const holdShapeView: z.ZodType<HoldShapeView> = z
  .object({
    offer: z.object({ words: z.string(), holes: z.array(hole), duration_ms_max: z.number(), choices: z.array(choice) }).nullable(),
    no_shape_because: z.string().nullable(),
    shape: shapeView.nullable(),
  })
  .meta({ id: 'HoldShape' });
