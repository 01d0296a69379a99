// The folder of recordings: one file for each session, one timer that flushes those with something to write.

import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { Recorder, RecordingHeader, RecordingSeal, Recordings, TerminalRecorder, TerminalSize } from '../core/recording.ts';
import { Chunks } from './chunks.ts';
import { FileRecorder, type RecorderEvents } from './file-recorder.ts';
import { readRecording, type Recording, type ReadPart } from './read.ts';
import { TerminalFolder, type Terminals } from './terminals.ts';

export type { Recording } from './read.ts';

/** What was seen is handed to the kernel within this. */
export const flushMs = 250;
/** Files of statements that are open at once. Below it, what is written to often is not opened again and again. */
export const openFilesMax = 256;
/** A session id becomes a file name: letters, digits and dashes only, so that it can't lead out of the folder. */
const sessionIdPattern = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/;

export interface RecordingsOptions {
  readonly dir: string;
  readonly clock: Clock;
  /** A session whose recording can't be written must be ended. Told once for each. */
  readonly onFailed?: (sessionId: string, fault: Fault) => void;
}

export interface OpenedRecordings extends Recordings {
  /** The recording of a session, also while it runs; undefined when there is none. Throws Fault recorder-failed when unreadable. */
  read(sessionId: string, part?: ReadPart): Promise<Recording | undefined>;
  seal(sessionId: string): RecordingSeal | null;
  /** Hands what waits of a session's recording to the kernel. */
  flush(sessionId: string): void;
  /** What was shown, beside what was asked. */
  readonly terminals: Terminals;
  /** Another who wants to hear of failures. */
  onFailed(listener: (sessionId: string, fault: Fault) => void): void;
  /** Closes every recorder that is still open. */
  close(): Promise<void>;
}

export function openRecordings(options: RecordingsOptions): OpenedRecordings {
  mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  return new RecordingsFolder(options);
}

class RecordingsFolder implements OpenedRecordings {
  readonly #dir: string;
  readonly terminals: TerminalFolder;
  readonly #open = new Map<string, FileRecorder>();
  readonly #dirty = new Set<FileRecorder>();
  /** Those whose files are open, the one that was opened first in front. */
  readonly #files = new Set<FileRecorder>();
  readonly #chunks = new Chunks();
  readonly #failureListeners: ((sessionId: string, fault: Fault) => void)[] = [];
  readonly #events: RecorderEvents;
  #timer: NodeJS.Timeout | null = null;

  constructor({ dir, clock, onFailed }: RecordingsOptions) {
    this.#dir = dir;
    this.terminals = new TerminalFolder(
      dir,
      (text) => sessionIdPattern.test(text),
      clock,
      (sessionId, fault) => this.#failed(sessionId, fault),
    );
    if (onFailed !== undefined) this.#failureListeners.push(onFailed);
    this.#events = {
      opened: (recorder) => this.#opened(recorder),
      dirty: (recorder) => {
        this.#dirty.add(recorder);
        this.#timer ??= setTimeout(() => this.#flush(), flushMs);
      },
      failed: ({ sessionId }, fault) => this.#failed(sessionId, fault),
      closed: (recorder) => {
        this.#open.delete(recorder.sessionId);
        this.#dirty.delete(recorder);
        this.#files.delete(recorder);
      },
    };
  }

  open(sessionId: string, header: RecordingHeader): Recorder {
    if (sessionId !== header.sessionId) throw new Fault('recorder-failed', 'the header is of another session');
    const recorder = new FileRecorder(this.#pathOf(sessionId), header, this.#chunks, this.#events);
    this.#open.set(sessionId, recorder);
    return recorder;
  }

  flush(sessionId: string): void {
    this.#open.get(sessionId)?.flush();
  }

  async read(sessionId: string, part?: ReadPart): Promise<Recording | undefined> {
    if (!sessionIdPattern.test(sessionId)) return undefined;
    const path = this.#pathOf(sessionId);
    if (!existsSync(path)) return undefined;
    this.flush(sessionId);
    const recording = await readRecording(path, part);
    if (recording === null) throw new Fault('recorder-failed', `the recording of session ${sessionId} has no readable header`);
    return recording;
  }

  openTerminal(sessionId: string, size: TerminalSize): TerminalRecorder {
    return this.terminals.begin(sessionId, size);
  }

  seal(sessionId: string): RecordingSeal | null {
    const recorder = this.#open.get(sessionId);
    void recorder?.close(); // a failing one has ended the session already
    const terminals = this.terminals.seal(sessionId);
    return recorder?.seal ? { ...recorder.seal, ...terminals } : null;
  }

  onFailed(listener: (sessionId: string, fault: Fault) => void): void {
    this.#failureListeners.push(listener);
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.terminals.close();
    await Promise.all([...this.#open.values()].map((it) => it.close()));
  }

  #pathOf(sessionId: string): string {
    if (!sessionIdPattern.test(sessionId)) throw new Fault('recorder-failed', 'not a session id');
    return join(this.#dir, `${sessionId}.jsonl`);
  }

  #opened(recorder: FileRecorder): void {
    this.#files.add(recorder);
    if (this.#files.size <= openFilesMax) return;
    const [first] = this.#files;
    if (first === undefined) return;
    this.#files.delete(first);
    first.letGo();
  }

  #flush(): void {
    this.#timer = null;
    for (const recorder of this.#dirty) recorder.flush();
    this.#dirty.clear();
  }

  #failed(sessionId: string, fault: Fault): void {
    for (const listener of this.#failureListeners) listener(sessionId, fault);
  }
}
