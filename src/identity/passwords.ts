// Passwords of local accounts: scrypt (RFC 7914), slow on purpose and few at a time, so that guessing costs the guesser and not
// the gateway. A name without a password takes as long as one with: time tells nobody who exists.

import { scrypt, timingSafeEqual } from 'node:crypto';
import type { Random } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';

/** OWASP Password Storage Cheat Sheet: N=2^15, r=8, p=3; 32 MiB and some 100 ms each. */
const cost = { N: 2 ** 15, r: 8, p: 3, maxmem: 64 * 1024 ** 2 } as const;
const hashBytes = 32;
const saltBytes = 16;
export const passwordCharactersMin = 12;
/** Longer ones are no safer, and hashing them is work for whoever sends them. */
export const passwordCharactersMax = 256;
/** Hashes computed at once, and callers that may wait for one. */
const runningMax = 2;
const waitingMax = 50;

export class Passwords {
  readonly #random: Random;
  readonly #decoy: Promise<string>;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(random: Random) {
    this.#random = random;
    this.#decoy = this.hash('no password is this one');
    this.#decoy.catch(() => undefined); // whoever awaits it hears of it
  }

  /** `scrypt$N$r$p$salt$hash`, base64url. Throws Fault invalid-request when it is too short or too long. */
  async hash(password: string): Promise<string> {
    const characters = [...password].length;
    if (characters < passwordCharactersMin || characters > passwordCharactersMax) {
      throw new Fault('invalid-request', `a password has ${passwordCharactersMin} to ${passwordCharactersMax} characters`, {
        hint: 'several words together are easy to remember and hard to guess',
      });
    }
    const salt = this.#random.bytes(saltBytes);
    const hash = await this.#derive(password, salt);
    return ['scrypt', cost.N, cost.r, cost.p, salt.toString('base64url'), hash.toString('base64url')].join('$');
  }

  /** `stored` is null for whoever has no password: the answer is no, after the same work. Throws Fault limit-reached. */
  async isRight(password: string, stored: string | null): Promise<boolean> {
    const [, , , , salt = '', hash = ''] = (stored ?? (await this.#decoy)).split('$');
    const derived = await this.#derive(password.slice(0, passwordCharactersMax + 1), Buffer.from(salt, 'base64url'));
    return timingSafeEqual(derived, Buffer.from(hash, 'base64url')) && stored !== null;
  }

  async #derive(password: string, salt: Buffer): Promise<Buffer> {
    if (this.#running >= runningMax) {
      if (this.#waiting.length >= waitingMax) throw new Fault('limit-reached', 'too many sign-ins at once; try again in a moment');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running += 1;
    try {
      return await new Promise<Buffer>((resolve, reject) => {
        // NFKC: the same word typed on another keyboard is the same password.
        scrypt(password.normalize('NFKC'), salt, hashBytes, cost, (error, key) => (error === null ? resolve(key) : reject(error)));
      });
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }
}
