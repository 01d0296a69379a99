// What a receiver gets: the hold as the API shows it, and where it can be answered.

import type { AccessRequestView, GrantView, HoldView, SessionView, ShapeView } from '../api/contract.ts';

export type HoldEvent = 'hold.created' | 'hold.progress' | 'hold.escalated' | 'hold.settled';
export type AccessEvent =
  | 'access.requested'
  | 'access.progress'
  | 'access.granted'
  | 'access.denied'
  | 'access.closed'
  | 'access.ended'
  | 'access.review-due'
  | 'access.reviewed';
export type ShapeEvent = 'shape.approved' | 'shape.ended';
export type SessionEvent = 'session.closed';
export type WebhookEvent = HoldEvent | AccessEvent | ShapeEvent | SessionEvent;

/** What is told of an approved shape, and of a session. */
export type OtherNews = (ShapeView | SessionView) & { readonly links: { readonly console: string } };

/** What is told of access for a while: the request, and the grant where there is one. */
export interface AccessNews {
  readonly request: AccessRequestView;
  readonly grant: GrantView | null;
  readonly links: { readonly console: string };
}

/** Where the hold can be seen and answered. The answer links are null when there is nothing to answer. */
export interface HoldLinks {
  readonly console: string;
  readonly approve: string | null;
  readonly deny: string | null;
}

export interface WebhookPayload {
  readonly type: HoldEvent;
  readonly timestamp: string;
  readonly data: HoldView & {
    readonly links: HoldLinks;
    /** True when text or parameters are shortened here; the console has the whole. */
    readonly shortened: boolean;
  };
}

/** Chat systems and queues refuse larger messages, and nobody reads more in one. */
const textLengthMax = 64 * 1024;
const parametersMax = 100;
const parameterLengthMax = 1024;

/** The payload. A hold that is shown shortened gets no approve link: nobody approves what he has not seen. */
export function webhookPayload(event: HoldEvent, hold: HoldView, links: HoldLinks, nowMs: number): WebhookPayload {
  const text = hold.text.length > textLengthMax ? `${hold.text.slice(0, textLengthMax)}…` : hold.text;
  const parameters = hold.parameters?.slice(0, parametersMax).map(({ type, text: value }) => ({
    type,
    text: value !== null && value.length > parameterLengthMax ? `${value.slice(0, parameterLengthMax)}…` : value,
  }));
  const shortened = text !== hold.text || JSON.stringify(parameters ?? null) !== JSON.stringify(hold.parameters);
  const risks = hold.risks.filter((risk) => risk.end <= text.length);
  const answerable = hold.state === 'pending';
  const shownLinks = { ...links, approve: answerable && !shortened ? links.approve : null, deny: answerable ? links.deny : null };
  return {
    type: event,
    timestamp: new Date(nowMs).toISOString(),
    data: { ...hold, text, parameters: parameters ?? null, risks, links: shownLinks, shortened },
  };
}
