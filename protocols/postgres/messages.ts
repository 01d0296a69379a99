// Building and reading single PostgreSQL messages, protocol 3.0 and 3.2 (chapter 54.7). Readers throw Fault protocol-violation
// for a body that does not add up; they never guess.

import { Fault } from '../../src/core/errors.ts';

/** First int32 of an untyped packet. */
export const requestCode = { cancel: 80877102, ssl: 80877103, gssenc: 80877104 } as const;
export const protocolMajor = 3;
/** The newest minor version that is spoken to clients (3.2: longer cancel keys). 3.1 was never released. */
export const protocolMinorMax = 2;

export const fromClient = {
  bind: 0x42, close: 0x43, describe: 0x44, execute: 0x45, functionCall: 0x46, flush: 0x48, parse: 0x50, query: 0x51, sync: 0x53,
  terminate: 0x58, copyDone: 0x63, copyData: 0x64, copyFail: 0x66, password: 0x70,
} as const; // prettier-ignore

export const fromTarget = {
  parseComplete: 0x31, bindComplete: 0x32, closeComplete: 0x33, notification: 0x41, commandComplete: 0x43, dataRow: 0x44, error: 0x45,
  copyIn: 0x47, copyOut: 0x48, emptyQuery: 0x49, backendKey: 0x4b, notice: 0x4e, authentication: 0x52, parameterStatus: 0x53,
  rowDescription: 0x54, functionResult: 0x56, copyBoth: 0x57, ready: 0x5a, copyDone: 0x63, copyData: 0x64, noData: 0x6e,
  portalSuspended: 0x73, parameterDescription: 0x74, negotiate: 0x76,
} as const; // prettier-ignore

// ---- building ----

/** A message of that type; the length is put in front. */
export function message(type: number, body: Buffer): Buffer {
  const out = Buffer.allocUnsafe(5 + body.length);
  out[0] = type;
  out.writeInt32BE(4 + body.length, 1);
  body.copy(out, 5);
  return out;
}

const cstring = (text: string): Buffer => Buffer.from(`${text}\0`, 'utf8');

export function int32(...values: number[]): Buffer {
  const out = Buffer.allocUnsafe(4 * values.length);
  values.forEach((value, index) => out.writeInt32BE(value, 4 * index));
  return out;
}

export function authentication(code: number, rest: Buffer = Buffer.alloc(0)): Buffer {
  return message(fromTarget.authentication, Buffer.concat([int32(code), rest]));
}

/** AuthenticationSASL: the mechanisms on offer. */
export function saslMechanisms(names: readonly string[]): Buffer {
  return authentication(10, Buffer.from(`${names.map((name) => `${name}\0`).join('')}\0`));
}

export function parameterStatus(name: string, value: string): Buffer {
  return message(fromTarget.parameterStatus, Buffer.concat([cstring(name), cstring(value)]));
}

export function backendKeyData(processId: number, secret: Buffer): Buffer {
  return message(fromTarget.backendKey, Buffer.concat([int32(processId), secret]));
}

export function readyForQuery(status: number): Buffer {
  return message(fromTarget.ready, Buffer.from([status]));
}

export function negotiateProtocolVersion(minor: number, unknownOptions: readonly string[]): Buffer {
  const version = protocolMajor * 65536 + minor;
  return message(fromTarget.negotiate, Buffer.concat([int32(version, unknownOptions.length), ...unknownOptions.map(cstring)]));
}

export interface Diagnostic {
  readonly severity: 'ERROR' | 'FATAL' | 'NOTICE' | 'WARNING';
  /** SQLSTATE, five characters. */
  readonly code: string;
  readonly message: string;
  readonly detail?: string | null;
  readonly hint?: string | null;
  /** 1-based index in characters, as the server gives it. */
  readonly position?: number | null;
}

/** What is read of one that the target sent. */
export interface TargetDiagnostic {
  readonly severity: string;
  readonly code: string;
  readonly message: string;
  readonly detail: string | null;
  readonly hint: string | null;
}

/** ErrorResponse or NoticeResponse (54.8). */
export function diagnostic(given: Diagnostic): Buffer {
  const fields: [string, string][] = [
    ['S', given.severity],
    ['V', given.severity],
    ['C', given.code],
    ['M', given.message],
  ];
  if (given.detail) fields.push(['D', given.detail]);
  if (given.hint) fields.push(['H', given.hint]);
  if (given.position) fields.push(['P', String(given.position)]);
  const body = fields.map(([key, value]) => `${key}${value.replaceAll('\0', '\\0')}\0`).join('');
  const type = given.severity === 'NOTICE' || given.severity === 'WARNING' ? fromTarget.notice : fromTarget.error;
  return message(type, Buffer.from(`${body}\0`));
}

export function startup(parameters: Readonly<Record<string, string>>): Buffer {
  const body = Object.entries(parameters).map(([name, value]) => Buffer.concat([cstring(name), cstring(value)]));
  const packet = Buffer.concat([int32(0, protocolMajor * 65536), ...body, Buffer.from([0])]);
  packet.writeInt32BE(packet.length, 0);
  return packet;
}

export function query(text: string): Buffer {
  return message(fromClient.query, cstring(text));
}

/** Describe of a statement name. */
export function describeStatement(name: string): Buffer {
  return message(fromClient.describe, Buffer.concat([Buffer.from('S'), cstring(name)]));
}

export const sync = message(fromClient.sync, Buffer.alloc(0));
export const flush = message(fromClient.flush, Buffer.alloc(0));
export const terminate = message(fromClient.terminate, Buffer.alloc(0));

/** Untyped CancelRequest packet. */
export function cancelRequest(processId: number, secret: Buffer): Buffer {
  const packet = Buffer.concat([int32(0, requestCode.cancel, processId), secret]);
  packet.writeInt32BE(packet.length, 0);
  return packet;
}

