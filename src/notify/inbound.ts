// Signed answers of other systems: Standard Webhooks turned round (https://www.standardwebhooks.com), so that every language has
// a library for it. Each webhook-id counts once.

import { Webhook } from 'standardwebhooks';
import type { Clock } from '../core/clock.ts';
import type { Secret } from '../core/secret.ts';
import { SeenOnce } from './seen-once.ts';

/** As the standard's libraries have it. */
const windowMs = 5 * 60_000;
const idCharactersMax = 200;

export interface InboundSystem {
  readonly name: string;
  readonly secret: Secret;
  readonly answersAs: string;
}

export class InboundAnswers {
  readonly #systems: readonly InboundSystem[];
  readonly #seen: SeenOnce;

  constructor(systems: readonly InboundSystem[], clock: Clock) {
    this.#systems = systems;
    this.#seen = new SeenOnce(clock, windowMs);
  }

  /** Who answers by this request; null when it is not good. */
  personOf(
    name: string,
    headers: { readonly id: string | undefined; readonly timestamp: string | undefined; readonly signature: string | undefined },
    body: string,
  ): string | null {
    const system = this.#systems.find((it) => it.name === name);
    const { id, timestamp, signature } = headers;
    if (system === undefined || id === undefined || timestamp === undefined || signature === undefined) return null;
    if (id.length > idCharactersMax || !/^\d{1,12}$/.test(timestamp)) return null;
    try {
      new Webhook(system.secret.reveal()).verify(body, {
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': signature,
      });
    } catch {
      return null;
    }
    return this.#seen.take(`${name} ${id}`, Number(timestamp) * 1000) ? system.answersAs : null;
  }
}
