// One end of a WebSocket (RFC 6455) as the link needs it: whole messages in, frames out, one end. Own framing, because every frame of
// every session passes here and a library's streams and events were a third of an agent's CPU time. Clients mask with zeros, and
// neither end spends time on those: masking protects old proxies from scripts in browsers, and inside TLS there are neither.

import type { Socket } from 'node:net';
import { ChunkArrivals } from '../core/busy-poll.ts';
import { bytesPassed } from '../core/short-lived-memory.ts';
import { readIntoBuffer } from '../core/socket-buffer.ts';
import { FrameOutput } from './frame-output.ts';
import { frameBytesMax } from './limits.ts';
import { giveBack, takeBlock } from './memory.ts';

export interface WebSocketListener {
  /** The bytes are valid until this returns: what comes next is read over them. */
  message(bytes: Buffer): void;
  text(words: string): void;
  /** There is room again for what waits to be sent. */
  drained(): void;
  /** It is over, and `words` say why. */
  closed(words: string): void;
}

/** RFC 6455, 7.4.2: 4000 to 4999 are for private use. */
export const closeCode = {
  done: 1000,
  framing: 1002,
  size: 1009,
  protocol: 4400,
  refused: 4401,
  revoked: 4403,
  dead: 4408,
  replaced: 4409,
  stopping: 4503,
} as const;

