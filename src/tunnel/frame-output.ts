// What one end of a link has to send, put together in one piece of memory and handed to the socket with one write: one TLS record for
// the frames of all streams, and no buffer for each frame. While one piece is with the socket the next one fills; both together are
// all that is sent ahead, so that what waits beyond stays in its stream and short answers overtake it. A TLS socket of Node's takes one
// write in each turn of the event loop, however short: while turns bring frames of several streams they leave at the turn's end.

import type { Socket } from 'node:net';
import { TurnGathering, turnIsEnding } from '../core/turn-gathering.ts';
import { dataHeaderBytes, writeDataHeader } from './frames.ts';

/** What was read of a socket at once, twice, with headers: eight whole TLS records (RFC 8446, 5.1). */
const slabBytes = 128 * 1024 + 64;
/** Pieces that nobody uses now, of all links of a thread: one that is idle has none. */
const sparesMax = 16;
const spares: Buffer[] = [];
/** Of a WebSocket frame up to 65,535 bytes: type, length, mask. */
const headerBytesMax = 8;
const payloadBytesMax = 65_535;
/** A data frame is not cut smaller than this to fill the end of a piece. */
const cutBytesMin = 1024;
/** More than this leaves at once: the other end has enough to do with it while the rest of the turn follows. */
const lateBytesMax = 32 * 1024;

const binary = 2;
const isLast = 0x80;

/** Of a data frame, with that of its WebSocket frame. */
export const frameHeaderBytesMax = headerBytesMax + dataHeaderBytes;

export class FrameOutput {
  readonly #raw: Socket;
  readonly #masks: boolean;
  readonly #drained: () => void;
  #slab: Buffer | null = null;
  #used = 0;
  #inFlight: Buffer | null = null;
  #isOver = false;
  readonly #gathering = new TurnGathering(() => this.flush());
  #flushesNext = false;

  /** `drained` is called when there is room again after something was sent. */
  constructor(raw: Socket, masks: boolean, drained: () => void) {
    this.#raw = raw;
    this.#masks = masks;
    this.#drained = drained;
  }

  /** Bytes of a data frame that may be put now: as many as are wanted, or a piece that is worth a frame; else 0. */
  room(wanted: number): number {
    const room = slabBytes - this.#used - headerBytesMax - dataHeaderBytes;
    return wanted <= room ? wanted : room < cutBytesMin ? 0 : room;
  }

  /** Puts a whole frame; false when there is no room for it. */
  put(frame: Buffer): boolean {
    if (frame.length + headerBytesMax > slabBytes - this.#used) return false;
    const slab = this.#begin(frame.length);
    this.#used += frame.copy(slab, this.#used);
    return true;
  }

  /** Begins a data frame of so many bytes, for which there is room. They follow by `append`. */
  begin(stream: number, count: number): void {
    const slab = this.#begin(dataHeaderBytes + count);
    writeDataHeader(slab, this.#used, stream);
    this.#used += dataHeaderBytes;
  }

  append(bytes: Uint8Array): void {
    if (this.#slab === null || this.#used + bytes.length > slabBytes) throw new Error('more bytes than there was room for');
    this.#slab.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  /** Hands what was put to the socket, or leaves it until the socket has sent what it holds. */
  flush(): void {
    const slab = this.#slab;
    if (slab === null || this.#inFlight !== null || this.#isOver || !this.#raw.writable) return;
    this.#slab = null;
    this.#inFlight = slab;
    const bytes = slab.subarray(0, this.#used);
    this.#used = 0;
    this.#raw.write(bytes, this.#sent);
  }

  /** As `flush`, at the end of the turn while turns bring several frames. */
  flushSoon(): void {
    if (turnIsEnding()) this.#flushNext();
    else if (this.#used > lateBytesMax || !this.#gathering.takes()) this.flush();
  }

  /** Nothing more comes in this turn but with what is going on now: releases that were told together. */
  #flushNext(): void {
    if (this.#flushesNext) return;
    this.#flushesNext = true;
    process.nextTick(() => {
      this.#flushesNext = false;
      this.flush();
    });
  }

  /** Sends the rest, and `last` after it; nothing can be put any more. */
  close(last: Buffer): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#slab !== null) this.#raw.write(this.#slab.subarray(0, this.#used));
    this.#raw.write(last);
  }

  /** A frame of its own memory, for what does not pass through `put`. */
  frame(opcode: number, payload: Buffer): Buffer {
    const bytes = Buffer.alloc(headerBytesMax + payload.length);
    const at = this.#header(bytes, 0, opcode, payload.length);
    return bytes.subarray(0, at + payload.copy(bytes, at));
  }

  #begin(count: number): Buffer {
    const slab = (this.#slab ??= spares.pop() ?? Buffer.allocUnsafeSlow(slabBytes));
    this.#used = this.#header(slab, this.#used, binary, count);
    return slab;
  }

  /** RFC 6455, 5.2. Gives where the payload begins. */
  #header(into: Buffer, from: number, opcode: number, count: number): number {
    if (count > payloadBytesMax) throw new Error(`a frame of ${count} bytes`);
    const mask = this.#masks ? 0x80 : 0;
    let at = from;
    into[at++] = isLast | opcode;
    if (count < 126) into[at++] = mask | count;
    else {
      into[at++] = mask | 126;
      into[at++] = count >>> 8;
      into[at++] = count & 0xff;
    }
    if (!this.#masks) return at;
    into.fill(0, at, at + 4);
    return at + 4;
  }

  readonly #sent = (error?: Error | null): void => {
    const slab = this.#inFlight;
    this.#inFlight = null;
    if (error != null || slab === null) return; // the socket is gone, and may still hold the memory
    if (spares.length < sparesMax) spares.push(slab);
    this.flush();
    this.#drained();
  };
}
