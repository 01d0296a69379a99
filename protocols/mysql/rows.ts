// Cells of result rows for the recording, where policy wants results recorded: text and binary rows.

import { isUtf8 } from 'node:buffer';
import { BodyReader } from './body-reader.ts';
import type { ColumnType } from './column-definition.ts';
import { readValue } from './parameters.ts';

/** Longest cell kept for a recording. */
const cellCharsMax = 1024;
/** Rows of one action handed to the recorder, which has a limit of its own. */
export const recordedRowsMax = 1_000;

export function textCells(payload: Buffer, columns: number): (string | null)[] {
  const reader = new BodyReader(payload);
  const cells: (string | null)[] = [];
  for (let i = 0; i < columns; i++) {
    const length = reader.lenencOrNull();
    cells.push(length === null ? null : cell(reader.bytes(length)));
  }
  return cells;
}

/** Binary row: 0x00, a NULL bitmap that begins with bit 2, values. */
export function binaryCells(payload: Buffer, columns: readonly ColumnType[]): (string | null)[] {
  const reader = new BodyReader(payload, 1);
  const nulls = reader.bytes((columns.length + 9) >>> 3);
  return columns.map(({ code, unsigned }, index) => {
    const bit = index + 2;
    return ((nulls[bit >>> 3] as number) & (1 << (bit & 7))) !== 0 ? null : cut(readValue(reader, code, unsigned));
  });
}

function cell(bytes: Buffer): string {
  const head = bytes.subarray(0, cellCharsMax * 4);
  return cut(isUtf8(bytes) && !bytes.includes(0) ? head.toString('utf8') : `\\x${head.toString('hex')}`);
}

function cut(text: string): string {
  return text.length > cellCharsMax ? `${text.slice(0, cellCharsMax)}…` : text;
}
