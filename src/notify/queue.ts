// The durable queue behind everything that is sent out. A delivery is written down first and sent afterwards, so nothing is
// lost by a restart and nothing here can delay a hold. A receiver may get something twice, never nothing while it answers
// within the retry schedule. What is sent, and how, is the destination's own business.

import type { DeliveryView, Page } from '../api/contract.ts';
import type { AuditEventType, AuditLog } from '../core/audit.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { Log } from '../core/driver.ts';
import { messageOf } from '../core/errors.ts';
import { beforeOf } from '../store/cursor.ts';
import type { Db } from '../store/database.ts';
import { DeliveryStore } from '../store/deliveries.ts';
import type { Delivery, DeliveryState, LastDelivery } from '../store/deliveries.ts';
import { retryAfterMs, retryDelayMs } from './retry.ts';

/** Deliveries to one destination at the same time; a slow one holds up no other. */
const parallelPerDestination = 4;
/** A receiver that answers at all answers in this time. */
const closeGraceMs = 1_000;
/** Looked at for one whose turn it is, behind those that wait for an earlier one about the same. */
const dueMax = 64;
/** How long ended deliveries stay readable. */
const keptMs = 30 * 86_400_000;
/** Longest sleep: the wall clock may jump, and old rows are cleared at this pace. */
const sleepMsMax = 60_000;
/** Pause after the store failed, so that one failure does not become a loop. */
const storePauseMs = 5_000;
const pageMax = 200;

export type SendResult =
  | { readonly kind: 'taken'; readonly status: number | null; /** What there is to say, though it worked. */ readonly words?: string }
  | {
      readonly kind: 'failed';
      readonly status: number | null;
      readonly why: string;
      /** Whether another try makes sense. */
      readonly again: boolean;
      /** The receiver said when. */
      readonly againAfterMs?: number;
    };

/** Somewhere to send to. */
export interface Destination {
  /** As deliveries name it; unique. */
  readonly name: string;
  readonly kind: 'webhook' | 'channel';
  /** Sends once. Never rejects. */
  readonly send: (delivery: { readonly id: string; readonly body: string }, signal: AbortSignal) => Promise<SendResult>;
  /** Deliveries with the same text go one after the other; null: no matter. */
  readonly laneOf?: (body: string) => string | null;
}

export interface QueueServices {
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: Pick<AuditLog, 'appendSoon'>;
  readonly log: Log;
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

export class DeliveryQueue {
  readonly #services: QueueServices;
  readonly #destinations = new Map<string, Destination>();
  readonly #store: DeliveryStore;
  readonly #underWay = new Map<string, { readonly to: string; readonly lane: string | null; readonly ended: Promise<void> }>();
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #started = false;
  #pending: number;

  constructor(services: QueueServices) {
    this.#services = services;
    this.#store = new DeliveryStore(services.db);
    this.#pending = this.#store.pendingCount();
  }

