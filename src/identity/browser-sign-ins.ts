// Sign-ins that plain psql, mysql or ssh waits for while its person confirms them in the console. The secret in the link says
// which one; the code stands on both screens; only the signed-in person of that very name may confirm. Held in memory: a
// restart ends the waiting connection too.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock, Random } from '../core/clock.ts';
import type { Principal } from '../core/principal.ts';
import type { BrowserSignIn, ConfirmedSignIn } from '../core/sign-in.ts';
import { randomCode, randomText } from './random-text.ts';

export const browserSignInTtlMs = 3 * 60_000;
/** Waiting at once. Over a limit the sign-in fails right away, as if it had been refused. */
export const pendingPerNameMax = 5;
export const pendingPerAddressMax = 50;
export const pendingMax = 1000;
const secretBits = 160;

export interface WantedSignIn {
  readonly name: string;
  readonly target: string;
  readonly protocol: string;
  readonly clientAddress: string;
}

export interface PendingSignIn extends WantedSignIn {
  readonly code: string;
  readonly expiresAtMs: number;
}

export type ConfirmResult = 'confirmed' | 'wrong-code' | 'unknown';

interface Pending {
  readonly view: PendingSignIn;
  readonly deadlineMs: number;
  readonly timer: NodeJS.Timeout;
  readonly settle: (confirmed: ConfirmedSignIn | null) => void;
}

export class BrowserSignIns {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #publicUrl: () => string;
  /** Asked again at the moment of confirming: a name disabled while it waited doesn't get in. */
  readonly #active: (name: string) => Principal | null;
  /** By the hash of the secret, so that looking one up takes the same time whatever was guessed. */
  readonly #pending = new Map<string, Pending>();

  constructor(clock: Clock, random: Random, publicUrl: () => string, active: (name: string) => Principal | null) {
    this.#clock = clock;
    this.#random = random;
    this.#publicUrl = publicUrl;
    this.#active = active;
  }

  /** Names that don't exist get a link like any other: nobody can confirm it, and it runs out. */
  begin(wanted: WantedSignIn): BrowserSignIn {
    const secret = randomText(this.#random, secretBits);
    const code = randomCode(this.#random);
    const url = `${this.#publicUrl()}/sign-in/${secret}`;
    const key = keyOf(secret);
    if (!this.#hasRoomFor(wanted)) return { url, code, confirmed: Promise.resolve(null), cancel: () => undefined };
    const { promise, resolve } = Promise.withResolvers<ConfirmedSignIn | null>();
    const timer = setTimeout(() => this.#settle(key, null), browserSignInTtlMs);
    timer.unref();
    const { name, target, protocol, clientAddress } = wanted;
    this.#pending.set(key, {
      view: { name, target, protocol, clientAddress, code, expiresAtMs: this.#clock.nowMs() + browserSignInTtlMs },
      deadlineMs: this.#clock.monotonicMs() + browserSignInTtlMs,
      timer,
      settle: resolve,
    });
    return { url, code, confirmed: promise, cancel: () => this.#settle(key, null) };
  }

  /** The sign-in of that secret, for the person of its name; null for everybody else. */
  get(secret: string, viewer: Principal): PendingSignIn | null {
    return this.#find(secret, viewer)?.view ?? null;
  }

  /** Those that wait for this person, oldest first. They carry no secret: the link is on the terminal. */
  list(viewer: Principal): PendingSignIn[] {
    return [...this.#pending.values()].filter((pending) => this.#isFor(pending, viewer)).map((pending) => pending.view);
  }

  /**
   * `code` is what the person typed from the terminal and has to be the right one; null when they compared it by eye. `tokenId` is the
   * access token by which they are signed in themselves.
   */
  confirm(secret: string, viewer: Principal, code: string | null, tokenId: string | null): ConfirmResult {
    const pending = this.#find(secret, viewer);
    const principal = pending === null ? null : this.#active(pending.view.name);
    if (pending === null || principal === null) return 'unknown';
    if (code !== null && !sameCode(pending.view.code, code)) return 'wrong-code';
    this.#settle(keyOf(secret), { principal, tokenId });
    return 'confirmed';
  }

  /** False when there is none (any more). */
  refuse(secret: string, viewer: Principal): boolean {
    if (this.#find(secret, viewer) === null) return false;
    this.#settle(keyOf(secret), null);
    return true;
  }

  /** Ends all that wait for a name: it was disabled. */
  refuseAllOf(name: string): void {
    for (const [key, pending] of [...this.#pending]) if (pending.view.name === name) this.#settle(key, null);
  }

  close(): void {
    for (const key of [...this.#pending.keys()]) this.#settle(key, null);
  }

  #hasRoomFor(wanted: WantedSignIn): boolean {
    if (this.#pending.size >= pendingMax) return false;
    let ofName = 0;
    let ofAddress = 0;
    for (const { view } of this.#pending.values()) {
      if (view.name === wanted.name && view.clientAddress === wanted.clientAddress) ofName += 1;
      if (view.clientAddress === wanted.clientAddress) ofAddress += 1;
    }
    return ofName < pendingPerNameMax && ofAddress < pendingPerAddressMax;
  }

  #find(secret: string, viewer: Principal): Pending | null {
    const pending = this.#pending.get(keyOf(secret));
    return pending !== undefined && this.#isFor(pending, viewer) ? pending : null;
  }

  #isFor(pending: Pending, viewer: Principal): boolean {
    return pending.view.name === viewer.name && pending.deadlineMs > this.#clock.monotonicMs();
  }

  #settle(key: string, confirmed: ConfirmedSignIn | null): void {
    const pending = this.#pending.get(key);
    if (pending === undefined) return;
    this.#pending.delete(key);
    clearTimeout(pending.timer);
    pending.settle(confirmed);
  }
}

function keyOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** People type codes without the dash, in small letters, with O for 0. */
function sameCode(code: string, typed: string): boolean {
  const plain = (text: string) => Buffer.from(text.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1'));
  const [a, b] = [plain(code), plain(typed)];
  return a.length === b.length && timingSafeEqual(a, b);
}
