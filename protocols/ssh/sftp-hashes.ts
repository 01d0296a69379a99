// What went through an open file: bytes counted, hashed as long as they come in order from the first one, and whether that was
// the whole file as far as the gateway can see.

import { createHash } from 'node:crypto';
import type { FileTransfer } from '../../src/core/recording.ts';

/** One direction of one open file. */
class Run {
  readonly #hash = createHash('sha256');
  bytes = 0;
  #next = 0n;
  #inOrder = true;
  /** The lowest offset at which the target said that the file ends. */
  #endAt: bigint | null = null;

  #isOver = false;

  data(offset: bigint, data: Buffer): void {
    this.bytes += data.length;
    this.#inOrder &&= offset === this.#next;
    // A target may answer what was asked before the close after it.
    if (!this.#inOrder || this.#isOver) return;
    this.#hash.update(data);
    this.#next += BigInt(data.length);
  }

  /** The target said that nothing is at this offset. */
  end(offset: bigint): void {
    // Reads are asked ahead: those far behind the last byte are answered by "end" as well.
    if (this.#endAt === null || offset < this.#endAt) this.#endAt = offset;
  }

  get inOrder(): boolean {
    return this.#inOrder;
  }

  get sawEnd(): boolean {
    return this.#inOrder && this.#endAt !== null && this.#endAt <= this.#next;
  }

  digest(): string | null {
    this.#isOver = true;
    return this.#inOrder ? this.#hash.digest('hex') : null;
  }
}

/** Hears what is read and written by one handle; `result` once, at its close. */
export class FileHashes {
  readonly #read = new Run();
  readonly #written = new Run();

  read(offset: bigint, data: Buffer): void {
    this.#read.data(offset, data);
  }

  readEnd(offset: bigint): void {
    this.#read.end(offset);
  }

  write(offset: bigint, data: Buffer): void {
    this.#written.data(offset, data);
  }

  /** Null when nothing went through. `closed`: the client closed the file, so nothing more was to come. */
  result(closed: boolean): FileTransfer | null {
    const bytes = this.#read.bytes + this.#written.bytes;
    if (this.#written.bytes > 0 && this.#read.bytes > 0) return { direction: 'both', bytes, sha256: null, whole: false };
    if (this.#written.bytes > 0) {
      return { direction: 'write', bytes, sha256: this.#written.digest(), whole: closed && this.#written.inOrder };
    }
    // An empty file is read whole, too: the target said "end" at once.
    if (bytes > 0 || this.#read.sawEnd) return { direction: 'read', bytes, sha256: this.#read.digest(), whole: this.#read.sawEnd };
    return null;
  }
}
