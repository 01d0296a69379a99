// Recordings of terminals in asciicast v3 (a header line, then [interval, code, data] lines), playable by any asciinema player.
// Text that is cut in the middle of a letter by the network is put together again; a failure is told once, never thrown.

import { createHash } from 'node:crypto';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '../core/clock.ts';
import { Fault, messageWithoutPath } from '../core/errors.ts';
import type { FileSeal, TerminalRecorder, TerminalSize } from '../core/recording.ts';
import { CastIndexer, markCharsMax } from './cast-index.ts';
import type { CastIndex } from './cast-index.ts';

/** A terminal that shows more is cut there, and says so: a runaway `yes` must not fill the disk. */
export const castBytesMax = 256 * 1024 * 1024;
/** Output within this is one event, as a screen would draw it. */
const gatherMs = 20;
const gatherCharsMax = 64 * 1024;

export interface CastOptions {
  readonly path: string;
  readonly size: TerminalSize;
  readonly clock: Clock;
  readonly title: string;
  readonly onFailed: (fault: Fault) => void;
  /** Told once; null when it could not be written whole. */
  readonly onClosed?: (seal: FileSeal | null) => void;
}

export class AsciicastRecorder implements TerminalRecorder {
  readonly #fd: number;
  readonly #path: string;
  readonly #clock: Clock;
  readonly #onFailed: (fault: Fault) => void;
  readonly #onClosed: (seal: FileSeal | null) => void;
  readonly #sha256 = createHash('sha256');
  #failed = false;
  readonly #indexer = new CastIndexer();
  readonly #followers = new Set<(ended: boolean) => void>();
  readonly #decoder = new StringDecoder('utf8');
  #gathered = '';
  #gatheredMs = 0;
  #lastMs: number;
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #over = false;

  /** Makes the file, which must not exist. Throws Fault recorder-failed. */
  constructor({ path, size, clock, title, onFailed, onClosed }: CastOptions) {
    this.#path = path;
    this.#clock = clock;
    this.#onFailed = onFailed;
    this.#onClosed = onClosed ?? (() => undefined);
    this.#lastMs = clock.monotonicMs();
    try {
      this.#fd = openSync(path, 'ax', 0o600);
    } catch (cause) {
      throw new Fault('recorder-failed', `the recording of a terminal can't be made: ${messageWithoutPath(cause)}`, { cause });
    }
    const header = {
      version: 3,
      term: { cols: size.cols || 80, rows: size.rows || 24 },
      timestamp: Math.floor(clock.nowMs() / 1000),
      title,
      ...(size.command === null ? {} : { command: size.command }),
    };
    this.#indexer.header(header, this.#line(JSON.stringify(header)));
  }

  /** The index of what has been written so far. */
  index(): CastIndex {
    return this.#indexer.get();
  }

  /** Calls back when more is in the file, and once with true when nothing more will come. The answer stops it. */
  follow(listener: (ended: boolean) => void): () => void {
    this.#followers.add(listener);
    return () => this.#followers.delete(listener);
  }

  output(bytes: Buffer): void {
    if (this.#over) return;
    if (this.#gathered === '') this.#gatheredMs = this.#clock.monotonicMs();
    this.#gathered += this.#decoder.write(bytes);
    if (this.#gathered.length > gatherCharsMax) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), gatherMs);
  }

  resize(cols: number, rows: number): void {
    this.#flush();
    this.#gatheredMs = this.#clock.monotonicMs();
    this.#event('r', `${cols}x${rows}`);
  }

  mark(command: string): void {
    this.#flush();
    this.#gatheredMs = this.#clock.monotonicMs();
    this.#event('m', command.slice(0, markCharsMax));
  }

  close(): void {
    if (this.#over) return;
    this.#gathered += this.#decoder.end();
    this.#flush();
    this.#end();
  }

  #flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const text = this.#gathered;
    this.#gathered = '';
    if (text !== '') this.#event('o', text);
  }

  #event(code: 'o' | 'r' | 'm', data: string): void {
    if (this.#over) return;
    const seconds = Number((Math.max(0, this.#gatheredMs - this.#lastMs) / 1000).toFixed(3));
    this.#lastMs = Math.max(this.#lastMs, this.#gatheredMs);
    this.#write(seconds, code, data);
    if (this.#bytes >= castBytesMax) {
      this.#write(0, 'm', 'the recording ends here: its limit is reached');
      this.#end();
    }
    for (const follower of this.#followers) follower(false);
  }

  #write(seconds: number, code: 'o' | 'r' | 'm', data: string): void {
    const bytes = this.#line(JSON.stringify([seconds, code, data]));
    if (bytes > 0) this.#indexer.event(seconds, code, data, bytes);
  }

  /** Bytes written; 0 when it can't be. */
  #line(text: string): number {
    if (this.#over) return 0;
    const bytes = Buffer.from(`${text}\n`);
    this.#bytes += bytes.length;
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(this.#fd, bytes, done);
      this.#sha256.update(bytes);
      return bytes.length;
    } catch (cause) {
      this.#failed = true;
      this.#end();
      this.#onFailed(new Fault('recorder-failed', `the recording of a terminal can't be written: ${messageWithoutPath(cause)}`, { cause }));
      return 0;
    }
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    closeSync(this.#fd);
    this.#keepIndex();
    this.#onClosed(this.#failed ? null : { bytes: this.#bytes, sha256: this.#sha256.digest('hex') });
    for (const follower of this.#followers) follower(true);
    this.#followers.clear();
  }

  /** For a quick start of the replay. Without it the cast is read through when somebody asks. */
  #keepIndex(): void {
    try {
      writeFileSync(`${this.#path}.index`, JSON.stringify(this.index()), { mode: 0o600 });
    } catch {
      // The recording itself is whole; a disk that is full is told by the next one that can't be written.
    }
  }
}
