// Building and reading the payloads of a session: commands, OK, ERR, EOF, progress. Those of the sign-in have their own file.

import { BodyReader } from './body-reader.ts';

export const command = {
  quit: 0x01,
  initDb: 0x02,
  query: 0x03,
  fieldList: 0x04,
  createDb: 0x05,
  dropDb: 0x06,
  refresh: 0x07,
  shutdown: 0x08,
  statistics: 0x09,
  processInfo: 0x0a,
  processKill: 0x0c,
  debug: 0x0d,
  ping: 0x0e,
  changeUser: 0x11,
  binlogDump: 0x12,
  tableDump: 0x13,
  registerReplica: 0x15,
  prepare: 0x16,
  execute: 0x17,
  sendLongData: 0x18,
  closeStatement: 0x19,
  resetStatement: 0x1a,
  setOption: 0x1b,
  fetch: 0x1c,
  binlogDumpGtid: 0x1e,
  resetConnection: 0x1f,
  bulkExecute: 0xfa,
} as const;

/** Server status flags in OK and EOF. */
export const status = {
  inTransaction: 0x1,
  autocommit: 0x2,
  moreResults: 0x8,
  cursorExists: 0x40,
  lastRowSent: 0x80,
  noBackslashEscapes: 0x200,
  readOnlyTransaction: 0x2000,
  sessionStateChanged: 0x4000,
  /** MariaDB only. MySQL uses the same bit for nothing. */
  ansiQuotes: 0x8000,
} as const;

// ---- reading ----

export interface OkPacket {
  readonly affectedRows: number;
  readonly lastInsertId: number;
  readonly statusFlags: number;
  readonly warnings: number;
  readonly info: Buffer;
  readonly changes: readonly TrackedChange[];
}

export type TrackedChange =
  { readonly kind: 'setting'; readonly name: string; readonly value: string } | { readonly kind: 'database'; readonly name: string };

/** OK in the form that the target speaks: with session tracking the words are always there and changes follow. */
export function readOk(payload: Buffer, tracks: boolean): OkPacket {
  const reader = new BodyReader(payload, 1);
  const affectedRows = reader.lenenc();
  const lastInsertId = reader.lenenc();
  const statusFlags = reader.uint16();
  const warnings = reader.uint16();
  if (!tracks) return { affectedRows, lastInsertId, statusFlags, warnings, info: reader.rest(), changes: [] };
  const info = reader.left > 0 ? reader.lenencBytes() : Buffer.alloc(0);
  const changed = (statusFlags & status.sessionStateChanged) !== 0 && reader.left > 0;
  return { affectedRows, lastInsertId, statusFlags, warnings, info, changes: changed ? readChanges(reader.lenencBytes()) : [] };
}

/** Entries: type 0 system variables (name, value pairs), 1 the current database; the others are of no interest here. */
function readChanges(bytes: Buffer): TrackedChange[] {
  const changes: TrackedChange[] = [];
  const reader = new BodyReader(bytes);
  while (reader.left > 0) {
    const type = reader.uint8();
    const entry = new BodyReader(reader.lenencBytes());
    if (type === 1) changes.push({ kind: 'database', name: entry.lenencBytes().toString('utf8') });
    if (type !== 0) continue;
    while (entry.left > 0) {
      const name = entry.lenencBytes().toString('utf8');
      changes.push({ kind: 'setting', name: name.toLowerCase(), value: entry.lenencBytes().toString('utf8') });
    }
  }
  return changes;
}

/** EOF: status flags and warnings. */
export function readEof(payload: Buffer): { warnings: number; statusFlags: number } {
  const reader = new BodyReader(payload, 1);
  return { warnings: reader.uint16(), statusFlags: reader.uint16() };
}

export interface ErrPacket {
  readonly number: number;
  readonly sqlState: string;
  readonly message: string;
}

export function readErr(payload: Buffer): ErrPacket {
  const reader = new BodyReader(payload, 1);
  const number = reader.uint16();
  const rest = reader.rest();
  if (rest[0] !== 0x23) return { number, sqlState: 'HY000', message: rest.toString('utf8') };
  return { number, sqlState: rest.subarray(1, 6).toString('latin1'), message: rest.subarray(6).toString('utf8') };
}

/** Error number of MariaDB's progress reports, which aren't errors. */
export const progressNumber = 0xffff;

// ---- building ----

export function lenenc(value: number): Buffer {
  if (value < 0xfb) return Buffer.from([value]);
  if (value < 0x10000) return Buffer.from([0xfc, value & 0xff, value >>> 8]);
  if (value < 0x1000000) return Buffer.from([0xfd, value & 0xff, (value >>> 8) & 0xff, value >>> 16]);
  const out = Buffer.alloc(9);
  out[0] = 0xfe;
  out.writeBigUInt64LE(BigInt(value), 1);
  return out;
}

export function lenencBytes(bytes: Buffer): Buffer {
  return Buffer.concat([lenenc(bytes.length), bytes]);
}

export function uint16(value: number): Buffer {
  return Buffer.from([value & 0xff, (value >>> 8) & 0xff]);
}

export function uint32(value: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeUInt32LE(value >>> 0);
  return out;
}

/** `statusFlags`: as the target told them last, perhaps with changes of the session behind them. None are behind this. */
export function ok(statusFlags: number, affectedRows = 0, header = 0x00, warnings = 0): Buffer {
  const flags = statusFlags & ~status.sessionStateChanged;
  return Buffer.concat([Buffer.from([header]), lenenc(affectedRows), lenenc(0), uint16(flags), uint16(warnings)]);
}

/** The OK that ends a sign-in, with words when there are some: length-encoded, whatever the client asked for. */
export function signInOk(statusFlags: number, words: string): Buffer {
  const done = ok(statusFlags);
  return words === '' ? done : Buffer.concat([done, lenencBytes(Buffer.from(words, 'latin1'))]);
}

/** The same OK for a client without session tracking: no changes. Words are length-encoded for it too, and left out when there are none. */
export function withoutTracking(payload: Buffer, packet: OkPacket): Buffer {
  const statusFlags = packet.statusFlags & ~status.sessionStateChanged;
  // affected rows and insert id may pass 2^53: they are copied, not written anew
  const numbers = new BodyReader(payload, 1);
  numbers.lenenc();
  numbers.lenenc();
  const words = packet.info.length === 0 ? packet.info : lenencBytes(packet.info);
  return Buffer.concat([payload.subarray(0, numbers.at), uint16(statusFlags), uint16(packet.warnings), words]);
}

export function err(number: number, sqlState: string, message: string): Buffer {
  return Buffer.concat([Buffer.from([0xff]), uint16(number), Buffer.from(`#${sqlState}${message}`, 'utf8')]);
}

/** The oldest form, for errors before the capabilities are known: no SQLSTATE. */
export function earlyErr(number: number, message: string): Buffer {
  return Buffer.concat([Buffer.from([0xff]), uint16(number), Buffer.from(message, 'utf8')]);
}

/** MariaDB's progress report: stage, stages, thousandths of a per cent, words. */
export function progress(words: string): Buffer {
  return Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 1, 1, 1, 0, 0, 0]), lenencBytes(Buffer.from(words, 'utf8'))]);
}

/** `attributed`: the other side expects a place for attributes before the text; there are none. */
export function query(text: string, attributed = false): Buffer {
  return Buffer.concat([Buffer.from(attributed ? [command.query, 0, 1] : [command.query]), Buffer.from(text, 'utf8')]);
}
