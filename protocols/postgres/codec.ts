// Framing of PostgreSQL messages in both directions: any chunking, a size limit, no copies of what is only forwarded.
// It knows where messages begin and end, not what they mean. (Protocol chapter 54.1: type byte, int32 length with itself.)

import { Fault } from '../../src/core/errors.ts';

/** One whole message, or a part of a CopyData message (which may be 1 GB and is never gathered). */
export type Frame =
  | { readonly kind: 'message'; readonly type: number; readonly bytes: Buffer }
  | { readonly kind: 'copy-part'; readonly bytes: Buffer }
  /** Larger than its limit, or than there is room for now. Its bytes are thrown away as they come; the reader stays in step. */
  | { readonly kind: 'oversize'; readonly why: 'limit' | 'no-room'; readonly type: number; readonly lengthBytes: number };

export interface FrameLimits {
  /** Longest message of a type, header included. */
  maxBytes(type: number): number;
}

const headerBytes = 5;
const copyData = 0x64;
/** Smaller chunks are copied together, so that one byte at a time costs no buffer for each. */
const smallChunkBytes = 1024;
const gatheredChunkBytesMax = 4096;

/** Reads the client's messages one by one. Bytes wait here while an action waits for its ruling. */
export class FrontendReader {
  readonly #limits: FrameLimits;
  #chunks: Buffer[] = [];
  #size = 0;
  #copyLeft = 0;
  #discardLeft = 0;

  constructor(limits: FrameLimits) {
    this.#limits = limits;
  }

  /** Bytes read and not yet taken. */
  get bufferedBytes(): number {
    return this.#size;
  }

  /** Nothing is here, and nothing of what comes next belongs to what was. */
  get isBetween(): boolean {
    return this.#size === 0 && this.#copyLeft === 0 && this.#discardLeft === 0;
  }

