// Moves the index along the segments. It trusts the lines (verification is another job) but never skips one.

import { statSync } from 'node:fs';
import { Fault } from '../core/errors.ts';
import { unreadableLine, type AuditLine } from './line.ts';
import { listSegments, readLines, segmentOf } from './segments.ts';
import type { PlacedLine, Position, SearchStore } from './search-store.ts';

/** Takes up to `max` further lines in; gives how many. */
export async function followSegments(dir: string, store: SearchStore, max: number): Promise<number> {
  const start = nextPlace(dir, store.position());
  const { path } = segmentOf(dir, start.segment);
  const batch: PlacedLine[] = [];
  await readLines(
    path,
    (bytes, { offset }) => {
      if (batch.length === max) return false;
      const line = parseLine(bytes, start.seq + batch.length + 1);
      batch.push({ line, segment: start.segment, offset, length: bytes.length });
      return true;
    },
    { from: start.offset },
  );
  const last = batch.at(-1);
  if (last === undefined) return 0;
  store.add(batch, { seq: last.line.seq, hash: last.line.hash, segment: start.segment, offset: last.offset + last.length + 1 });
  // A file that ended may be followed by another: say "there is more" by asking again.
  if (batch.length < max && hasNext(dir, store.position())) return max;
  return batch.length;
}

/** At the end of a file that has a successor, the beginning of the successor. */
function nextPlace(dir: string, position: Position): Position {
  return hasNext(dir, position) ? { ...position, segment: position.seq + 1, offset: 0 } : position;
}

function hasNext(dir: string, position: Position): boolean {
  if (position.seq === 0) return false;
  if (position.offset < statSync(segmentOf(dir, position.segment).path).size) return false;
  return listSegments(dir).some((it) => it.firstSeq === position.seq + 1 && it.firstSeq !== position.segment);
}

function parseLine(bytes: Buffer, expectedSeq: number): AuditLine {
  try {
    const line = JSON.parse(bytes.toString('utf8')) as AuditLine;
    if (line.seq === expectedSeq) return line;
    throw new Fault('audit-chain-broken', `the audit log has event ${line.seq} where event ${expectedSeq} belongs`);
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    return unreadableLine(expectedSeq);
  }
}
