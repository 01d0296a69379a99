// The sockets of a driver's clients: how many there may be at once, in all and from one address, and their end with the driver.

import type { Socket } from 'node:net';

/** Counts connections against their limits. */
export interface AcceptCounts {
  /** Counts one from this address until `leave`. False when it is one too many: then it is not counted. */
  enter(address: string): boolean;
  leave(address: string): void;
}

export interface AcceptLimits {
  /** Connections at once, in all and from one address, those that are still signing in included. */
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** Counts that are shared with the same driver in other threads, in place of the driver's own. */
  readonly counts?: AcceptCounts;
}

/** A statement may wait for hours: below the idle limits of common firewalls, and a dead client is found. */
const keepAliveMs = 60_000;

export class AcceptedSockets {
  readonly #counts: AcceptCounts;
  readonly #sockets = new Set<Socket>();

  constructor(limits: AcceptLimits) {
    this.#counts = limits.counts ?? new OwnCounts(limits);
  }

  /** Counts it until it is closed. False when it is one too many: then it is the caller's to turn away. */
  admit(socket: Socket): boolean {
    const address = socket.remoteAddress ?? '';
    socket.on('error', () => undefined); // ends in 'close', which everybody listens to
    if (!this.#counts.enter(address)) return false;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveMs);
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#counts.leave(address);
    });
    return true;
  }

  /** Ends all of them; what was written is still sent. */
  async close(): Promise<void> {
    const all = [...this.#sockets].map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()).destroySoon()));
    await Promise.all(all);
  }
}

/** Counts of one driver. */
export class OwnCounts implements AcceptCounts {
  readonly #limits: AcceptLimits;
  readonly #perAddress = new Map<string, number>();
  #all = 0;

  constructor(limits: AcceptLimits) {
    this.#limits = limits;
  }

  enter(address: string): boolean {
    const { connectionsMax, connectionsPerAddressMax } = this.#limits;
    const here = (this.#perAddress.get(address) ?? 0) + 1;
    if (this.#all >= connectionsMax || here > connectionsPerAddressMax) return false;
    this.#all += 1;
    this.#perAddress.set(address, here);
    return true;
  }

  leave(address: string): void {
    this.#all -= 1;
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left <= 0) this.#perAddress.delete(address);
    else this.#perAddress.set(address, left);
  }
}
