// Follows the chain over lines: each event must have the next number and name the hash of the one before.
// It says in words what the first wrong line is. It knows neither files nor keys.

import { noHash, readLink } from './line.ts';

/** The last event that was accepted. */
export interface Head {
  readonly seq: number;
  readonly hash: string;
}

export const emptyHead: Head = { seq: 0, hash: noHash };

/** Where the next event goes, in the numbers and bytes that writers use. */
export interface ChainEnd {
  /** The last event in the file, and its hash in hexadecimal digits. */
  seq: number;
  readonly hash: Uint8Array;
  /** The first event of the newest segment, and how long that is. */
  segment: number;
  segmentBytes: number;
}

export class Chain {
  #head: Head;
  /** True until the first line: a reader that starts in the middle takes the first line's word for what was before it. */
  #trusting: boolean;

  /** With null, the first line may be any; with a head, the first line must follow it. */
  constructor(head: Head | null) {
    this.#head = head ?? emptyHead;
    this.#trusting = head === null;
  }

  get head(): Head {
    return this.#head;
  }

  /** Takes the next line; null, or what is wrong with it. */
  take(line: Buffer): { readonly seq: number; readonly why: string } | null {
    const link = readLink(line);
    const expected = this.#head.seq + 1;
    if ('why' in link) return { seq: expected, why: `event ${expected} was changed: ${link.why}` };
    if (!this.#trusting) {
      if (link.seq > expected) {
        return {
          seq: expected,
          why: `event ${expected} is not where it belongs: event ${link.seq} stands in its place (removed or moved)`,
        };
      }
      if (link.seq < expected) {
        return { seq: expected, why: `event ${link.seq} stands where event ${expected} belongs (inserted, repeated or moved)` };
      }
      if (link.prev !== this.#head.hash) {
        return { seq: link.seq, why: `event ${link.seq} does not continue the chain: the event before it was replaced, or it was itself` };
      }
    }
    this.#trusting = false;
    this.#head = { seq: link.seq, hash: link.hash };
    return null;
  }
}
