// Reads the fields of one payload. Throws Fault protocol-violation for a payload that does not add up; never guesses.
// (Client/server protocol: "Protocol basics", integer and string types.)

import { Fault } from '../../src/core/errors.ts';

export class BodyReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  get at(): number {
    return this.#at;
  }

  #advance(count: number): number {
    const at = this.#at;
    if (count < 0 || at + count > this.#bytes.length) throw new Fault('protocol-violation', 'a packet ends in the middle of a field');
    this.#at = at + count;
    return at;
  }

  fail(why: string): never {
    throw new Fault('protocol-violation', why);
  }

  uint8(): number {
    return this.#bytes[this.#advance(1)] as number;
  }

  uint16(): number {
    return this.#bytes.readUInt16LE(this.#advance(2));
  }

  uint24(): number {
    return this.#bytes.readUIntLE(this.#advance(3), 3);
  }

  uint32(): number {
    return this.#bytes.readUInt32LE(this.#advance(4));
  }

  /** Eight bytes as a decimal number. */
  int64Text(unsigned: boolean): string {
    const at = this.#advance(8);
    // Most are small, and a number costs less than a bigint.
    if (this.#bytes.readInt32LE(at + 4) === 0) return String(this.#bytes.readUInt32LE(at));
    return String(unsigned ? this.#bytes.readBigUInt64LE(at) : this.#bytes.readBigInt64LE(at));
  }

  bytes(count: number): Buffer {
    const at = this.#advance(count);
    return this.#bytes.subarray(at, at + count);
  }

  rest(): Buffer {
    return this.bytes(this.left);
  }

  untilNul(): Buffer {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end === -1) throw new Fault('protocol-violation', 'a string without its end');
    const bytes = this.bytes(end - this.#at);
    this.#at += 1;
    return bytes;
  }

  /** Length-encoded integer; null is the NULL of a text row. Larger than 2^53 can't be a length and is refused. */
  lenencOrNull(): number | null {
    const first = this.uint8();
    if (first < 0xfb) return first;
    switch (first) {
      case 0xfb:
        return null;
      case 0xfc:
        return this.uint16();
      case 0xfd:
        return this.uint24();
      case 0xfe: {
        const value = this.#bytes.readBigUInt64LE(this.#advance(8));
        return Number(value);
      }
      default:
        throw new Fault('protocol-violation', 'a length that is none');
    }
  }

  lenenc(): number {
    const value = this.lenencOrNull();
    if (value === null) throw new Fault('protocol-violation', 'a length that is none');
    return value;
  }

  lenencBytes(): Buffer {
    return this.bytes(this.lenenc());
  }
}
