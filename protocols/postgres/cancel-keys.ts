// Cancel keys that clients get (BackendKeyData), and whom each cancels. The process id is the target's own, which clients compare with
// pg_stat_activity and notifications, and give to pg_cancel_backend; the secret is the gateway's.

import { timingSafeEqual } from 'node:crypto';
import type { Random } from '../../src/core/clock.ts';

export interface Cancellable {
  /** Resolves when what it sent to the target, if anything, has been heard there. Never rejects. */
  cancel(): Promise<void>;
}

export interface CancelKey {
  readonly processId: number;
  readonly secret: Buffer;
}

interface Held extends CancelKey {
  readonly holder: Cancellable;
}

/** Protocol 3.0 has four bytes for the secret, 3.2 up to 256 (54.2.1.9). */
const secretBytes = { old: 4, since32: 32 } as const;

export class CancelKeys {
  readonly #random: Random;
  /** By process id: processes of two targets can have the same one. */
  readonly #held = new Map<number, readonly Held[]>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** `processId`: of the target's process, as it said. */
  issue(minor: number, processId: number, holder: Cancellable): CancelKey {
    const secret = this.#random.bytes(minor >= 2 ? secretBytes.since32 : secretBytes.old);
    const held = { processId, secret, holder };
    this.#held.set(processId, [...this.#of(processId), held]);
    return held;
  }

  /**
   * Cancels when the key is right; true when the target has heard of it. False when it is none of these keys, or its secret is wrong: the
   * client is not told which. Never rejects.
   */
  cancel(processId: number, secret: Buffer): false | Promise<true> {
    const found = this.#of(processId).find((held) => held.secret.length === secret.length && timingSafeEqual(held.secret, secret));
    return found === undefined ? false : found.holder.cancel().then(() => true);
  }

  revoke(key: CancelKey): void {
    const left = this.#of(key.processId).filter((held) => held !== key);
    if (left.length > 0) this.#held.set(key.processId, left);
    else this.#held.delete(key.processId);
  }

  #of(processId: number): readonly Held[] {
    return this.#held.get(processId) ?? [];
  }
}
