// A byte stream between two threads over a MessagePort, as a Duplex with half-close. Each end may send a window of bytes that the other
// has not read yet; what was read is granted again, so a reader that stands still bounds the memory of both. It knows nothing of what
// the bytes are.

import { Duplex } from 'node:stream';
import type { MessagePort } from 'node:worker_threads';
import { takeOver } from '../core/chunk-reader.ts';
import type { ChunkSource } from '../core/chunk-reader.ts';
import { Fault } from '../core/errors.ts';
import { bytesPassed } from '../core/short-lived-memory.ts';
import { receivedFault, sentFault } from './calls.ts';
import type { SentFault } from './calls.ts';

/** Sent and not read by the other end. A grant comes back in well under a millisecond: gigabytes a second. */
export const windowBytes = 256 * 1024;
const bufferedBytes = 64 * 1024;
/** When both directions have ended at the other end, what was sent last may take the stream that is carried so long. */
const lingerMsMax = 30_000;

type Message =
  /** Bytes, moved and not copied. */
  | Uint8Array
  /** So many bytes more may be sent. */
  | number
  /** Nothing more comes. */
  | 'end'
  /** Given up in both directions. */
  | { readonly fault: SentFault };

export class PortStream extends Duplex implements ChunkSource {
  readonly #port: MessagePort;
  /** The stream that the connection began as: it closes with the last one. */
  readonly #first: PortStream;
  #isTakenOver = false;

  #sendCredit = windowBytes;
  #toSend: Buffer[] = [];
  #toSendBytes = 0;
  #written: ((error?: Error) => void) | null = null;
  #sentEnd = false;

  readonly #received: Uint8Array[] = [];
  #receivedEnd = false;
  #wanted = false;
  /** Read since the last grant. */
  #readBytes = 0;

  readonly #onMessage = (message: Message): void => this.#receive(message);
  readonly #onMessageError = (error: Error): void => void this.destroy(error);
  readonly #onClose = (): void => this.#lost();

