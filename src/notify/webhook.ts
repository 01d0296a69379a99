// Tells configured receivers of holds. A delivery is written down first and sent afterwards, so nothing is lost by a
// restart and nothing here can delay a hold. Receivers may hear of an event twice (same webhook-id), never of none while
// they answer within the retry schedule.

import type { DeliveryView, HoldView, Page } from '../api/contract.ts';
import type { AuditEventType, AuditLog } from '../core/audit.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { Log } from '../core/driver.ts';
import { messageOf } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import { beforeOf } from '../store/cursor.ts';
import type { Db } from '../store/database.ts';
import { DeliveryStore } from '../store/deliveries.ts';
import type { Delivery, DeliveryState } from '../store/deliveries.ts';
import { webhookPayload } from './payload.ts';
import type { AccessEvent, AccessNews, HoldEvent, HoldLinks, WebhookEvent } from './payload.ts';
import { post } from './post.ts';
import type { PostResult } from './post.ts';
import { retryAfterMs, retryDelayMs } from './retry.ts';

/** Deliveries to one receiver at the same time; a slow receiver holds up no other. */
const parallelPerWebhook = 4;
/** How long ended deliveries stay readable. */
const keptMs = 30 * 86_400_000;
/** Longest sleep: the wall clock may jump, and old rows are cleared at this pace. */
const sleepMsMax = 60_000;
/** Pause after the store failed, so that one failure does not become a loop. */
const storePauseMs = 5_000;
const pageMax = 200;

export interface Receiver {
  readonly name: string;
  readonly url: string;
  readonly secret: Secret;
  readonly events: readonly WebhookEvent[];
}

export interface WebhookServices {
  readonly receivers: readonly Receiver[];
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: Pick<AuditLog, 'appendSoon'>;
  readonly log: Log;
  /** Where the hold can be seen and answered; asked once for each receiver and event. */
  readonly links: (hold: HoldView, receiver: string) => HoldLinks;
  readonly timeoutMs: number;
  /** Deliveries that may be waiting; beyond it new ones are dropped, and the audit log says so. */
  readonly queueMax: number;
  /** Replaces the named schedule, for tests. */
  readonly retryAfterMs?: readonly number[];
}

export interface DeliveryQuery {
  readonly webhook?: string | null;
  readonly state?: DeliveryState | null;
  readonly holdId?: string | null;
  readonly cursor?: string | null;
  /** 1 to 200; 50 when absent. */
  readonly limit?: number;
}

export interface Webhooks {
  /** Writes the deliveries down and returns; never throws. `hold` as seen by nobody in particular. */
  notify(event: HoldEvent, hold: HoldView): void;
  /** The same for access requests and grants. */
  tell(event: AccessEvent, news: AccessNews): void;
  /** Newest first. */
  deliveries(query: DeliveryQuery): Page<DeliveryView>;
  /** Begins to send, first what an earlier run left. */
  start(): void;
  /** Ends attempts under way (they are tried again by the next run) and resolves when all have ended. */
  close(): Promise<void>;
}

export function createWebhooks(services: WebhookServices): Webhooks {
  return new WebhookSender(services);
}

class WebhookSender implements Webhooks {
  readonly #services: WebhookServices;
  readonly #store: DeliveryStore;
  readonly #underWay = new Map<string, { readonly receiver: string; readonly ended: Promise<void> }>();
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #started = false;
  #pending: number;

  constructor(services: WebhookServices) {
    this.#services = services;
    this.#store = new DeliveryStore(services.db);
    this.#pending = this.#store.pendingCount();
  }

  notify(event: HoldEvent, hold: HoldView): void {
    const nowMs = this.#services.clock.nowMs();
    this.#toAll(event, hold.id, (receiver) => webhookPayload(event, hold, this.#services.links(hold, receiver), nowMs));
  }

  tell(event: AccessEvent, news: AccessNews): void {
    const timestamp = new Date(this.#services.clock.nowMs()).toISOString();
    this.#toAll(event, null, () => ({ type: event, timestamp, data: news }));
  }

  #toAll(event: WebhookEvent, holdId: string | null, payloadFor: (receiver: string) => object): void {
    for (const receiver of this.#services.receivers) {
      if (!receiver.events.includes(event)) continue;
      try {
        this.#enqueue(event, holdId, payloadFor, receiver.name);
      } catch (thrown) {
        // What it is about is fine and answerable in the console; only this notice is lost, and that is written down.
        this.#lost(event, holdId, receiver.name, messageOf(thrown));
      }
    }
    this.#wakeIn(0);
  }

  deliveries(query: DeliveryQuery): Page<DeliveryView> {
    const limit = Math.min(Math.max(1, query.limit ?? 50), pageMax);
    const beforeSeq = beforeOf(query.cursor);
    const { webhook = null, state = null, holdId = null } = query;
    const rows = this.#store.list({ webhook, state, holdId, beforeSeq, limit: limit + 1 });
    const items = rows.slice(0, limit);
    return { items: items.map(deliveryView), next: rows.length > limit ? String(items.at(-1)?.seq) : null };
  }

  start(): void {
    this.#started = true;
    const names = this.#services.receivers.map((receiver) => receiver.name);
    const abandoned = this.#store.abandonOthers(names, 'the webhook is not configured any more');
    if (abandoned > 0) this.#services.log.warn({ abandoned }, 'webhook deliveries of an earlier configuration were given up');
    this.#pending = this.#store.pendingCount();
    this.#wakeIn(0);
  }

