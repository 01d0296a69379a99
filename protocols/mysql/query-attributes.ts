// Query attributes: values with names that clients of MySQL 8 send beside a statement. They are taken off before a text is read.
// Where the target takes them too they go on, as part of what is judged and approved; else they are dropped.
// (Client/server protocol: "COM_QUERY", "COM_STMT_EXECUTE".)

import { isUtf8 } from 'node:buffer';
import type { Parameter } from '../../src/core/action.ts';
import { BodyReader } from './body-reader.ts';
import * as wire from './messages.ts';
import { readValue, shownValue, typeName, type BoundParameters, type ExecuteMessage } from './parameters.ts';
import type { WireStatement } from './statements.ts';

/** none: the client sends no place for them. dropped: the target has none for them. */
export type AttributeUse = 'none' | 'dropped' | 'forwarded';

/** Attributes of one command; the mysql client sends 32 at most. */
export const attributesMax = 64;
const nameBytesMax = 256;

/** In the flags of COM_STMT_EXECUTE: PARAMETER_COUNT_AVAILABLE. */
const countFollows = 0x08;

/** Types whose bytes are read by the server as they are here; clients send no others. */
const knownTypes: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 15, 245, 246, 249, 250, 251, 252, 253, 254]);

/** What stands before the text of a query without attributes: none of them, in one set. */
export const noAttributes = Buffer.from([0, 1]);

export interface AttributedQuery {
  readonly text: Buffer;
  readonly attributes: readonly Parameter[];
  /** The bytes before the text. */
  readonly head: Buffer;
}

/** COM_QUERY without its first byte, of a client that has agreed to attributes. Throws Fault protocol-violation. */
export function readQuery(argument: Buffer): AttributedQuery {
  const reader = new BodyReader(argument);
  const count = readCount(reader, 0);
  if (reader.lenenc() !== 1) reader.fail('a query with more than one set of attributes');
  const attributes = count === 0 ? [] : readSet(reader, count);
  return { attributes, head: argument.subarray(0, reader.at), text: reader.rest() };
}

function readSet(reader: BodyReader, count: number): Parameter[] {
  const nulls = reader.bytes((count + 7) >>> 3);
  if (reader.uint8() !== 1) reader.fail('attributes without their types');
  const heads = Array.from({ length: count }, () => readHead(reader));
  return heads.map((head, index) => readAttribute(reader, head, isSet(nulls, index)));
}

/** The attributes of an execution, apart from its parameters. */
export interface ExecutionAttributes {
  readonly parameters: readonly Parameter[];
  readonly nulls: readonly boolean[];
  /** Type and name of each. */
  readonly heads: Buffer;
  readonly values: Buffer;
}

const none: ExecutionAttributes = { parameters: [], nulls: [], heads: Buffer.alloc(0), values: Buffer.alloc(0) };

/** COM_STMT_EXECUTE as a client without attributes would have sent it, and its attributes. Throws Fault protocol-violation. */
export function splitExecution(message: ExecuteMessage, statement: WireStatement): [ExecuteMessage, ExecutionAttributes] {
  const own = statement.parameterCount;
  const flags = message.flags & ~countFollows;
  if (own === 0 && flags === message.flags) return [message, none];
  const reader = new BodyReader(message.body);
  const count = readCount(reader, own);
  if (count < own) reader.fail(`an execution with ${count} values for ${own} parameters`);
  if (count === 0) return [{ ...message, flags, body: reader.rest() }, none];
  const nulls = reader.bytes((count + 7) >>> 3);
  const bound = reader.uint8();
  if (bound !== 1) {
    if (count !== own) reader.fail('attributes without their types');
    return [{ ...message, flags, body: Buffer.concat([nulls, Buffer.from([bound]), reader.rest()]) }, none];
  }
  const types = Buffer.concat(Array.from({ length: own }, () => readHead(reader).type));
  const headsAt = reader.at;
  const heads = Array.from({ length: count - own }, () => readHead(reader));
  const valuesAt = reader.at;
  for (let i = 0; i < own; i++) {
    const code = types[2 * i] as number;
    if (statement.longData.has(i) || isSet(nulls, i) || code === 6) continue;
    readValue(reader, code, isUnsigned(types.subarray(2 * i)));
  }
  const attributesAt = reader.at;
  const parameters = heads.map((head, index) => readAttribute(reader, head, isSet(nulls, own + index)));
  if (reader.left > 0) reader.fail('an execution with bytes after its last value');
  const ownNulls = bitmap(Array.from({ length: own }, (_, index) => isSet(nulls, index)));
  const body = Buffer.concat([ownNulls, Buffer.from([1]), types, message.body.subarray(valuesAt, attributesAt)]);
  const attributes = {
    parameters,
    nulls: heads.map((_, index) => isSet(nulls, own + index)),
    heads: message.body.subarray(headsAt, valuesAt),
    values: message.body.subarray(attributesAt),
  };
  return [{ ...message, flags, body: own === 0 ? Buffer.alloc(0) : body }, attributes];
}

