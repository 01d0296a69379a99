// SFTP packets out of a byte stream (draft-ietf-secsh-filexfer-02, 3): a length, a type, a body. Takes any chunking. A packet of bulk
// whose first fields are enough to judge it is given in pieces as they come; every other one whole.

import { Fault } from '../../src/core/errors.ts';

/** OpenSSH's own limit of a packet (256 KiB), which every client stays below. */
export const packetBytesMax = 256 * 1024 + 4;
/** What the first fields of a packet that passes in pieces may take. */
const headBytesMax = 512;
/** Length, type, and two fields of four bytes: what `headOf` gets at least. */
const headBytesMin = 13;

/**
 * How much of a packet must be there before it may be given in pieces; null: it is wanted whole. `start` is what is there of it, 13
 * bytes or more, and `length` all of it. The answer counts once that much is there.
 */
export type HeadOf = (start: Buffer, length: number) => number | null;

export type Part =
  /** A whole packet, its length field included. */
  | { readonly kind: 'packet'; readonly bytes: Buffer }
  /** The head of one, with what is there of the rest. */
  | { readonly kind: 'start'; readonly bytes: Buffer }
  /** More of that one. */
  | { readonly kind: 'piece'; readonly bytes: Buffer; readonly last: boolean };

export class PacketReader {
  readonly #headOf: HeadOf;
  /** What came and was not given yet. */
  #chunk: Buffer = nothing;
  /** The beginning of a packet, in memory of our own. */
  readonly #kept = Buffer.allocUnsafe(headBytesMax);
  #keptBytes = 0;
  /** A packet that is wanted whole and is not; its length is that of the buffer. */
  #whole: Buffer | null = null;
  #wholeBytes = 0;
  /** Of a packet that is given in pieces. */
  #toCome = 0;

  constructor(headOf: HeadOf) {
    this.#headOf = headOf;
  }

  /** Takes bytes. They are used until `next` has given null or `keep` was called. */
  push(chunk: Buffer): void {
    this.#chunk = this.#chunk.length === 0 ? chunk : Buffer.concat([this.#chunk, chunk]);
  }

  /** Copies what was not given yet: its memory will be used for something else. */
  keep(): void {
    this.#chunk = this.#chunk.length === 0 ? nothing : Buffer.from(this.#chunk);
  }

  /** The next part; null when more bytes are needed. Throws Fault message-too-large or protocol-violation. */
  next(): Part | null {
    if (this.#chunk.length === 0) return null;
    if (this.#toCome > 0) {
      const bytes = this.#take(this.#toCome);
      this.#toCome -= bytes.length;
      return { kind: 'piece', bytes, last: this.#toCome === 0 };
    }
    if (this.#whole !== null) return this.#fill(this.#whole);
    return this.#keptBytes > 0 ? this.#fromKept() : this.#fromChunk();
  }

  /** Between two packets. */
  get isEmpty(): boolean {
    return this.#chunk.length === 0 && this.#keptBytes === 0 && this.#whole === null && this.#toCome === 0;
  }

  /** In the middle of a packet that is given in pieces. */
  get isPassing(): boolean {
    return this.#toCome > 0;
  }

  /** A packet begins with the chunk: nothing is copied when enough of it is there. */
  #fromChunk(): Part | null {
    const there = this.#chunk.length;
    const length = there < 4 ? null : lengthOf(this.#chunk);
    if (length !== null && there >= length) return { kind: 'packet', bytes: this.#take(length) };
    if (length !== null && there >= headBytesMin) {
      const head = this.#headOf(this.#chunk, length);
      if (head === null || head > headBytesMax) return this.#begin(length, nothing);
      if (there >= head) return this.#start(this.#take(there), length);
    }
    this.#keepUpTo(headBytesMax);
    return null;
  }

  /** A packet that began in an earlier chunk, with less than is needed to tell. */
  #fromKept(): Part | null {
    if (!this.#keepUpTo(4)) return null;
    const length = lengthOf(this.#kept);
    if (!this.#keepUpTo(Math.min(length, headBytesMin))) return null;
    let head = length < headBytesMin ? null : this.#headOf(this.#kept.subarray(0, this.#keptBytes), length);
    // What is kept may be less than the answer asks for, and with more the answer may be another.
    while (head !== null && head <= headBytesMax && this.#keptBytes < head) {
      if (!this.#keepUpTo(head)) return null;
      head = this.#headOf(this.#kept.subarray(0, this.#keptBytes), length);
    }
    const kept = Buffer.from(this.#kept.subarray(0, this.#keptBytes));
    this.#keptBytes = 0;
    return head === null || head > headBytesMax ? this.#begin(length, kept) : this.#start(kept, length);
  }

  #start(bytes: Buffer, length: number): Part {
    this.#toCome = length - bytes.length;
    return this.#toCome === 0 ? { kind: 'packet', bytes } : { kind: 'start', bytes };
  }

  #begin(length: number, start: Buffer): Part | null {
    const whole = Buffer.allocUnsafe(length);
    start.copy(whole);
    this.#whole = whole;
    this.#wholeBytes = start.length;
    return this.#fill(whole);
  }

  #fill(whole: Buffer): Part | null {
    const bytes = this.#take(whole.length - this.#wholeBytes);
    bytes.copy(whole, this.#wholeBytes);
    this.#wholeBytes += bytes.length;
    if (this.#wholeBytes < whole.length) return null;
    this.#whole = null;
    return { kind: 'packet', bytes: whole };
  }

  /** True when so much of the packet is kept, and never more of the stream than that. */
  #keepUpTo(count: number): boolean {
    if (this.#keptBytes >= count) return true;
    const bytes = this.#take(count - this.#keptBytes);
    bytes.copy(this.#kept, this.#keptBytes);
    this.#keptBytes += bytes.length;
    return this.#keptBytes >= count;
  }

  #take(count: number): Buffer {
    const bytes = this.#chunk.subarray(0, count);
    this.#chunk = bytes.length === this.#chunk.length ? nothing : this.#chunk.subarray(count);
    return bytes;
  }
}

const nothing = Buffer.alloc(0);

/** Of the whole packet, its length field included. */
function lengthOf(start: Buffer): number {
  const length = start.readUInt32BE(0);
  if (length < 1) throw new Fault('protocol-violation', 'an SFTP packet without a type');
  if (length > packetBytesMax) throw new Fault('message-too-large', `an SFTP packet of ${length} bytes; the limit is ${packetBytesMax}`);
  return 4 + length;
}
