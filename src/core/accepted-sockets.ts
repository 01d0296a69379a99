// The sockets of a driver's clients: how many there may be at once, in all and from one address, and their end with the driver.

import type { Socket } from 'node:net';

export interface AcceptLimits {
  /** Connections at once, in all and from one address, those that are still signing in included. */
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
}

/** A statement may wait for hours: below the idle limits of common firewalls, and a dead client is found. */
const keepAliveMs = 60_000;

export class AcceptedSockets {
  readonly #limits: AcceptLimits;
  readonly #sockets = new Set<Socket>();
  readonly #perAddress = new Map<string, number>();

  constructor(limits: AcceptLimits) {
    this.#limits = limits;
  }

  /** Counts it until it is closed. False when it is one too many: then it is the caller's to turn away. */
  admit(socket: Socket): boolean {
    const { connectionsMax, connectionsPerAddressMax } = this.#limits;
    const address = socket.remoteAddress ?? '';
    const here = (this.#perAddress.get(address) ?? 0) + 1;
    socket.on('error', () => undefined); // ends in 'close', which everybody listens to
    if (this.#sockets.size >= connectionsMax || here > connectionsPerAddressMax) return false;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveMs);
    this.#sockets.add(socket);
    this.#perAddress.set(address, here);
    socket.once('close', () => this.#closed(socket, address));
    return true;
  }

  /** Ends all of them; what was written is still sent. */
  async close(): Promise<void> {
    const all = [...this.#sockets].map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()).destroySoon()));
    await Promise.all(all);
  }

  #closed(socket: Socket, address: string): void {
    this.#sockets.delete(socket);
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left <= 0) this.#perAddress.delete(address);
    else this.#perAddress.set(address, left);
  }
}
