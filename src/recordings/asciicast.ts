// Recordings of terminals in asciicast v3 (a header line, then [interval, code, data] lines), playable by any asciinema player.
// Text that is cut in the middle of a letter by the network is put together again; a failure is told once, never thrown.

import { closeSync, openSync, writeSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '../core/clock.ts';
import { Fault, messageOf } from '../core/errors.ts';
import type { TerminalRecorder, TerminalSize } from '../core/recording.ts';

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
}

export class AsciicastRecorder implements TerminalRecorder {
  readonly #fd: number;
  readonly #clock: Clock;
  readonly #onFailed: (fault: Fault) => void;
  readonly #decoder = new StringDecoder('utf8');
  #gathered = '';
  #gatheredMs = 0;
  #lastMs: number;
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #over = false;

  /** Makes the file, which must not exist. Throws Fault recorder-failed. */
  constructor({ path, size, clock, title, onFailed }: CastOptions) {
    this.#clock = clock;
    this.#onFailed = onFailed;
    this.#lastMs = clock.monotonicMs();
    try {
      this.#fd = openSync(path, 'ax', 0o600);
    } catch (cause) {
      throw new Fault('recorder-failed', `the recording of a terminal can't be made: ${messageOf(cause)}`, { cause });
    }
    const header = {
      version: 3,
      term: { cols: size.cols || 80, rows: size.rows || 24 },
      timestamp: Math.floor(clock.nowMs() / 1000),
      title,
      ...(size.command === null ? {} : { command: size.command }),
    };
    this.#line(JSON.stringify(header));
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
    const seconds = Math.max(0, this.#gatheredMs - this.#lastMs) / 1000;
    this.#lastMs = Math.max(this.#lastMs, this.#gatheredMs);
    this.#line(JSON.stringify([Number(seconds.toFixed(3)), code, data]));
    if (this.#bytes < castBytesMax) return;
    this.#line(JSON.stringify([0, 'm', 'the recording ends here: its limit is reached']));
    this.#end();
  }

  #line(text: string): void {
    if (this.#over) return;
    const bytes = Buffer.from(`${text}\n`);
    this.#bytes += bytes.length;
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(this.#fd, bytes, done);
    } catch (cause) {
      this.#end();
      this.#onFailed(new Fault('recorder-failed', `the recording of a terminal can't be written: ${messageOf(cause)}`, { cause }));
    }
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    closeSync(this.#fd);
  }
}
