// Reads a recording back, whatever state a crash left it in: whole lines count, half a line at the end does not.

import { createReadStream } from 'node:fs';
import type { RecordingHeader, StatementEntry } from '../core/recording.ts';

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
}

/** Null when the file doesn't begin with a header. Rejects with the system's error when it can't be read. */
export async function readRecording(path: string): Promise<Recording | null> {
  let header: RecordingHeader | null = null;
  const entries: StatementEntry[] = [];
  let ended: number | null = null;
  let truncated = false;
  for await (const text of wholeLines(path)) {
    const line = parse(text);
    if (header === null) {
      if (line?.['kind'] !== 'recording') return null;
      const { kind: _kind, format: _format, ...rest } = line;
      header = rest as unknown as RecordingHeader;
    } else if (entries.length >= readEntriesMax) {
      truncated = true;
      break;
    } else if (line?.['kind'] === 'end') ended = Number(line['entries']);
    else if (line?.['kind'] === 'statement') entries.push(line as unknown as StatementEntry);
    else if (line?.['kind'] === 'too-long') truncated = true;
  }
  if (header === null) return null;
  return { header, entries, complete: ended === entries.length && !truncated, truncated };
}

async function* wholeLines(path: string): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) {
    bytes += (chunk as Buffer).length;
    let data: Buffer = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
    for (let end = data.indexOf(0x0a); end !== -1; end = data.indexOf(0x0a)) {
      yield data.toString('utf8', 0, end);
      data = data.subarray(end + 1);
    }
    rest = data;
    if (bytes > readBytesMax) {
      yield '{"kind":"too-long"}';
      return;
    }
  }
}

function parse(text: string): Record<string, unknown> | null {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return null; // a damaged line; those around it are still worth reading
  }
}
