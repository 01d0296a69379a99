// Bound parameters as people read them: text as it came, the common binary types decoded, everything else as \x….

import { isUtf8 } from 'node:buffer';
import type { Parameter } from '../../src/core/action.ts';
import type { GivenValues } from './messages.ts';

/** Longer values are shown cut; an approval binds to the whole by its digest. */
const shownCharsMax = 4096;

interface TypeReader {
  readonly name: string;
  readonly read: ((bytes: Buffer) => string) | null;
}

const textual = (bytes: Buffer): string => (isUtf8(bytes) ? bytes.toString('utf8') : hex(bytes));
const hex = (bytes: Buffer): string => `\\x${bytes.toString('hex')}`;
const sized = (bytes: number, read: (it: Buffer) => string) => (value: Buffer) => (value.length === bytes ? read(value) : hex(value));

/** Type OIDs of pg_type.dat. Binary formats: the _send functions of the type. */
const types = new Map<number, TypeReader>([
  [16, { name: 'bool', read: sized(1, (it) => (it[0] === 0 ? 'false' : 'true')) }],
  [17, { name: 'bytea', read: hex }],
  [19, { name: 'name', read: textual }],
  [20, { name: 'int8', read: sized(8, (it) => it.readBigInt64BE().toString()) }],
  [21, { name: 'int2', read: sized(2, (it) => String(it.readInt16BE())) }],
  [23, { name: 'int4', read: sized(4, (it) => String(it.readInt32BE())) }],
  [25, { name: 'text', read: textual }],
  [26, { name: 'oid', read: sized(4, (it) => String(it.readUInt32BE())) }],
  [114, { name: 'json', read: textual }],
  [700, { name: 'float4', read: sized(4, (it) => String(it.readFloatBE())) }],
  [701, { name: 'float8', read: sized(8, (it) => String(it.readDoubleBE())) }],
  [1042, { name: 'bpchar', read: textual }],
  [1043, { name: 'varchar', read: textual }],
  [1082, { name: 'date', read: sized(4, (it) => day(it.readInt32BE())) }],
  [1114, { name: 'timestamp', read: sized(8, (it) => instant(it.readBigInt64BE(), '')) }],
  [1184, { name: 'timestamptz', read: sized(8, (it) => instant(it.readBigInt64BE(), 'Z')) }],
  [1700, { name: 'numeric', read: numeric }],
  [2950, { name: 'uuid', read: sized(16, uuid) }],
  [3802, { name: 'jsonb', read: (it) => (it[0] === 1 ? textual(it.subarray(1)) : hex(it)) }],
]);

/** The parameters of a Bind or FunctionCall. `typeOids` may be shorter than the values. */
export function decodeParameters({ formats, values }: GivenValues, typeOids: readonly number[]): Parameter[] {
  return values.map((value, index) => {
    const format = formats.length === 1 ? formats[0] : (formats[index] ?? 0);
    return parameterOf(value, format ?? 0, typeOids[index] ?? 0);
  });
}

/** The same, straight out of a Bind whose fields are known to add up; they begin at `from`. */
export function parametersIn(bytes: Buffer, from: number, typeOids: readonly number[]): Parameter[] {
  const formats = bytes.readUInt16BE(from);
  const formatAt = (index: number) => bytes.readInt16BE(from + 2 + 2 * (formats === 1 ? 0 : index));
  let at = from + 2 + 2 * formats;
  const count = bytes.readUInt16BE(at);
  at += 2;
  const parameters: Parameter[] = [];
  for (let index = 0; index < count; index++) {
    const length = bytes.readInt32BE(at);
    at += 4;
    const format = formats === 1 || index < formats ? formatAt(index) : 0;
    const end = at + Math.max(length, 0);
    const oid = typeOids[index] ?? 0;
    const quick = length >= 0 && format === 0 ? shortAscii(bytes, at, end) : null;
    parameters.push(
      quick === null ? parameterOf(length < 0 ? null : bytes.subarray(at, end), format, oid) : { type: nameOf(oid), text: quick },
    );
    at = end;
  }
  return parameters;
}

/** Numbers and short words: calls of native code cost more than their few characters. Null for everything else. */
function shortAscii(bytes: Buffer, from: number, end: number): string | null {
  if (end - from > shortCharsMax) return null;
  let text = '';
  for (let at = from; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte > 0x7f) return null;
    text += String.fromCharCode(byte);
  }
  return text;
}

const shortCharsMax = 12;

function parameterOf(value: Buffer | null, format: number, oid: number): Parameter {
  const type = nameOf(oid);
  if (value === null) return { type, text: null };
  const read = format === 0 ? textual : (types.get(oid)?.read ?? hex);
  const text = read(value);
  return { type, text: text.length > shownCharsMax ? `${text.slice(0, shownCharsMax)}…` : text };
}

/** 0 is left to the server; any other number that is not listed may be a type that somebody made. */
function nameOf(oid: number): string | null {
  return types.get(oid)?.name ?? (oid === 0 ? null : `type ${oid}`);
}

const epochDay = 10957; // 2000-01-01 in days since 1970

function day(days: number): string {
  if (days === 0x7fffffff) return 'infinity';
  if (days === -0x80000000) return '-infinity';
  const ms = (days + epochDay) * 86_400_000;
  return Math.abs(ms) > 8.64e15 ? `${days} days since 2000-01-01` : new Date(ms).toISOString().slice(0, 10);
}

function instant(microseconds: bigint, suffix: string): string {
  if (microseconds === 0x7fffffffffffffffn) return 'infinity';
  if (microseconds === -0x8000000000000000n) return '-infinity';
  const ms = Number(microseconds / 1000n) + epochDay * 86_400_000;
  if (Math.abs(ms) > 8.64e15) return `${microseconds} µs since 2000-01-01`;
  return new Date(ms).toISOString().replace('Z', suffix);
}

function uuid(bytes: Buffer): string {
  const h = bytes.toString('hex');
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`;
}

/** Base-10000 digits that a number does not carry: eight bytes can say 32,767 zeros, and one message 65,535 such numbers. */
const zerosMax = 64;

/** numeric_send: digit count, weight, sign, scale, then base-10000 digits. */
function numeric(bytes: Buffer): string {
  if (bytes.length < 8) return hex(bytes);
  const count = bytes.readInt16BE(0);
  const weight = bytes.readInt16BE(2);
  const sign = bytes.readUInt16BE(4);
  const scale = bytes.readInt16BE(6);
  if (sign === 0xc000) return 'NaN';
  if (sign === 0xd000) return 'Infinity';
  if (sign === 0xf000) return '-Infinity';
  if (count < 0 || bytes.length !== 8 + 2 * count || scale < 0) return hex(bytes);
  if (weight > count + zerosMax || scale > 4 * (count + zerosMax)) return hex(bytes);
  const digit = (index: number) => (index >= 0 && index < count ? bytes.readInt16BE(8 + 2 * index) : 0);
  let whole = weight < 0 ? '0' : String(digit(0));
  for (let i = 1; i <= weight; i++) whole += String(digit(i)).padStart(4, '0');
  let fraction = '';
  for (let i = weight + 1; fraction.length < scale; i++) fraction += String(digit(i)).padStart(4, '0');
  const text = scale > 0 ? `${whole}.${fraction.slice(0, scale)}` : whole;
  return sign === 0x4000 ? `-${text}` : text;
}
