// Writes one recording: a header line, a line for each entry, an end line. Lines wait in bytes; the folder's one timer flushes. A session
// may do nothing for hours, and there may be ten thousand: the folder lets go of files, and the next line opens its file again. An entry
// like an earlier one is a line that names its place, `"as":OFFSET`, for the members that it leaves out.

import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { putDigitsOf, putInteger, putMillis } from '../core/digits.ts';
import { Fault, messageWithoutPath } from '../core/errors.ts';
import type { FileSeal, JsonEntry, Recorder, RecordingHeader, StatementEntry } from '../core/recording.ts';
import type { Chunks } from './chunks.ts';
import { EarlierLines } from './earlier-lines.ts';
import { bounded } from './entry-limits.ts';

/** UTF-8 takes at most so many bytes for a UTF-16 unit. */
const bytesPerUnitMax = 3;
/** What an entry takes beside its text and its other members: member names, the id and numbers. */
const besidesBytesMax = 1024;

const askedStart = bytesOf('","askedMs":');
const releasedStart = bytesOf(',"releasedMs":');
const finishedStart = bytesOf(',"finishedMs":');
const rowsStart = bytesOf(',"rows":');
const textStart = bytesOf(',"text":');
const asStart = bytesOf(',"as":');
const nothing = bytesOf('null');
const comma = 0x2c;
const closingBrace = 0x7d;
const newline = 0x0a;

/** To be written at its end; never made anew, so that a file that somebody removed is noticed. */
const again = constants.O_WRONLY | constants.O_APPEND;

export interface RecorderEvents {
  /** Its file was opened. */
  readonly opened: (recorder: FileRecorder) => void;
  /** There is something to flush. */
  readonly dirty: (recorder: FileRecorder) => void;
  /** It can't be written any more; told once. */
  readonly failed: (recorder: FileRecorder, fault: Fault) => void;
  readonly closed: (recorder: FileRecorder) => void;
}

export class FileRecorder implements Recorder {
  readonly sessionId: string;
  readonly #path: string;
  #fd: number | null;
  readonly #events: RecorderEvents;
  readonly #chunks: Chunks;
  /** Lines that wait, in the first bytes of a chunk; null when none do. */
  #chunk: Buffer | null = null;
  #lengthBytes = 0;
  /** What was written of the file. */
  #writtenBytes = 0;
  readonly #sha256 = createHash('sha256');
  #seal: FileSeal | null = null;
  readonly #earlier = new EarlierLines();
  #entries = 0;
  #fault: Fault | null = null;
  #closed = false;
  /** How the entries of actions of this session begin, and how their ids do. */
  readonly #idStart: string;
  readonly #start: Uint8Array;

  /** Makes the file, which must not exist. Throws Fault recorder-failed. */
  constructor(path: string, header: RecordingHeader, chunks: Chunks, events: RecorderEvents) {
    this.sessionId = header.sessionId;
    this.#path = path;
    this.#chunks = chunks;
    this.#events = events;
    this.#idStart = `${header.sessionId}-`;
    this.#start = bytesOf(`{"kind":"statement","actionId":${JSON.stringify(this.#idStart).slice(0, -1)}`);
    try {
      this.#fd = openSync(path, 'ax', 0o600);
    } catch (cause) {
      throw recorderFailed(header.sessionId, cause);
    }
    this.#writeOut(Buffer.from(`${JSON.stringify({ kind: 'recording', format: 2, ...header })}\n`));
    if (this.#fault !== null) {
      this.letGo();
      throw this.#fault;
    }
    events.opened(this);
  }

  write(entry: StatementEntry): void {
    this.#assertOpen();
    this.#putLine(JSON.stringify(bounded(entry)));
    this.#entries += 1;
  }

  writeJson(entry: JsonEntry): void {
    this.#assertOpen();
    const chunk = this.#room(entry.text.length * bytesPerUnitMax + entry.rest.length + besidesBytesMax);
    const end = chunk === null ? null : this.#putQuick(chunk, this.#lengthBytes, entry);
    if (end === null) this.#putLine(jsonOf(entry));
    else this.#lengthBytes = end;
    this.#entries += 1;
  }

