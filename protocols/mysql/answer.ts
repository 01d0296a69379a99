// The grammar of the answer to one command: which packet comes next, which ones must be looked at, what goes to the client in their
// place, and how the answer ends. Knows packets one by one, never chunks. (Client/server protocol: "COM_QUERY Response",
// "COM_STMT_PREPARE Response", "Binary Protocol Resultset".)

import { Fault } from '../../src/core/errors.ts';
import { BodyReader } from './body-reader.ts';
import { fullPacketBytes } from './codec.ts';
import { ok, progressNumber, readEof, readErr, readOk, status } from './messages.ts';
import { dropped, type ReplyEnd, type ReplyOptions, type ReplyShape, type ReplySink, type ReplyTerms } from './reply-sink.ts';

type Phase = 'first' | 'columns' | 'columns-end' | 'rows' | 'parameters' | 'parameters-end' | 'field-list' | 'local-file' | 'idle';

/** Packets that must be read whole: OK with session changes, ERR, names of files. */
const inspectedBytesMax = 1024 * 1024;

/** An end that says nothing. */
const wordless: ReplyEnd = { statusFlags: null, affectedRows: null, error: null, endedRows: false };

export class Answer {
  readonly #options: ReplyOptions;
  #phase: Phase = 'idle';
  #shape: ReplyShape = 'ok';
  /** Status flags that the client is not told. */
  #hides = 0;
  #asksCursor = false;
  /** Definitions that are still to come. */
  #left = 0;
  #columns = 0;
  #rows = 0;
  #hadRows = false;
  #ending: ReplyEnd | null = null;

  constructor(options: ReplyOptions) {
    this.#options = options;
  }

  begin(shape: ReplyShape, { hides, asksCursor }: Pick<ReplyTerms, 'hides' | 'asksCursor'>): void {
    this.#shape = shape;
    this.#hides = hides;
    this.#asksCursor = asksCursor;
    this.#rows = 0;
    this.#hadRows = false;
    this.#phase = shape === 'columns' ? 'field-list' : shape === 'rows' ? 'rows' : 'first';
  }

  /** The client's file has been sent: what comes is answered as if it were the first. */
  fileSent(): void {
    this.#phase = 'first';
  }

  /** True while the answer is under way. */
  get isOpen(): boolean {
    return this.#phase !== 'idle';
  }

  get isInRows(): boolean {
    return this.#phase === 'rows';
  }

  /** Rows seen so far. */
  get rows(): number {
    return this.#rows;
  }

  /** How it ended; once, and null before. */
  takeEnding(): ReplyEnd | null {
    const ending = this.#ending;
    this.#ending = null;
    return ending;
  }

  // ---- a packet by its first byte and length ----

  /** OK as the whole answer: the statement had come to its end, whatever should have stopped it. */
  isDone(first: number | undefined): boolean {
    return this.#phase === 'first' && first === 0x00;
  }

  /** A row that is one more than so many. */
  isBeyond(rowsMax: number, first: number, length: number): boolean {
    return this.#phase === 'rows' && this.#rows >= rowsMax && !this.#isEnd(first, length);
  }

