// What a person types while an action waits: kept in order, up to a limit, and handed on when it runs. Ctrl-C is not kept: it
// withdraws. Only for terminals; without one Ctrl-C ends the client itself.

import type { Readable } from 'node:stream';

/** More than anybody types; beyond it the client is not read. */
const bytesMax = 64 * 1024;
const ctrlC = 0x03;

export class TypedAhead {
  readonly #source: Readable;
  readonly #chunks: Buffer[] = [];
  readonly #onData: (chunk: Buffer) => void;
  #bytes = 0;

  constructor(source: Readable, cancelled: () => void) {
    this.#source = source;
    this.#onData = (chunk) => {
      if (chunk.includes(ctrlC)) {
        this.#chunks.length = 0;
        return cancelled();
      }
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
      if (this.#bytes > bytesMax) source.pause();
    };
    source.on('data', this.#onData);
  }

  /** Stops reading and gives what came. */
  take(): Buffer[] {
    this.#source.off('data', this.#onData);
    this.#source.pause();
    return this.#chunks;
  }
}
