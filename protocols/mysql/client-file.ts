// LOAD DATA LOCAL: the client's file on its way to the target, part by part, and how its packets are counted.

import { framed, fullPacketBytes, type Packet } from './codec.ts';

export class ClientFile {
  #sequence = 0;
  #sending = false;

  /** True while the client's packets are parts of the file. */
  get isSending(): boolean {
    return this.#sending;
  }

  /** Number of the next part, as the target counts. */
  get sequence(): number {
    return this.#sequence;
  }

  begin(sequence: number): void {
    this.#sending = true;
    this.#sequence = sequence & 0xff;
  }

  /** The packet for the target. An empty one ends the file. */
  part({ payload }: Packet): Buffer {
    const bytes = framed(payload, this.#sequence);
    this.#sequence = (this.#sequence + Math.floor(payload.length / fullPacketBytes) + 1) & 0xff;
    if (payload.length === 0) this.#sending = false;
    return bytes;
  }
}