// ---- reading ----

/** Reads a message body (after type and length) field by field. */
export class BodyReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, from = 5) {
    this.#bytes = bytes;
    this.#at = from;
  }

  cstringBytes(): Buffer {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) throw new Fault('protocol-violation', 'a string without its end');
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end + 1;
    return bytes;
  }

  cstring(): string {
    return this.cstringBytes().toString('utf8');
  }

  /** A name of the client's, one character for each byte: what it means depends on the session (names.ts). */
  rawName(): string {
    return this.cstringBytes().toString('latin1');
  }

  byte(): number {
    this.#need(1);
    return this.#bytes[this.#at++] as number;
  }

  int16(): number {
    this.#need(2);
    const value = this.#bytes.readInt16BE(this.#at);
    this.#at += 2;
    return value;
  }

  int32(): number {
    this.#need(4);
    const value = this.#bytes.readInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  bytes(count: number): Buffer {
    if (count < 0) throw new Fault('protocol-violation', 'a negative length');
    this.#need(count);
    const bytes = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return bytes;
  }

  rest(): Buffer {
    return this.#bytes.subarray(this.#at);
  }

  /** The message must end here: what a server would ignore or refuse, a gateway refuses. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw new Fault('protocol-violation', 'bytes after the end of the message');
  }

  #need(count: number): void {
    if (this.#at + count > this.#bytes.length) throw new Fault('protocol-violation', 'the message is shorter than its fields');
  }
}

export interface StartupPacket {
  readonly minor: number;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Reads the body of a startup packet after its version. */
export function readStartup(packet: Buffer): StartupPacket {
  const reader = new BodyReader(packet, 4);
  const version = reader.int32();
  const parameters: Record<string, string> = Object.create(null) as Record<string, string>;
  for (;;) {
    const name = reader.cstring();
    if (name === '') break;
    parameters[name] = reader.cstring();
  }
  reader.end();
  return { minor: version & 0xffff, parameters };
}

export interface ParseMessage {
  readonly name: string;
  readonly text: Buffer;
  readonly types: readonly number[];
}

export function readParse(bytes: Buffer): ParseMessage {
  const reader = new BodyReader(bytes);
  const name = reader.rawName();
  const text = reader.cstringBytes();
  const count = reader.int16();
  const types: number[] = [];
  for (let i = 0; i < count; i++) types.push(reader.int32());
  reader.end();
  return { name, text, types };
}

/** Values in the formats that stand before them (54.7): none for all as text, one for all, or one for each. */
export interface GivenValues {
  readonly formats: readonly number[];
  /** null is SQL NULL. */
  readonly values: readonly (Buffer | null)[];
}

export interface BindMessage extends GivenValues {
  readonly portal: string;
  readonly statement: string;
  readonly resultFormats: readonly number[];
}

export interface FunctionCallMessage extends GivenValues {
  readonly oid: number;
}

export function readBind(bytes: Buffer): BindMessage {
  const reader = new BodyReader(bytes);
  const portal = reader.rawName();
  const statement = reader.rawName();
  const given = readValues(reader);
  const resultFormats = readInt16s(reader);
  reader.end();
  return { portal, statement, ...given, resultFormats };
}

export function readFunctionCall(bytes: Buffer): FunctionCallMessage {
  const reader = new BodyReader(bytes);
  const oid = reader.int32() >>> 0;
  const given = readValues(reader);
  reader.int16(); // format of the result
  reader.end();
  return { oid, ...given };
}

function readValues(reader: BodyReader): GivenValues {
  const formats = readInt16s(reader);
  const count = reader.int16();
  const values: (Buffer | null)[] = [];
  for (let i = 0; i < count; i++) {
    const length = reader.int32();
    values.push(length === -1 ? null : reader.bytes(length));
  }
  return { formats, values };
}

function readInt16s(reader: BodyReader): number[] {
  const count = reader.int16();
  const values: number[] = [];
  for (let i = 0; i < count; i++) values.push(reader.int16());
  return values;
}

/** Describe and Close: 'S' statement or 'P' portal, and its name. */
export function readNamed(bytes: Buffer): { what: 'statement' | 'portal'; name: string } {
  const reader = new BodyReader(bytes);
  const what = reader.byte();
  const name = reader.rawName();
  reader.end();
  if (what === 0x53) return { what: 'statement', name };
  if (what === 0x50) return { what: 'portal', name };
  throw new Fault('protocol-violation', 'neither a statement nor a portal');
}

export function readExecute(bytes: Buffer): { portal: string; rowsMax: number } {
  const reader = new BodyReader(bytes);
  const portal = reader.rawName();
  const rowsMax = reader.int32();
  reader.end();
  return { portal, rowsMax };
}

/** Fields of an ErrorResponse or NoticeResponse by their letter. */
export function readDiagnostic(bytes: Buffer): TargetDiagnostic {
  const reader = new BodyReader(bytes);
  const fields: Record<string, string> = {};
  for (;;) {
    const key = reader.byte();
    if (key === 0) break;
    fields[String.fromCharCode(key)] = reader.cstring();
  }
  return {
    code: fields['C'] ?? 'XX000',
    message: fields['M'] ?? '',
    severity: fields['V'] ?? fields['S'] ?? 'ERROR',
    detail: fields['D'] ?? null,
    hint: fields['H'] ?? null,
  };
}

/** ParameterDescription: the OID of each parameter. */
export function readParameterTypes(bytes: Buffer): number[] {
  const reader = new BodyReader(bytes);
  const count = reader.int16();
  const types: number[] = [];
  for (let i = 0; i < count; i++) types.push(reader.int32());
  return types;
}
