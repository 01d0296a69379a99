// A hidden value as its type writes it, in rows of text and of binary, so that every client reads a legal value. What has no such
// value is NULL.

import type { FieldMask } from '../../src/core/masking.ts';
import { lenencBytes } from './messages.ts';
import type { ColumnDefinition } from './column-definition.ts';

/** "binary": bytes, not text. */
const binaryCharset = 63;
const textual = new Set([15, 247, 248, 249, 250, 251, 252, 253, 254]); // VARCHAR, ENUM, SET, BLOBs, VAR_STRING, STRING
const jsonType = 245;

const zeros = (count: number): Buffer => Buffer.alloc(count);
const day = Buffer.from([4, 0xd0, 0x07, 1, 1]);
/** Values that say nothing: as text, and in a binary row with its length where it has one. */
const neutral: ReadonlyMap<number, readonly [text: string, binary: Buffer]> = new Map([
  [0, ['0', lenencBytes(Buffer.from('0'))]], // DECIMAL
  [246, ['0', lenencBytes(Buffer.from('0'))]],
  [1, ['0', zeros(1)]],
  [2, ['0', zeros(2)]],
  [3, ['0', zeros(4)]],
  [9, ['0', zeros(4)]],
  [8, ['0', zeros(8)]],
  [4, ['0', zeros(4)]],
  [5, ['0', zeros(8)]],
  [13, ['2000', Buffer.from([0xd0, 0x07])]], // YEAR
  [10, ['2000-01-01', day]],
  [7, ['2000-01-01 00:00:00', day]],
  [12, ['2000-01-01 00:00:00', day]],
  [11, ['00:00:00', Buffer.from([0])]], // TIME
]);

/** What to write in its place: null is NULL, undefined: nothing in it is hidden. `text`: the value as people read it. */
export function maskedValue(text: string, column: ColumnDefinition, mask: FieldMask, isBinary: boolean): Buffer | null | undefined {
  const { code, charset, displayBytes } = column;
  const isJson = code === jsonType || column.isJson;
  const isText = (textual.has(code) && charset !== binaryCharset) || isJson;
  const shown = mask.text(text);
  if (!mask.whole && shown === text) return undefined;
  if (isText) {
    if (shown === null) return null;
    if (isJson) return mask.whole ? lenencBytes(Buffer.from('"***"')) : jsonOrNull(shown);
    return lenencBytes(Buffer.from(displayBytes > 0 ? [...shown].slice(0, displayBytes).join('') : shown, 'utf8'));
  }
  if (mask.method !== 'fixed') return null;
  const value = neutral.get(code);
  if (value === undefined) return textual.has(code) ? lenencBytes(zeros(0)) : null;
  return isBinary ? value[1] : lenencBytes(Buffer.from(value[0]));
}

/** Words replaced in a JSON text leave JSON, unless they were part of a number. */
function jsonOrNull(text: string): Buffer | null {
  try {
    JSON.parse(text);
    return lenencBytes(Buffer.from(text));
  } catch {
    return null;
  }
}