  /** Hands what waits to the kernel and gives its memory back. A failure is told through the events, and thrown by the next write. */
  flush(): void {
    const chunk = this.#chunk;
    if (chunk === null) return;
    const written = chunk.subarray(0, this.#lengthBytes);
    // First: a write that fails ends the session, which closes this recorder in between.
    this.#chunk = null;
    this.#lengthBytes = 0;
    this.#writeOut(written);
    this.#chunks.giveBack(chunk);
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#putLine(JSON.stringify({ kind: 'end', entries: this.#entries }));
    this.flush();
    this.letGo();
    if (this.#fault === null) this.#seal = { bytes: this.#writtenBytes, sha256: this.#sha256.digest('hex') };
    this.#events.closed(this);
    return Promise.resolve();
  }

  /** Of the closed file; null when it is open, or could not be written whole. */
  get seal(): FileSeal | null {
    return this.#seal;
  }

  /** Closes the file until something is written again. */
  letGo(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
    this.#earlier.forget();
  }

  #assertOpen(): void {
    if (this.#fault !== null) throw this.#fault;
    if (this.#closed) throw new Fault('recorder-failed', `the recording of session ${this.sessionId} is closed`);
  }

  #putLine(json: string): void {
    const text = `${json}\n`;
    const chunk = this.#room(text.length * bytesPerUnitMax);
    if (chunk !== null) this.#lengthBytes += chunk.write(text, this.#lengthBytes);
    else {
      this.flush();
      this.#writeOut(Buffer.from(text));
    }
  }

  /** The chunk to write into, with room for so many bytes more; null when no chunk is so large. */
  #room(bytes: number): Buffer | null {
    const chunk = this.#chunk;
    if (chunk !== null && this.#lengthBytes + bytes <= chunk.length) return chunk;
    const larger = this.#chunks.take(this.#lengthBytes + bytes);
    if (larger === null) return this.#lengthBytes === 0 ? null : this.#roomAfterFlush(bytes);
    if (chunk === null) this.#events.dirty(this);
    else {
      chunk.copy(larger, 0, 0, this.#lengthBytes);
      this.#chunks.giveBack(chunk);
    }
    this.#chunk = larger;
    return larger;
  }

  #roomAfterFlush(bytes: number): Buffer | null {
    this.flush();
    return this.#room(bytes);
  }

  /** Gives the end of the line, or null when the action's id is not one of this session's. */
  #putQuick(chunk: Buffer, start: number, entry: JsonEntry): number | null {
    const { actionId, rows, text, rest } = entry;
    const offset = this.#writtenBytes + start;
    if (actionId.slice(0, this.#idStart.length) !== this.#idStart) return null;
    const id = putDigitsOf(chunk, put(chunk, start, this.#start), actionId, this.#idStart.length);
    if (id === null) return null;
    let at = putMillis(chunk, put(chunk, id, askedStart), entry.askedMs);
    at = putMillis(chunk, put(chunk, at, releasedStart), entry.releasedMs);
    at = putMillis(chunk, put(chunk, at, finishedStart), entry.finishedMs);
    at = put(chunk, at, rowsStart);
    at = rows === null ? put(chunk, at, nothing) : putInteger(chunk, at, rows);
    const like = this.#earlier.find(entry, offset);
    if (like === null) this.#earlier.add(entry, offset);
    if (like === null || !like.hasText) {
      at = put(chunk, at, textStart);
      at = typeof text === 'string' ? at + chunk.write(text, at) : put(chunk, at, text);
    }
    if (like !== null) at = putInteger(chunk, put(chunk, at, asStart), like.offset);
    else {
      chunk[at] = comma;
      at = put(chunk, at + 1, rest);
    }
    chunk[at] = closingBrace;
    chunk[at + 1] = newline;
    return at + 2;
  }

  #openAgain(): number {
    this.#fd = openSync(this.#path, again);
    this.#events.opened(this);
    return this.#fd;
  }

  #writeOut(bytes: Buffer): void {
    if (this.#fault !== null) return;
    try {
      const fd = this.#fd ?? this.#openAgain();
      for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
      this.#sha256.update(bytes);
      this.#writtenBytes += bytes.length;
    } catch (cause) {
      this.#fault = recorderFailed(this.sessionId, cause);
      this.#events.failed(this, this.#fault);
    }
  }
}

/** What #putQuick puts, for any id. */
function jsonOf({ actionId, askedMs, releasedMs, finishedMs, rows, text, rest }: JsonEntry): string {
  const times = { askedMs: rounded(askedMs), releasedMs: rounded(releasedMs), finishedMs: rounded(finishedMs) };
  const start = JSON.stringify({ kind: 'statement', actionId, ...times, rows });
  return `${start.slice(0, -1)},"text":${textOf(text)},${textOf(rest)}}`;
}

function textOf(json: string | Uint8Array): string {
  return typeof json === 'string' ? json : Buffer.from(json).toString();
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

function put(bytes: Buffer, at: number, part: Uint8Array): number {
  bytes.set(part, at);
  return at + part.length;
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}

function recorderFailed(sessionId: string, cause: unknown): Fault {
  return new Fault('recorder-failed', `the recording of session ${sessionId} can't be written: ${messageWithoutPath(cause)}`, { cause });
}