  push(chunk: Buffer): void {
    if (this.#discardLeft > 0) {
      const dropped = Math.min(this.#discardLeft, chunk.length);
      this.#discardLeft -= dropped;
      chunk = chunk.subarray(dropped);
    }
    if (chunk.length === 0) return;
    this.#size += chunk.length;
    const last = this.#chunks.length - 1;
    const before = this.#chunks[last];
    if (before !== undefined && chunk.length < smallChunkBytes && before.length < gatheredChunkBytesMax) {
      this.#chunks[last] = Buffer.concat([before, chunk]);
    } else {
      this.#chunks.push(chunk);
    }
  }

  /** The next message, or null until more bytes come. Throws Fault protocol-violation for a length that can't be. */
  next(): Frame | null {
    if (this.#copyLeft > 0) return this.#copyPart();
    if (this.#size < headerBytes) return null;
    const head = this.#peek(headerBytes);
    const type = head[0] as number;
    const lengthBytes = 1 + head.readInt32BE(1);
    if (lengthBytes < headerBytes) throw new Fault('protocol-violation', `message type ${printable(type)} with length ${lengthBytes - 1}`);
    if (type === copyData) {
      this.#copyLeft = lengthBytes;
      return this.#copyPart();
    }
    if (lengthBytes > this.#limits.maxBytes(type)) return this.#discard(type, lengthBytes);
    if (this.#size < lengthBytes) return null;
    return { kind: 'message', type, bytes: this.#take(lengthBytes) };
  }

  #copyPart(): Frame | null {
    if (this.#size === 0) return null;
    const first = this.#chunks[0] as Buffer;
    const bytes = this.#take(Math.min(this.#copyLeft, first.length));
    this.#copyLeft -= bytes.length;
    return { kind: 'copy-part', bytes };
  }

  #discard(type: number, lengthBytes: number): Frame {
    const here = Math.min(lengthBytes, this.#size);
    this.#take(here);
    this.#discardLeft = lengthBytes - here;
    return { kind: 'oversize', why: 'limit', type, lengthBytes };
  }

  /** Throws away the message that has come in part, when there is no room for the rest of it. */
  giveUp(): Frame {
    const head = this.#peek(headerBytes);
    const lengthBytes = 1 + head.readInt32BE(1);
    this.#discardLeft = lengthBytes - this.#size;
    this.#chunks = [];
    this.#size = 0;
    return { kind: 'oversize', why: 'no-room', type: head[0] as number, lengthBytes };
  }

  #peek(count: number): Buffer {
    const first = this.#chunks[0] as Buffer;
    if (first.length >= count) return first;
    const head = Buffer.alloc(count); // a header cut in two: never the whole, which may be large and not complete for long
    let filled = 0;
    for (let i = 0; filled < count; i++) filled += (this.#chunks[i] as Buffer).copy(head, filled);
    return head;
  }

  #take(count: number): Buffer {
    const first = this.#chunks[0] as Buffer;
    this.#size -= count;
    if (first.length === count) {
      this.#chunks.shift();
      return first;
    }
    if (first.length > count) {
      this.#chunks[0] = first.subarray(count);
      return first.subarray(0, count);
    }
    const all = Buffer.concat(this.#chunks);
    this.#chunks = all.length > count ? [all.subarray(count)] : [];
    return all.subarray(0, count);
  }
}

/** What a walker tells of the target's stream. Offsets are into the chunk that is being walked. */
export interface BackendSink {
  /** Bytes that are forwarded as they are. */
  forward(bytes: Buffer): void;
  /** A whole message of a type that was asked for. Null lets it pass where it stands; a buffer goes in its place. */
  message(type: number, bytes: Buffer): Buffer | null;
}

/**
 * Walks the target's messages and hands on whole chunks; only messages whose type is in `inspected` are gathered and shown.
 * Everything between them leaves as one slice.
 */
export class BackendWalker {
  readonly #inspected: Uint8Array;
  readonly #inspectedBytesMax: number;
  #held: Buffer | null = null;
  #skip = 0;
  #passedAll = false;

  /** `inspected[type]` is 1 for types to be shown whole, 2 for those shown only when they are small; it may be changed between chunks. */
  constructor(inspected: Uint8Array, inspectedBytesMax: number) {
    this.#inspected = inspected;
    this.#inspectedBytesMax = inspectedBytesMax;
  }

  /** True when of the last chunk no message was shown and nothing was kept: whoever it was forwarded to has the only slice. */
  get passedAll(): boolean {
    return this.#passedAll;
  }

  /** True while a forwarded message has more bytes to come: nothing may be put in between. */
  get isMidMessage(): boolean {
    return this.#skip > 0;
  }

  /** The next byte is the first of a message, and nothing was kept. */
  get isBetween(): boolean {
    return this.#skip === 0 && this.#held === null;
  }

  walk(chunk: Buffer, sink: BackendSink): void {
    let bytes = chunk;
    this.#passedAll = this.#held === null;
    if (this.#held !== null) {
      bytes = Buffer.concat([this.#held, chunk]);
      this.#held = null;
    }
    let from = 0;
    let at = 0;
    if (this.#skip > 0) {
      at = Math.min(this.#skip, bytes.length);
      this.#skip -= at;
    }
    while (at < bytes.length) {
      if (bytes.length - at < headerBytes) break;
      const type = bytes[at] as number;
      const lengthBytes = 1 + bytes.readInt32BE(at + 1);
      if (lengthBytes < headerBytes) throw new Fault('protocol-violation', `the target sent type ${printable(type)} with a bad length`);
      const end = at + lengthBytes;
      const wanted = this.#inspected[type] as number;
      const small = lengthBytes <= this.#inspectedBytesMax;
      if (wanted === 1 || (wanted === 2 && small)) {
        if (!small) throw new Fault('message-too-large', `the target sent ${lengthBytes} bytes as type ${printable(type)}`);
        if (end > bytes.length) break;
        this.#passedAll = false;
        const instead = sink.message(type, bytes.subarray(at, end));
        if (instead !== null) {
          if (at > from) sink.forward(bytes.subarray(from, at));
          sink.forward(instead);
          from = end;
        }
      } else if (end > bytes.length) {
        this.#skip = end - bytes.length;
        at = bytes.length;
        break;
      }
      at = end;
    }
    if (at > from) sink.forward(bytes.subarray(from, at));
    if (at === bytes.length) return;
    this.#passedAll = false;
    this.#held = bytes.subarray(at);
  }
}

function printable(type: number): string {
  return type > 0x20 && type < 0x7f ? `'${String.fromCharCode(type)}'` : `0x${type.toString(16)}`;
}