  /** Takes `port` over; it closes with the stream. `before`: the stream that used it until now, which is quiet. */
  constructor(port: MessagePort, before: PortStream | null = null) {
    super({ allowHalfOpen: true, readableHighWaterMark: bufferedBytes, writableHighWaterMark: bufferedBytes });
    this.#port = port;
    this.#first = before === null ? this : before.#first;
    if (before !== null) {
      this.#sendCredit = before.#sendCredit;
      this.#received.push(...before.#received.splice(0));
      this.#readBytes = before.#readBytes;
    }
    // A stream may fail before anybody listens; whoever uses it hears of it by 'close' as well.
    this.on('error', () => undefined);
    port.on('message', this.#onMessage).on('messageerror', this.#onMessageError).on('close', this.#onClose);
  }

  get canBeTakenOver(): boolean {
    return this.#isQuiet && this.readableLength === 0 && this.#received.length === 0;
  }

  [takeOver](onChunk: (chunk: Buffer) => void): Duplex | null {
    if (!this.#isQuiet) return null;
    const waiting = this.read() as Buffer | null;
    this.#isTakenOver = true;
    const next = new PortStream(this.#port, this);
    this.#port.off('message', this.#onMessage).off('messageerror', this.#onMessageError).off('close', this.#onClose);
    if (waiting !== null) next.unshift(waiting);
    next.pause().on('data', (chunk: Buffer) => {
      bytesPassed(chunk.length);
      onChunk(chunk);
    });
    return next;
  }

  /** Nothing is being written, and neither direction is over. */
  get #isQuiet(): boolean {
    if (this.destroyed || this.#isTakenOver || this.writableEnded || this.#receivedEnd) return false;
    return this.writableLength === 0 && this.#toSendBytes === 0;
  }

  override _read(): void {
    if (this.#isTakenOver) return;
    this.#wanted = true;
    this.#deliver();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.#take([chunk], done);
  }

  override _writev(chunks: { readonly chunk: Buffer }[], done: (error?: Error) => void): void {
    this.#take(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  override _final(done: () => void): void {
    this.#sentEnd = true;
    this.#post('end');
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#isTakenOver) return void done(error);
    if (this.#first !== this) this.#first.destroy();
    const fault = error ?? new Fault('target-lost', 'the stream was closed by the other end');
    const isOver = this.#sentEnd && this.#receivedEnd;
    if (!isOver) this.#post({ fault: sentFault(fault) });
    this.#port.close(); // behind what was posted
    this.#toSend = [];
    this.#received.length = 0;
    const written = this.#written;
    this.#written = null;
    written?.(fault); // not all of it went
    done(error);
  }

  #receive(message: Message): void {
    if (this.destroyed) return;
    if (typeof message === 'number') {
      this.#sendCredit += message;
      this.#send();
    } else if (message === 'end') {
      this.#receivedEnd = true;
      this.#deliver();
    } else if (message instanceof Uint8Array) {
      this.#received.push(message);
      this.#deliver();
    } else {
      this.destroy(receivedFault(message.fault));
    }
  }

  /** The other end's thread is gone, or its end of the stream is over; that was said before, then. */
  #lost(): void {
    if (this.#receivedEnd && this.#sentEnd) return;
    this.destroy(new Fault('target-lost', 'the thread at the other end of the stream is gone'));
  }

  #take(chunks: readonly Buffer[], done: (error?: Error) => void): void {
    for (const chunk of chunks) {
      if (chunk.length === 0) continue;
      this.#toSend.push(chunk);
      this.#toSendBytes += chunk.length;
    }
    this.#written = done;
    this.#send();
  }

  /** Sends what credit allows, in one message: a copy, because the memory of a chunk is its writer's, who may use it again. */
  #send(): void {
    const count = Math.min(this.#toSendBytes, this.#sendCredit);
    if (count > 0) {
      const bytes = this.#cut(count);
      this.#sendCredit -= count;
      this.#toSendBytes -= count;
      this.#port.postMessage(bytes, [bytes.buffer as ArrayBuffer]);
    }
    if (this.#toSendBytes > 0) return;
    const done = this.#written;
    this.#written = null;
    done?.();
  }

  #cut(count: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(count);
    let filled = 0;
    while (filled < count) {
      const chunk = this.#toSend[0] as Buffer;
      const part = Math.min(chunk.length, count - filled);
      bytes.set(part === chunk.length ? chunk : chunk.subarray(0, part), filled);
      filled += part;
      if (part === chunk.length) this.#toSend.shift();
      else this.#toSend[0] = chunk.subarray(part);
    }
    return bytes;
  }

  #deliver(): void {
    while (this.#wanted && this.#received.length > 0) {
      const { buffer, byteOffset, length } = this.#received.shift() as Uint8Array;
      this.#wanted = this.push(Buffer.from(buffer, byteOffset, length));
      this.#readBytes += length;
    }
    if (this.#receivedEnd) {
      if (this.#received.length === 0) this.push(null);
    } else if (this.#readBytes >= windowBytes / 2) {
      this.#post(this.#readBytes);
      this.#readBytes = 0;
    }
  }

  #post(message: Exclude<Message, Uint8Array>): void {
    this.#port.postMessage(message);
  }
}

/**
 * Carries a stream of this thread to the other end of `port`, until both directions have ended or either stream is given up. Ends in
 * order stay ends in order: what was sent before one arrives.
 */
export function carry(stream: Duplex, port: MessagePort, lingerMs: number = lingerMsMax): PortStream {
  const carried = new PortStream(port);
  let fault: Error | null = null;
  const closed = (): void => {
    const giveUp = (): void => void carried.destroy(fault ?? new Fault('target-lost', 'the stream was closed by the other end'));
    // What came before its end is still being sent. When all of it was, and the other direction is over too, nothing is given up.
    if (stream.readableEnded && !carried.writableFinished) carried.once('finish', giveUp);
    else giveUp();
  };
  stream.on('error', (error: Error) => (fault = error));
  stream.once('close', closed);
  if (stream.closed) closed();
  carried.once('close', () => {
    if (!carried.readableEnded || !carried.writableFinished) return void stream.destroy();
    if (stream.destroyed) return;
    const timer = setTimeout(() => stream.destroy(), lingerMs).unref();
    stream.once('close', () => clearTimeout(timer));
  });
  stream.pipe(carried);
  carried.pipe(stream);
  return carried;
}
