// Framing: packets of at most 16 MB - 1 with a length and a sequence number; a full one is continued in the next.
// Any chunking, a limit for the joined payload, no copies of what lies in one chunk. It knows where packets end, not what they mean.

import { Fault } from '../../src/core/errors.ts';

export const headerBytes = 4;
/** A packet of this length is continued by the next. */
export const fullPacketBytes = 0xffffff;

export interface Packet {
  readonly payload: Buffer;
  /** Sequence number of the (last) packet. */
  readonly sequence: number;
}

/** One payload as packets, the first with this sequence number. */
export function framed(payload: Buffer, sequence: number): Buffer {
  if (payload.length < fullPacketBytes) return Buffer.concat([header(payload.length, sequence), payload]);
  const parts: Buffer[] = [];
  let at = 0;
  for (let next = sequence; ; next++) {
    const part = payload.subarray(at, at + fullPacketBytes);
    parts.push(header(part.length, next), part);
    at += part.length;
    if (part.length < fullPacketBytes) return Buffer.concat(parts);
  }
}

function header(length: number, sequence: number): Buffer {
  return Buffer.from([length & 0xff, (length >>> 8) & 0xff, length >>> 16, sequence & 0xff]);
}

/** Reads the client's packets, joined where they continue. Bytes wait here while an action waits for its ruling. */
export class PacketReader {
  readonly #payloadBytesMax: number;
  readonly #numbered: boolean;
  #chunks: Buffer[] = [];
  #size = 0;
  /** Parts of a continued payload. */
  #parts: Buffer[] = [];
  #partsBytes = 0;
  #sequence = 0;

  /** `numbered` false: sequence numbers say nothing (inside compression, which has its own). */
  constructor(payloadBytesMax: number, numbered = true) {
    this.#payloadBytesMax = payloadBytesMax;
    this.#numbered = numbered;
  }

  /** Bytes read and not yet taken. */
  get bufferedBytes(): number {
    return this.#size + this.#partsBytes;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  /**
   * The next payload, or null until more bytes come. `expected` is the sequence number it must begin with. Throws Fault
   * protocol-violation for packets out of order, message-too-large for a payload over the limit.
   */
  next(expected: number): Packet | null {
    for (;;) {
      if (this.#size < headerBytes) return null;
      const head = this.#peek();
      const length = (head[0] as number) | ((head[1] as number) << 8) | ((head[2] as number) << 16);
      const sequence = head[3] as number;
      const wanted = this.#parts.length === 0 ? expected : (this.#sequence + 1) & 0xff;
      if (this.#numbered && sequence !== wanted)
        throw new Fault('protocol-violation', `packets out of order: number ${sequence} instead of ${wanted}`);
      if (this.#partsBytes + length > this.#payloadBytesMax) {
        throw new Fault('message-too-large', `a packet of more than ${this.#payloadBytesMax} bytes`);
      }
      if (this.#size < headerBytes + length) return null;
      this.#take(headerBytes);
      const part = length === 0 ? Buffer.alloc(0) : this.#take(length);
      this.#sequence = sequence;
      if (length === fullPacketBytes) {
        this.#parts.push(part);
        this.#partsBytes += length;
        continue;
      }
      if (this.#parts.length === 0) return { payload: part, sequence };
      const payload = Buffer.concat([...this.#parts, part]);
      this.#parts = [];
      this.#partsBytes = 0;
      return { payload, sequence };
    }
  }

  #peek(): Buffer {
    const first = this.#chunks[0] as Buffer;
    if (first.length >= headerBytes) return first;
    const joined = Buffer.concat(this.#chunks); // a header cut in two: rare, and small unless a large packet follows at once
    this.#chunks = [joined];
    return joined;
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
