// A hidden value as its type writes it, in text and in binary format, so that every client reads a legal value. What has no such
// value is NULL.

import type { FieldMask } from '../../src/core/masking.ts';

export interface Field {
  readonly name: string;
  readonly tableOid: number;
  readonly attribute: number;
  readonly typeOid: number;
  readonly typeModifier: number;
  readonly isBinary: boolean;
}

/** How texts of this connection are read: UTF-8, or bytes of which only ASCII is understood. */
export type TextEncoding = 'utf8' | 'latin1';

/** text, varchar, bpchar, name, "char", unknown, xml is not: it must be well-formed. */
const textual = new Set([25, 1043, 1042, 19, 705]);
const [charType, varcharType, bpcharType, nameType, jsonType, jsonbType, byteaType, uuidType] = [18, 1043, 1042, 19, 114, 3802, 17, 2950];
const nameBytesMax = 63;

const zeros = (count: number): Buffer => Buffer.alloc(count);
/** Values that say nothing, where a type has one: text form and binary form. */
const neutral: ReadonlyMap<number, readonly [text: string, binary: Buffer]> = new Map([
  [16, ['f', zeros(1)]], // bool
  [20, ['0', zeros(8)]],
  [21, ['0', zeros(2)]],
  [23, ['0', zeros(4)]],
  [26, ['0', zeros(4)]], // oid
  [700, ['0', zeros(4)]],
  [701, ['0', zeros(8)]],
  [1700, ['0', zeros(8)]], // numeric: no digits, weight, sign, scale
  [790, ['0', zeros(8)]], // money: read as a number with any locale
  [1082, ['2000-01-01', zeros(4)]], // dates and times count from 2000
  [1083, ['00:00:00', zeros(8)]],
  [1114, ['2000-01-01 00:00:00', zeros(8)]],
  [1184, ['2000-01-01 00:00:00+00', zeros(8)]],
  [2950, ['00000000-0000-0000-0000-000000000000', zeros(16)]],
  [17, ['\\x', zeros(0)]],
]);

/** The value to send in its place; null is SQL NULL. The same buffer: nothing in it is hidden. */
export function maskedValue(value: Buffer, field: Field, mask: FieldMask, encoding: TextEncoding): Buffer | null {
  const { typeOid, isBinary } = field;
  if (textual.has(typeOid)) return maskedText(value, field, mask, encoding);
  if (typeOid === jsonType || typeOid === jsonbType) return maskedJson(value, field, mask);
  if (!mask.whole) return found(value, field, mask) ? instead(field, mask) : value;
  if (typeOid === charType) return mask.method === 'null' ? null : Buffer.from('*');
  if (typeOid === uuidType && mask.method === 'hash') return hashedUuid(value, mask, isBinary);
  return instead(field, mask);
}

function maskedText(value: Buffer, field: Field, mask: FieldMask, encoding: TextEncoding): Buffer | null {
  const before = value.toString(encoding);
  const isPlain = encoding === 'utf8' || /^[\0-\x7f]*$/.test(before);
  // Of letters that are not understood none is shown.
  const after = isPlain || !mask.whole ? mask.text(before) : mask.method === 'null' ? null : '***';
  if (after === before && !mask.whole) return value;
  return after === null ? null : Buffer.from(fitted(after, field), encoding);
}

/** As long as varchar(n) may be, and exactly as long as char(n) is. */
function fitted(text: string, { typeOid, typeModifier }: Field): string {
  if (typeOid === nameType) return text.slice(0, nameBytesMax);
  if (typeModifier < 4 || (typeOid !== varcharType && typeOid !== bpcharType)) return text;
  const signs = [...text].slice(0, typeModifier - 4).join('');
  return typeOid === bpcharType ? signs.padEnd(typeModifier - 4) : signs;
}

/** A JSON text: all of it a string, or its strings searched. */
function maskedJson(value: Buffer, { typeOid, isBinary }: Field, mask: FieldMask): Buffer | null {
  const head = typeOid === jsonbType && isBinary ? value.subarray(0, 1) : zeros(0); // jsonb begins with its version
  const before = value.toString('utf8', head.length);
  if (mask.whole) return mask.method === 'null' ? null : Buffer.concat([head, Buffer.from('"***"')]);
  const parsed = jsonOf(before);
  if (parsed === undefined) return mask.text(before) === before ? value : null;
  let isFound = false;
  const seen = (one: unknown): unknown => {
    if (typeof one !== 'string' && typeof one !== 'number') return one;
    const after = mask.text(String(one));
    if (after === String(one)) return one;
    isFound = true;
    return after;
  };
  const after = JSON.stringify(parsed, (_key, one: unknown) => keysSeen(one, seen));
  return isFound ? Buffer.concat([head, Buffer.from(after)]) : value;
}

function keysSeen(one: unknown, seen: (value: unknown) => unknown): unknown {
  if (typeof one !== 'object' || one === null || Array.isArray(one)) return seen(one);
  return Object.fromEntries(Object.entries(one).map(([key, value]) => [String(seen(key)), value]));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Something is found in the value as its type writes it: numbers as digits, everything else as the characters in it. */
function found(value: Buffer, { typeOid, isBinary }: Field, mask: FieldMask): boolean {
  return formsOf(value, typeOid, isBinary).some((form) => mask.text(form) !== form);
}

function formsOf(value: Buffer, typeOid: number, isBinary: boolean): string[] {
  if (!isBinary && typeOid !== byteaType) return [value.toString('utf8')];
  if (!isBinary) return [Buffer.from(value.toString('latin1').slice(2), 'hex').toString('latin1')];
  if (typeOid === 20 && value.length === 8) return [value.readBigInt64BE().toString()];
  if (typeOid === 23 && value.length === 4) return [value.readInt32BE().toString()];
  if (typeOid === 1700) return [numericDigits(value)];
  return [value.toString('latin1')];
}

/** Base 10,000 digits of a numeric's integer part. */
function numericDigits(value: Buffer): string {
  const [count, weight] = [value.length < 8 ? 0 : value.readInt16BE(0), value.length < 8 ? 0 : value.readInt16BE(2)];
  let digits = '';
  for (let i = 0; i <= weight && i < 64; i++) {
    const at = 8 + 2 * i;
    digits += (i < count && at + 2 <= value.length ? value.readInt16BE(at) : 0).toString().padStart(4, '0');
  }
  return digits.replace(/^0+/, '');
}

function instead({ typeOid, isBinary }: Field, { method }: FieldMask): Buffer | null {
  if (method !== 'fixed') return null;
  const value = neutral.get(typeOid);
  return value === undefined ? null : isBinary ? value[1] : Buffer.from(value[0]);
}

function hashedUuid(value: Buffer, mask: FieldMask, isBinary: boolean): Buffer | null {
  const text = isBinary ? value.toString('hex') : value.toString('latin1').replaceAll('-', '');
  const hash = mask.text(text);
  if (hash === null) return null;
  const hex = hash.padEnd(32, '0').slice(0, 32);
  if (isBinary) return Buffer.from(hex, 'hex');
  return Buffer.from([hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-'));
}
