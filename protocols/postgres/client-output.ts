// What goes to a client: bytes of the target as they come, and the gateway's own messages, never inside one of the target's. It
// leaves at once, or at the end of the turn with the answers of other sessions. While the client takes nothing the target is not read.

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isWhole, reusePassed, reuseWritten } from '../../src/core/chunk-reader.ts';
import { flushesSoon, lateBytesMax, type Flushed } from '../../src/core/turn-flushes.ts';
import { joined } from './upstream.ts';

/** Where the target's answers stand (replies.ts). */
interface Answers {
  readonly isMidMessage: boolean;
  readonly passedAll: boolean;
}

export interface ClientOutputParts {
  readonly client: Socket;
  readonly target: Duplex;
  readonly answers: Answers;
  /** Who flushes this at the end of a turn. */
  readonly flushed: Flushed;
}

export class ClientOutput {
  readonly #client: Socket;
  readonly #target: Duplex;
  readonly #answers: Answers;
  readonly #flushed: Flushed;
  #gathered: Buffer[] = [];
  /** Notices and local answers that must not cut a message of the target in two. */
  #between: Buffer[] = [];
  /** The client has not taken what was written to it. */
  isBlocked = false;

  constructor({ client, target, answers, flushed }: ClientOutputParts) {
    this.#client = client;
    this.#target = target;
    this.#answers = answers;
    this.#flushed = flushed;
  }

  /** Buffers that wait for the next flush. */
  get length(): number {
    return this.#gathered.length;
  }

  /** Bytes of the target. */
  push(bytes: Buffer): void {
    this.#gathered.push(bytes);
  }

  /** A whole chunk that nobody looks at afterwards. */
  pushNow(chunk: Buffer): void {
    this.#gathered.push(chunk);
    if (chunk.length <= lateBytesMax && flushesSoon(this.#flushed)) return;
    const isAlone = this.#gathered.length === 1 && !this.#client.destroyed;
    this.flush();
    if (isAlone) reusePassed(chunk, this.#client);
  }

  /** A whole message of the gateway's own. */
  reply(bytes: Buffer): void {
    if (this.#answers.isMidMessage) this.#between.push(bytes);
    else this.#gathered.push(bytes);
  }

  /** The target's chunk has been walked. True: it was all that there was, and is on its way. */
  chunkEnded(chunk: Buffer): boolean {
    if (this.#passesAlone(chunk)) return true;
    if (this.#between.length > 0 && !this.#answers.isMidMessage) this.#gathered.push(...this.#between.splice(0));
    return false;
  }

  flush(): void {
    if (this.#gathered.length === 0) return;
    const out = this.#gathered;
    this.#gathered = [];
    if (this.#client.destroyed) return;
    this.#write(out.length === 1 ? (out[0] as Buffer) : joined(out));
  }

  /** Last words, which are left out where they would stand inside a message of the target. */
  end(words: Buffer): void {
    this.flush();
    if (!this.#answers.isMidMessage && !this.#client.destroyed) this.#client.write(words);
  }

  /** The client has taken what was written. */
  drained(): void {
    this.isBlocked = false;
    this.#target.resume();
  }

  /** In the middle of bulk a chunk goes out alone and as it came; when it is with the kernel its memory is used again. */
  #passesAlone(chunk: Buffer): boolean {
    const [only] = this.#gathered;
    const isAlone = this.#gathered.length === 1 && this.#between.length === 0 && this.#answers.passedAll;
    if (!isAlone || only === undefined || !isWhole(only, chunk) || this.#client.destroyed) return false;
    this.#gathered = [];
    this.#write(only, reuseWritten(chunk, this.#client));
    reusePassed(chunk, this.#client);
    return true;
  }

  #write(bytes: Buffer, written?: (error: Error | null | undefined) => void): void {
    if (this.#client.write(bytes, written) || this.isBlocked) return;
    this.isBlocked = true;
    this.#target.pause();
  }
}