const opcode = { more: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const closeWaitMs = 2_000;
const closeWordsBytesMax = 120;
/** RFC 6455, 5.5. */
const controlBytesMax = 125;
/** Frames that a message may be cut into: each costs more memory than a few bytes in it. Proxies cut at some kilobytes. */
const piecesMax = 256;
const nothing = Buffer.alloc(0);
/** As much as Node reads at once. One for all links of a thread: what was read is dealt with before the next is. */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

interface Header {
  readonly isLast: boolean;
  readonly opcode: number;
  readonly isMasked: boolean;
  readonly mask: number;
  readonly payloadBytes: number;
}

/** The other end broke RFC 6455. */
class FramingError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export class WebSocketEnd {
  readonly raw: Socket;
  readonly output: FrameOutput;
  readonly #isServer: boolean;
  #listener: WebSocketListener | null = null;
  /** Bytes that are not read yet: a header that is not whole, or what came while nobody listened. */
  #rest: Buffer = nothing;
  /** A message of which not everything has come, in a block. */
  #partial: { readonly header: Header; readonly block: Buffer; filled: number } | null = null;
  /** Pieces of a message that came in several frames (some proxies cut messages). */
  #fragments: { readonly opcode: number; readonly pieces: Buffer[]; bytes: number } | null = null;
  #isReading = false;
  #isBroken = false;
  #isClosing = false;
  #closedFor: string | null = null;
  #timer: NodeJS.Timeout | null = null;

  /** Nothing is read before somebody listens. `head` came with the upgrade. */
  constructor(raw: Socket, role: 'server' | 'client', head: Buffer) {
    this.raw = raw;
    this.#isServer = role === 'server';
    const early = raw.readableLength > 0 ? (raw.read() as Buffer | null) : null;
    this.#rest = early === null ? head : Buffer.concat([head, early]);
    this.output = new FrameOutput(raw, role === 'client', () => this.#listener?.drained());
    raw.setTimeout(0);
    raw.setNoDelay(true);
    const arrivals = new ChunkArrivals();
    const came = (chunk: Buffer): void => {
      this.#read(chunk);
      arrivals.came(chunk.length);
    };
    if (!readIntoBuffer(raw, readBuffer, (count) => came(readBuffer.subarray(0, count)))) {
      raw.on('data', (chunk: Buffer) => {
        came(chunk);
        bytesPassed(chunk.length);
      });
    }
    raw.on('end', () => raw.end());
    raw.on('error', () => {}); // ends in 'close'
    raw.on('close', () => this.#over());
    raw.pause();
  }

  get isOpen(): boolean {
    return !this.#isClosing && !this.raw.destroyed;
  }

  /** Hands everything that comes from now on to `listener`; with null, what comes is left in the socket. */
  listen(listener: WebSocketListener | null): void {
    this.#listener = listener;
    if (listener === null) return void this.raw.pause();
    if (this.raw.destroyed) return void queueMicrotask(() => this.#over());
    this.raw.resume();
    if (this.#rest.length > 0) this.#read(nothing);
  }

  sendText(words: string): void {
    if (this.isOpen) this.raw.write(this.output.frame(opcode.text, Buffer.from(words)));
  }

  /** Says why and closes; ends it by force when the other end does not answer. */
  close(code: number, words: string): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#closedFor ??= words;
    if (this.raw.destroyed) return;
    const said = Buffer.from(words).subarray(0, closeWordsBytesMax);
    const payload = Buffer.alloc(2 + said.length);
    payload.writeUInt16BE(code);
    said.copy(payload, 2);
    this.output.close(this.output.frame(opcode.close, payload));
    this.raw.resume(); // its answer is awaited, also when nobody listens
    this.#timer ??= setTimeout(() => this.raw.destroy(), closeWaitMs);
  }

  /** Ends it without a word. */
  terminate(): void {
    this.#isClosing = true;
    this.raw.destroy();
  }

  #over(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#isClosing = true;
    this.#tell();
  }

  /** Nothing that still comes is for anybody. */
  #tell(): void {
    const listener = this.#listener;
    this.#listener = null;
    listener?.closed(this.#closedFor ?? 'the connection was lost');
  }

  #read(chunk: Buffer): void {
    if (this.#isBroken) return; // where the next frame begins is not known
    if (this.#isReading) return void (this.#rest = Buffer.concat([this.#rest, chunk]));
    this.#isReading = true;
    try {
      this.#take(chunk);
    } catch (thrown) {
      if (!(thrown instanceof FramingError)) throw thrown;
      this.#isBroken = true;
      this.close(thrown.code, thrown.message);
      this.#tell();
    } finally {
      this.#isReading = false;
    }
  }

  #take(came: Buffer): void {
    let at = this.#partial === null ? 0 : this.#fill(came);
    let chunk = came;
    if (this.#rest.length > 0 && this.#partial === null) {
      chunk = Buffer.concat([this.#rest, came.subarray(at)]);
      at = 0;
      this.#rest = nothing;
    }
    while (at < chunk.length) {
      if (this.#listener === null && !this.#isClosing) break;
      const size = headerBytes(chunk, at);
      if (size === null || at + size > chunk.length) break;
      const header = this.#header(chunk, at, size);
      at += size;
      const end = at + header.payloadBytes;
      if (end > chunk.length) {
        this.#partial = { header, block: takeBlock(), filled: 0 };
        this.#fill(chunk.subarray(at));
        return;
      }
      const payload = chunk.subarray(at, end);
      at = end;
      this.#frame(header, payload);
    }
    if (at < chunk.length) this.#rest = Buffer.concat([chunk.subarray(at), this.#rest]);
  }

  /** Adds to the message that is not whole; gives how many bytes were its. */
  #fill(chunk: Buffer): number {
    const partial = this.#partial;
    if (partial === null) return 0;
    const { header, block, filled } = partial;
    const count = chunk.copy(block, filled, 0, header.payloadBytes - filled);
    partial.filled += count;
    if (partial.filled === header.payloadBytes) {
      this.#partial = null;
      this.#frame(header, block.subarray(0, partial.filled));
      giveBack(block);
    }
    return count;
  }

  #header(chunk: Buffer, at: number, size: number): Header {
    const [first = 0, second = 0] = [chunk[at], chunk[at + 1]];
    const isMasked = (second & 0x80) !== 0;
    const short = second & 0x7f;
    // A length of 8 bytes is never needed, and a larger message than its upper 4 could say is too large in any event.
    const payloadBytes =
      short < 126 ? short : short === 126 ? chunk.readUInt16BE(at + 2) : chunk.readUInt32BE(at + 2) * 2 ** 32 + chunk.readUInt32BE(at + 6);
    const kind = first & 0x0f;
    if ((first & 0x70) !== 0) throw new FramingError(closeCode.framing, 'reserved bits of a WebSocket frame are set');
    if (isMasked !== this.#isServer)
      throw new FramingError(closeCode.framing, 'a WebSocket frame whose mask is not as its sender has to set it');
    if (payloadBytes > frameBytesMax)
      throw new FramingError(closeCode.size, `a message of ${payloadBytes} bytes: max payload size exceeded`);
    const isLast = (first & 0x80) !== 0;
    if (kind >= opcode.close && (!isLast || payloadBytes > controlBytesMax))
      throw new FramingError(closeCode.framing, 'a WebSocket control frame that is cut or too long');
    return { isLast, opcode: kind, isMasked, mask: isMasked ? chunk.readUInt32BE(at + size - 4) : 0, payloadBytes };
  }

  #frame(header: Header, payload: Buffer): void {
    if (header.mask !== 0) unmask(payload, header.mask);
    if (header.opcode === opcode.binary && header.isLast && this.#fragments === null) return this.#listener?.message(payload);
    switch (header.opcode) {
      case opcode.text:
      case opcode.binary:
        if (this.#fragments !== null) throw new FramingError(closeCode.framing, 'a message begins before the one before it has ended');
        if (header.isLast) return this.#message(header.opcode, payload);
        this.#fragments = { opcode: header.opcode, pieces: [Buffer.from(payload)], bytes: payload.length };
        return;
      case opcode.more: {
        const begun = this.#fragments;
        if (begun === null) throw new FramingError(closeCode.framing, 'a message goes on that has not begun');
        begun.bytes += payload.length;
        // An empty piece costs memory and brings nothing.
        if (begun.bytes > frameBytesMax || begun.pieces.length >= piecesMax || (payload.length === 0 && !header.isLast))
          throw new FramingError(closeCode.size, 'a message in pieces: max payload size exceeded');
        begun.pieces.push(Buffer.from(payload));
        if (!header.isLast) return;
        this.#fragments = null;
        return this.#message(begun.opcode, Buffer.concat(begun.pieces));
      }
      case opcode.close:
        return this.#onClose(payload);
      case opcode.ping:
        // Own ends never send these; answering a flood of them would fill our memory.
        return this.#refuse('WebSocket pings are not part of this protocol');
      case opcode.pong:
        return;
      default:
        throw new FramingError(closeCode.framing, `a WebSocket frame of the unknown type ${header.opcode}`);
    }
  }

  #message(kind: number, payload: Buffer): void {
    if (kind === opcode.text) this.#listener?.text(payload.toString('utf8'));
    else this.#listener?.message(payload);
  }

  #refuse(words: string): void {
    this.close(closeCode.protocol, words);
    this.#tell();
  }

  #onClose(payload: Buffer): void {
    const code = payload.length >= 2 ? payload.readUInt16BE() : 1005;
    const said = payload.toString('utf8', 2).replace(/\p{C}/gu, '?');
    this.#closedFor ??= said === '' ? `closed (${code})` : said;
    if (!this.#isClosing) {
      this.#isClosing = true;
      this.output.close(this.output.frame(opcode.close, payload.subarray(0, 2)));
      this.#timer = setTimeout(() => this.raw.destroy(), closeWaitMs);
    }
    this.raw.end();
    this.#tell();
  }
}

/** Bytes of the frame header at `at`; null when too little has come to know. */
function headerBytes(chunk: Buffer, at: number): number | null {
  const second = chunk[at + 1];
  if (second === undefined) return null;
  const short = second & 0x7f;
  return 2 + (short < 126 ? 0 : short === 126 ? 2 : 8) + ((second & 0x80) === 0 ? 0 : 4);
}

/** RFC 6455, 5.3. */
function unmask(payload: Buffer, mask: number): void {
  for (let at = 0; at < payload.length; at += 1) payload[at] = (payload[at] ?? 0) ^ ((mask >>> (24 - 8 * (at & 3))) & 0xff);
}
