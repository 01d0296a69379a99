// Walks the target's answer to one command by packet headers: whole chunks are handed on, only the packets that say how it
// ends are looked at. Knows every shape of answer; knows nothing of policies or sockets.

import { Fault } from '../../src/core/errors.ts';
import { framed, fullPacketBytes, headerBytes } from './codec.ts';
import { BodyReader } from './body-reader.ts';
import { ok, progressNumber, readEof, readErr, readOk, status } from './messages.ts';
import { ReplyOutput } from './reply-output.ts';
import { dropped, plainTerms, type ReplyEnd, type ReplyOptions, type ReplyShape, type ReplySink, type ReplyTerms } from './reply-sink.ts';

type Phase = 'first' | 'columns' | 'columns-end' | 'rows' | 'parameters' | 'parameters-end' | 'field-list' | 'local-file' | 'idle';

/** Packets that must be read whole: OK with session changes, ERR, names of files. */
const inspectedBytesMax = 1024 * 1024;

export class Replies {
  readonly #options: ReplyOptions;
  #phase: Phase = 'idle';
  #shape: ReplyShape = 'ok';
  #left = 0;
  #columns = 0;
  #rows = 0;
  #hadRows = false;
  readonly #output = new ReplyOutput();
  #terms = plainTerms;
  #held: Buffer | null = null;
  #skip = 0;
  #continued = false;
  #passedAll = false;

  constructor(options: ReplyOptions) {
    this.#options = options;
  }

  /** A command was sent; its answer is next. */
  begin(shape: ReplyShape, terms: ReplyTerms = plainTerms): void {
    this.#shape = shape;
    this.#terms = terms;
    this.#output.begin(terms.shift, terms.from);
    this.#rows = 0;
    this.#hadRows = false;
    this.#phase = shape === 'columns' ? 'field-list' : shape === 'rows' ? 'rows' : 'first';
  }

  /** From the next packet on nothing is forwarded; the answer is walked to its end. */
  silence(): void {
    this.#output.silence();
  }

  /** True while an answer is under way. */
  get isOpen(): boolean {
    return this.#phase !== 'idle';
  }

  /** True in the middle of a packet, where nothing else may be written to the client. */
  get isMidPacket(): boolean {
    return this.#skip > 0 || this.#held !== null;
  }

  /** Rows seen in this answer. */
  get rows(): number {
    return this.#rows;
  }

  /** Sequence number after the last packet, as the client counts. */
  get nextSequence(): number {
    return this.#output.nextSequence;
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
    this.#phase = 'first';
    this.#output.continueFrom(sequence);
  }

