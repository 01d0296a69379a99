// Slack's request signatures, version v0: https://docs.slack.dev/authentication/verifying-requests-from-slack

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { Secret } from '../core/secret.ts';
import { SeenOnce } from './seen-once.ts';

/** "more than five minutes from local time: it could be a replay attack" */
const windowMs = 5 * 60_000;

export class SlackSignatures {
  readonly #secret: Secret;
  readonly #seen: SeenOnce;

  constructor(secret: Secret, clock: Clock) {
    this.#secret = secret;
    this.#seen = new SeenOnce(clock, windowMs);
  }

  /** Whether Slack made this request, just now, and it came for the first time. */
  check(timestamp: string | undefined, signature: string | undefined, body: string): boolean {
    if (timestamp === undefined || signature === undefined || !/^\d{1,12}$/.test(timestamp)) return false;
    const right = Buffer.from(`v0=${createHmac('sha256', this.#secret.reveal().trim()).update(`v0:${timestamp}:${body}`).digest('hex')}`);
    const given = Buffer.from(signature);
    if (given.length !== right.length || !timingSafeEqual(given, right)) return false;
    return this.#seen.take(signature, Number(timestamp) * 1000);
  }
}
