// Writes one recording: a header line, a line for each entry, an end line. Lines are buffered; the folder's one timer flushes.

import { closeSync, openSync, writeSync } from 'node:fs';
import { Fault, messageOf } from '../core/errors.ts';
import type { Recorder, RecordingHeader, StatementEntry } from '../core/recording.ts';
import { bounded } from './entry-limits.ts';

/** Buffered text that is written without waiting for the timer. */
const bufferCharsMax = 256 * 1024;

export interface RecorderEvents {
  /** There is something to flush. */
  readonly dirty: (recorder: FileRecorder) => void;
  /** It can't be written any more; told once. */
  readonly failed: (recorder: FileRecorder, fault: Fault) => void;
  readonly closed: (recorder: FileRecorder) => void;
}

export class FileRecorder implements Recorder {
  readonly sessionId: string;
  readonly #fd: number;
  readonly #events: RecorderEvents;
  #buffer: string;
  #entries = 0;
  #fault: Fault | null = null;
  #closed = false;

  /** Makes the file, which must not exist. Throws Fault recorder-failed. */
  constructor(path: string, header: RecordingHeader, events: RecorderEvents) {
    this.sessionId = header.sessionId;
    this.#events = events;
    try {
      this.#fd = openSync(path, 'ax', 0o600);
    } catch (cause) {
      throw recorderFailed(header.sessionId, cause);
    }
    this.#buffer = `${JSON.stringify({ kind: 'recording', format: 1, ...header })}\n`;
    this.flush();
    if (this.#fault !== null) {
      closeSync(this.#fd);
      throw this.#fault;
    }
  }

  write(entry: StatementEntry): void {
    this.writeJson(JSON.stringify(bounded(entry)));
  }

  writeJson(entry: string): void {
    if (this.#fault !== null) throw this.#fault;
    if (this.#closed) throw new Fault('recorder-failed', `the recording of session ${this.sessionId} is closed`);
    const wasEmpty = this.#buffer === '';
    this.#buffer += `${entry}\n`;
    this.#entries += 1;
    if (this.#buffer.length > bufferCharsMax) this.flush();
    else if (wasEmpty) this.#events.dirty(this);
  }

  /** Hands what is buffered to the kernel. A failure is told through the events, and thrown by the next write. */
  flush(): void {
    if (this.#buffer === '' || this.#fault !== null) return;
    const bytes = Buffer.from(this.#buffer);
    this.#buffer = '';
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(this.#fd, bytes, done);
    } catch (cause) {
      this.#fault = recorderFailed(this.sessionId, cause);
      this.#events.failed(this, this.#fault);
    }
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#buffer += `${JSON.stringify({ kind: 'end', entries: this.#entries })}\n`;
    this.flush();
    closeSync(this.#fd);
    this.#events.closed(this);
    return Promise.resolve();
  }
}

function recorderFailed(sessionId: string, cause: unknown): Fault {
  return new Fault('recorder-failed', `the recording of session ${sessionId} can't be written: ${messageOf(cause)}`, { cause });
}
