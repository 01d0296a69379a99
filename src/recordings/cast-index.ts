// The index of a recorded terminal: where in the file each moment stands, how the screen was then, which commands began when.
// The recorder keeps one while it writes and leaves it beside the cast; a cast without one (after a crash) is read through once.

import { createReadStream } from 'node:fs';

/** Bytes of cast between two points. A player reads from one point to the next. */
export const pointBytes = 128 * 1024;
/** Commands kept, and the characters of each. What is left out is counted. */
export const marksMax = 10_000;
export const markCharsMax = 500;

/** A line of the cast at which a player may begin. */
export interface CastPoint {
  /** Milliseconds since the terminal began, of the event before this line. */
  readonly atMs: number;
  readonly offset: number;
  readonly cols: number;
  readonly rows: number;
  /** The alternate screen (an editor, a pager) was shown. */
  readonly alternate: boolean;
}

export interface CastMark {
  readonly atMs: number;
  readonly text: string;
}

export interface CastIndex {
  readonly startedAtMs: number;
  /** What ran in it; null for a shell. */
  readonly command: string | null;
  readonly durationMs: number;
  readonly bytes: number;
  /** Of output, without pauses longer than a second: how long it is to watch with idle time skipped. */
  readonly busyMs: number;
  readonly points: readonly CastPoint[];
  readonly marks: readonly CastMark[];
  readonly marksLeftOut: number;
}

/** A pause up to this is watched; a longer one is idle time. */
export const idleMs = 1_000;
const alternateScreen = /\u001b\[\?(?:1049|1047|47)([hl])/g;
/** The longest of those sequences less one: it may be cut between two events. */
const alternateChars = 7;

/** Hears of each line in order. */
export class CastIndexer {
  #startedAtMs = 0;
  #command: string | null = null;
  #cols = 80;
  #rows = 24;
  #alternate = false;
  #tail = '';
  #atMs = 0;
  #busyMs = 0;
  #offset = 0;
  #marksLeftOut = 0;
  readonly #points: CastPoint[] = [];
  readonly #marks: CastMark[] = [];

  header(header: { term: { cols: number; rows: number }; timestamp?: number; command?: string }, lineBytes: number): void {
    this.#cols = header.term.cols;
    this.#rows = header.term.rows;
    this.#startedAtMs = (header.timestamp ?? 0) * 1000;
    this.#command = header.command ?? null;
    this.#offset = lineBytes;
    this.#point();
  }

  event(seconds: number, code: string, data: string, lineBytes: number): void {
    const last = this.#points.at(-1);
    if (last === undefined || this.#offset - last.offset >= pointBytes) this.#point();
    const intervalMs = Math.round(seconds * 1000);
    this.#atMs += intervalMs;
    this.#busyMs += Math.min(intervalMs, idleMs);
    this.#offset += lineBytes;
    if (code === 'o') this.#output(data);
    else if (code === 'r') this.#resize(data);
    else if (code === 'm') this.#mark(data);
  }

  get(): CastIndex {
    return {
      startedAtMs: this.#startedAtMs,
      command: this.#command,
      durationMs: this.#atMs,
      bytes: this.#offset,
      busyMs: this.#busyMs,
      points: this.#points,
      marks: this.#marks,
      marksLeftOut: this.#marksLeftOut,
    };
  }

  #point(): void {
    this.#points.push({ atMs: this.#atMs, offset: this.#offset, cols: this.#cols, rows: this.#rows, alternate: this.#alternate });
  }

  #output(data: string): void {
    const text = this.#tail + data;
    this.#tail = text.slice(-alternateChars);
    if (!text.includes('\u001b[?')) return;
    for (const [, way] of text.matchAll(alternateScreen)) this.#alternate = way === 'h';
  }

  #resize(data: string): void {
    const [cols = 0, rows = 0] = data.split('x').map(Number);
    if (!(cols > 0 && rows > 0)) return;
    this.#cols = cols;
    this.#rows = rows;
  }

  #mark(text: string): void {
    if (this.#marks.length >= marksMax) this.#marksLeftOut += 1;
    else this.#marks.push({ atMs: this.#atMs, text: text.slice(0, markCharsMax) });
  }
}

/** Reads a cast through. Half a line at the end does not count. Undefined when it does not begin with a header. */
export async function indexCast(path: string): Promise<CastIndex | undefined> {
  const indexer = new CastIndexer();
  let seen = false;
  for await (const lines of castLines(path)) {
    for (const { line, bytes } of lines) {
      if (!seen) {
        if (!isHeader(line)) return undefined;
        indexer.header(line, bytes);
        seen = true;
      } else if (isEvent(line)) indexer.event(line[0], line[1], line[2], bytes);
      // A damaged line has a length, too: those after it must be found where they are.
      else indexer.event(0, '', '', bytes);
    }
  }
  return seen ? indexer.get() : undefined;
}

export interface CastLine {
  /** Parsed; null when it can't be. */
  readonly line: unknown;
  readonly bytes: number;
}

/** The whole lines of a cast, many at a time: a day has hundreds of thousands, and a turn of the loop for each would take seconds. */
export async function* castLines(path: string): AsyncGenerator<readonly CastLine[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) {
    const data: Buffer = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
    const lines: CastLine[] = [];
    let start = 0;
    for (let end = data.indexOf(0x0a); end !== -1; end = data.indexOf(0x0a, start)) {
      lines.push({ line: parsed(data.toString('utf8', start, end)), bytes: end + 1 - start });
      start = end + 1;
    }
    rest = data.subarray(start);
    yield lines;
  }
}

export function isEvent(line: unknown): line is [number, string, string] {
  return Array.isArray(line) && typeof line[0] === 'number' && typeof line[1] === 'string' && typeof line[2] === 'string';
}

function isHeader(line: unknown): line is { term: { cols: number; rows: number }; timestamp?: number; command?: string } {
  if (typeof line !== 'object' || line === null || !('term' in line)) return false;
  const { term } = line as { term: unknown };
  return typeof term === 'object' && term !== null && 'cols' in term && 'rows' in term;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
