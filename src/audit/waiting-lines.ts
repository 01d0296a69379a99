// Chained lines that wait for their write, in one buffer: a line is made in place, hashed in place and written from there, so no
// byte of it is copied twice.

import { hash as digest } from 'node:crypto';
import type { AuditEvent } from '../core/audit.ts';
import { boundedBody, noHash } from './line.ts';
import { putQuickBody, quickBytesMax } from './quick-line.ts';

const startBytes = 256 * 1024;
/** UTF-8 takes at most so many bytes for a UTF-16 unit. */
const bytesPerUnitMax = 3;
const hashStart = Uint8Array.from(Buffer.from(',"hash":"'));
const hashEnd = Uint8Array.from(Buffer.from('"}\n'));
const hashChars = noHash.length;
const hashTailBytes = hashStart.length + hashChars + hashEnd.length;

export class WaitingLines {
  #bytes = Buffer.allocUnsafeSlow(startBytes);
  #lengthBytes = 0;
  /** The last hash, and its digits: nearly always the next line begins with it. */
  #hash = noHash;
  readonly #hashBytes = Buffer.from(noHash);

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  /** What waits; valid until the next call. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#lengthBytes);
  }

  /** Adds the line of an event that follows the event with hash `prev`; gives its own hash. Throws when its detail is no JSON, and adds nothing then. */
  add(seq: number, prev: string, event: AuditEvent): string {
    const start = this.#lengthBytes;
    const end = this.#putBody(seq, prev, event);
    const hash = digest('sha256', new Uint8Array(this.#bytes.buffer, start, end - start), 'hex');
    this.#keepHash(hash);
    // Over the closing brace, which is the hash's last byte.
    this.#bytes.set(hashStart, end - 1);
    const behind = end - 1 + hashStart.length;
    this.#bytes.set(this.#hashBytes, behind);
    this.#bytes.set(hashEnd, behind + hashChars);
    this.#lengthBytes = behind + hashChars + hashEnd.length;
    return hash;
  }

  /** Takes back what was added behind that length. */
  cutBack(lengthBytes: number): void {
    this.#lengthBytes = Math.min(this.#lengthBytes, lengthBytes);
  }

  clear(): void {
    this.#lengthBytes = 0;
    if (this.#bytes.length > 4 * startBytes) this.#bytes = Buffer.allocUnsafeSlow(startBytes); // a disk that was full for a while
  }

  #putBody(seq: number, prev: string, event: AuditEvent): number {
    this.#reserve(quickBytesMax + hashTailBytes);
    const start = this.#lengthBytes;
    if (prev !== this.#hash) this.#keepHash(prev);
    const end = putQuickBody(this.#bytes, start, seq, this.#hashBytes, event);
    if (end !== null) return end;
    const body = boundedBody(seq, prev, event);
    this.#reserve(body.length * bytesPerUnitMax + hashTailBytes);
    return start + this.#bytes.write(body, start, 'utf8');
  }

  #keepHash(hash: string): void {
    this.#hash = hash;
    this.#hashBytes.write(hash, 'latin1');
  }

  #reserve(more: number): void {
    const wanted = this.#lengthBytes + more;
    if (wanted <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#lengthBytes);
    this.#bytes = larger;
  }
}
