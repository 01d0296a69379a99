// The folder of recordings: one file for each session, one timer that flushes those with something to write.

import { existsSync, mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { Recorder, RecordingHeader, Recordings, TerminalRecorder, TerminalSize } from '../core/recording.ts';
import { AsciicastRecorder } from './asciicast.ts';
import { FileRecorder, type RecorderEvents } from './file-recorder.ts';
import { readRecording, type Recording } from './read.ts';

export type { Recording } from './read.ts';

/** What was seen is handed to the kernel within this. */
export const flushMs = 250;
/** Terminals of one session. */
export const terminalsMax = 1000;
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
  read(sessionId: string): Promise<Recording | undefined>;
  /** How many terminals were recorded in a session, also while it runs. */
  terminals(sessionId: string): number;
  /** One of them from 0, as asciicast v3; undefined when there is none. */
  terminal(sessionId: string, index: number): Promise<Buffer | undefined>;
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
  readonly #clock: Clock;
  readonly #open = new Map<string, FileRecorder>();
  readonly #dirty = new Set<FileRecorder>();
  readonly #failureListeners: ((sessionId: string, fault: Fault) => void)[] = [];
  readonly #events: RecorderEvents;
  #timer: NodeJS.Timeout | null = null;

  constructor({ dir, clock, onFailed }: RecordingsOptions) {
    this.#dir = dir;
    this.#clock = clock;
    if (onFailed !== undefined) this.#failureListeners.push(onFailed);
    this.#events = {
      dirty: (recorder) => {
        this.#dirty.add(recorder);
        this.#timer ??= setTimeout(() => this.#flush(), flushMs);
      },
      failed: ({ sessionId }, fault) => {
        for (const listener of this.#failureListeners) listener(sessionId, fault);
      },
      closed: (recorder) => {
        this.#open.delete(recorder.sessionId);
        this.#dirty.delete(recorder);
      },
    };
  }

  open(sessionId: string, header: RecordingHeader): Recorder {
    if (sessionId !== header.sessionId) throw new Fault('recorder-failed', 'the header is of another session');
    const recorder = new FileRecorder(this.#pathOf(sessionId), header, this.#events);
    this.#open.set(sessionId, recorder);
    return recorder;
  }

  async read(sessionId: string): Promise<Recording | undefined> {
    if (!sessionIdPattern.test(sessionId)) return undefined;
    const path = this.#pathOf(sessionId);
    if (!existsSync(path)) return undefined;
    this.#open.get(sessionId)?.flush();
    const recording = await readRecording(path);
    if (recording === null) throw new Fault('recorder-failed', `the recording of session ${sessionId} has no readable header`);
    return recording;
  }

  openTerminal(sessionId: string, size: TerminalSize): TerminalRecorder {
    const index = this.terminals(sessionId);
    if (index >= terminalsMax) throw new Fault('recorder-failed', `a session has at most ${terminalsMax} terminals`);
    return new AsciicastRecorder({
      path: this.#castOf(sessionId, index),
      size,
      clock: this.#clock,
      title: `${sessionId} ${index}`,
      onFailed: (fault) => {
        for (const listener of this.#failureListeners) listener(sessionId, fault);
      },
    });
  }

  terminals(sessionId: string): number {
    let count = 0;
    while (count < terminalsMax && existsSync(this.#castOf(sessionId, count))) count += 1;
    return count;
  }

  async terminal(sessionId: string, index: number): Promise<Buffer | undefined> {
    if (!sessionIdPattern.test(sessionId) || !Number.isInteger(index) || index < 0 || index >= terminalsMax) return undefined;
    const path = this.#castOf(sessionId, index);
    return existsSync(path) ? readFile(path) : undefined;
  }

  onFailed(listener: (sessionId: string, fault: Fault) => void): void {
    this.#failureListeners.push(listener);
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    await Promise.all([...this.#open.values()].map((it) => it.close()));
  }

  #castOf(sessionId: string, index: number): string {
    return this.#pathOf(sessionId).replace(/\.jsonl$/, `.${index}.cast`);
  }

  #pathOf(sessionId: string): string {
    if (!sessionIdPattern.test(sessionId)) throw new Fault('recorder-failed', 'not a session id');
    return join(this.#dir, `${sessionId}.jsonl`);
  }

  #flush(): void {
    this.#timer = null;
    for (const recorder of this.#dirty) recorder.flush();
    this.#dirty.clear();
  }
}
