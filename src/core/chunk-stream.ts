// A connection that is read in chunks (chunk-reader.ts), as a stream again: for whoever reads messages of a sign-in from it.

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { readChunks } from './chunk-reader.ts';

export class ChunkStream extends Duplex {
  readonly #socket: Duplex & Pick<Socket, 'destroySoon'>;

  /** Takes `socket` over, which nobody reads from now on; what is written here goes to it. */
  constructor(socket: Duplex & Pick<Socket, 'destroySoon'>) {
    // Not destroyed by itself when both sides have ended: the last bytes may still be in the socket.
    super({ allowHalfOpen: true, autoDestroy: false });
    this.#socket = readChunks(socket, (chunk) => void (this.push(chunk) || this.#socket.pause()));
    this.#socket.on('end', () => this.push(null));
    this.#socket.on('error', (why: Error) => this.destroy(why));
    this.#socket.on('close', () => this.destroy());
  }

  /** Sends what was written, and closes. */
  destroySoon(): void {
    if (!this.destroyed) this.end(() => this.#socket.destroySoon());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.#socket.write(chunk) || this.#socket.destroyed) done();
    else this.#socket.once('drain', () => done());
  }

  override _final(done: () => void): void {
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
