// Recognises the two commonest chunks of the protocol by their bytes: a client's whole command that runs something, and the plain
// answer to it. Reads lengths and first bytes only, and says no to whatever is not exactly that.
// (Client/server protocol: "COM_QUERY Response", "Binary Protocol Resultset".)

import { fullPacketBytes, headerBytes } from './codec.ts';
import { status } from './messages.ts';
import type { ReplyOptions } from './reply-sink.ts';

/** True when the chunk is one packet, the first of a command, with this first byte. */
export function isWholeCommand(chunk: Buffer): boolean {
  const { length } = chunk;
  return length > headerBytes && length < fullPacketBytes && lengthAt(chunk, 0) === length - headerBytes && chunk[3] === 0;
}

/** Length of the packet whose header is at `at`; NaN when the header is not there. */
function lengthAt(bytes: Buffer, at: number): number {
  return at + headerBytes > bytes.length
    ? NaN
    : (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
}

/** Answers with these have more to them: another result, changes of the session, rows that come when they are asked for. */
const notPlain = status.moreResults | status.sessionStateChanged | status.cursorExists;

export interface AnswerOptions extends ReplyOptions {
  readonly clientTracks: boolean;
}

/** One result set with all its rows, or one OK, in a chunk of its own, that the client reads just as the target wrote it. */
export class PlainAnswers {
  readonly #options: AnswerOptions;
  readonly #passesResults: boolean;
  /** What the last plain answer said. */
  rows = 0;
  statusFlags = 0;

  constructor(options: AnswerOptions) {
    const { deprecatesEof, clientDeprecatesEof, cachesMetadata, clientCachesMetadata, extendsMetadata, clientExtendsMetadata } = options;
    this.#options = options;
    this.#passesResults =
      deprecatesEof === clientDeprecatesEof && cachesMetadata === clientCachesMetadata && extendsMetadata === clientExtendsMetadata;
  }

  /** False for everything else: errors, files, an answer in several chunks. `isPrepared`: of a prepared statement. */
  read(chunk: Buffer, isPrepared: boolean): boolean {
    const length = lengthAt(chunk, 0);
    if (chunk.length <= headerBytes || !(length > 0)) return false;
    if (chunk[headerBytes] === 0x00) return this.#ok(chunk, headerBytes, length, true);
    return this.#passesResults && this.#result(chunk, length, isPrepared);
  }

  #result(chunk: Buffer, headLength: number, isPrepared: boolean): boolean {
    const { cachesMetadata, deprecatesEof } = this.#options;
    const columns = chunk[headerBytes] as number;
    if (columns === 0 || columns > 0xfa || headLength !== (cachesMetadata ? 2 : 1)) return false;
    const follow = !cachesMetadata || chunk[headerBytes + 1] !== 0;
    // The machine takes note of definitions that a prepared statement has got anew.
    if (cachesMetadata && follow && isPrepared) return false;
    let at = headerBytes + headLength;
    if (follow) {
      for (let left = columns; left > 0; left -= 1) {
        const length = lengthAt(chunk, at);
        if (!(length < fullPacketBytes)) return false;
        at += headerBytes + length;
      }
    }
    if (!deprecatesEof) {
      if (!isEof(chunk, at) || (flagsOfEof(chunk, at) & notPlain) !== 0) return false;
      at += headerBytes + eofBytes;
    }
    return this.#rows(chunk, at);
  }

  #rows(chunk: Buffer, from: number): boolean {
    const { deprecatesEof } = this.#options;
    let rows = 0;
    for (let at = from; ; rows += 1) {
      const length = lengthAt(chunk, at);
      if (!(length > 0 && length < fullPacketBytes) || at + headerBytes >= chunk.length) return false;
      const first = chunk[at + headerBytes] as number;
      if (first === 0xff) return false;
      if (first === 0xfe && (deprecatesEof || length < shortBytes)) {
        const isPlain = deprecatesEof ? this.#ok(chunk, at + headerBytes, length, false) : this.#eof(chunk, at);
        this.rows = rows;
        return isPlain;
      }
      at += headerBytes + length;
    }
  }

  #eof(chunk: Buffer, at: number): boolean {
    if (!isEof(chunk, at) || at + headerBytes + eofBytes !== chunk.length) return false;
    this.statusFlags = flagsOfEof(chunk, at);
    return (this.statusFlags & notPlain) === 0;
  }

  /** OK up to the end of the chunk: changed rows, insert id, status flags, warnings, words. */
  #ok(chunk: Buffer, payloadAt: number, length: number, countsRows: boolean): boolean {
    if (payloadAt + length !== chunk.length) return false;
    let at = payloadAt + 1;
    for (let field = 0; field < 2; field += 1) {
      const bytes = lenencBytes(chunk[at]);
      if (bytes === 0 || at + bytes > chunk.length) return false;
      if (field === 0 && countsRows) this.rows = lenencAt(chunk, at, bytes);
      at += bytes;
    }
    if (at + 4 > chunk.length) return false;
    this.statusFlags = chunk.readUInt16LE(at);
    if ((this.statusFlags & notPlain) !== 0) return false;
    at += 4;
    if (at === chunk.length || !this.#options.tracks) return true;
    // Behind words that end before the packet does, changes may follow; clients without tracking are sent the packet anew.
    return this.#options.clientTracks && (chunk[at] as number) < 0xfb && at + 1 + (chunk[at] as number) === chunk.length;
  }
}

const eofBytes = 5;
/** A row that begins with 0xfe is longer: there, it is the first byte of a length. */
const shortBytes = 9;

function isEof(chunk: Buffer, at: number): boolean {
  return lengthAt(chunk, at) === eofBytes && at + headerBytes + eofBytes <= chunk.length && chunk[at + headerBytes] === 0xfe;
}

/** Behind the first byte: warnings, status flags. */
function flagsOfEof(chunk: Buffer, at: number): number {
  return chunk.readUInt16LE(at + headerBytes + 3);
}

/** Bytes of a length-encoded integer that begins with this one; 0: it is none. */
function lenencBytes(first: number | undefined): number {
  if (first === undefined || first === 0xfb || first === 0xff) return 0;
  if (first < 0xfb) return 1;
  return first === 0xfc ? 3 : first === 0xfd ? 4 : 9;
}

function lenencAt(chunk: Buffer, at: number, bytes: number): number {
  switch (bytes) {
    case 1:
      return chunk[at] as number;
    case 9:
      return Number(chunk.readBigUInt64LE(at + 1));
    default:
      return chunk.readUIntLE(at + 1, bytes - 1);
  }
}
