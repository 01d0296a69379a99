// What is kept back until something goes to the target that needs it: Parse, Describe and Close, which run nothing, and what was
// released behind the fence, because only the message after it tells which fence it needs.

import type { Expected } from './expected.ts';
import type { Run } from './statements.ts';

export interface Kept {
  readonly bytes: Buffer;
  readonly expected: Expected;
  /** Whose permit it goes under; null for what runs nothing. */
  readonly run: Run | null;
}

/** More than this goes out at once. */
const messagesMax = 1000;
const bytesMax = 1024 * 1024;

export class Outbox {
  #kept: Kept[] = [];
  #bytes = 0;
  /** How many of the first messages go when something refused must not take along what was released before it. */
  #released = 0;

  add(kept: Kept): void {
    this.#kept.push(kept);
    this.#bytes += kept.bytes.length;
    if (kept.run !== null) this.#released = this.#kept.length;
  }

  get isEmpty(): boolean {
    return this.#kept.length === 0;
  }

  get isFull(): boolean {
    return this.#kept.length >= messagesMax || this.#bytes >= bytesMax;
  }

  /** Everything up to the last message that was released to run. */
  takeReleased(): readonly Kept[] {
    const released = this.#kept.splice(0, this.#released);
    this.#released = 0;
    for (const { bytes } of released) this.#bytes -= bytes.length;
    return released;
  }

  take(): readonly Kept[] {
    const kept = this.#kept;
    if (kept.length === 0) return kept;
    this.#kept = [];
    this.#bytes = 0;
    this.#released = 0;
    return kept;
  }
}