  /** Before start(). */
  add(destination: Destination): void {
    if (this.#destinations.has(destination.name)) throw new Error(`there are two destinations named ${destination.name}`);
    this.#destinations.set(destination.name, destination);
  }

  /** Writes one delivery down and returns; never throws. */
  post(to: string, event: string, holdId: string | null, bodyOf: () => string): void {
    try {
      if (this.#pending >= this.#services.queueMax) {
        this.#lost(to, event, holdId, `${this.#pending} deliveries are waiting already (limits.webhook_queue)`);
        return;
      }
      const id = `msg_${this.#services.random.bytes(16).toString('hex')}`;
      this.#store.insert({ id, webhook: to, event, holdId, createdAtMs: this.#services.clock.nowMs(), body: bodyOf() });
      this.#pending++;
    } catch (thrown) {
      // What it is about is fine and answerable in the console; only this notice is lost, and that is written down.
      this.#lost(to, event, holdId, messageOf(thrown));
    }
    this.#wakeIn(0);
  }

  /** Newest first. */
  deliveries(query: DeliveryQuery): Page<DeliveryView> {
    const limit = Math.min(Math.max(1, query.limit ?? 50), pageMax);
    const beforeSeq = beforeOf(query.cursor);
    const { webhook = null, state = null, holdId = null } = query;
    const rows = this.#store.list({ webhook, state, holdId, beforeSeq, limit: limit + 1 });
    const items = rows.slice(0, limit);
    return { items: items.map(deliveryView), next: rows.length > limit ? String(items.at(-1)?.seq) : null };
  }

  /** What became of the newest try to each destination. */
  last(): ReadonlyMap<string, LastDelivery> {
    return this.#store.last();
  }

  /** Begins to send, first what an earlier run left. */
  start(): void {
    this.#started = true;
    const abandoned = this.#store.abandonOthers([...this.#destinations.keys()], 'the webhook or channel is not configured any more');
    if (abandoned > 0) this.#services.log.warn({ abandoned }, 'deliveries of an earlier configuration were given up');
    this.#pending = this.#store.pendingCount();
    this.#wakeIn(0);
  }

  /**
   * Lets attempts under way end for a moment, because what was taken and not written down as such is told twice, and where a message
   * stands in a chat would not be known; then cuts them off (the next run tries again). Resolves when all have ended.
   */
  async close(): Promise<void> {
    this.#started = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const ended = Promise.all([...this.#underWay.values()].map((attempt) => attempt.ended));
    const cutOff = setTimeout(() => this.#closing.abort(), closeGraceMs);
    await ended;
    clearTimeout(cutOff);
    this.#closing.abort();
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
      for (const destination of this.#destinations.values()) {
        this.#startDue(destination, nowMs);
        nextMs = Math.min(nextMs, this.#store.nextDueMs(destination.name, nowMs) ?? Infinity);
      }
      this.#store.prune(nowMs - keptMs);
      this.#wakeIn(Math.max(0, nextMs - nowMs));
    } catch (thrown) {
      this.#services.log.error({ error: messageOf(thrown) }, 'the store of deliveries failed');
      this.#wakeIn(storePauseMs);
    }
  }

  #startDue(destination: Destination, nowMs: number): void {
    const busy = [...this.#underWay.values()].filter((attempt) => attempt.to === destination.name);
    let room = parallelPerDestination - busy.length;
    const lanes = new Set(busy.map(({ lane }) => lane));
    if (room <= 0) return;
    // Those under way are still due in the store: leave them out.
    for (const delivery of this.#store.due(destination.name, nowMs, dueMax)) {
      const lane = destination.laneOf?.(delivery.body ?? '') ?? null;
      if (room <= 0 || this.#underWay.has(delivery.id) || (lane !== null && lanes.has(lane))) continue;
      lanes.add(lane);
      room--;
      this.#attempt(destination, delivery, lane);
    }
  }

  #attempt(destination: Destination, delivery: Delivery, lane: string | null): void {
    const ended = destination.send({ id: delivery.id, body: delivery.body ?? '' }, this.#closing.signal).then((result) => {
      this.#underWay.delete(delivery.id);
      // Cut off by close(): not the receiver's fault, so it does not count as a try.
      if (this.#closing.signal.aborted && result.kind === 'failed') return;
      this.#finish(delivery, result, destination.kind);
    });
    this.#underWay.set(delivery.id, { to: destination.name, lane, ended });
  }

  #finish(delivery: Delivery, result: SendResult, kind: Destination['kind']): void {
    try {
      const { clock, random } = this.#services;
      const schedule = this.#services.retryAfterMs ?? retryAfterMs;
      const attempts = delivery.attempts + 1;
      const planned = result.kind === 'failed' && result.again ? retryDelayMs(schedule, attempts, random) : null;
      const delayMs = planned === null || result.kind !== 'failed' ? planned : Math.max(planned, result.againAfterMs ?? 0);
      const state = result.kind === 'taken' ? 'delivered' : delayMs === null ? 'failed' : 'pending';
      const error = result.kind === 'taken' ? (result.words ?? null) : result.why;
      const nextAttemptAtMs = delayMs === null ? null : clock.nowMs() + delayMs;
      this.#store.recordAttempt(delivery.id, { state, status: result.status, error, nextAttemptAtMs, atMs: clock.nowMs() });
      if (state !== 'pending') {
        this.#pending--;
        this.#note(`${kind}.${state}`, delivery.holdId, {
          [kind]: delivery.webhook,
          event: delivery.event,
          delivery: delivery.id,
          attempts,
          status: result.status,
          error,
        });
      }
      this.#wakeIn(0);
    } catch (thrown) {
      this.#services.log.error({ delivery: delivery.id, error: messageOf(thrown) }, 'an attempt to deliver could not be recorded');
      this.#wakeIn(storePauseMs);
    }
  }

  #lost(to: string, event: string, holdId: string | null, why: string): void {
    this.#services.log.error({ event, holdId, webhook: to, why }, 'a delivery was dropped');
    const kind = this.#destinations.get(to)?.kind ?? 'webhook';
    this.#note(`${kind}.failed`, holdId, { [kind]: to, event, delivery: null, attempts: 0, status: null, error: why });
  }

  #note(type: AuditEventType, holdId: string | null, detail: Record<string, unknown>): void {
    try {
      const atMs = this.#services.clock.nowMs();
      this.#services.audit.appendSoon({ type, atMs, principal: null, target: null, sessionId: null, actionId: null, holdId, detail });
    } catch (thrown) {
      // The audit log tells its own owner of a lasting failure; a notice must not end the process.
      this.#services.log.error({ type, holdId, error: messageOf(thrown) }, 'a delivery could not be put into the audit log');
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
