// What the target's answers say of rows: counts in command tags, and cells where policy wants results recorded.

import { isUtf8 } from 'node:buffer';
import { BodyReader } from './messages.ts';

/** Longest cell kept for a recording. */
const cellCharsMax = 1024;

/** CommandComplete: "INSERT 0 5", "SELECT 10", "COPY 7" → the count; null where the tag has none ("BEGIN"). */
export function rowsOfTag(tag: string): number | null {
  const match = / (\d+)$/.exec(tag);
  return match === null ? null : Number(match[1]);
}

/** DataRow (54.7) as text cells; binary ones as \x…. */
export function rowCells(bytes: Buffer): (string | null)[] {
  const reader = new BodyReader(bytes);
  const count = reader.int16();
  const cells: (string | null)[] = [];
  for (let i = 0; i < count; i++) {
    const length = reader.int32();
    cells.push(length === -1 ? null : cell(reader.bytes(length)));
  }
  return cells;
}

function cell(bytes: Buffer): string {
  const head = bytes.subarray(0, cellCharsMax * 4);
  const text = isUtf8(bytes) && !bytes.includes(0) ? head.toString('utf8') : `\\x${head.toString('hex')}`;
  return text.length > cellCharsMax ? `${text.slice(0, cellCharsMax)}…` : text;
}
