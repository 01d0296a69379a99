// Cancel keys that the gateway gives out in its own name (BackendKeyData), and whom each cancels.

import { timingSafeEqual } from 'node:crypto';
import type { Random } from '../../src/core/clock.ts';
import { Fault } from '../../src/core/errors.ts';

export interface Cancellable {
  /** Resolves when what it sent to the target, if anything, has been heard there. Never rejects. */
  cancel(): Promise<void>;
}

export interface CancelKey {
  readonly processId: number;
  readonly secret: Buffer;
}

/** Protocol 3.0 has four bytes for the secret, 3.2 up to 256 (54.2.1.9). */
const secretBytes = { old: 4, since32: 32 } as const;
const triesMax = 100;

export class CancelKeys {
  readonly #random: Random;
  readonly #holders = new Map<number, { secret: Buffer; holder: Cancellable }>();

  constructor(random: Random) {
    this.#random = random;
  }

  issue(minor: number, holder: Cancellable): CancelKey {
    const secret = this.#random.bytes(minor >= 2 ? secretBytes.since32 : secretBytes.old);
    for (let tries = 0; tries < triesMax; tries++) {
      const processId = this.#random.bytes(4).readUInt32BE(0) & 0x7fffffff;
      if (processId === 0 || this.#holders.has(processId)) continue;
      this.#holders.set(processId, { secret, holder });
      return { processId, secret };
    }
    throw new Fault('limit-reached', 'no free cancel key');
  }

  /**
   * Cancels when the key is right; true when the target has heard of it. False when it is none of these keys, or its secret is wrong: the
   * client is not told which. Never rejects.
   */
  cancel(processId: number, secret: Buffer): false | Promise<true> {
    const entry = this.#holders.get(processId);
    if (entry === undefined || entry.secret.length !== secret.length || !timingSafeEqual(entry.secret, secret)) return false;
    return entry.holder.cancel().then(() => true);
  }

  revoke(processId: number): void {
    this.#holders.delete(processId);
  }
}
