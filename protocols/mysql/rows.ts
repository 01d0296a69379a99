// Cells of result rows for the recording, where policy wants results recorded: text and binary rows.

import { isUtf8 } from 'node:buffer';
import { BodyReader } from './body-reader.ts';
import { readValue } from './parameters.ts';

/** Longest cell kept for a recording. */
const cellCharsMax = 1024;
/** Rows of one action handed to the recorder, which has a limit of its own. */
export const recordedRowsMax = 1_000;

export interface ColumnType {
  readonly code: number;
  readonly unsigned: boolean;
}

/** What masking reads besides: where the column's values come from, and how they are written. */
export interface ColumnDefinition extends ColumnType {
  readonly schema: string;
  readonly orgTable: string;
  readonly name: string;
  readonly orgName: string;
  readonly charset: number;
  readonly displayBytes: number;
  /** Text of MariaDB's that a client which hears of it reads as JSON. */
  readonly isJson: boolean;
}

/** ColumnDefinition41: catalogue, schema, table, the table's own name, name, the column's own name; then fixed fields. */
export function readColumn(payload: Buffer): ColumnDefinition {
  const reader = new BodyReader(payload);
  reader.lenencBytes();
  const schema = reader.lenencBytes().toString('utf8');
  reader.lenencBytes();
  const [orgTable, name, orgName] = [0, 1, 2].map(() => reader.lenencBytes().toString('utf8')) as [string, string, string];
  const extended = definitionTail(payload, reader.at) ? reader.lenencBytes() : null;
  const isJson = extended !== null && extended.includes(jsonFormat);
  reader.lenenc(); // length of the fixed fields
  const [charset, displayBytes, code] = [reader.uint16(), reader.uint32(), reader.uint8()];
  return { code, unsigned: (reader.uint16() & 0x20) !== 0, schema, orgTable, name, orgName, charset, displayBytes, isJson };
}

/** MariaDB's extended metadata: pairs of a kind (1: format) and words with their length. */
const jsonFormat = Buffer.from('\x01\x04json');

/** The fixed fields are 13 bytes with their length; whatever stands before them is one more string. */
function definitionTail(payload: Buffer, at: number): boolean {
  return payload.length - at > 13;
}

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
