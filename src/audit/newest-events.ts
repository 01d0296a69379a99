// The newest events of some types, read from the files of the log themselves: for the start after a kill, when the index may be behind.

import type { AuditLine } from './line.ts';
import { listSegments, readPieces } from './segments.ts';
import { segmentsReadMax } from './unfinished.ts';

const typeStart = '"type":"';
const timeStart = '"at_ms":';

export interface NewestWanted {
  readonly types: readonly string[];
  readonly fromMs: number;
  /** Characters of ASCII that a line has; '' for all lines. */
  readonly containing: string;
}

/** Of these types, not older than `fromMs`, newest first; at most those of the newest files. Whole lines up to event `lastSeq` count. */
export async function newestEvents(dir: string, { types, fromMs, containing }: NewestWanted, lastSeq: number): Promise<AuditLine[]> {
  const wanted = new Set(types);
  const found: AuditLine[] = [];
  const segments = listSegments(dir).filter(({ firstSeq }) => firstSeq <= lastSeq);
  for (const { path } of segments.slice(-segmentsReadMax).reverse()) {
    const ofFile: AuditLine[] = [];
    let beganMs: number | null = null;
    await readPieces(path, 0, (text) => {
      for (const line of text.split('\n')) {
        if (line === '') continue;
        beganMs ??= Number.parseInt(valueAfter(timeStart, line), 10);
        if (!wanted.has(valueAfter(typeStart, line).split('"', 1)[0] ?? '')) continue;
        if (!line.includes(containing)) continue;
        const event = JSON.parse(Buffer.from(line, 'latin1').toString()) as AuditLine;
        if (event.seq <= lastSeq && event.at_ms >= fromMs) ofFile.push(event);
      }
      return true;
    });
    found.push(...ofFile.reverse());
    if (beganMs !== null && beganMs < fromMs) break;
  }
  return found;
}

/** The type and the time come before all that somebody else could have written. */
function valueAfter(name: string, line: string): string {
  const start = line.indexOf(name);
  return start < 0 ? '' : line.slice(start + name.length, start + name.length + 64);
}
