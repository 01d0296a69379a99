// Numbers of connections as clients see them, and which connection a KILL means. A person reaches only their own.

import type { Random } from '../../src/core/clock.ts';

export interface Killable {
  readonly principalName: string;
  readonly targetName: string;
  /** The number that the target gave the gateway's connection: what CONNECTION_ID() shows. */
  readonly targetConnectionId: number;
  kill(what: 'query' | 'connection'): void;
}

/** Numbers are drawn from here up, so that they rarely are those of the target's own connections, and fit 31 bits. */
const numberBase = 0x40000000;

export class ConnectionIds {
  readonly #random: Random;
  readonly #byId = new Map<number, Killable | null>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** A number that no other connection has now. Unpredictable, so that nobody is told much by it. */
  issue(): number {
    for (;;) {
      const id = numberBase + (this.#random.bytes(4).readUInt32LE(0) % numberBase);
      if (this.#byId.has(id)) continue;
      this.#byId.set(id, null);
      return id;
    }
  }

  /** From now on a KILL of this number reaches the connection. */
  bind(id: number, connection: Killable): void {
    this.#byId.set(id, connection);
  }

  /** The number stays the client's while it signs in as somebody else. */
  unbind(id: number): void {
    this.#byId.set(id, null);
  }

  revoke(id: number): void {
    this.#byId.delete(id);
  }

  /**
   * Kills a connection of this person: by the gateway's number, or, for a connection to the same target, by the target's.
   * False when there is none.
   */
  kill(principalName: string, targetName: string | null, id: number, what: 'query' | 'connection'): boolean {
    const connection = this.#byId.get(id) ?? this.#byTargetId(principalName, targetName, id);
    if (connection === null || connection === undefined || connection.principalName !== principalName) return false;
    connection.kill(what);
    return true;
  }

  #byTargetId(principalName: string, targetName: string | null, id: number): Killable | undefined {
    if (targetName === null) return undefined;
    for (const it of this.#byId.values()) {
      if (it?.principalName === principalName && it.targetName === targetName && it.targetConnectionId === id) return it;
    }
    return undefined;
  }
}
