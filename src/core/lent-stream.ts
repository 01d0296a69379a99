// A connection with TLS that one user has after the other. Each has a stream of its own (chunk-reader.ts takes it over for the
// next one), and what an earlier user still does with its own touches the connection no more.

import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { leaveChunks, readChunks, takeOver, writeChunk } from './chunk-reader.ts';
import type { ChunkSource } from './chunk-reader.ts';
import { Fault } from './errors.ts';

type Written = (error?: Error | null) => void;

export class LentStream extends Duplex implements ChunkSource {
  readonly #socket: TLSSocket;
  readonly #onChunk: ((chunk: Buffer) => void) | null;
  #isTakenOver = false;

  /** Nobody else may use `socket` from now on. What comes goes to `onChunk` once the stream is resumed; until it has one nothing is read. */
  constructor(socket: TLSSocket, onChunk: ((chunk: Buffer) => void) | null = null) {
    super({ allowHalfOpen: true });
    this.#socket = socket.pause();
    this.#onChunk = onChunk;
    this.on('error', () => undefined); // ends in 'close'
    socket.on('error', this.#failed).on('close', this.#closed);
    if (onChunk !== null) readChunks(socket.on('end', this.#ended), onChunk);
  }

  get canBeTakenOver(): boolean {
    const socket = this.#socket;
    return this.#isQuiet && socket.readableLength === 0 && socket.writableLength === 0;
  }

  [takeOver](onChunk: (chunk: Buffer) => void): Duplex | null {
    if (!this.#isQuiet) return null;
    this.#isTakenOver = true;
    const socket = this.#socket.off('end', this.#ended).off('error', this.#failed).off('close', this.#closed);
    if (this.#onChunk !== null) leaveChunks(socket, this.#onChunk);
    const next = new LentStream(socket, onChunk);
    next.once('close', () => this.destroy());
    return next;
  }

  get #isQuiet(): boolean {
    const isOver = this.destroyed || this.#isTakenOver || this.writableEnded || this.readableEnded || this.#socket.readableEnded;
    return !isOver && this.writableLength === 0;
  }

  // ---- what comes ----

  readonly #ended = (): void => void this.push(null);
  readonly #failed = (error: Error): void => void this.destroy(error);
  readonly #closed = (): void => void this.destroy();

  override _read(): void {
    // Nothing but the end is read this way.
  }

  override resume(): this {
    if (!this.#isTakenOver) this.#socket.resume();
    return super.resume();
  }

  override pause(): this {
    if (!this.#isTakenOver) this.#socket.pause();
    return super.pause();
  }

  // ---- what goes ----

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Written): void {
    if (this.#isTakenOver) done(new Fault('target-lost', "the connection is somebody else's by now"));
    else writeChunk(this.#socket, chunk, done);
  }

  override _final(done: Written): void {
    if (this.#isTakenOver) done();
    else this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: Written): void {
    if (!this.#isTakenOver) this.#socket.destroy();
    done(error);
  }
}