  async close(): Promise<void> {
    this.#started = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#closing.abort();
    await Promise.all([...this.#underWay.values()].map((attempt) => attempt.ended));
  }

  #enqueue(event: WebhookEvent, holdId: string | null, payloadFor: (receiver: string) => object, receiver: string): void {
    if (this.#pending >= this.#services.queueMax) {
      return this.#lost(event, holdId, receiver, `${this.#pending} deliveries are waiting already (limits.webhook_queue)`);
    }
    const nowMs = this.#services.clock.nowMs();
    const id = `msg_${this.#services.random.bytes(16).toString('hex')}`;
    this.#store.insert({ id, webhook: receiver, event, holdId, createdAtMs: nowMs, body: JSON.stringify(payloadFor(receiver)) });
    this.#pending++;
  }

  #wakeIn(delayMs: number): void {
    if (!this.#started) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#pump(), Math.min(delayMs, sleepMsMax));
  }

  /** Starts what is due, as far as there is room, and sleeps until the next is. */
  #pump(): void {
    try {
      const nowMs = this.#services.clock.nowMs();
      let nextMs = nowMs + sleepMsMax;
      for (const receiver of this.#services.receivers) {
        const busy = [...this.#underWay.values()].filter((attempt) => attempt.receiver === receiver.name).length;
        // Those under way are still due in the store: ask for as many more, and leave them out.
        const due = this.#store.due(receiver.name, nowMs, parallelPerWebhook + busy);
        const free = due.filter((delivery) => !this.#underWay.has(delivery.id)).slice(0, Math.max(0, parallelPerWebhook - busy));
        for (const delivery of free) this.#attempt(receiver, delivery);
        nextMs = Math.min(nextMs, this.#store.nextDueMs(receiver.name, nowMs) ?? Infinity);
      }
      this.#store.prune(nowMs - keptMs);
      this.#wakeIn(Math.max(0, nextMs - nowMs));
    } catch (thrown) {
      this.#services.log.error({ error: messageOf(thrown) }, 'the store of webhook deliveries failed');
      this.#wakeIn(storePauseMs);
    }
  }

  #attempt(receiver: Receiver, delivery: Delivery): void {
    const { clock, timeoutMs } = this.#services;
    const wanted = {
      url: receiver.url,
      secret: receiver.secret,
      id: delivery.id,
      body: delivery.body ?? '',
      nowMs: clock.nowMs(),
      timeoutMs,
    };
    const ended = post(wanted, this.#closing.signal).then((result) => {
      this.#underWay.delete(delivery.id);
      // Cut off by close(): not the receiver's fault, so it does not count as a try.
      if (this.#closing.signal.aborted && result.kind === 'failed') return;
      this.#finish(delivery, result);
    });
    this.#underWay.set(delivery.id, { receiver: receiver.name, ended });
  }

  #finish(delivery: Delivery, result: PostResult): void {
    try {
      const { clock, random } = this.#services;
      const schedule = this.#services.retryAfterMs ?? retryAfterMs;
      const attempts = delivery.attempts + 1;
      const delayMs = result.kind === 'failed' && result.again ? retryDelayMs(schedule, attempts, random) : null;
      const state = result.kind === 'taken' ? 'delivered' : delayMs === null ? 'failed' : 'pending';
      const error = result.kind === 'taken' ? null : result.why;
      const nextAttemptAtMs = delayMs === null ? null : clock.nowMs() + delayMs;
      this.#store.recordAttempt(delivery.id, { state, status: result.status, error, nextAttemptAtMs });
      if (state !== 'pending') {
        this.#pending--;
        this.#note(state === 'delivered' ? 'webhook.delivered' : 'webhook.failed', delivery.holdId, {
          webhook: delivery.webhook,
          event: delivery.event,
          delivery: delivery.id,
          attempts,
          status: result.status,
          error,
        });
      }
      this.#wakeIn(0);
    } catch (thrown) {
      this.#services.log.error({ delivery: delivery.id, error: messageOf(thrown) }, 'a webhook attempt could not be recorded');
      this.#wakeIn(storePauseMs);
    }
  }

  #lost(event: WebhookEvent, holdId: string | null, webhook: string, why: string): void {
    this.#services.log.error({ event, holdId, webhook, why }, 'a webhook delivery was dropped');
    this.#note('webhook.failed', holdId, { webhook, event, delivery: null, attempts: 0, status: null, error: why });
  }

  #note(type: AuditEventType, holdId: string | null, detail: Record<string, unknown>): void {
    try {
      const atMs = this.#services.clock.nowMs();
      this.#services.audit.appendSoon({ type, atMs, principal: null, target: null, sessionId: null, actionId: null, holdId, detail });
    } catch (thrown) {
      // The audit log tells its own owner of a lasting failure; a notice must not end the process.
      this.#services.log.error({ type, holdId, error: messageOf(thrown) }, 'a webhook event could not be put into the audit log');
    }
  }
}

function deliveryView(delivery: Delivery): DeliveryView {
  const iso = (ms: number): string => new Date(ms).toISOString();
  return {
    id: delivery.id,
    webhook: delivery.webhook,
    event: delivery.event,
    hold_id: delivery.holdId,
    attempts: delivery.attempts,
    state: delivery.state,
    last_status: delivery.lastStatus,
    last_error: delivery.lastError,
    created_at: iso(delivery.createdAtMs),
    next_attempt_at: delivery.nextAttemptAtMs === null ? null : iso(delivery.nextAttemptAtMs),
  };
}
