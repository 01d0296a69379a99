// Walks the target's answer to one command by packet headers: whole chunks are handed on, only the packets that say how it
// ends are looked at (answer.ts). Knows bytes and chunks; knows nothing of policies or sockets.

import { Answer } from './answer.ts';
import { framed, fullPacketBytes, headerBytes } from './codec.ts';
import { unasked } from './target-farewell.ts';
import { HeldPacket } from './held-packet.ts';
import { ReplyOutput } from './reply-output.ts';
import { dropped, plainTerms, type ReplyOptions, type ReplyShape, type ReplySink, type ReplyTerms } from './reply-sink.ts';

export class Replies {
  readonly #answer: Answer;
  readonly #output = new ReplyOutput();
  /** Rows that are let through; null: all. */
  #rowsMax: number | null = null;
  readonly #held = new HeldPacket();
  /** Bytes of a packet that are passed without a look. */
  #skip = 0;
  /** The next packet continues the last one. */
  #continued = false;
  #passedAll = false;

  constructor(options: ReplyOptions) {
    this.#answer = new Answer(options);
  }

  /** A command was sent; its answer is next. */
  begin(shape: ReplyShape, terms: ReplyTerms = plainTerms): void {
    this.#rowsMax = terms.rowsMax;
    this.#answer.begin(shape, terms);
    this.#output.begin(terms.shift, terms.from);
  }

  /** From the next packet on nothing is forwarded; the answer is walked to its end. */
  silence(): void {
    this.#output.silence();
  }

  /** True while an answer is under way. */
  get isOpen(): boolean {
    return this.#answer.isOpen;
  }

  /** True in the middle of a packet, where nothing else may be written to the client. */
  get isMidPacket(): boolean {
    return this.#skip > 0 || !this.#held.isEmpty;
  }

  /** Rows seen in this answer. */
  get rows(): number {
    return this.#answer.rows;
  }

  /** Sequence number after the last packet, as the client counts. */
  get nextSequence(): number {
    return this.#output.nextSequence;
  }

  /** The same, as the target counts. */
  get targetSequence(): number {
    return this.#output.targetSequence;
  }

  /** The last chunk went by whole, and nothing of it is kept. */
  get passedAll(): boolean {
    return this.#passedAll;
  }

  /** Nothing more of the answer is forwarded. */
  get isSilent(): boolean {
    return this.#output.isSilent;
  }

  /** Packets that the client has got more (or fewer) than the target sent. */
  get shift(): number {
    return this.#output.shift;
  }

  /** The client's file has been sent up to this number: the answer goes on. */
  fileSent(sequence: number): void {
    this.#answer.fileSent();
    this.#output.continueFrom(sequence);
  }

  walk(chunk: Buffer, sink: ReplySink): void {
    const answer = this.#answer;
    this.#passedAll = this.#held.isEmpty && answer.isInRows;
    const bytes = this.#held.isEmpty ? chunk : this.#held.joined(chunk);
    if (bytes === null) return;
    let neededBytes = 0;
    let from = 0;
    let at = Math.min(this.#skip, bytes.length);
    this.#skip -= at;
    while (at < bytes.length) {
      if (answer.isInRows && !this.#continued && this.#passesRows(sink)) {
        at = this.#passRows(bytes, at);
        if (at === bytes.length) break;
      }
      if (!answer.isOpen && unasked(bytes, at) === null) break;
      if (bytes.length - at < headerBytes) break;
      const length = bytes.readUIntLE(at, 3);
      const payloadAt = at + headerBytes;
      const end = payloadAt + length;
      if (length > 0 && payloadAt >= bytes.length) break; // its first byte decides
      const first = bytes[payloadAt] ?? 0;
      const continues = this.#continued;
      if (!continues && this.#output.silences(this.#isBeyond(first, length, sink), answer.isDone(bytes[payloadAt]))) {
        if (at > from) sink.forward(bytes.subarray(from, at));
        from = at;
      }
      if (!continues && answer.isInspected(first, length, sink)) {
        this.#passedAll = false;
        if (end > bytes.length) {
          neededBytes = end - at;
          break;
        }
        if (at > from) this.#forward(bytes.subarray(from, at), sink);
        this.#inspect(bytes, at, end, sink);
        from = end;
      } else {
        this.#output.number(bytes, at);
        if (!continues) answer.passed();
        this.#skip = Math.max(end - bytes.length, 0);
      }
      this.#continued = length === fullPacketBytes;
      at = Math.min(end, bytes.length);
    }
    if (at > from) this.#forward(bytes.subarray(from, at), sink);
    if (at === bytes.length) return;
    this.#held.keep(bytes.subarray(at), neededBytes);
    this.#passedAll = false;
  }

  /** The whole packet at `at`, whose header is numbered and whose place may be taken by another or none. */
  #inspect(bytes: Buffer, at: number, end: number, sink: ReplySink): void {
    this.#output.number(bytes, at);
    const replacement = this.#answer.inspect(bytes.subarray(at + headerBytes, end), sink);
    if (replacement === dropped) this.#output.drop();
    else this.#forward(replacement === null ? bytes.subarray(at, end) : framed(replacement, bytes[at + 3] as number), sink);
    const ending = this.#answer.takeEnding();
    if (ending !== null) sink.end(ending);
  }

  /** Rows are only counted now. */
  #passesRows(sink: ReplySink): boolean {
    return this.#rowsMax === null && this.#output.passes && !sink.masksRows && !sink.gathersRows;
  }

  /** Walks past rows that are there whole; gives the place of the first packet that may be anything else. */
  #passRows(bytes: Buffer, from: number): number {
    const last = bytes.length - headerBytes - 1;
    let rows = 0;
    let sequence = 0;
    let at = from;
    while (at <= last) {
      const length = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
      const end = at + headerBytes + length;
      if (length === 0 || length === fullPacketBytes || end > bytes.length || (bytes[at + headerBytes] as number) >= 0xfe) break;
      sequence = bytes[at + 3] as number;
      rows += 1;
      at = end;
    }
    if (rows > 0) this.#output.passed(sequence);
    this.#answer.passedRows(rows);
    return at;
  }

  #forward(bytes: Buffer, sink: ReplySink): void {
    if (!this.#output.isSilent) sink.forward(bytes);
  }

  /** A row that is one too many. */
  #isBeyond(first: number, length: number, sink: ReplySink): boolean {
    if (this.#rowsMax === null || !this.#answer.isBeyond(this.#rowsMax, first, length)) return false;
    if (!this.#output.isSilent) sink.rowsMet();
    return true;
  }
}