  /** Whether it must be read whole. Throws Fault message-too-large where that is too much. */
  isInspected(first: number, length: number, sink: ReplySink): boolean {
    if (!this.#isWanted(first, length, sink)) return false;
    if (length === fullPacketBytes && sink.masksRows)
      throw new Fault('message-too-large', 'the target sent a row of more than 16 MB where values are masked');
    if (length > inspectedBytesMax && this.#isEnd(first, length))
      throw new Fault('message-too-large', `the target sent an answer of ${length} bytes`);
    return true;
  }

  #isWanted(first: number, length: number, sink: ReplySink): boolean {
    switch (this.#phase) {
      case 'first':
      case 'columns-end':
      case 'parameters-end':
      case 'local-file':
        return true;
      case 'columns':
      case 'parameters':
        if (this.#addsMetadata) return true;
        // The last definition of a prepared statement may be the end of the answer.
        return this.#shape === 'prepared' ? this.#left === 1 || this.#keepsDefinitions : sink.gathersRows;
      case 'rows':
        return this.#isEnd(first, length) || sink.masksRows || (sink.gathersRows && length < inspectedBytesMax);
      case 'field-list':
        return this.#addsMetadata || this.#isEnd(first, length);
      case 'idle':
        return false;
    }
  }

  #isEnd(first: number, length: number): boolean {
    return first === 0xff || (first === 0xfe && (this.#options.deprecatesEof ? length < fullPacketBytes : length < 9));
  }

  /** Definitions that an execution may leave out, because the prepare has told them. */
  get #keepsDefinitions(): boolean {
    return this.#phase === 'columns' && this.#options.cachesMetadata;
  }

  /** The client expects a string in definitions that the target does not write. Asked of the target only when the client asked. */
  get #addsMetadata(): boolean {
    return this.#options.clientExtendsMetadata && !this.#options.extendsMetadata;
  }

  /** So many rows were passed without a look. */
  passedRows(count: number): void {
    this.#rows += count;
  }

  /** A packet was passed without a look: a definition or a row. */
  passed(): void {
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

  // ---- a packet that is looked at ----

  /** Null when the packet is to be forwarded as it came, else what goes in its place. Throws Fault protocol-violation out of turn. */
  inspect(payload: Buffer, sink: ReplySink): Buffer | null {
    switch (this.#phase) {
      case 'first':
        return this.#first(payload, sink);
      case 'columns':
      case 'parameters':
        if (this.#shape === 'prepared' ? this.#keepsDefinitions : sink.gathersRows) sink.column(payload);
        this.passed();
        return this.#addsMetadata ? withMetadata(payload) : null;
      case 'columns-end':
        if (this.#shape !== 'prepared') return this.#columnsEnd(payload);
        this.#phase = this.#afterColumns();
        return this.#translatesEof ? dropped : null;
      case 'parameters-end':
        this.#phase = this.#afterParameters();
        return this.#translatesEof ? dropped : null;
      case 'field-list':
        if (this.#addsMetadata && !this.#isEnd(payload[0] ?? 0, payload.length)) return withMetadata(payload);
        return this.#row(payload, sink);
      case 'rows':
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
      this.#finish(wordless);
      return null;
    }
    if (this.#shape === 'prepared') return this.#prepared(payload, sink);
    if (first === 0x00) return this.#ok(payload, sink, false);
    if (this.#shape === 'ok') {
      if (first !== 0xfe) throw new Fault('protocol-violation', `the target answered 0x${(first ?? 0).toString(16)} instead of OK`);
      return this.#eof(payload, false);
    }
    if (first === 0xfb) return this.#localFile(payload, sink);
    return this.#columnCount(payload, sink);
  }

  #columnCount(payload: Buffer, sink: ReplySink): Buffer | null {
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
    this.#left = packet.parameters;
    this.#phase = packet.parameters > 0 ? 'parameters' : this.#afterParameters();
    return null;
  }

  #afterParameters(): Phase {
    if (this.#columns === 0) return this.#finish(wordless);
    this.#left = this.#columns;
    return 'columns';
  }

  #afterColumns(): Phase {
    return this.#shape === 'prepared' ? this.#finish(wordless) : 'rows';
  }

  #localFile(payload: Buffer, sink: ReplySink): Buffer | null {
    this.#phase = 'local-file';
    if (sink.localFile(payload.subarray(1).toString('utf8'))) return null;
    throw new Fault('protocol-violation', "the target asked for a file of the client's that no released statement named");
  }

  #columnsEnd(payload: Buffer): Buffer | null {
    this.#hide(payload, 3);
    const { statusFlags } = readEof(payload);
    // With a cursor the rows come with COM_STMT_FETCH, and this is the end of the answer.
    if (this.#asksCursor && (statusFlags & status.cursorExists) !== 0) {
      this.#finish({ ...wordless, statusFlags });
      return this.#asOk(payload);
    }
    this.#phase = 'rows';
    return this.#translatesEof ? dropped : null;
  }

  #row(payload: Buffer, sink: ReplySink): Buffer | null {
    if (payload[0] === 0xff) return this.#error(payload, sink);
    if (!this.#isEnd(payload[0] ?? 0, payload.length)) {
      this.#rows += 1;
      return sink.row(payload);
    }
    // With DEPRECATE_EOF the end of rows is an OK behind an EOF's first byte.
    if (this.#options.deprecatesEof) return this.#ok(payload, sink, true);
    return this.#eof(payload, true);
  }

  // ---- its end ----

  #ok(payload: Buffer, sink: ReplySink, endedRows: boolean): Buffer | null {
    if (this.#hides !== 0) this.#hide(payload, statusAt(payload));
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

  /** The client has no EOF where the target has one. */
  get #translatesEof(): boolean {
    return this.#options.clientDeprecatesEof && !this.#options.deprecatesEof;
  }

  /** An EOF as a client without them reads it: OK with EOF's first byte. */
  #asOk(payload: Buffer): Buffer | null {
    if (!this.#translatesEof) return null;
    const { statusFlags, warnings } = readEof(payload);
    return ok(statusFlags, 0, 0xfe, warnings);
  }

  #hide(payload: Buffer, at: number): void {
    if (this.#hides === 0) return;
    const flags = new BodyReader(payload, at).uint16();
    payload.writeUInt16LE(flags & ~this.#hides, at);
  }

  /** A progress report looks like an error and isn't one. */
  #error(payload: Buffer, sink: ReplySink): Buffer | null {
    const said = readErr(payload);
    if (said.number === progressNumber) return null;
    const hidden = sink.withoutValues(said);
    const error = hidden?.error ?? said;
    const replacement = sink.failed(error) ?? hidden?.payload ?? null;
    this.#finish({ ...wordless, error, endedRows: this.#hadRows });
    return replacement;
  }

  #ended(statusFlags: number, affectedRows: number | null, endedRows: boolean): void {
    this.#hadRows ||= endedRows;
    if ((statusFlags & status.moreResults) !== 0) this.#phase = 'first';
    else this.#finish({ statusFlags, affectedRows, error: null, endedRows: this.#hadRows });
  }

  #finish(ending: ReplyEnd): 'idle' {
    this.#ending = ending;
    return (this.#phase = 'idle');
  }
}

/** A definition that says nothing more of its type: an empty string behind the six that each has (ColumnDefinition41). */
function withMetadata(payload: Buffer): Buffer {
  const reader = new BodyReader(payload);
  for (let strings = 6; strings > 0; strings -= 1) reader.lenencBytes();
  return Buffer.concat([payload.subarray(0, reader.at), Buffer.from([0]), payload.subarray(reader.at)]);
}

/** Where an OK has its status flags: behind two numbers of any length. */
function statusAt(payload: Buffer): number {
  const reader = new BodyReader(payload, 1);
  reader.lenenc();
  reader.lenenc();
  return reader.at;
}
