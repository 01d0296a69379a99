// Events that wait for their write, in one buffer: lines that lack only their place in the chain. Each is made where it is written
// from, with room before it for its number and the hash before it; those and its own hash are put in when it is written, because
// only then it is known what it follows.

import { hash as digest } from 'node:crypto';
import type { AuditEvent } from '../core/audit.ts';
import { putInteger } from '../core/digits.ts';
import { boundedBody, noHash } from './line.ts';
import { putQuickBody, quickBytesMax } from './quick-line.ts';

const startBytes = 256 * 1024;
/** UTF-8 takes at most so many bytes for a UTF-16 unit. */
const bytesPerUnitMax = 3;
const seqStart = bytesOf('{"seq":');
const prevStart = bytesOf(',"prev":"');
const prevEnd = bytesOf('"');
const hashStart = bytesOf(',"hash":"');
const hashEnd = bytesOf('"}\n');
const hashChars = noHash.length;
/** What stands before a body, but for the digits of its number. */
const frontBytes = seqStart.length + prevStart.length + hashChars + prevEnd.length;
/** Behind a body, over its closing brace. */
const tailBytes = hashStart.length + hashChars + hashEnd.length;
const closingBrace = 0x7d;
/** Readers take no more (readLink). */
const seqDigitsMax = 15;

export class WaitingLines {
  #bytes = Buffer.allocUnsafeSlow(startBytes);
  /** Its memory: asking the buffer for it costs a call out of JavaScript. */
  #memory = this.#bytes.buffer;
  #lengthBytes = 0;
  #count = 0;
  /** Of each line: where its body begins, and where the line ends. */
  readonly #bodies: number[] = [];
  readonly #ends: number[] = [];
  /** So many digits have room before a body that is added now. */
  #digits = 1;
  /** What a line begins and ends with, which is put over both ends of its body. */
  #front = frontOf(1);
  readonly #tail = Buffer.concat([hashStart, bytesOf(noHash), hashEnd]);
  /** The last hash, in the tail. */
  readonly #hash = this.#tail.subarray(hashStart.length, hashStart.length + hashChars);
  /** So many lines are chained, behind event #seq with hash #prev: a write that is tried again needs no new hashes. */
  #chained = 0;
  #seq = 0;
  readonly #prev = bytesOf(noHash);

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  get count(): number {
    return this.#count;
  }

  /** The hash of the line chained last, in hexadecimal digits; valid until the next call. */
  get hash(): Uint8Array {
    return this.#hash;
  }

