// What webhooks can be told of.

/** What a webhook hears of that names no events. */
export const webhookEventsDefault = [
  ...(['hold.created', 'hold.progress', 'hold.escalated', 'hold.settled'] as const),
  ...(['access.requested', 'access.progress', 'access.granted', 'access.denied', 'access.closed', 'access.ended'] as const),
  ...(['access.review-due', 'access.reviewed', 'shape.approved', 'shape.ended'] as const),
] as const;

/** Every session of everybody is told only where that is asked for. */
export const webhookEvents = [...webhookEventsDefault, 'session.closed'] as const;

export type WebhookEvent = (typeof webhookEvents)[number];
