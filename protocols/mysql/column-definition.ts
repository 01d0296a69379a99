// What a server tells of a column of its result. Source: MySQL's and MariaDB's protocol documents, "Column Definition".

import { BodyReader } from './body-reader.ts';

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