  /** Adds an event; gives its place among those that wait. Throws when its detail is no JSON, and adds nothing then. */
  add(event: AuditEvent): number {
    const front = frontBytes + this.#digits;
    this.#reserve(front + quickBytesMax + tailBytes);
    const body = this.#lengthBytes + front;
    const end = putQuickBody(this.#bytes, body, event) ?? this.#putBody(front, event);
    const place = this.#count;
    this.#lengthBytes = end - 1 + tailBytes;
    this.#bodies[place] = body;
    this.#ends[place] = this.#lengthBytes;
    this.#count = place + 1;
    return place;
  }

  /** Chains what waits behind event `seq` with the hash `prev` (its hexadecimal digits). Gives the lines; valid until the next call. */
  chain(seq: number, prev: Uint8Array): Buffer {
    const hasRoom = this.#hasRoom(seq);
    const isAgain = this.#chained > 0 && hasRoom && seq === this.#seq && Buffer.compare(prev, this.#prev) === 0;
    if (!isAgain) {
      this.#chained = 0;
      this.#seq = seq;
      this.#prev.set(prev);
      this.#hash.set(prev);
      if (!hasRoom) this.#makeRoom(seq);
    }
    for (; this.#chained < this.#count; this.#chained += 1) this.#chainLine(this.#chained);
    return this.#bytes.subarray(0, this.#lengthBytes);
  }

  /** Takes events out again; their places are ascending, and those of later ones move up. */
  remove(places: readonly number[]): void {
    const [first] = places;
    if (first === undefined) return;
    let from = this.#startOf(first);
    let to = from;
    let kept = first;
    for (let place = first, next = 0; place < this.#count; place += 1) {
      const end = this.#ends[place] as number;
      if (place === places[next]) next += 1;
      else {
        this.#bytes.copyWithin(to, from, end);
        this.#bodies[kept] = (this.#bodies[place] as number) - from + to;
        to += end - from;
        this.#ends[kept] = to;
        kept += 1;
      }
      from = end;
    }
    this.#count = kept;
    this.#lengthBytes = to;
    if (this.#chained > first) this.#unchainFrom(first);
  }

  clear(): void {
    this.#lengthBytes = 0;
    this.#count = 0;
    this.#chained = 0;
    if (this.#bytes.length > 4 * startBytes) this.#moveTo(Buffer.allocUnsafeSlow(startBytes)); // a disk that was full for a while
  }

  #startOf(place: number): number {
    return place === 0 ? 0 : (this.#ends[place - 1] as number);
  }

  #putBody(front: number, event: AuditEvent): number {
    const body = boundedBody(event);
    this.#reserve(front + body.length * bytesPerUnitMax + tailBytes);
    const start = this.#lengthBytes + front;
    return start + this.#bytes.write(body, start, 'utf8');
  }

  #chainLine(place: number): void {
    const start = this.#startOf(place);
    const brace = (this.#ends[place] as number) - tailBytes;
    const digits = (this.#bodies[place] as number) - start - frontBytes;
    if (this.#front.length !== frontBytes + digits) this.#front = frontOf(digits);
    putInteger(this.#front, seqStart.length, this.#seq + place + 1);
    this.#front.set(this.#hash, seqStart.length + digits + prevStart.length);
    this.#bytes.set(this.#front, start);
    this.#bytes[brace] = closingBrace;
    this.#hash.write(digest('sha256', new Uint8Array(this.#memory, start, brace + 1 - start), 'hex'), 'latin1');
    this.#bytes.set(this.#tail, brace);
  }

  #unchainFrom(place: number): void {
    this.#chained = place;
    const end = this.#startOf(place) - hashEnd.length;
    this.#hash.set(place === 0 ? this.#prev : this.#bytes.subarray(end - hashChars, end));
  }

  /** True when every line has room for the digits of its number, and no more, behind event `seq`. The first one never has more than the last. */
  #hasRoom(seq: number): boolean {
    if (this.#bodies[0] !== frontBytes + this.#digits) return false;
    return seq + 1 >= 10 ** (this.#digits - 1) && seq + this.#count < 10 ** this.#digits;
  }

  /** Numbers have more digits than when the lines were made: that comes once in ten times the events. */
  #makeRoom(seq: number): void {
    const before = this.#bytes;
    this.#moveTo(Buffer.allocUnsafeSlow(Math.max(before.length, this.#lengthBytes + this.#count * seqDigitsMax)));
    this.#lengthBytes = 0;
    for (let place = 0; place < this.#count; place += 1) {
      this.#digits = String(seq + place + 1).length;
      const from = this.#bodies[place] as number;
      const body = this.#lengthBytes + frontBytes + this.#digits;
      before.copy(this.#bytes, body, from, this.#ends[place] as number);
      this.#lengthBytes = body + (this.#ends[place] as number) - from;
      this.#bodies[place] = body;
      this.#ends[place] = this.#lengthBytes;
    }
  }

  #reserve(more: number): void {
    const wanted = this.#lengthBytes + more;
    if (wanted <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#lengthBytes);
    this.#moveTo(larger);
  }

  #moveTo(bytes: Buffer<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#memory = bytes.buffer;
  }
}

function frontOf(digits: number): Buffer {
  return Buffer.concat([seqStart, Buffer.alloc(digits), prevStart, Buffer.alloc(hashChars), prevEnd]);
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}
