// The Web Push channel: a notification in every browser that an approver subscribed with, replaced in place when somebody has
// answered. The browser opens the console; nothing is answered by a notification itself.

import type { Clock, Random } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { PushSubscriptionRecord, PushSubscriptionStore } from '../store/push-subscriptions.ts';
import { call } from './call.ts';
import { asks, concerns, isPending, mayAnswer } from './channel.ts';
import type { Addressee, Channel, Matter, MatterLinks, Message } from './channel.ts';
import { encryptPush, pushKeysProblem } from './push-encryption.ts';
import type { PushSender } from './push-encryption.ts';
import type { SendResult } from './queue.ts';
import { visibleLine } from './visible.ts';
import { expiresAtMs, told } from './words.ts';

/** Where browsers say that their push service is, unless the configuration says otherwise. */
export const pushServicesDefault: readonly string[] = [
  'fcm.googleapis.com',
  '*.push.services.mozilla.com',
  '*.push.apple.com',
  '*.notify.windows.com',
];
const browsersPerPersonMax = 10;
const endpointCharactersMax = 1_000;
/** All of it goes into one record of 4096 bytes (RFC 8188). */
const bodyCharsMax = 300;
/** The end of a hold is worth showing for so long. */
const settledTtlSeconds = 3_600;

export interface PushParts {
  readonly store: PushSubscriptionStore;
  readonly sender: PushSender;
  /** Hosts that endpoints may have, "*." for all below. Without such a list anybody could make the gateway post anywhere. */
  readonly services: readonly string[];
  readonly people: () => readonly Addressee[];
  readonly links: (matter: Matter) => Pick<MatterLinks, 'console'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly timeoutMs: number;
}

export interface WantedSubscription {
  readonly name: string;
  readonly endpoint: string;
  readonly p256dh: string;
  readonly auth: string;
}

export class Push {
  readonly #parts: PushParts;

  constructor(parts: PushParts) {
    this.#parts = parts;
  }

  get publicKey(): string {
    return this.#parts.sender.publicKey;
  }

  /** Throws Faults invalid-request and limit-reached. */
  subscribe(person: string, { name, endpoint, p256dh, auth }: WantedSubscription): PushSubscriptionRecord {
    const { store, services, clock, random } = this.#parts;
    const problem = endpointProblem(endpoint, services) ?? pushKeysProblem({ p256dh, auth });
    if (problem !== null) throw new Fault('invalid-request', problem);
    const own = store.of(person);
    const known = own.find((it) => it.endpoint === endpoint);
    if (known === undefined && own.length >= browsersPerPersonMax) {
      throw new Fault('limit-reached', `you have subscribed with ${own.length} browsers already: remove one first`);
    }
    const id = known?.id ?? `p_${random.bytes(12).toString('hex')}`;
    const record = { id, person, name: visibleLine(name, 60) || 'browser', endpoint, p256dh, auth, createdAtMs: clock.nowMs() };
    store.put(record);
    return record;
  }

  subscriptions(person: string): readonly PushSubscriptionRecord[] {
    return this.#parts.store.of(person);
  }

  /** False when this person has none of that id. */
  unsubscribe(person: string, id: string): boolean {
    return this.#parts.store.get(id)?.person === person && this.#parts.store.remove(id);
  }

  channel(): Channel {
    const { people, store } = this.#parts;
    return {
      name: 'push',
      asksOnce: true,
      places: (moment, matter) =>
        people()
          .filter(
            (person) => concerns(moment, matter, person) || (moment === 'settled' && person.kind === 'person' && mayAnswer(matter, person)),
          )
          .flatMap(({ name }) => store.of(name).map(({ id }) => id)),
      send: (message, signal) => this.#send(message, signal),
    };
  }

  async #send({ matter, moment, place }: Message, signal: AbortSignal): Promise<SendResult> {
    const { store, sender, services, links, clock, random, timeoutMs } = this.#parts;
    const subscription = store.get(place);
    if (subscription === undefined) return { kind: 'failed', status: null, why: 'that browser is no longer subscribed', again: false };
    const problem = endpointProblem(subscription.endpoint, services);
    if (problem !== null) return { kind: 'failed', status: null, why: problem, again: false };
    if (asks(moment) && !isPending(matter)) return { kind: 'taken', status: null, words: 'it had been answered before it could be sent' };
    const remaining = Math.floor((expiresAtMs(matter) - clock.nowMs()) / 1000);
    const called = await call(
      {
        url: subscription.endpoint,
        method: 'POST',
        headers: {
          authorization: sender.proof(subscription.endpoint, clock.nowMs()),
          'content-encoding': 'aes128gcm',
          'content-type': 'application/octet-stream',
          ttl: String(isPending(matter) ? Math.max(1, remaining) : settledTtlSeconds),
          urgency: isPending(matter) ? 'high' : 'normal',
          // RFC 8030, section 5.4: what was not fetched yet is replaced by what came later about the same.
          topic: matter.id,
        },
        body: encryptPush(Buffer.from(JSON.stringify(notification(matter, moment, links(matter).console))), subscription, random),
        timeoutMs,
      },
      signal,
    );
    if (called.kind === 'lost') return { kind: 'failed', status: null, why: called.why, again: true };
    const { status, waitMs } = called;
    if (status >= 200 && status < 300) return { kind: 'taken', status };
    if (status === 404 || status === 410) {
      store.remove(subscription.id); // RFC 8030, section 7.3: it has expired, or the person said no
      return { kind: 'failed', status, why: 'the browser does not want notifications any more', again: false };
    }
    const again = status === 429 || status >= 500;
    return {
      kind: 'failed',
      status,
      why: `the push service answered ${status}`,
      again,
      ...(waitMs === null ? {} : { againAfterMs: waitMs }),
    };
  }
}

/** What the service worker shows. */
function notification(matter: Matter, moment: Message['moment'], url: string): object {
  const words = told(matter, moment, bodyCharsMax);
  const about = words.text ?? words.facts.find(([label]) => label === 'Reason')?.[1] ?? '';
  const body = words.outcome === null ? about : `${words.outcome}\n${about}`;
  return {
    title: words.title,
    body: body.slice(0, bodyCharsMax),
    tag: matter.id,
    url: new URL(url).pathname,
    over: words.outcome !== null,
  };
}

/** Null when the gateway may post there. */
function endpointProblem(endpoint: string, services: readonly string[]): string | null {
  const url = URL.parse(endpoint);
  if (url === null || endpoint.length > endpointCharactersMax || url.username !== '' || url.password !== '')
    return 'that is no address of a push service';
  const host = url.hostname.toLowerCase();
  const isKnown = services.some((service) =>
    service.startsWith('*.') ? host.endsWith(service.slice(1).toLowerCase()) : host === service.toLowerCase(),
  );
  if (!isKnown) return `${host} is not a push service that this gateway posts to (channels.push.services)`;
  const isHere = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isHere)) return 'push services are reached by https';
  return null;
}