  walk(chunk: Buffer, sink: ReplySink): void {
    let bytes = chunk;
    this.#passedAll = this.#held === null && this.#phase === 'rows';
    if (this.#held !== null) {
      bytes = Buffer.concat([this.#held, chunk]);
      this.#held = null;
    }
    let from = 0;
    let at = Math.min(this.#skip, bytes.length);
    this.#skip -= at;
    while (at < bytes.length) {
      if (this.#phase === 'rows' && !this.#continued && this.#passesRows(sink)) {
        at = this.#passRows(bytes, at);
        if (at === bytes.length) break;
      }
      if (this.#phase === 'idle') throw new Fault('protocol-violation', 'the target sent bytes that nobody asked for');
      if (bytes.length - at < headerBytes) break;
      const length = bytes.readUIntLE(at, 3);
      const payloadAt = at + headerBytes;
      const end = payloadAt + length;
      if (length > 0 && payloadAt >= bytes.length) break; // its first byte decides
      const continues = this.#continued;
      if (!continues && this.#output.silences(this.#isBeyond(bytes[payloadAt] ?? 0, length, sink), this.#isDone(bytes[payloadAt]))) {
        if (at > from) sink.forward(bytes.subarray(from, at));
        from = at;
      }
      this.#continued = length === fullPacketBytes;
      const wanted = !continues && this.#isInspected(bytes[payloadAt] ?? 0, length, sink);
      if (wanted) {
        this.#passedAll = false;
        if (length === fullPacketBytes && sink.masksRows)
          throw new Fault('message-too-large', 'the target sent a row of more than 16 MB where values are masked');
        if (length > inspectedBytesMax && this.#isEnd(bytes[payloadAt] ?? 0, length))
          throw new Fault('message-too-large', `the target sent an answer of ${length} bytes`);
        if (end > bytes.length) {
          this.#continued = false;
          break;
        }
        if (at > from) this.#forward(bytes.subarray(from, at), sink);
        this.#output.number(bytes, at);
        from = end;
        const replacement = this.#inspect(bytes.subarray(payloadAt, end), sink);
        if (replacement === dropped) this.#output.drop();
        else this.#forward(replacement === null ? bytes.subarray(at, end) : framed(replacement, bytes[at + 3] as number), sink);
        this.#settle(sink);
        at = end;
        continue;
      }
      this.#output.number(bytes, at);
      if (!continues) this.#counted();
      if (end > bytes.length) {
        this.#skip = end - bytes.length;
        at = bytes.length;
        break;
      }
      at = end;
    }
    if (at > from) this.#forward(bytes.subarray(from, at), sink);
    if (at === bytes.length) return;
    this.#held = bytes.subarray(at);
    this.#passedAll = false;
  }

  /** Rows are only counted now. */
  #passesRows(sink: ReplySink): boolean {
    return this.#terms.rowsMax === null && this.#output.passes && !sink.masksRows && !sink.gathersRows;
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
    this.#rows += rows;
    return at;
  }

  #forward(bytes: Buffer, sink: ReplySink): void {
    if (!this.#output.isSilent) sink.forward(bytes);
  }

  /** A row that is one too many. */
  #isBeyond(first: number, length: number, sink: ReplySink): boolean {
    const { rowsMax } = this.#terms;
    if (rowsMax === null || this.#phase !== 'rows' || this.#rows < rowsMax || this.#isEnd(first, length)) return false;
    if (!this.#output.isSilent) sink.rowsMet();
    return true;
  }

  /** OK as the whole answer: the statement had come to its end, whatever should have stopped it. */
  #isDone(first: number | undefined): boolean {
    return this.#phase === 'first' && first === 0x00;
  }

  /** The client has no EOF where the target has one. */
  get #translatesEof(): boolean {
    return this.#options.clientDeprecatesEof && !this.#options.deprecatesEof;
  }

  // ---- one packet ----

  /** How the answer ended, until the bytes before it are handed on. */
  #ending: ReplyEnd | null = null;

  #settle(sink: ReplySink): void {
    const ending = this.#ending;
    if (ending === null) return;
    this.#ending = null;
    sink.end(ending);
  }

  #isEnd(first: number, length: number): boolean {
    return first === 0xff || (first === 0xfe && (this.#options.deprecatesEof ? length < fullPacketBytes : length < 9));
  }

  #isInspected(first: number, length: number, sink: ReplySink): boolean {
    switch (this.#phase) {
      case 'first':
      case 'columns-end':
      case 'parameters-end':
      case 'local-file':
        return true;
      case 'columns':
      case 'parameters':
        // The last definition of a prepared statement may be the end of the answer.
        return this.#shape === 'prepared' ? this.#left === 1 || this.#keepsDefinitions : sink.gathersRows;
      case 'rows':
        return this.#isEnd(first, length) || sink.masksRows || (sink.gathersRows && length < inspectedBytesMax);
      case 'field-list':
        return this.#isEnd(first, length);
      case 'idle':
        return false;
    }
  }

  /** Definitions that an execution may leave out, because the prepare has told them. */
  get #keepsDefinitions(): boolean {
    return this.#phase === 'columns' && this.#options.cachesMetadata;
  }

  /** A packet that was not looked at: a definition or a row. */
  #counted(): void {
    switch (this.#phase) {
      case 'columns':
        if (--this.#left === 0) this.#phase = this.#options.deprecatesEof ? this.#afterColumns() : 'columns-end';
        return;
      case 'parameters':
        if (--this.#left === 0) this.#phase = this.#options.deprecatesEof ? this.#afterParameters() : 'parameters-end';
        return;
      case 'rows':
        this.#rows += 1;
        return;
      case 'first':
      case 'columns-end':
      case 'parameters-end':
      case 'field-list':
      case 'local-file':
      case 'idle':
        return;
    }
  }

  #afterColumns(): Phase {
    if (this.#shape !== 'prepared') return 'rows';
    this.#finish({ statusFlags: null, affectedRows: null, error: null, endedRows: false });
    return 'idle';
  }

  #afterParameters(): Phase {
    if (this.#columns > 0) {
      this.#left = this.#columns;
      return 'columns';
    }
    this.#finish({ statusFlags: null, affectedRows: null, error: null, endedRows: false });
    return 'idle';
  }

  /** Null when the packet is to be forwarded as it came, else what goes in its place. */
  #inspect(payload: Buffer, sink: ReplySink): Buffer | null {
    switch (this.#phase) {
      case 'first':
        return this.#first(payload, sink);
      case 'columns':
      case 'parameters':
        if (this.#shape === 'prepared' ? this.#keepsDefinitions : sink.gathersRows) sink.column(payload);
        this.#counted();
        return null;
      case 'columns-end':
        if (this.#shape === 'prepared') {
          this.#phase = this.#afterColumns();
          return this.#translatesEof ? dropped : null;
        }
        return this.#columnsEnd(payload);
      case 'parameters-end':
        this.#phase = this.#afterParameters();
        return this.#translatesEof ? dropped : null;
      case 'rows':
      case 'field-list':
        return this.#row(payload, sink);
      case 'local-file':
      case 'idle':
        throw new Fault('protocol-violation', 'the target sent a packet out of turn');
    }
  }

  #first(payload: Buffer, sink: ReplySink): Buffer | null {
    const first = payload[0];
    if (first === 0xff) return this.#error(payload, sink);
    if (this.#shape === 'text') {
      this.#finish({ statusFlags: null, affectedRows: null, error: null, endedRows: false });
      return null;
    }
    if (this.#shape === 'prepared') return this.#prepared(payload, sink);
    if (first === 0x00) return this.#ok(payload, sink, false);
    if (this.#shape === 'ok') {
      if (first !== 0xfe) throw new Fault('protocol-violation', `the target answered 0x${(first ?? 0).toString(16)} instead of OK`);
      return this.#eof(payload, false);
    }
    if (first === 0xfb) return this.#localFile(payload, sink);
    const reader = new BodyReader(payload);
    this.#left = reader.lenenc();
    if (this.#left === 0) throw new Fault('protocol-violation', 'the target sent a result without columns');
    this.#columns = this.#left;
    const follow = !this.#options.cachesMetadata || reader.uint8() !== 0;
    if (follow) this.#phase = 'columns';
    else this.#phase = this.#options.deprecatesEof ? 'rows' : 'columns-end';
    sink.columns(follow);
    // Asked of the target only when the client asked: what can be missing is the target's word.
    return this.#options.clientCachesMetadata && !this.#options.cachesMetadata ? Buffer.concat([payload, Buffer.from([1])]) : null;
  }

  #prepared(payload: Buffer, sink: ReplySink): Buffer | null {
    const reader = new BodyReader(payload, 1);
    const packet = { id: reader.uint32(), columns: reader.uint16(), parameters: reader.uint16() };
    sink.prepared(packet);
    this.#columns = packet.columns;
    if (packet.parameters > 0) {
      this.#left = packet.parameters;
      this.#phase = 'parameters';
    } else {
      this.#phase = this.#afterParameters();
    }
    return null;
  }

  #localFile(payload: Buffer, sink: ReplySink): Buffer | null {
    if (!sink.localFile(payload.subarray(1).toString('utf8'))) {
      throw new Fault('protocol-violation', "the target asked for a file of the client's that no released statement named");
    }
    this.#phase = 'local-file';
    return null;
  }

