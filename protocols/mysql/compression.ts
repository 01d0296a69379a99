// The compressed protocol towards a client, as a stream around its socket: inside are the same packets as without. Headers
// count for themselves from each command on; what they promise is a limit, so that no small packet becomes a large one.
// (Client/server protocol: "Compression", compressed packet header.)

import { Duplex } from 'node:stream';
import { constants, deflateSync, inflateSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { Fault, messageOf } from '../../src/core/errors.ts';
import { noRoom, type ReadingShare } from '../../src/core/reading.ts';
import { framed } from './codec.ts';
import { err } from './messages.ts';

export type CompressionMethod = { readonly kind: 'zlib' } | { readonly kind: 'zstd'; readonly level: number };

const headBytes = 7;
/** Shorter payloads go as they are, as servers do (MIN_COMPRESS_LENGTH). */
const compressedFromBytes = 50;
/** Payload of one compressed packet to a client: small enough that one of them never stops the other sessions for long. */
const outBytesMax = 256 * 1024;

/** A socket as far as a session needs it; `destroySoon` sends what was written and closes. */
export type ClientStream = Duplex & { destroySoon(): void };

export class CompressedStream extends Duplex {
  readonly #socket: ClientStream;
  readonly #method: CompressionMethod;
  readonly #reading: ReadingShare;
  #chunks: Buffer[] = [];
  #size = 0;
  #sequence = 0;
  #wanted = false;
  #ending = false;

  /** `reading` counts what has come and was not unpacked yet. What one header promises the format itself ends at 16 MB. */
  constructor(socket: ClientStream, method: CompressionMethod, reading: ReadingShare) {
    // Not destroyed by itself when both sides have ended: the last bytes may still be in the socket.
    super({ allowHalfOpen: true, autoDestroy: false });
    this.#socket = socket;
    this.#method = method;
    this.#reading = reading;
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('end', () => {
      this.#ending = true;
      this.#deliver();
    });
    socket.on('error', (why: Error) => this.destroy(why));
    socket.on('close', () => this.destroy());
  }

  destroySoon(): void {
    if (this.destroyed) return;
    this.end(() => this.#socket.destroySoon());
  }

  override _read(): void {
    this.#wanted = true;
    this.#deliver();
    if (this.#wanted) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    let flowing = true;
    for (let at = 0; at < chunk.length; at += outBytesMax) flowing = this.#socket.write(this.#packed(chunk.subarray(at, at + outBytesMax)));
    if (flowing || this.#socket.destroyed) done();
    else this.#socket.once('drain', () => done());
  }

  override _final(done: () => void): void {
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#chunks = [];
    this.#reading.hold(0);
    this.#socket.destroy();
    done(error);
  }

  #packed(payload: Buffer): Buffer {
    const head = Buffer.alloc(headBytes);
    const packed = payload.length < compressedFromBytes ? null : this.#compress(payload);
    const body = packed !== null && packed.length < payload.length ? packed : payload;
    head.writeUIntLE(body.length, 0, 3);
    head[3] = this.#sequence;
    this.#sequence = (this.#sequence + 1) & 0xff;
    head.writeUIntLE(body === payload ? 0 : payload.length, 4, 3);
    return Buffer.concat([head, body]);
  }

  #compress(payload: Buffer): Buffer {
    switch (this.#method.kind) {
      case 'zlib':
        return deflateSync(payload, { level: 1 });
      case 'zstd':
        return zstdCompressSync(payload, { params: { [constants.ZSTD_c_compressionLevel]: this.#method.level } });
    }
  }

  #received(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    this.#deliver();
    if (!this.#wanted) this.#socket.pause();
  }

  /** Unpacks one packet at a time, and only as long as somebody reads. */
  #deliver(): void {
    try {
      while (this.#wanted) {
        const payload = this.#next();
        if (payload === null) break;
        if (payload.length > 0) this.#wanted = this.push(payload);
      }
      if (!this.#reading.hold(this.#size)) throw noRoom();
    } catch (thrown) {
      return this.#refuse(thrown);
    }
    if (this.#ending && this.#wanted) this.push(null);
  }

  /** ER_NET_UNCOMPRESS_ERROR or ER_NET_PACKET_TOO_LARGE, and the end: nothing behind bytes that can't be read is looked at. */
  #refuse(why: unknown): void {
    const number = why instanceof Fault && why.code === 'message-too-large' ? 1153 : 1157;
    this.#wanted = false;
    this.#chunks = [];
    this.#size = 0;
    this.#reading.hold(0);
    this.#socket.removeAllListeners('data').resume();
    this.#socket.write(this.#packed(framed(err(number, '08S01', `the compressed packets can't be read: ${messageOf(why)}`), 1)));
    this.#socket.destroySoon();
  }

  #next(): Buffer | null {
    if (this.#size < headBytes) return null;
    const head = this.#peek(headBytes);
    const bodyBytes = head.readUIntLE(0, 3);
    const payloadBytes = head.readUIntLE(4, 3);
    if (this.#size < headBytes + bodyBytes) return null;
    // Each command of a client begins at 0; the answer goes on where it ended.
    const sequence = head[3] as number;
    if (sequence !== 0 && sequence !== this.#sequence)
      throw new Fault('protocol-violation', `compressed packets out of order: number ${sequence} instead of ${this.#sequence}`);
    this.#sequence = (sequence + 1) & 0xff;
    const body = this.#peek(headBytes + bodyBytes).subarray(headBytes, headBytes + bodyBytes);
    this.#drop(headBytes + bodyBytes);
    if (payloadBytes === 0) return body;
    const payload = this.#expand(body, payloadBytes);
    if (payload.length !== payloadBytes) throw new Fault('protocol-violation', 'a compressed packet of another length than it says');
    return payload;
  }

  #expand(body: Buffer, payloadBytes: number): Buffer {
    switch (this.#method.kind) {
      case 'zlib':
        return inflateSync(body, { maxOutputLength: payloadBytes });
      case 'zstd':
        return zstdDecompressSync(body, { maxOutputLength: payloadBytes });
    }
  }

  #peek(count: number): Buffer {
    const first = this.#chunks[0] as Buffer;
    if (first.length >= count) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }

  #drop(count: number): void {
    const first = this.#chunks[0] as Buffer;
    this.#size -= count;
    this.#chunks[0] = first.subarray(count);
    if (this.#chunks[0].length === 0) this.#chunks.shift();
  }
}
