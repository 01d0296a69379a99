// Browsers signed in to the console: opened by a one-time link or by an access token, known by a cookie whose hash is a row.

import { createHash } from 'node:crypto';
import type { Clock, Random } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import { inRounds } from '../core/rounds.ts';
import type { ConsoleSessionStore } from '../store/console-sessions.ts';
import { Deadlines } from './deadlines.ts';
import { randomText } from './random-text.ts';

export const sessionIdleMs = 8 * 3_600_000;
export const sessionLifeMs = 24 * 3_600_000;
export const sessionsPerPersonMax = 20;
export const linkTtlMsMax = 24 * 3_600_000;
export const linksPerPersonMax = 20;
const secretBits = 200;
/** Activity is written at most this often, so that reading a page doesn't write to the store. */
const seenIntervalMs = 60_000;
const tidyIntervalMs = 10 * 60_000;
const secretCharactersMax = 200;
/** Clocks are put right by so much without anybody noticing. */
const clockBackToleranceMs = 5_000;

export interface OpenedConsole {
  /** The cookie's value; shown to the browser once. */
  readonly cookie: string;
  readonly person: string;
  readonly expiresAtMs: number;
}

export interface ConsoleSession {
  readonly person: string;
  readonly tokenId: string | null;
  readonly expiresAtMs: number;
}

export class ConsoleSessions {
  readonly #store: ConsoleSessionStore;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #publicUrl: () => string;
  readonly #ends: Deadlines;
  readonly #idle: Deadlines;
  readonly #timer: NodeJS.Timeout;

  constructor(store: ConsoleSessionStore, clock: Clock, random: Random, publicUrl: () => string, newestEventMs = 0) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
    this.#publicUrl = publicUrl;
    this.#ends = new Deadlines(clock);
    this.#idle = new Deadlines(clock);
    const startMs = Math.max(clock.nowMs(), newestEventMs);
    store.removeExpired(startMs);
    this.#measure(startMs);
    this.#timer = setInterval(
      inRounds(() => this.#tidy()),
      tidyIntervalMs,
    );
    this.#timer.unref();
  }

  /** What an earlier run left. Of a session that was seen later than now nobody knows its age: the clock was set back meanwhile. */
  #measure(startMs: number): void {
    for (const { id_hash: hash, expires_at_ms: endsAtMs, last_seen_at_ms: seenAtMs } of this.#store.sessions()) {
      if (seenAtMs - this.#clock.nowMs() > clockBackToleranceMs) this.#store.remove(hash);
      else this.#note(hash, endsAtMs, seenAtMs, startMs);
    }
    for (const { secret_hash: hash, expires_at_ms: endsAtMs } of this.#store.links()) this.#ends.note(keyOf(hash), endsAtMs, startMs);
  }

  #note(idHash: Buffer, endsAtMs: number, seenAtMs: number, nowMs = this.#clock.nowMs()): void {
    this.#ends.note(keyOf(idHash), endsAtMs, nowMs);
    this.#idle.note(keyOf(idHash), seenAtMs + sessionIdleMs, nowMs);
  }

  /** What is over stays over: its row goes before it is measured no more. */
  #tidy(): void {
    const kept = new Set<string>();
    for (const { id_hash: hash, expires_at_ms: endsAtMs, last_seen_at_ms: seenAtMs } of this.#store.sessions()) {
      if (this.#isOver(hash, endsAtMs, seenAtMs)) this.#store.remove(hash);
      else kept.add(keyOf(hash));
    }
    for (const { secret_hash: hash, expires_at_ms: endsAtMs } of this.#store.links()) {
      if (this.#ends.isOver(keyOf(hash), endsAtMs)) this.#store.takeLink(hash);
      else kept.add(keyOf(hash));
    }
    this.#ends.keepOnly(kept);
    this.#idle.keepOnly(kept);
  }

  #isOver(idHash: Buffer, endsAtMs: number, seenAtMs: number): boolean {
    const key = keyOf(idHash);
    return this.#ends.isOver(key, endsAtMs) || this.#idle.isOver(key, seenAtMs + sessionIdleMs);
  }

  /** A link that signs `person` in, once. The secret stands behind "#": browsers send that part to nobody, so no log has it. */
  createLink(person: string, ttlMs: number): string {
    if (!(ttlMs > 0 && ttlMs <= linkTtlMsMax)) throw new Fault('invalid-request', 'a login link lives for at most 24 hours');
    this.#store.removeExpired(this.#clock.nowMs());
    this.#store.keepNewestLinks(person, linksPerPersonMax - 1); // whoever asks for more has lost the older ones
    const secret = randomText(this.#random, secretBits);
    const endsAtMs = this.#clock.nowMs() + Math.round(ttlMs);
    this.#store.insertLink(hashOf(secret), person, endsAtMs);
    this.#ends.note(keyOf(hashOf(secret)), endsAtMs);
    return `${this.#publicUrl()}/login#${secret}`;
  }

  /** Gives the link's person and uses the link up; null when there is no such link (any more). */
  takeLink(secret: string): string | null {
    if (secret.length > secretCharactersMax) return null;
    const link = this.#store.takeLink(hashOf(secret));
    return link === undefined || this.#ends.isOver(keyOf(hashOf(secret)), link.expires_at_ms) ? null : link.person;
  }

  /** Opens a session. One that came of a token ends with the token at the latest. */
  open(person: string, clientAddress: string, token: { readonly id: string; readonly expiresAtMs: number } | null): OpenedConsole {
    const nowMs = this.#clock.nowMs();
    const cookie = randomText(this.#random, secretBits);
    const expiresAtMs = Math.min(nowMs + sessionLifeMs, token?.expiresAtMs ?? Infinity);
    this.#store.insert({
      id_hash: hashOf(cookie),
      person,
      token_id: token?.id ?? null,
      client_address: clientAddress,
      created_at_ms: nowMs,
      last_seen_at_ms: nowMs,
      expires_at_ms: expiresAtMs,
    });
    this.#note(hashOf(cookie), expiresAtMs, nowMs);
    this.#store.trim(person, sessionsPerPersonMax);
    return { cookie, person, expiresAtMs };
  }

  /** The live session of that cookie, or null. */
  find(cookie: string): ConsoleSession | null {
    if (cookie.length > secretCharactersMax) return null;
    const idHash = hashOf(cookie);
    const row = this.#store.get(idHash);
    const nowMs = this.#clock.nowMs();
    if (row === undefined || this.#isOver(idHash, row.expires_at_ms, row.last_seen_at_ms)) return null;
    if (Math.abs(nowMs - row.last_seen_at_ms) >= seenIntervalMs) this.#seen(idHash, nowMs);
    return { person: row.person, tokenId: row.token_id, expiresAtMs: row.expires_at_ms };
  }

  /** Its end stays where it is; only the time without a request begins anew. */
  #seen(idHash: Buffer, nowMs: number): void {
    this.#store.seen(idHash, nowMs);
    this.#idle.note(keyOf(idHash), nowMs + sessionIdleMs);
  }

  end(cookie: string): void {
    this.#store.remove(hashOf(cookie));
  }

  /** Who has a session or an unused login link. */
  people(): readonly string[] {
    return this.#store.people();
  }

  /** Ends all sessions and unused login links of a person. */
  endAllOf(person: string): void {
    this.#store.removeOf(person);
    this.#store.removeLinksOf(person);
  }

  endOfToken(tokenId: string): void {
    this.#store.removeOfToken(tokenId);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

function keyOf(hash: Buffer): string {
  return hash.toString('latin1');
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
