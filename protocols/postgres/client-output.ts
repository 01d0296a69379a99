// What goes to a client: bytes of the target as they come, and the gateway's own messages, never inside one of the target's.

import type { Duplex } from 'node:stream';
import { RelayOutput, type RelayOutputParts } from '../../src/core/relay-output.ts';

/** Where the target's answers stand (replies.ts). */
interface Answers {
  readonly isMidMessage: boolean;
  readonly passedAll: boolean;
}

export interface ClientOutputParts extends Omit<RelayOutputParts, 'leavesMemory'> {
  readonly answers: Answers;
}

export class ClientOutput {
  readonly #client: Duplex;
  readonly #answers: Answers;
  readonly #out: RelayOutput;
  /** Notices and local answers that must not cut a message of the target in two. */
  #between: Buffer[] = [];

  constructor(parts: ClientOutputParts) {
    this.#client = parts.client;
    this.#answers = parts.answers;
    this.#out = new RelayOutput({ ...parts, leavesMemory: true });
  }

  /** The client has not taken what was written to it. */
  get isBlocked(): boolean {
    return this.#out.isBlocked;
  }

  /** Buffers that wait for the next flush. */
  get length(): number {
    return this.#out.length;
  }

  /** Bytes of the target. */
  push(bytes: Buffer): void {
    this.#out.add(bytes);
  }

  /** A whole chunk that nobody looks at afterwards. */
  pushNow(chunk: Buffer): void {
    this.#out.pass(chunk);
  }

  /** A whole message of the gateway's own. */
  reply(bytes: Buffer): void {
    if (this.#answers.isMidMessage) this.#between.push(bytes);
    else this.#out.add(bytes);
  }

  /** The target's chunk has been walked. True: it was all that there was, and is on its way. */
  chunkEnded(chunk: Buffer): boolean {
    if (this.#between.length === 0) return this.#answers.passedAll && this.#out.passedAlone(chunk);
    if (!this.#answers.isMidMessage) for (const bytes of this.#between.splice(0)) this.#out.add(bytes);
    return false;
  }

  flush(): void {
    this.#out.flush();
  }

  /** Last words, which are left out where they would stand inside a message of the target. */
  end(words: Buffer): void {
    this.flush();
    if (!this.#answers.isMidMessage && !this.#client.destroyed) this.#client.write(words);
  }
}
