// Masks in the stream of results: what a RowDescription means for the rows behind it, rows written anew with hidden cells, and
// the target's words without the values that they may quote.

import { Fault } from '../../src/core/errors.ts';
import type { DeclaredCursors, FieldMask, Masking } from '../../src/core/masking.ts';
import { maskedValue, type Field, type TextEncoding } from './masked-values.ts';
import { BodyReader, fromClient } from './messages.ts';

/** The masks of one run: those of the result that is under way are known once it is described. */
export class RunMasks {
  readonly masking: Masking;
  readonly #cursors: DeclaredCursors;
  #fields: readonly Field[] | null = null;
  #masks: readonly (FieldMask | null)[] = [];
  #isNeeded = false;
  #isAsked = false;

  constructor(masking: Masking, cursors: DeclaredCursors) {
    this.masking = masking;
    this.#cursors = cursors;
  }

  /** True once: the gateway must ask the target to describe the portal, because clients need not. */
  asks(): boolean {
    const asks = !this.#isAsked;
    this.#isAsked = true;
    return asks;
  }

  /** RowDescription (54.7) of the statement at this place of the text. */
  described(bytes: Buffer, statement: number): void {
    this.#fields = readFields(bytes);
    this.#masks = this.masking.fields(statement, this.#fields.map(resultField), this.#cursors);
    this.#isNeeded = this.#masks.some((mask) => mask !== null);
  }

  /** A DataRow as the client may see it: the same buffer when nothing in it is hidden. */
  row(bytes: Buffer, encoding: TextEncoding): Buffer {
    const fields = this.#fields;
    if (fields === null) throw new Fault('protocol-violation', 'the target sent rows that it has not described');
    if (!this.#isNeeded) return bytes;
    const reader = new BodyReader(bytes);
    const count = reader.int16();
    if (count !== fields.length) throw new Fault('protocol-violation', `a row of ${count} columns where ${fields.length} were described`);
    const parts: Buffer[] = [];
    let isChanged = false;
    for (let at = 0; at < count; at++) {
      const length = reader.int32();
      const value = length === -1 ? null : reader.bytes(length);
      const mask = this.#masks[at] ?? null;
      const shown = value === null || mask === null ? value : maskedValue(value, fields[at] as Field, mask, encoding);
      if (shown !== value) isChanged = true;
      parts.push(lengthOf(shown));
      if (shown !== null) parts.push(shown);
    }
    if (!isChanged) return bytes;
    const body = Buffer.concat(parts);
    const head = Buffer.alloc(7);
    head.writeUInt8(bytes[0] as number);
    head.writeInt32BE(body.length + 6, 1);
    head.writeInt16BE(count, 5);
    return Buffer.concat([head, body]);
  }
}

function lengthOf(value: Buffer | null): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(value === null ? -1 : value.length);
  return length;
}

function readFields(bytes: Buffer): Field[] {
  const reader = new BodyReader(bytes);
  const count = reader.int16();
  const fields: Field[] = [];
  for (let i = 0; i < count; i++) {
    const name = reader.cstring();
    const [tableOid, attribute, typeOid] = [reader.int32() >>> 0, reader.int16(), reader.int32() >>> 0];
    reader.int16(); // size of the type
    fields.push({ name, tableOid, attribute, typeOid, typeModifier: reader.int32(), isBinary: reader.int16() === 1 });
  }
  return fields;
}

function resultField({ name, tableOid, attribute }: Field): Parameters<Masking['fields']>[1][number] {
  const origin = tableOid === 0 ? null : ({ kind: 'attribute', relationId: String(tableOid), attribute } as const);
  return { name, origin };
}

/** Describe of the portal of that name, as its bytes were read. */
export function describePortal(name: string): Buffer {
  const body = Buffer.from(name, 'latin1');
  const bytes = Buffer.alloc(7 + body.length);
  bytes.writeUInt8(fromClient.describe);
  bytes.writeInt32BE(6 + body.length, 1);
  bytes.writeUInt8(0x50, 5);
  body.copy(bytes, 6);
  return bytes;
}

/** Classes of SQLSTATE about the server, the connection or the transaction. */
const aboutServer = /^(25|40|53|54|55|57)/;
/** Classes about names. While the text is read they come with a position in it; later a name can be a value (`email::regclass`). */
const aboutNames = /^(08|0A|26|34|3[BDF]|42)/;
/** Functions of the server that name only what the text names, in errors without a position. */
const namingText = new Set([
  ...[
    'aclcheck_error',
    'aclcheck_error_col',
    'PerformPortalFetch',
    'PerformPortalClose',
    'FetchPreparedStatement',
    'RequireTransactionBlock',
  ],
  ...[
    'CheckRestrictedOperation',
    'PreventInTransactionBlock',
    'CheckTransactionBlock',
    'PreventCommandIfReadOnly',
    'RevalidateCachedQuery',
  ],
]);
/** Fields with words: message, detail, hint, context, internal query. */
const [messageField, wordy] = ['M', new Set(['D', 'H', 'W', 'q'])];

/** Code that runs within a statement (a function) leaves a context, and may say what it likes. */
function namesNoValue(fields: ReadonlyMap<string, string>): boolean {
  const code = fields.get('C') ?? '';
  if (fields.has('W')) return false;
  return aboutServer.test(code) || (aboutNames.test(code) && (fields.has('P') || namingText.has(fields.get('R') ?? '')));
}

/** An ErrorResponse or NoticeResponse (54.8) with what it may quote of values taken out. */
export function withoutValues(bytes: Buffer, masking: Masking): Buffer {
  const reader = new BodyReader(bytes);
  const fields = new Map<string, string>();
  for (let key = reader.byte(); key !== 0; key = reader.byte()) fields.set(String.fromCharCode(key), reader.cstring());
  if (namesNoValue(fields)) return bytes;
  const kept = [...fields].filter(([key]) => !wordy.has(key));
  const body = kept.map(([key, value]) => `${key}${key === messageField ? masking.words(value) : value}\0`).join('');
  const out = Buffer.from(`_____${body}\0`);
  out.writeUInt8(bytes[0] as number);
  out.writeInt32BE(out.length - 1, 1);
  return out;
}
