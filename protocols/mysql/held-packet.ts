// The beginning of a packet that is looked at when all of it has come. Its pieces are joined once, however many they are: a row of
// 16 MB comes in some 250.

export class HeldPacket {
  #pieces: Buffer[] = [];
  #bytes = 0;
  #neededBytes = 0;

  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  /** With `neededBytes` from its first one on there is more to be said of it; 0: with any more. */
  keep(beginning: Buffer, neededBytes: number): void {
    this.#pieces = [beginning];
    this.#bytes = beginning.length;
    this.#neededBytes = neededBytes;
  }

  /** All that is held, with this behind it; null while more is needed. */
  joined(chunk: Buffer): Buffer | null {
    this.#pieces.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#neededBytes) return null;
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    return bytes;
  }
}
