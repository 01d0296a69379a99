// What a relay sends to its client, in order: gathered and written in one go, at once or at the end of the turn. While the client takes
// no more, nothing is read from the target: neither side's bytes pile up here.

import type { Duplex } from 'node:stream';
import { isWhole, reusePassed, reuseWritten } from './chunk-reader.ts';
import { joined } from './joined.ts';
import { flushesSoon, lateBytesMax, type Flushed } from './turn-flushes.ts';

export interface RelayOutputParts {
  readonly client: Duplex;
  readonly target: Duplex;
  /** The client's stream keeps nothing of a chunk once it says that it is written: its memory is used again. */
  readonly leavesMemory: boolean;
  /** Called when the client has taken what it had not. */
  readonly taken: () => void;
}

export class RelayOutput implements Flushed {
  readonly #client: Duplex;
  readonly #target: Duplex;
  readonly #leavesMemory: boolean;
  readonly #taken: () => void;
  #out: Buffer[] = [];
  #isBlocked = false;

  constructor({ client, target, leavesMemory, taken }: RelayOutputParts) {
    this.#client = client;
    this.#target = target;
    this.#leavesMemory = leavesMemory;
    this.#taken = taken;
    client.on('drain', this.#drained);
  }

  /** The client has not taken what was written to it. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** Buffers that wait for the next flush. */
  get length(): number {
    return this.#out.length;
  }

  /** It leaves with the next `flush`. */
  add(bytes: Buffer): void {
    this.#out.push(bytes);
  }

  flush(): void {
    if (this.#out.length === 0) return;
    const out = this.#out;
    this.#out = [];
    this.#write(out.length === 1 ? (out[0] as Buffer) : joined(out));
  }

  /** A chunk of the target's as it came, of which nobody keeps anything: it leaves at once, or at the end of a busy turn. */
  pass(chunk: Buffer): void {
    const isLate = chunk.length <= lateBytesMax && flushesSoon(this);
    if (isLate || this.#out.length > 0) {
      this.#out.push(chunk);
      if (!isLate) this.flush();
      return;
    }
    this.#write(chunk);
    if (this.#leavesMemory) reusePassed(chunk, this.#client);
  }

  /**
   * True when all that waits is the whole of this chunk of the target's: it goes out alone, and its memory is used again once it is with
   * the kernel. Of such a chunk nobody may keep anything.
   */
  passedAlone(chunk: Buffer): boolean {
    const [only] = this.#out;
    if (!this.#leavesMemory || this.#out.length !== 1 || only === undefined || !isWhole(only, chunk)) return false;
    this.#out = [];
    this.#write(only, reuseWritten(chunk, this.#client));
    reusePassed(chunk, this.#client);
    return true;
  }

  /** Somebody else writes to the client from now on. */
  leave(): void {
    this.#client.off('drain', this.#drained);
  }

  #write(bytes: Buffer, written?: (error: Error | null | undefined) => void): void {
    if (this.#client.destroyed || this.#client.write(bytes, written) || this.#isBlocked) return;
    this.#isBlocked = true;
    this.#target.pause();
  }

  readonly #drained = (): void => {
    this.#isBlocked = false;
    this.#target.resume();
    this.#taken();
  };
}
