// How Microsoft Teams proves that it calls: HMAC-SHA256 of the body by the security token of the outgoing webhook.
// https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-outgoing-webhook

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { Secret } from '../core/secret.ts';
import { SeenOnce } from './seen-once.ts';

/** As for the other chats: what is older may be a recording, what is younger comes by a clock that is wrong. */
const windowMs = 5 * 60_000;
const idCharsMax = 500;

export class TeamsSignatures {
  readonly #securityToken: Secret;
  readonly #seen: SeenOnce;

  /** `securityToken` as Teams shows it once: base64. */
  constructor(securityToken: Secret, clock: Clock) {
    this.#securityToken = securityToken;
    this.#seen = new SeenOnce(clock, windowMs);
  }

  /** Whether Teams made this request. `authorization` is "HMAC " and base64. */
  check(authorization: string | undefined, body: string): boolean {
    const [, given = ''] = /^HMAC ([A-Za-z0-9+/]{43}=)$/i.exec(authorization ?? '') ?? [];
    const right = createHmac('sha256', Buffer.from(this.#securityToken.reveal().trim(), 'base64')).update(body).digest();
    const bytes = Buffer.from(given, 'base64');
    return bytes.length === right.length && timingSafeEqual(bytes, right);
  }

  /** True the first time for a message of the last minutes. The signature covers all three. */
  isNew(conversation: string, activity: string, timestamp: string): boolean {
    if (activity === '' || activity.length > idCharsMax || conversation.length > idCharsMax) return false;
    // RFC 3339 in UTC. Without one, the id of a message in Teams is its time in milliseconds.
    const atMs = timestamp === '' && /^\d{13}$/.test(activity) ? Number(activity) : Date.parse(timestamp);
    return this.#seen.take(`${conversation} ${activity}`, atMs);
  }
}