/** Flags and body of an execution for a target that has agreed to attributes: with the count, and a name for each value. */
export function joinExecution(flags: number, count: number, bound: BoundParameters | null, more: ExecutionAttributes): [number, Buffer] {
  const total = count + more.nulls.length;
  if (total === 0) return [flags, Buffer.alloc(0)];
  const nulls = Array.from({ length: count }, (_, index) => bound !== null && isSet(bound.nullBitmap, index));
  const named = Array.from({ length: count }, (_, i) => Buffer.concat([bound?.types.subarray(2 * i, 2 * i + 2) ?? none.heads, noName]));
  const parts = [wire.lenenc(total), bitmap([...nulls, ...more.nulls]), Buffer.from([1]), ...named, more.heads];
  return [flags | countFollows, Buffer.concat([...parts, bound?.values ?? none.values, more.values])];
}

/** What an approval binds to, besides the parameters. */
export function attributeParts({ heads, values, nulls }: ExecutionAttributes): Buffer[] {
  return nulls.length === 0 ? [] : [wire.uint32(heads.length), heads, bitmap(nulls), values];
}

const noName = Buffer.from([0]);

function readCount(reader: BodyReader, own: number): number {
  const count = reader.lenenc();
  if (count - own > attributesMax) reader.fail(`${count - own} query attributes: the gateway reads ${attributesMax}`);
  return count;
}

interface Head {
  readonly type: Buffer;
  readonly name: Buffer;
}

function readHead(reader: BodyReader): Head {
  const type = reader.bytes(2);
  const name = reader.lenencBytes();
  if (name.length > nameBytesMax) reader.fail(`a query attribute with a name of ${name.length} bytes: the gateway reads ${nameBytesMax}`);
  return { type, name };
}

function readAttribute(reader: BodyReader, { type, name }: Head, isNull: boolean): Parameter {
  const code = type[0] as number;
  if (!knownTypes.has(code)) reader.fail(`a query attribute of type ${code}, which the gateway does not know`);
  const said = `attribute ${shownName(name)} (${typeName(code) ?? String(code)})`;
  if (isNull) return { type: said, text: null };
  if (code === 6) reader.fail('a query attribute of type NULL that is not NULL');
  return { type: said, text: shownValue(reader, code, isUnsigned(type)) };
}

function shownName(name: Buffer): string {
  const text = name.toString('utf8');
  return isUtf8(name) && /^[\p{L}\p{N}\p{P}\p{S} ]*$/u.test(text) ? text : `\\x${name.toString('hex')}`;
}

function isUnsigned(type: Buffer): boolean {
  return ((type[1] as number) & 0x80) !== 0;
}

function isSet(bits: Buffer, index: number): boolean {
  return ((bits[index >>> 3] as number) & (1 << (index & 7))) !== 0;
}

function bitmap(bits: readonly boolean[]): Buffer {
  const out = Buffer.alloc((bits.length + 7) >>> 3);
  bits.forEach((bit, index) => {
    if (bit) out[index >>> 3] = (out[index >>> 3] as number) | (1 << (index & 7));
  });
  return out;
}
