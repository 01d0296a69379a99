// Access tokens: short-lived passwords for psql, mysql and the API. All live ones are in memory, because drivers ask for them
// inside a handshake; only verifiers are stored. Expiry is by the wall clock, since a token's end is a date people were told, and by the
// time that passes: a clock that is set back makes none last longer, not even while the gateway is stopped and the audit log knows better.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock, Random } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import { inRounds } from '../core/rounds.ts';
import type { TokenVerifier } from '../core/sign-in.ts';
import type { TokenRow, TokenStore } from '../store/tokens.ts';
import { duration } from '../core/words.ts';
import { randomText } from './random-text.ts';
import { verifiersOf } from './verifiers.ts';

export const tokenPrefix = 'sp_';
export const tokenBits = 200;
export const tokenTtlMsMin = 1000;
/** A token is for a piece of work, not for a configuration file. The configuration may set less. */
export const tokenTtlMsMax = 30 * 24 * 3_600_000;
/** Every verifier of a person is tried at each of their sign-ins, so there are not many. */
export const tokensPerPersonMax = 50;
export const tokensMax = 50_000;
export const tokenNameCharactersMax = 100;
const tokenCharactersMax = 200;
const flushIntervalMs = 10_000;

export interface IssuedToken {
  /** Shown once. */
  readonly token: string;
  readonly id: string;
  readonly person: string;
  readonly expiresAtMs: number;
}

export interface TokenInfo {
  readonly id: string;
  readonly person: string;
  readonly name: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly lastUsedAtMs: number | null;
  /** The token of the same person that it was made with: revoked, it takes this one along. */
  readonly madeWith: string | null;
}

export interface WantedToken {
  readonly name: string;
  readonly ttlMs: number;
  readonly madeWith?: string | null;
}

interface Entry {
  readonly row: TokenRow;
  readonly verifier: TokenVerifier;
  /** On the monotonic clock. */
  readonly deadlineMs: number;
  lastUsedAtMs: number | null;
}

