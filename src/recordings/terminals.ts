// The recorded terminals of all sessions: begun, found again, read in ranges, followed while they run, searched.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { FileSeal, RecordingSeal, TerminalRecorder, TerminalSize } from '../core/recording.ts';
import { AsciicastRecorder } from './asciicast.ts';
import { indexCast } from './cast-index.ts';
import type { CastIndex } from './cast-index.ts';
import { searchCast } from './cast-search.ts';
import type { CastSearch } from './cast-search.ts';

/** Terminals of one session. */
export const terminalsMax = 1000;
/** Bytes given at once; whoever wants more asks again. */
export const rangeBytesMax = 4 * 1024 * 1024;
/** Indexes of casts that have none beside them, kept for the next question. */
const indexesKeptMax = 32;

export interface Terminals {
  /** How many there are of a session, also while it runs. */
  count(sessionId: string): number;
  /** Undefined when there is no such terminal. */
  index(sessionId: string, terminal: number): Promise<(CastIndex & { readonly live: boolean }) | undefined>;
  /** Bytes from `from` up to (not including) `to`, at most `rangeBytesMax`, and how many there are in all. */
  read(
    sessionId: string,
    terminal: number,
    from: number,
    to: number,
  ): Promise<{ readonly bytes: Buffer; readonly size: number } | undefined>;
  /** Where text is found in what was shown. */
  search(sessionId: string, terminal: number, text: string): Promise<CastSearch | undefined>;
  /** Calls back when there is more to read, and once with true when it ended. Undefined when it does not run. */
  follow(sessionId: string, terminal: number, listener: (ended: boolean) => void): (() => void) | undefined;
}

export class TerminalFolder implements Terminals {
  readonly #pathOf: (sessionId: string, suffix: string) => string | undefined;
  readonly #clock: Clock;
  readonly #onFailed: (sessionId: string, fault: Fault) => void;
  readonly #running = new Map<string, AsciicastRecorder>();
  /** Of sessions that go on: those of their terminals that have ended, by number. */
  readonly #seals = new Map<string, Map<number, FileSeal | null>>();
  readonly #indexes = new Map<string, CastIndex>();

  /** `pathOf` answers undefined for what is no session id. */
  constructor(dir: string, isSessionId: (text: string) => boolean, clock: Clock, onFailed: (sessionId: string, fault: Fault) => void) {
    this.#pathOf = (sessionId, suffix) => (isSessionId(sessionId) ? join(dir, `${sessionId}.${suffix}`) : undefined);
    this.#clock = clock;
    this.#onFailed = onFailed;
  }

  /** Throws Fault recorder-failed. */
  begin(sessionId: string, size: TerminalSize): TerminalRecorder {
    const terminal = this.count(sessionId);
    if (terminal >= terminalsMax) throw new Fault('recorder-failed', `a session has at most ${terminalsMax} terminals`);
    const path = this.#pathOf(sessionId, `${terminal}.cast`);
    if (path === undefined) throw new Fault('recorder-failed', 'not a session id');
    const key = `${sessionId} ${terminal}`;
    const seals = this.#seals.get(sessionId) ?? new Map<number, FileSeal | null>();
    this.#seals.set(sessionId, seals);
    const recorder = new AsciicastRecorder({
      path,
      size,
      clock: this.#clock,
      title: `${sessionId} ${terminal}`,
      onFailed: (fault) => this.#onFailed(sessionId, fault),
      onClosed: (seal) => {
        this.#running.delete(key);
        seals.set(terminal, seal);
      },
    });
    this.#running.set(key, recorder);
    return recorder;
  }

  count(sessionId: string): number {
    let count = 0;
    while (count < terminalsMax && this.#castOf(sessionId, count) !== undefined) count += 1;
    return count;
  }

  async index(sessionId: string, terminal: number): Promise<(CastIndex & { readonly live: boolean }) | undefined> {
    const path = this.#castOf(sessionId, terminal);
    if (path === undefined) return undefined;
    const running = this.#running.get(`${sessionId} ${terminal}`);
    if (running !== undefined) return { ...running.index(), live: true };
    const index = (await readIndex(path)) ?? (await this.#scanned(path));
    return index === undefined ? undefined : { ...index, live: false };
  }

  async read(sessionId: string, terminal: number, from: number, to: number): Promise<{ bytes: Buffer; size: number } | undefined> {
    const path = this.#castOf(sessionId, terminal);
    if (path === undefined) return undefined;
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const length = Math.max(0, Math.min(to, size, from + rangeBytesMax) - from);
      const buffer = Buffer.alloc(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await file.read(buffer, done, length - done, from + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return { bytes: buffer.subarray(0, done), size };
    } finally {
      await file.close();
    }
  }

  async search(sessionId: string, terminal: number, text: string): Promise<CastSearch | undefined> {
    const path = this.#castOf(sessionId, terminal);
    return path === undefined ? undefined : searchCast(path, text);
  }

  follow(sessionId: string, terminal: number, listener: (ended: boolean) => void): (() => void) | undefined {
    return this.#running.get(`${sessionId} ${terminal}`)?.follow(listener);
  }

  /** Ends the terminals of a session that is over. */
  seal(sessionId: string): Pick<RecordingSeal, 'terminals'> {
    const seals = this.#seals.get(sessionId);
    if (seals === undefined) return {};
    for (const [key, recorder] of [...this.#running]) if (key.startsWith(`${sessionId} `)) recorder.close();
    this.#seals.delete(sessionId);
    const all = Array.from(seals.keys(), (_number, index) => seals.get(index) ?? null);
    const whole = all.filter((seal) => seal !== null);
    if (whole.length !== all.length) return { terminals: null };
    return { terminals: { count: all.length, bytes: whole.reduce((sum, { bytes }) => sum + bytes, 0), sha256: sealOfAll(whole) } };
  }

  /** Ends the recording of every terminal that still runs. */
  close(): void {
    for (const recorder of [...this.#running.values()]) recorder.close();
  }

  #castOf(sessionId: string, terminal: number): string | undefined {
    if (!Number.isInteger(terminal) || terminal < 0 || terminal >= terminalsMax) return undefined;
    const path = this.#pathOf(sessionId, `${terminal}.cast`);
    return path !== undefined && existsSync(path) ? path : undefined;
  }

  async #scanned(path: string): Promise<CastIndex | undefined> {
    const { size } = await stat(path);
    const key = `${path} ${size}`;
    const known = this.#indexes.get(key);
    if (known !== undefined) return known;
    const index = await indexCast(path);
    if (index === undefined) return undefined;
    for (const oldest of this.#indexes.keys()) {
      if (this.#indexes.size < indexesKeptMax) break;
      this.#indexes.delete(oldest);
    }
    this.#indexes.set(key, index);
    return index;
  }
}

/** One for all terminals of a session, in their order. */
export function sealOfAll(seals: readonly Pick<FileSeal, 'sha256'>[]): string {
  return createHash('sha256')
    .update(seals.map(({ sha256 }) => sha256).join(''))
    .digest('hex');
}

/** The index that the recorder left beside a cast; undefined when there is none for all of it. */
async function readIndex(path: string): Promise<CastIndex | undefined> {
  try {
    const [text, { size }] = await Promise.all([readFile(`${path}.index`, 'utf8'), stat(path)]);
    const index = JSON.parse(text) as CastIndex;
    return index.bytes === size ? index : undefined;
  } catch {
    return undefined; // the cast itself is what counts: it is read through instead
  }
}
