// Memory in which entries wait for their file: lent to recordings that have something to write and taken back when it is written,
// so that sessions that do nothing hold none.

/** Enough for a few statements; a session that does more than that between two flushes gets a large one. */
const smallBytes = 4 * 1024;
export const largeBytes = 32 * 1024;
/** Kept for the next who asks, of each size. */
const keptMax = 64;

export class Chunks {
  readonly #small: Buffer[] = [];
  readonly #large: Buffer[] = [];

  /** A chunk with room for that many bytes; null when none is so large. */
  take(bytes: number): Buffer | null {
    if (bytes <= smallBytes) return this.#small.pop() ?? Buffer.allocUnsafeSlow(smallBytes);
    if (bytes <= largeBytes) return this.#large.pop() ?? Buffer.allocUnsafeSlow(largeBytes);
    return null;
  }

  /** Nobody may write into it any more. */
  giveBack(chunk: Buffer): void {
    const kept = chunk.length === smallBytes ? this.#small : this.#large;
    if (kept.length < keptMax) kept.push(chunk);
  }
}