export class AccessTokens {
  readonly #store: TokenStore;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #saltOf: (person: string) => Buffer;
  readonly #ttlMsMax: number;
  readonly #byId = new Map<string, Entry>();
  readonly #bySha256 = new Map<string, Entry>();
  readonly #byPerson = new Map<string, Entry[]>();
  readonly #used = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(store: TokenStore, clock: Clock, random: Random, saltOf: (person: string) => Buffer, ttlMsMax: number, newestEventMs = 0) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
    this.#saltOf = saltOf;
    this.#ttlMsMax = Math.min(ttlMsMax, tokenTtlMsMax);
    const startMs = Math.max(clock.nowMs(), newestEventMs);
    store.removeExpired(startMs);
    for (const row of store.live(startMs)) this.#add(row, startMs);
    this.#timer = setInterval(
      inRounds(() => this.#tidy()),
      flushIntervalMs,
    );
    this.#timer.unref();
  }

  /** Makes a token. Throws Faults invalid-request and limit-reached. */
  issue(person: string, wanted: WantedToken): IssuedToken {
    if (!(wanted.ttlMs >= tokenTtlMsMin && wanted.ttlMs <= this.#ttlMsMax)) {
      throw new Fault('invalid-request', `a token lives for at least ${duration(tokenTtlMsMin)} and at most ${duration(this.#ttlMsMax)}`);
    }
    if (wanted.name.length > tokenNameCharactersMax) {
      throw new Fault('invalid-request', `a token's name has at most ${tokenNameCharactersMax} characters`);
    }
    this.#dropExpired(person);
    if ((this.#byPerson.get(person)?.length ?? 0) >= tokensPerPersonMax) {
      throw new Fault('limit-reached', `${person} has ${tokensPerPersonMax} tokens, the limit`, { hint: 'revoke one that is not needed' });
    }
    if (this.#byId.size >= tokensMax) throw new Fault('limit-reached', `the gateway keeps ${tokensMax} tokens, its limit`);
    const token = tokenPrefix + randomText(this.#random, tokenBits);
    const id = `t-${randomText(this.#random, 50)}`;
    const verifier = verifiersOf(id, token, this.#saltOf(person));
    const row: TokenRow = {
      id,
      person,
      name: wanted.name,
      created_at_ms: this.#clock.nowMs(),
      expires_at_ms: this.#clock.nowMs() + Math.round(wanted.ttlMs),
      last_used_at_ms: null,
      sha256: verifier.sha256,
      scram_stored_key: verifier.scramStoredKey,
      scram_server_key: verifier.scramServerKey,
      sha256_twice: verifier.sha256Twice,
      sha1_twice: verifier.sha1Twice,
      made_with: wanted.madeWith ?? null,
    };
    this.#store.insert(row);
    this.#add(row);
    return { token, id, person, expiresAtMs: row.expires_at_ms };
  }

  get ttlMsMax(): number {
    return this.#ttlMsMax;
  }

  /** The live token that this text is, or null. Found by its hash, so that time tells nothing about its characters. */
  find(token: string): TokenInfo | null {
    if (!token.startsWith(tokenPrefix) || token.length > tokenCharactersMax) return null;
    const sha256 = createHash('sha256').update(token).digest();
    const entry = this.#bySha256.get(sha256.toString('hex'));
    if (entry === undefined || !timingSafeEqual(entry.row.sha256, sha256) || !this.#isLive(entry)) return null;
    return infoOf(entry);
  }

  get(id: string): TokenInfo | null {
    const entry = this.#byId.get(id);
    return entry !== undefined && this.#isLive(entry) ? infoOf(entry) : null;
  }

  /** Live tokens, oldest first; of one person, or of all. */
  list(person: string | null): TokenInfo[] {
    const entries = person === null ? [...this.#byId.values()] : (this.#byPerson.get(person) ?? []);
    return entries.filter((entry) => this.#isLive(entry)).map(infoOf);
  }

  verifiers(person: string): TokenVerifier[] {
    return (this.#byPerson.get(person) ?? []).filter((entry) => this.#isLive(entry)).map((entry) => entry.verifier);
  }

  /** Notes the use; written within seconds, not now. */
  used(id: string): void {
    const entry = this.#byId.get(id);
    if (entry === undefined) return;
    entry.lastUsedAtMs = this.#clock.nowMs();
    this.#used.set(id, entry.lastUsedAtMs);
  }

  /** Gives the token that is now gone, or null when there was none. */
  revoke(id: string): TokenInfo | null {
    const entry = this.#byId.get(id);
    if (entry === undefined) return null;
    this.#store.remove(id);
    this.#forget(entry);
    return infoOf(entry);
  }

  close(): void {
    clearInterval(this.#timer);
    inRounds(() => this.#flush())();
  }

  #isLive(entry: Entry): boolean {
    return entry.row.expires_at_ms > this.#clock.nowMs() && entry.deadlineMs > this.#clock.monotonicMs();
  }

  #add(row: TokenRow, nowMs = this.#clock.nowMs()): void {
    const verifier: TokenVerifier = {
      tokenId: row.id,
      scramStoredKey: row.scram_stored_key,
      scramServerKey: row.scram_server_key,
      sha256: row.sha256,
      sha256Twice: row.sha256_twice,
      sha1Twice: row.sha1_twice,
    };
    const deadlineMs = this.#clock.monotonicMs() + row.expires_at_ms - nowMs;
    const entry: Entry = { row, verifier, deadlineMs, lastUsedAtMs: row.last_used_at_ms };
    this.#byId.set(row.id, entry);
    this.#bySha256.set(row.sha256.toString('hex'), entry);
    this.#byPerson.set(row.person, [...(this.#byPerson.get(row.person) ?? []), entry]);
  }

  #forget(entry: Entry): void {
    this.#byId.delete(entry.row.id);
    this.#bySha256.delete(entry.row.sha256.toString('hex'));
    this.#used.delete(entry.row.id);
    const rest = (this.#byPerson.get(entry.row.person) ?? []).filter((other) => other !== entry);
    if (rest.length > 0) this.#byPerson.set(entry.row.person, rest);
    else this.#byPerson.delete(entry.row.person);
  }

  #dropExpired(person: string): void {
    for (const entry of this.#byPerson.get(person) ?? []) if (!this.#isLive(entry)) this.#forget(entry);
  }

  #tidy(): void {
    for (const entry of [...this.#byId.values()]) if (!this.#isLive(entry)) this.#forget(entry);
    this.#flush();
  }

  #flush(): void {
    if (this.#used.size === 0) return;
    this.#store.used(this.#used);
    this.#used.clear();
  }
}

function infoOf({ row, lastUsedAtMs }: Entry): TokenInfo {
  const { id, person, name, created_at_ms: createdAtMs, expires_at_ms: expiresAtMs, made_with: madeWith } = row;
  return { id, person, name, createdAtMs, expiresAtMs, lastUsedAtMs, madeWith };
}
