// Walks the target's answer to one command by packet headers: whole chunks are handed on, only the packets that say how it
// ends are looked at. Knows every shape of answer; knows nothing of policies or sockets.

import { Fault } from '../../src/core/errors.ts';
import { framed, fullPacketBytes, headerBytes } from './codec.ts';
import { BodyReader } from './body-reader.ts';
import { progressNumber, readEof, readErr, readOk, status, type ErrPacket, type OkPacket } from './messages.ts';

/** What the command is answered with. */
export type ReplyShape =
  | 'ok' // OK, EOF or ERR
  | 'results' // result sets, OKs, a request for a local file
  | 'prepared'
  | 'columns' // COM_FIELD_LIST: column definitions up to EOF
  | 'rows' // COM_STMT_FETCH: rows up to EOF
  | 'text'; // COM_STATISTICS: one packet of words

export interface ReplyEnd {
  readonly statusFlags: number | null;
  readonly affectedRows: number | null;
  readonly error: ErrPacket | null;
  /** True when the last result set ended in EOF or OK after rows. */
  readonly endedRows: boolean;
}

export interface PreparedOk {
  readonly id: number;
  readonly columns: number;
  readonly parameters: number;
}

export interface ReplySink {
  forward(bytes: Buffer): void;
  /** An OK packet (also one that ends rows). Answers the payload to send instead, or null for as it is. */
  ok(payload: Buffer, packet: OkPacket): Buffer | null;
  prepared(packet: PreparedOk): void;
  /** The target asks for a file of the client's. Answers whether it may: only then the request is handed on. */
  localFile(name: string): boolean;
  /** A result set begins; false: with the columns of the last execution. */
  columns(follow: boolean): void;
  /** Packets of a result set, only while `gathersRows`. */
  column(payload: Buffer): void;
  row(payload: Buffer): void;
  readonly gathersRows: boolean;
  end(end: ReplyEnd): void;
}

