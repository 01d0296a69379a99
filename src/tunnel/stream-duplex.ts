// A stream of a link as a Duplex, for drivers. One that is taken over (core/chunk-reader.ts) hands what comes to a function as it
// comes, and lets Node's queues alone where nothing waits: what passes through a session several thousand times a second touches as
// little as possible.

import { Duplex } from 'node:stream';
import { ownChunk, takeOver } from '../core/chunk-reader.ts';
import type { ChunkSource } from '../core/chunk-reader.ts';
import type { Fault } from '../core/errors.ts';
import { bytesPassed } from '../core/short-lived-memory.ts';
import type { StreamUser, TunnelStream } from './stream.ts';

type Written = (error?: Error | null) => void;

const bufferedBytes = 64 * 1024;

export class StreamDuplex extends Duplex implements StreamUser, ChunkSource {
  readonly #stream: TunnelStream;
  readonly #onChunk: ((chunk: Buffer) => void) | null;
  readonly #isInPlace: boolean;
  /** The Duplex that the connection began as: it closes with the last one. */
  readonly #first: Duplex;
  #written: Written | null = null;
  #isTakenOver = false;

  /** `onChunk` is given chunks of its own, or, by `isInPlace`, what is valid until it returns. */
  constructor(
    stream: TunnelStream,
    onChunk: ((chunk: Buffer) => void) | null = null,
    first: Duplex | null = null,
    isInPlace: boolean = false,
  ) {
    super({ allowHalfOpen: true, readableHighWaterMark: bufferedBytes, writableHighWaterMark: bufferedBytes });
    this.#stream = stream;
    this.#onChunk = onChunk;
    this.#isInPlace = isInPlace;
    this.#first = first ?? this;
    // A stream may fail before anybody listens; whoever uses it hears of it by 'close' as well.
    this.on('error', () => {});
    stream.use(this);
  }

  // ---- taking over ----

  get canBeTakenOver(): boolean {
    return !this.destroyed && !this.#isTakenOver && !this.writableEnded && this.writableLength === 0 && this.#stream.isQuiet;
  }

  [takeOver](onChunk: (chunk: Buffer) => void, isInPlace = false): Duplex | null {
    if (this.destroyed || this.#isTakenOver || this.writableEnded || this.writableLength > 0) return null;
    const waiting = this.read() as Buffer | null;
    this.#isTakenOver = true;
    if (waiting !== null) this.#stream.putBack(waiting);
    return new StreamDuplex(this.#stream, onChunk, this.#first, isInPlace);
  }

  // ---- what comes ----

  bytes(chunk: Buffer): void {
    if (this.destroyed) return;
    if (this.#onChunk !== null) return this.#onChunk(this.#isInPlace ? chunk : ownChunk(chunk));
    bytesPassed(chunk.length);
    if (!this.push(Buffer.from(chunk))) this.#stream.hold();
  }

  ended(): void {
    if (!this.destroyed) this.push(null);
  }

  failed(fault: Fault | null): void {
    this.#written = null;
    if (!this.destroyed) this.destroy(fault ?? undefined);
  }

  override _read(): void {
    if (this.#onChunk === null && !this.#isTakenOver) this.#stream.flow();
  }

  override resume(): this {
    super.resume();
    if (this.#onChunk !== null && !this.#isTakenOver) this.#stream.flow();
    return this;
  }

  override pause(): this {
    if (this.#onChunk !== null && !this.#isTakenOver) this.#stream.hold();
    return super.pause();
  }

  // ---- what goes ----

  override write(chunk: unknown, encoding?: BufferEncoding | Written, written?: Written): boolean {
    if (encoding === undefined && this.#goesAsItIs(chunk) && this.#stream.sendWhole(chunk)) return true;
    return super.write(chunk, encoding as BufferEncoding, written);
  }

  #goesAsItIs(chunk: unknown): chunk is Uint8Array {
    if (!(chunk instanceof Uint8Array) || this.destroyed || this.#isTakenOver) return false;
    return this.writableLength === 0 && !this.writableEnded && this.writableCorked === 0;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Written): void {
    if (this.#stream.send(chunk, false)) done();
    else this.#written = done;
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: Written): void {
    let isSent = true;
    for (const { chunk } of chunks) isSent = this.#stream.send(chunk, false);
    if (isSent) done();
    else this.#written = done;
  }

  drained(): void {
    const done = this.#written;
    this.#written = null;
    done?.();
  }

  override _final(done: Written): void {
    this.#stream.finish(done);
  }

  override _destroy(error: Error | null, done: Written): void {
    if (!this.#isTakenOver) this.#stream.reset('aborted', error === null ? 'closed' : 'failed');
    if (this.#first !== this) this.#first.destroy();
    done(error);
  }
}
