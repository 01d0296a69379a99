// Channels and the links that they carry, in what goes in and out of the API.

import { z } from 'zod';
import { accessRequestView } from './access-schemas.ts';
import type { ChannelView, DecisionView, PushSubscriptionBody, PushView } from './contract.ts';
import { holdView } from './schemas.ts';

const state = z.enum(['pending', 'delivered', 'failed']);

export const channelView: z.ZodType<ChannelView> = z
  .object({
    name: z.string(),
    kind: z.enum(['webhook', 'slack', 'mail', 'teams', 'push', 'github', 'gitlab', 'inbound']),
    last: z.object({ state, at: z.string(), words: z.string().nullable() }).nullable(),
    waiting: z.int(),
  })
  .meta({ id: 'Channel' });

export const inboundAnswer = z.strictObject({
  id: z.string().min(1).max(100),
  answer: z.enum(['approve', 'deny']),
  reason: z.string().max(4_000).optional(),
});

export const inboundResult = z.object({ id: z.string(), state: z.string(), answered_as: z.string() });

export const decisionView: z.ZodType<DecisionView> = z
  .object({
    answer: z.enum(['approve', 'deny']),
    person: z.string().nullable(),
    answers_as: z.object({ name: z.string(), display_name: z.string() }),
    expires_at: z.string().meta({ format: 'date-time' }),
    hold: holdView.nullable(),
    request: accessRequestView.nullable(),
  })
  .meta({ id: 'Decision' });

export const pushView: z.ZodType<PushView> = z
  .object({
    public_key: z.string().nullable(),
    browsers: z.array(z.object({ id: z.string(), name: z.string(), created_at: z.string() })),
  })
  .meta({ id: 'Push' });

export const pushSubscriptionBody: z.ZodType<PushSubscriptionBody> = z.strictObject({
  name: z.string().max(200).optional(),
  endpoint: z.string().min(1).max(2_000),
  keys: z.strictObject({ p256dh: z.string().min(1).max(200), auth: z.string().min(1).max(100) }),
});
