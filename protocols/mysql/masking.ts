// Masks in the rows of one result: which fields are hidden is known once its columns are, and rows are written anew with hidden
// values. Also the target's errors, without the values that they may quote.

import { isUtf8 } from 'node:buffer';
import { Fault } from '../../src/core/errors.ts';
import type { FieldMask, Masking, ResultField } from '../../src/core/masking.ts';
import { BodyReader } from './body-reader.ts';
import { maskedValue } from './masked-values.ts';
import { err, type ErrPacket } from './messages.ts';
import { readValue } from './parameters.ts';
import type { ColumnDefinition } from './column-definition.ts';

const nullText = Buffer.from([0xfb]);

export class ResultMasks {
  readonly #columns: readonly ColumnDefinition[];
  readonly #masks: readonly (FieldMask | null)[];
  readonly #isNeeded: boolean;

  constructor(masking: Masking, columns: readonly ColumnDefinition[]) {
    this.#columns = columns;
    this.#masks = masking.fields(0, columns.map(resultField), new Map());
    this.#isNeeded = this.#masks.some((mask) => mask !== null);
  }

  /** A row as the client may see it; the same buffer when nothing in it is hidden. */
  row(payload: Buffer, isBinary: boolean): Buffer {
    if (this.#columns.length === 0) throw new Fault('protocol-violation', 'the target sent rows of columns that it has not described');
    if (!this.#isNeeded) return payload;
    return isBinary ? this.#binaryRow(payload) : this.#textRow(payload);
  }

  #textRow(payload: Buffer): Buffer {
    const reader = new BodyReader(payload);
    const parts: Buffer[] = [];
    let isChanged = false;
    for (const [at, column] of this.#columns.entries()) {
      const from = reader.at;
      const length = reader.lenencOrNull();
      const value = length === null ? null : reader.bytes(length);
      const mask = this.#masks[at] ?? null;
      const shown = value === null || mask === null ? undefined : maskedValue(textOf(value), column, mask, false);
      if (shown !== undefined) isChanged = true;
      parts.push(shown === undefined ? payload.subarray(from, reader.at) : (shown ?? nullText));
    }
    return isChanged ? Buffer.concat(parts) : payload;
  }

  /** 0x00, a NULL bitmap that begins with bit 2, values. */
  #binaryRow(payload: Buffer): Buffer {
    const reader = new BodyReader(payload, 1);
    const nulls = Buffer.from(reader.bytes((this.#columns.length + 9) >>> 3));
    const values: Buffer[] = [];
    let isChanged = false;
    for (const [at, column] of this.#columns.entries()) {
      const [byte, bit] = [(at + 2) >>> 3, 1 << ((at + 2) & 7)];
      if (((nulls[byte] as number) & bit) !== 0) continue;
      const from = reader.at;
      const text = readValue(reader, column.code, column.unsigned);
      const mask = this.#masks[at] ?? null;
      const shown = mask === null ? undefined : maskedValue(text, column, mask, true);
      if (shown !== undefined) isChanged = true;
      if (shown === null) nulls[byte] = (nulls[byte] as number) | bit;
      else values.push(shown ?? payload.subarray(from, reader.at));
    }
    return isChanged ? Buffer.concat([payload.subarray(0, 1), nulls, ...values]) : payload;
  }
}

function textOf(value: Buffer): string {
  return value.toString(isUtf8(value) ? 'utf8' : 'latin1');
}

function resultField({ name, schema, orgTable, orgName }: ColumnDefinition): ResultField {
  const isPlain = orgTable !== '' && orgName !== '';
  return { name, origin: isPlain ? { kind: 'column', schema, table: orgTable, column: orgName } : null };
}

/** Errors whose words name things of the text and of the server, never values of rows: syntax, names, rights, locks, limits. */
const namesNoValue = new Set([
  1044, 1045, 1046, 1049, 1050, 1051, 1052, 1053, 1054, 1055, 1056, 1060, 1061, 1064, 1065, 1066, 1071, 1091, 1093, 1103, 1109, 1110,
  1111, 1113, 1114, 1115, 1118, 1136, 1140, 1142, 1143, 1146, 1149, 1152, 1153, 1158, 1159, 1160, 1161, 1166, 1193, 1203, 1205, 1213,
  1222, 1226, 1227, 1229, 1235, 1241, 1242, 1243, 1248, 1290, 1305, 1317, 1318, 1370, 1792, 1836, 1927, 1969, 3024,
]); // prettier-ignore

/** The error as the client and the record may read it; null: as it is. */
export function withoutValues({ number, sqlState, message }: ErrPacket, masking: Masking): { error: ErrPacket; payload: Buffer } | null {
  if (masking.runsCode !== true && namesNoValue.has(number)) return null; // code can raise any of them, with any words
  const error = { number, sqlState, message: masking.words(message) };
  return { error, payload: err(number, sqlState, error.message) };
}