  #columnsEnd(payload: Buffer): Buffer | null {
    this.#hide(payload, 3);
    const { statusFlags } = readEof(payload);
    // With a cursor the rows come with COM_STMT_FETCH, and this is the end of the answer.
    if ((statusFlags & status.cursorExists) !== 0) {
      this.#finish({ statusFlags, affectedRows: null, error: null, endedRows: false });
      return this.#asOk(payload);
    }
    this.#phase = 'rows';
    return this.#translatesEof ? dropped : null;
  }

  #row(payload: Buffer, sink: ReplySink): Buffer | null {
    if (payload[0] === 0xff && this.#isEnd(0xff, payload.length)) return this.#error(payload, sink);
    if (!this.#isEnd(payload[0] ?? 0, payload.length)) {
      this.#rows += 1;
      return sink.row(payload);
    }
    // With DEPRECATE_EOF the end of rows is an OK behind an EOF's first byte.
    if (this.#options.deprecatesEof) return this.#ok(payload, sink, true);
    return this.#eof(payload, true);
  }

  #ok(payload: Buffer, sink: ReplySink, endedRows: boolean): Buffer | null {
    if (this.#terms.hides !== 0) this.#hide(payload, statusAt(payload));
    const packet = readOk(payload, this.#options.tracks);
    const replacement = sink.ok(payload, packet);
    this.#ended(packet.statusFlags, packet.affectedRows, endedRows);
    return replacement;
  }

  #eof(payload: Buffer, endedRows: boolean): Buffer | null {
    // EOF in the place of OK (COM_SET_OPTION), or OK under EOF's byte when DEPRECATE_EOF is on.
    const isOk = payload.length >= 7 && this.#options.deprecatesEof;
    this.#hide(payload, isOk ? statusAt(payload) : 3);
    const statusFlags = isOk ? readOk(payload, this.#options.tracks).statusFlags : readEof(payload).statusFlags;
    this.#ended(statusFlags, null, endedRows);
    return isOk ? null : this.#asOk(payload);
  }

  /** An EOF as a client without them reads it: OK with EOF's first byte. */
  #asOk(payload: Buffer): Buffer | null {
    if (!this.#translatesEof) return null;
    const { statusFlags, warnings } = readEof(payload);
    return ok(statusFlags, 0, 0xfe, warnings);
  }

  #hide(payload: Buffer, at: number): void {
    if (this.#terms.hides === 0) return;
    const flags = new BodyReader(payload, at).uint16();
    payload.writeUInt16LE(flags & ~this.#terms.hides, at);
  }

  #ended(statusFlags: number, affectedRows: number | null, endedRows: boolean): void {
    this.#hadRows ||= endedRows;
    if ((statusFlags & status.moreResults) !== 0) {
      this.#phase = 'first';
      return;
    }
    this.#finish({ statusFlags, affectedRows, error: null, endedRows: this.#hadRows });
  }

  /** A progress report looks like an error and isn't one. */
  #error(payload: Buffer, sink: ReplySink): Buffer | null {
    const said = readErr(payload);
    if (said.number === progressNumber) return null;
    const hidden = sink.withoutValues(said);
    const error = hidden?.error ?? said;
    const replacement = sink.failed(error) ?? hidden?.payload ?? null;
    this.#finish({ statusFlags: null, affectedRows: null, error, endedRows: this.#hadRows });
    return replacement;
  }

  #finish(ending: ReplyEnd): void {
    this.#phase = 'idle';
    this.#ending = ending;
  }
}

/** Where an OK has its status flags: behind two numbers of any length. */
function statusAt(payload: Buffer): number {
  const reader = new BodyReader(payload, 1);
  reader.lenenc();
  reader.lenenc();
  return reader.at;
}
