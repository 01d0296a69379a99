// `sallyport login` without a token: the command line shows a link and a code and waits; its person confirms in the console,
// signed in by whatever way. Like RFC 8628, with the gateway as authorization server. In memory: a restart ends the wait.

import { createHash } from 'node:crypto';
import type { Clock, Random } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import { randomCode, randomText } from './random-text.ts';

export const cliLoginTtlMs = 10 * 60_000;
export const cliLoginsMax = 1000;
const perAddressMax = 20;
const secretBits = 200;

export interface BegunCliLogin {
  /** The command line's own; never shown. */
  readonly pollSecret: string;
  /** In the link, for the browser. */
  readonly linkSecret: string;
  readonly code: string;
  readonly expiresAtMs: number;
}

export interface PendingCliLogin {
  readonly code: string;
  readonly clientAddress: string;
  /** What the command line says its machine is called. */
  readonly machine: string;
  readonly expiresAtMs: number;
}

type State = { readonly kind: 'waiting' } | { readonly kind: 'confirmed'; readonly person: string } | { readonly kind: 'refused' };

interface Pending {
  readonly view: PendingCliLogin;
  readonly deadlineMs: number;
  state: State;
}

export class CliLogins {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #byPoll = new Map<string, Pending>();
  readonly #byLink = new Map<string, Pending>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Throws Fault limit-reached. */
  begin(machine: string, clientAddress: string): BegunCliLogin {
    this.#tidy();
    const fromThere = [...this.#byPoll.values()].filter(({ view }) => view.clientAddress === clientAddress).length;
    if (this.#byPoll.size >= cliLoginsMax || fromThere >= perAddressMax) {
      throw new Fault('limit-reached', 'too many sign-ins of command lines are waiting; try again in some minutes');
    }
    const [pollSecret, linkSecret] = [randomText(this.#random, secretBits), randomText(this.#random, secretBits)];
    const expiresAtMs = this.#clock.nowMs() + cliLoginTtlMs;
    const code = randomCode(this.#random);
    const pending: Pending = {
      view: { code, clientAddress, machine, expiresAtMs },
      deadlineMs: this.#clock.monotonicMs() + cliLoginTtlMs,
      state: { kind: 'waiting' },
    };
    this.#byPoll.set(hashOf(pollSecret), pending);
    this.#byLink.set(hashOf(linkSecret), pending);
    return { pollSecret, linkSecret, code, expiresAtMs };
  }

  /** One that waits; null when there is none (any more). */
  get(linkSecret: string): PendingCliLogin | null {
    return this.#waiting(linkSecret)?.view ?? null;
  }

  /** False when it waits no more. */
  answer(linkSecret: string, person: string, answer: 'confirm' | 'refuse'): boolean {
    const pending = this.#waiting(linkSecret);
    if (pending === null) return false;
    pending.state = answer === 'confirm' ? { kind: 'confirmed', person } : { kind: 'refused' };
    return true;
  }

  /** What became of it. "confirmed" is said once: who hears it makes the token. */
  poll(pollSecret: string): State | { readonly kind: 'gone' } {
    this.#tidy();
    const key = hashOf(pollSecret);
    const pending = this.#byPoll.get(key);
    if (pending === undefined) return { kind: 'gone' };
    if (pending.state.kind !== 'waiting') this.#byPoll.delete(key);
    return pending.state;
  }

  #waiting(linkSecret: string): Pending | null {
    this.#tidy();
    const pending = this.#byLink.get(hashOf(linkSecret));
    return pending !== undefined && pending.state.kind === 'waiting' ? pending : null;
  }

  #tidy(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const map of [this.#byPoll, this.#byLink]) for (const [key, { deadlineMs }] of map) if (nowMs >= deadlineMs) map.delete(key);
  }
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