export interface ReplyOptions {
  readonly deprecatesEof: boolean;
  readonly tracks: boolean;
  /** The target says with the number of columns whether their definitions follow (MARIADB_CLIENT_CACHE_METADATA). */
  readonly cachesMetadata: boolean;
  /** The client expects it to be said. */
  readonly clientCachesMetadata: boolean;
}

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
  /** Added to sequence numbers for packets that the gateway put in front. */
  #shift = 0;
  #sequence = 0;
  #held: Buffer | null = null;
  #skip = 0;
  #continued = false;

  constructor(options: ReplyOptions) {
    this.#options = options;
  }

  /** A command was sent; its answer is next. `shift` packets were put in front of it by the gateway. */
  begin(shape: ReplyShape, shift: number): void {
    this.#shape = shape;
    this.#shift = shift;
    this.#sequence = 0;
    this.#rows = 0;
    this.#hadRows = false;
    this.#phase = shape === 'columns' ? 'field-list' : shape === 'rows' ? 'rows' : 'first';
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
    return this.#sequence + this.#shift;
  }

  get shift(): number {
    return this.#shift;
  }

  /** The client's file has been sent up to this number: the answer goes on. */
  fileSent(sequence: number): void {
    this.#phase = 'first';
    this.#sequence = sequence;
  }

  walk(chunk: Buffer, sink: ReplySink): void {
    let bytes = chunk;
    if (this.#held !== null) {
      bytes = Buffer.concat([this.#held, chunk]);
      this.#held = null;
    }
    let from = 0;
    let at = Math.min(this.#skip, bytes.length);
    this.#skip -= at;
    while (at < bytes.length) {
      if (this.#phase === 'idle') throw new Fault('protocol-violation', 'the target sent bytes that nobody asked for');
      if (bytes.length - at < headerBytes) break;
      const length = bytes.readUIntLE(at, 3);
      const payloadAt = at + headerBytes;
      const end = payloadAt + length;
      if (length > 0 && payloadAt >= bytes.length) break; // its first byte decides
      this.#sequence = ((bytes[at + 3] as number) + 1) & 0xff;
      const continues = this.#continued;
      this.#continued = length === fullPacketBytes;
      const wanted = !continues && this.#isInspected(bytes[payloadAt] ?? 0, length, sink);
      if (wanted) {
        if (length > inspectedBytesMax && this.#isEnd(bytes[payloadAt] ?? 0, length))
          throw new Fault('message-too-large', `the target sent an answer of ${length} bytes`);
        if (end > bytes.length) {
          this.#continued = false;
          break;
        }
        if (at > from) sink.forward(bytes.subarray(from, at));
        this.#shifted(bytes, at);
        from = end;
        const replacement = this.#inspect(bytes.subarray(payloadAt, end), sink);
        sink.forward(replacement === null ? bytes.subarray(at, end) : framed(replacement, bytes[at + 3] as number));
        this.#settle(sink);
        at = end;
        continue;
      }
      this.#shifted(bytes, at);
      if (!continues) this.#counted();
      if (end > bytes.length) {
        this.#skip = end - bytes.length;
        at = bytes.length;
        break;
      }
      at = end;
    }
    if (at > from) sink.forward(bytes.subarray(from, at));
    if (at < bytes.length) this.#held = bytes.subarray(at);
  }

  #shifted(bytes: Buffer, at: number): void {
    if (this.#shift !== 0) bytes[at + 3] = ((bytes[at + 3] as number) + this.#shift) & 0xff;
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
        return this.#isEnd(first, length) || (sink.gathersRows && length < inspectedBytesMax);
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
          return null;
        }
        return this.#columnsEnd(payload);
      case 'parameters-end':
        this.#phase = this.#afterParameters();
        return null;
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
    if (first === 0xff) return this.#error(payload);
    if (this.#shape === 'text') {
      this.#finish({ statusFlags: null, affectedRows: null, error: null, endedRows: false });
      return null;
    }
    if (this.#shape === 'prepared') return this.#prepared(payload, sink);
    if (first === 0x00) return this.#ok(payload, sink, false);
    if (this.#shape === 'ok') {
      if (first !== 0xfe) throw new Fault('protocol-violation', `the target answered 0x${(first ?? 0).toString(16)} instead of OK`);
      this.#eof(payload, false);
      return null;
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
    const { statusFlags } = readEof(payload);
    // With a cursor the rows come with COM_STMT_FETCH.
    if ((statusFlags & status.cursorExists) !== 0) this.#finish({ statusFlags, affectedRows: null, error: null, endedRows: false });
    else this.#phase = 'rows';
    return null;
  }

  #row(payload: Buffer, sink: ReplySink): Buffer | null {
    if (payload[0] === 0xff && this.#isEnd(0xff, payload.length)) return this.#error(payload);
    if (!this.#isEnd(payload[0] ?? 0, payload.length)) {
      this.#rows += 1;
      sink.row(payload);
      return null;
    }
    // With DEPRECATE_EOF the end of rows is an OK behind an EOF's first byte.
    if (this.#options.deprecatesEof) return this.#ok(payload, sink, true);
    this.#eof(payload, true);
    return null;
  }

  #ok(payload: Buffer, sink: ReplySink, endedRows: boolean): Buffer | null {
    const packet = readOk(payload, this.#options.tracks);
    const replacement = sink.ok(payload, packet);
    this.#ended(packet.statusFlags, packet.affectedRows, endedRows);
    return replacement;
  }

  #eof(payload: Buffer, endedRows: boolean): void {
    // EOF in the place of OK (COM_SET_OPTION), or OK under EOF's byte when DEPRECATE_EOF is on.
    const statusFlags =
      payload.length >= 7 && this.#options.deprecatesEof ? readOk(payload, this.#options.tracks).statusFlags : readEof(payload).statusFlags;
    this.#ended(statusFlags, null, endedRows);
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
  #error(payload: Buffer): Buffer | null {
    const error = readErr(payload);
    if (error.number !== progressNumber) this.#finish({ statusFlags: null, affectedRows: null, error, endedRows: this.#hadRows });
    return null;
  }

  #finish(ending: ReplyEnd): void {
    this.#phase = 'idle';
    this.#ending = ending;
  }
}
