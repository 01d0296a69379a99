// The contract of access requests and grants as schemas; see schemas.ts.

import { z } from 'zod';
import type { AccessRequestBody, AccessRequestView, ExtendBody, GrantView, ReviewBody } from './contract.ts';
import { passkeyAnswer, textCharactersMax } from './request-schemas.ts';

/** A month: longer access is no access for a while. */
const forMsMax = 31 * 86_400_000;

const text = z.string().max(textCharactersMax);
const time = z.string().meta({ format: 'date-time' });
const labels = z.record(z.string(), z.string());
const forMs = z.int().min(1000).max(forMsMax);
const scope = z.object({ role: z.string().nullable(), read_only: z.boolean(), tables: z.array(z.string()).nullable() });
const timeline = z.array(
  z.object({ at: time, what: z.string(), by: z.string().nullable(), words: z.string().nullable(), via: z.string().optional() }),
);

export const accessRequestState = z.enum(['pending', 'granted', 'denied', 'expired', 'withdrawn']);
export const grantState = z.enum(['active', 'ended']);

export const accessRequestBody: z.ZodType<AccessRequestBody> = z.strictObject({
  target: text.min(1),
  for_ms: forMs,
  reason: text.min(1),
  role: text.min(1).optional(),
  read_only: z.boolean().optional(),
  tables: z.array(text.min(1)).min(1).max(50).optional(),
  break_glass: z.boolean().optional(),
});

export const extendBody: z.ZodType<ExtendBody> = z.strictObject({ for_ms: forMs, reason: text.min(1) });
export const reviewBody: z.ZodType<ReviewBody> = z.strictObject({ words: text.min(1) });
export const accessAnswerBody = z.strictObject({ reason: text.optional() });
export const accessApprovalBody = z.strictObject({
  reason: text.optional(),
  totp: z.string().max(20).optional(),
  passkey: passkeyAnswer.optional(),
});

export const accessRequestView: z.ZodType<AccessRequestView> = z
  .object({
    id: z.string(),
    state: accessRequestState,
    principal: z.string(),
    principal_name: z.string(),
    target: z.string(),
    target_protocol: z.string(),
    target_labels: labels,
    scope,
    duration_ms: z.int(),
    break_glass: z.boolean(),
    reason: z.string().meta({ description: 'As the person wrote it. Hostile: never put it into markup as it is.' }),
    extends_grant: z.string().nullable(),
    rule: z.string(),
    rule_title: z.string(),
    approvers: z.array(z.object({ groups: z.array(z.string()), count: z.int() })),
    approvals: z.array(z.object({ by: z.string(), reason: z.string().nullable(), at: time })),
    approvals_missing: z.int(),
    reason_required: z.boolean(),
    second_factor: z.enum(['passkey', 'totp']).optional(),
    digest: z.string().optional(),
    created_at: time,
    expires_at: time,
    settled_at: time.nullable(),
    settled_by: z.string().nullable(),
    settled_reason: z.string().nullable(),
    grant_id: z.string().nullable(),
    can_answer: z.boolean(),
    cannot_answer_because: z.string().nullable(),
    timeline,
  })
  .meta({ id: 'AccessRequest' });

export const grantView: z.ZodType<GrantView> = z
  .object({
    id: z.string(),
    state: grantState,
    request_id: z.string(),
    principal: z.string(),
    principal_name: z.string(),
    target: z.string(),
    target_protocol: z.string(),
    target_labels: labels,
    scope,
    break_glass: z.boolean(),
    reason: z.string(),
    rule: z.string(),
    rule_title: z.string(),
    approved_by: z.array(z.string()),
    started_at: time,
    ends_at: time,
    idle_ms: z.int().nullable(),
    sessions: z.int(),
    last_used_at: time.nullable(),
    ended_at: time.nullable(),
    end_kind: z.enum(['over', 'revoked', 'idle', 'policies', 'clock', 'failed']).nullable(),
    ended_by: z.string().nullable(),
    end_reason: z.string().nullable(),
    review: z.enum(['none', 'open', 'done']),
    reviewers: z.array(z.string()),
    reviewed_by: z.string().nullable(),
    reviewed_at: time.nullable(),
    review_words: z.string().nullable(),
    can_revoke: z.boolean(),
    can_review: z.boolean(),
    timeline,
  })
  .meta({ id: 'Grant' });
