// Tells configured receivers of holds and of access, as signed JSON. What is sent is fixed when it happens.

import type { HoldView } from '../api/contract.ts';
import type { Clock } from '../core/clock.ts';
import type { Secret } from '../core/secret.ts';
import { webhookPayload } from './payload.ts';
import type { AccessEvent, AccessNews, HoldEvent, HoldLinks, OtherNews, SessionEvent, ShapeEvent, WebhookEvent } from './payload.ts';
import { post } from './post.ts';
import type { DeliveryQueue } from './queue.ts';

export interface Receiver {
  readonly name: string;
  readonly url: string;
  readonly secret: Secret;
  readonly events: readonly WebhookEvent[];
}

export interface WebhookServices {
  readonly queue: DeliveryQueue;
  readonly receivers: readonly Receiver[];
  readonly clock: Clock;
  /** Where the hold can be seen and answered; asked once for each receiver and event. */
  readonly links: (hold: HoldView, receiver: string) => HoldLinks;
  readonly timeoutMs: number;
}

export interface Webhooks {
  /** Writes the deliveries down and returns; never throws. `hold` as seen by nobody in particular. */
  notify(event: HoldEvent, hold: HoldView): void;
  /** The same for access requests and grants, shapes and sessions. */
  tell(event: AccessEvent, news: AccessNews): void;
  tell(event: ShapeEvent | SessionEvent, news: OtherNews): void;
  /** Whether any receiver is told of it. */
  wants(event: WebhookEvent): boolean;
}

/** Adds the receivers to the queue. */
export function createWebhooks({ queue, receivers, clock, links, timeoutMs }: WebhookServices): Webhooks {
  for (const { name, url, secret } of receivers) {
    queue.add({
      name,
      kind: 'webhook',
      send: ({ id, body }, signal) => post({ url, secret, id, body, nowMs: clock.nowMs(), timeoutMs }, signal),
    });
  }
  const toAll = (event: WebhookEvent, holdId: string | null, payloadFor: (receiver: string) => object) => {
    for (const { name, events } of receivers) {
      if (events.includes(event)) queue.post(name, event, holdId, () => JSON.stringify(payloadFor(name)));
    }
  };
  return {
    notify: (event, hold) => {
      const nowMs = clock.nowMs();
      toAll(event, hold.id, (receiver) => webhookPayload(event, hold, links(hold, receiver), nowMs));
    },
    tell: (event: WebhookEvent, news: AccessNews | OtherNews) => {
      const timestamp = new Date(clock.nowMs()).toISOString();
      toAll(event, null, () => ({ type: event, timestamp, data: news }));
    },
    wants: (event) => receivers.some(({ events }) => events.includes(event)),
  };
}
