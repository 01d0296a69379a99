// Reads COM_STMT_EXECUTE: which statement, which values, as people read them. (Binary protocol value, per type.)

import { isUtf8 } from 'node:buffer';
import type { Parameter } from '../../src/core/action.ts';
import { Fault } from '../../src/core/errors.ts';
import { BodyReader } from './body-reader.ts';
import type { WireStatement } from './statements.ts';

/** Longer values are shown cut; an approval binds to the whole by its digest. */
const shownCharsMax = 4096;

export interface ExecuteMessage {
  readonly id: number;
  readonly flags: number;
  readonly iterations: number;
  /** After the fixed head: NULL bitmap, types, values. */
  readonly body: Buffer;
}

export interface BoundParameters {
  readonly parameters: readonly Parameter[];
  readonly nullBitmap: Buffer;
  readonly types: Buffer;
  /** The client has told the types with this execution. */
  readonly tellsTypes: boolean;
  readonly values: Buffer;
}

export const executeHeadBytes = 9;

export function readExecute(argument: Buffer): ExecuteMessage {
  const reader = new BodyReader(argument);
  return { id: reader.uint32(), flags: reader.uint8(), iterations: reader.uint32(), body: reader.rest() };
}

/** Decodes the values by the types in the message, or by those bound before. Throws Fault protocol-violation. */
export function readParameters(message: ExecuteMessage, statement: WireStatement): BoundParameters {
  const count = statement.parameterCount;
  const reader = new BodyReader(message.body);
  const nullBitmap = reader.bytes((count + 7) >>> 3);
  const bound = reader.uint8();
  const types = bound === 1 ? reader.bytes(2 * count) : statement.types;
  if (types === null) throw new Fault('protocol-violation', 'an execution without the types of its parameters');
  const valuesAt = reader.at;
  const parameters = readValues(reader, statement, types, nullBitmap, 0);
  // The same buffer while they stay the same: a slice would keep its chunk.
  return {
    parameters,
    nullBitmap,
    types: types === statement.types ? types : Buffer.from(types),
    tellsTypes: bound === 1,
    values: message.body.subarray(valuesAt),
  };
}

/** The values from the reader's place to the end of its bytes. The NULL bitmap stands in `nulls` from `nullsAt` on. */
export function readValues(reader: BodyReader, statement: WireStatement, types: Buffer, nulls: Buffer, nullsAt: number): Parameter[] {
  const parameters: Parameter[] = [];
  for (let i = 0; i < statement.parameterCount; i++) {
    const code = types[2 * i] as number;
    const unsigned = ((types[2 * i + 1] as number) & 0x80) !== 0;
    const ahead = statement.longData.size === 0 ? undefined : statement.longData.get(i);
    const isNull = ((nulls[nullsAt + (i >>> 3)] as number) & (1 << (i & 7))) !== 0;
    // A value that was sent ahead stands nowhere in the message, whatever the bitmap says.
    if (ahead !== undefined) parameters.push({ type: typeName(code), text: shown(textual(Buffer.concat(ahead))) });
    else if (isNull || code === 6) parameters.push({ type: typeName(code), text: null });
    else parameters.push({ type: typeName(code), text: shownValue(reader, code, unsigned) });
  }
  if (reader.left > 0) reader.fail('an execution with bytes after its last parameter');
  return parameters;
}

const names: Readonly<Record<number, string>> = {
  0: 'decimal', 1: 'tinyint', 2: 'smallint', 3: 'int', 4: 'float', 5: 'double', 6: 'null', 7: 'timestamp', 8: 'bigint', 9: 'mediumint',
  10: 'date', 11: 'time', 12: 'datetime', 13: 'year', 15: 'varchar', 16: 'bit', 242: 'vector', 243: 'varbinary', 244: 'binary', 245: 'json', 246: 'decimal',
  247: 'enum', 248: 'set', 249: 'tinyblob', 250: 'mediumblob', 251: 'longblob', 252: 'blob', 253: 'varchar', 254: 'char', 255: 'geometry',
}; // prettier-ignore

export function typeName(code: number): string | null {
  return names[code] ?? null;
}

/** One value for people, cut where it is long. */
export function shownValue(reader: BodyReader, code: number, unsigned: boolean): string {
  return shown(readValue(reader, code, unsigned));
}

/** One value of the binary protocol as text. */
export function readValue(reader: BodyReader, code: number, unsigned: boolean): string {
  switch (code) {
    case 1:
      return String(unsigned ? reader.uint8() : reader.bytes(1).readInt8());
    case 2:
    case 13:
      return String(unsigned ? reader.uint16() : reader.bytes(2).readInt16LE());
    case 3:
    case 9:
      return String(unsigned ? reader.uint32() : reader.bytes(4).readInt32LE());
    case 8:
      return reader.int64Text(unsigned);
    case 4:
      return String(Math.fround(reader.bytes(4).readFloatLE()));
    case 5:
      return String(reader.bytes(8).readDoubleLE());
    case 7:
    case 10:
    case 12:
      return readDate(reader);
    case 11:
      return readTime(reader);
    default:
      if (names[code] === undefined) throw new Fault('protocol-violation', `a parameter of the unknown type ${code}`);
      return textual(reader.lenencBytes());
  }
}

const two = (value: number): string => String(value).padStart(2, '0');

/** Length 0, 4 (date), 7 (with time) or 11 (with microseconds). */
function readDate(reader: BodyReader): string {
  const length = reader.uint8();
  if (length === 0) return '0000-00-00';
  if (length !== 4 && length !== 7 && length !== 11) throw new Fault('protocol-violation', `a date of ${length} bytes`);
  const date = `${String(reader.uint16()).padStart(4, '0')}-${two(reader.uint8())}-${two(reader.uint8())}`;
  if (length === 4) return date;
  const time = `${date} ${two(reader.uint8())}:${two(reader.uint8())}:${two(reader.uint8())}`;
  return length === 7 ? time : `${time}.${String(reader.uint32()).padStart(6, '0')}`;
}

/** Length 0, 8 or 12: sign, days, hours, minutes, seconds, microseconds. */
function readTime(reader: BodyReader): string {
  const length = reader.uint8();
  if (length === 0) return '00:00:00';
  if (length !== 8 && length !== 12) throw new Fault('protocol-violation', `a time of ${length} bytes`);
  const sign = reader.uint8() === 1 ? '-' : '';
  const days = reader.uint32();
  const hours = days * 24 + reader.uint8();
  const time = `${sign}${two(hours)}:${two(reader.uint8())}:${two(reader.uint8())}`;
  return length === 8 ? time : `${time}.${String(reader.uint32()).padStart(6, '0')}`;
}

function textual(bytes: Buffer): string {
  return isUtf8(bytes) && !bytes.includes(0) ? bytes.toString('utf8') : `\\x${bytes.toString('hex')}`;
}

function shown(text: string): string {
  return text.length > shownCharsMax ? `${text.slice(0, shownCharsMax)}…` : text;
}
