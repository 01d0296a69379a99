// Reads a recording back, whatever state a crash left it in: whole lines count, half a line at the end does not. A line that names an
// earlier one (`"as":OFFSET`) has the members of that which it leaves out.

import { createReadStream } from 'node:fs';
import type { RecordingHeader, StatementEntry } from '../core/recording.ts';
import { entriesWith } from './entry-search.ts';

/** Entries and bytes given of one recording; a longer one is shown from its beginning and says that it goes on. */
export const readEntriesMax = 100_000;
export const readBytesMax = 64 * 1024 * 1024;

export interface Recording {
  readonly header: RecordingHeader;
  readonly entries: readonly StatementEntry[];
  /** True when the recorder was closed and everything is here; false while the session runs, or after a crash. */
  readonly complete: boolean;
  /** More is in the file than was read. */
  readonly truncated: boolean;
  /** Where the next part begins: behind the last entry read. */
  readonly next: number;
}

/** Part of a recording: from a place that an earlier part ended at, so many entries. */
export interface ReadPart {
  /** 0 for the beginning. */
  readonly from: number;
  readonly entriesMax: number;
  /** Only entries in which this stands. */
  readonly text?: string | undefined;
}

type Line = Readonly<Record<string, unknown>>;

/** Null when the file doesn't begin with a header. Rejects with the system's error when it can't be read. */
export async function readRecording(path: string, part: ReadPart = { from: 0, entriesMax: readEntriesMax }): Promise<Recording | null> {
  const entries: StatementEntry[] = [];
  const isWanted = part.text === undefined ? () => true : entriesWith(part.text);
  let read = 0;
  let header: RecordingHeader | null = null;
  let ended: number | null = null;
  let truncated = false;
  let next = part.from;
  if (part.from > 0) {
    // The header is on the first line, wherever reading begins.
    for await (const { text } of wholeLines(path, 0)) {
      header = headerOf(parse(text));
      break;
    }
    if (header === null) return null;
  }
  /** Lines that later ones may name, by their places; null where there is none. */
  const full = new Map<number, Line | null>();
  for await (const { text, endAt } of wholeLines(path, part.from)) {
    const line = parse(text);
    if (header === null) {
      header = headerOf(line);
      if (header === null) return null;
    } else if (line?.['kind'] === 'end') ended = Number(line['entries']);
    else if (line?.['kind'] === 'too-long') {
      truncated = true;
      break;
    } else if (entries.length >= part.entriesMax) {
      truncated = true;
      break;
    } else if (line?.['kind'] === 'statement') {
      let entry: Line | null = line;
      if (line['as'] === undefined) full.set(next, line);
      else entry = await joined(path, line, full);
      if (entry !== null) {
        read += 1;
        if (isWanted(entry as unknown as StatementEntry)) entries.push(entry as unknown as StatementEntry);
      }
    }
    next = endAt;
  }
  if (header === null) return null;
  const whole = part.from > 0 ? ended !== null : ended === read;
  return { header, entries, complete: whole && !truncated, truncated, next };
}

/** With what the line leaves out of the earlier one that it names; null when that is damaged. */
async function joined(path: string, { as, ...own }: Line, full: Map<number, Line | null>): Promise<Line | null> {
  if (typeof as !== 'number' || !Number.isSafeInteger(as) || as < 0) return null;
  let earlier = full.get(as);
  if (earlier === undefined) {
    earlier = await lineAt(path, as);
    full.set(as, earlier);
  }
  return earlier?.['kind'] === 'statement' && earlier['as'] === undefined ? { ...earlier, ...own } : null;
}

/** Of a part that begins behind it. */
async function lineAt(path: string, offset: number): Promise<Line | null> {
  for await (const { text } of wholeLines(path, offset)) return parse(text);
  return null;
}

function headerOf(line: Line | null): RecordingHeader | null {
  if (line?.['kind'] !== 'recording') return null;
  const { kind: _kind, format: _format, ...rest } = line;
  return rest as unknown as RecordingHeader;
}

async function* wholeLines(path: string, from: number): AsyncGenerator<{ text: string; endAt: number }> {
  let rest: Buffer = Buffer.alloc(0);
  let bytes = 0;
  let endAt = from;
  for await (const chunk of createReadStream(path, { start: from, highWaterMark: 256 * 1024 })) {
    bytes += (chunk as Buffer).length;
    const data: Buffer = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
    let start = 0;
    for (let end = data.indexOf(0x0a); end !== -1; end = data.indexOf(0x0a, start)) {
      endAt += end + 1 - start;
      yield { text: data.toString('utf8', start, end), endAt };
      start = end + 1;
    }
    rest = data.subarray(start);
    if (bytes > readBytesMax) {
      yield { text: '{"kind":"too-long"}', endAt };
      return;
    }
  }
}

function parse(text: string): Line | null {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return null; // a damaged line; those around it are still worth reading
  }
}
