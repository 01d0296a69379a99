// One-time links that answer one hold in one way. A link bound to a person answers for that person by itself (a machine that
// acts for somebody); an unbound one only opens the page, where somebody has to sign in and is judged as themselves.
// Reading a link never decides anything: mail scanners and chat previews read every link they see.

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { AnsweredVia } from '../core/answered-via.ts';
import type { Clock, Random } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { DecisionLinkStore } from '../store/decision-links.ts';

export const decisionLinkTtlMsDefault = 60 * 60_000;
export const decisionLinkTtlMsMax = 24 * 3_600_000;
const tokenCharactersMax = 2000;

export type Answer = 'approve' | 'deny';

export interface DecisionLink {
  readonly id: string;
  readonly holdId: string;
  readonly answer: Answer;
  /** Whom it answers for; null when it needs a signed-in person. */
  readonly person: string | null;
  readonly expiresAtMs: number;
  /** Through what the link reaches people. */
  readonly via: AnsweredVia;
}

export type ReadLink =
  | { readonly kind: 'good'; readonly link: DecisionLink }
  | { readonly kind: 'used' }
  | { readonly kind: 'expired' }
  | { readonly kind: 'unknown' };

export class DecisionLinks {
  readonly #store: DecisionLinkStore;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #publicUrl: () => string;
  readonly #key: Buffer;
  /** Which run of the gateway has made a link: only that one's monotonic clock says how old it is. */
  readonly #run: string;
  /** 1970 on the monotonic clock, by the wall clock of the start or the audit log, whichever was later: for links of earlier runs. */
  readonly #zeroMs: number;

  constructor(store: DecisionLinkStore, clock: Clock, random: Random, publicUrl: () => string, key: string, newestEventMs = 0) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
    this.#publicUrl = publicUrl;
    this.#key = Buffer.from(key, 'base64');
    this.#run = random.bytes(6).toString('base64url');
    this.#zeroMs = clock.monotonicMs() - Math.max(clock.nowMs(), newestEventMs);
  }

  /** The console page of a hold: no secret in it, whoever opens it signs in. */
  page(holdId: string): string {
    return `${this.#publicUrl()}/holds/${encodeURIComponent(holdId)}`;
  }

  /** `<publicUrl>/decide/<token>` that gives this one answer, once. */
  create(holdId: string, answer: Answer, person: string | null, ttlMs = decisionLinkTtlMsDefault, via: AnsweredVia = 'link'): string {
    if (!(ttlMs > 0 && ttlMs <= decisionLinkTtlMsMax)) throw new Fault('invalid-request', 'a decision link lives for at most 24 hours');
    const id = this.#random.bytes(16).toString('base64url');
    const expiresAtMs = this.#clock.nowMs() + Math.round(ttlMs);
    const deadlineMs = Math.ceil(this.#clock.monotonicMs() + ttlMs);
    const said = [id, holdId, answer, person, expiresAtMs, via, this.#run, deadlineMs];
    const payload = Buffer.from(JSON.stringify(said)).toString('base64url');
    return `${this.#publicUrl()}/decide/${payload}.${this.#sign(payload).toString('base64url')}`;
  }

  /** What a link's token says, if this gateway made it. Uses nothing up. */
  read(token: string): ReadLink {
    if (token.length > tokenCharactersMax) return { kind: 'unknown' };
    const [payload = '', signature = ''] = token.split('.', 2);
    const [given, right] = [Buffer.from(signature, 'base64url'), this.#sign(payload)];
    if (given.length !== right.length || !timingSafeEqual(given, right)) return { kind: 'unknown' };
    // Signed by us, so the shape is the one that create() wrote.
    const [id, holdId, answer, person, expiresAtMs, via = 'link', run, deadlineMs = Infinity] = JSON.parse(
      Buffer.from(payload, 'base64url').toString(),
    ) as [string, string, Answer, string | null, number, AnsweredVia?, string?, number?];
    const endMs = run === this.#run ? deadlineMs : this.#zeroMs + expiresAtMs;
    const isOld = endMs <= this.#clock.monotonicMs(); // whatever the wall clock was set to meanwhile
    if (isOld || expiresAtMs <= this.#clock.nowMs()) return { kind: 'expired' };
    if (this.#store.isUsed(id)) return { kind: 'used' };
    return { kind: 'good', link: { id, holdId, answer, person, expiresAtMs, via } };
  }

  /** Uses the link up; false when somebody was faster. */
  use(link: DecisionLink): boolean {
    return this.#store.use(link.id, link.expiresAtMs, this.#clock.nowMs());
  }

  #sign(payload: string): Buffer {
    return createHmac('sha256', this.#key).update(`decision-link\0${payload}`).digest();
  }
}
