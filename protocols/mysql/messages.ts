// Building and reading single packets' payloads. Readers throw Fault protocol-violation for a payload that does not add up;
// they never guess. (Client/server protocol: "Protocol basics", OK, ERR, EOF, HandshakeV10, HandshakeResponse41.)

import { Fault } from '../../src/core/errors.ts';
import type { Capabilities } from './capabilities.ts';
import { flag, has } from './capabilities.ts';

export const command = {
  quit: 0x01,
  initDb: 0x02,
  query: 0x03,
  fieldList: 0x04,
  statistics: 0x09,
  processInfo: 0x0a,
  processKill: 0x0c,
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
  sessionStateChanged: 0x4000,
  /** MariaDB only. MySQL uses the same bit for nothing. */
  ansiQuotes: 0x8000,
} as const;

// ---- reading ----

export class BodyReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  get at(): number {
    return this.#at;
  }

  #advance(count: number): number {
    const at = this.#at;
    if (count < 0 || at + count > this.#bytes.length) throw new Fault('protocol-violation', 'a packet ends in the middle of a field');
    this.#at = at + count;
    return at;
  }

  uint8(): number {
    return this.#bytes[this.#advance(1)] as number;
  }

  uint16(): number {
    return this.#bytes.readUInt16LE(this.#advance(2));
  }

  uint24(): number {
    return this.#bytes.readUIntLE(this.#advance(3), 3);
  }

  uint32(): number {
    return this.#bytes.readUInt32LE(this.#advance(4));
  }

  bytes(count: number): Buffer {
    const at = this.#advance(count);
    return this.#bytes.subarray(at, at + count);
  }

  rest(): Buffer {
    return this.bytes(this.left);
  }

  untilNul(): Buffer {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end === -1) throw new Fault('protocol-violation', 'a string without its end');
    const bytes = this.bytes(end - this.#at);
    this.#at += 1;
    return bytes;
  }

  /** Length-encoded integer; null is the NULL of a text row. Larger than 2^53 can't be a length and is refused. */
  lenencOrNull(): number | null {
    const first = this.uint8();
    if (first < 0xfb) return first;
    switch (first) {
      case 0xfb:
        return null;
      case 0xfc:
        return this.uint16();
      case 0xfd:
        return this.uint24();
      case 0xfe: {
        const value = this.#bytes.readBigUInt64LE(this.#advance(8));
        return Number(value);
      }
      default:
        throw new Fault('protocol-violation', 'a length that is none');
    }
  }

  lenenc(): number {
    const value = this.lenencOrNull();
    if (value === null) throw new Fault('protocol-violation', 'a length that is none');
    return value;
  }

  lenencBytes(): Buffer {
    return this.bytes(this.lenenc());
  }
}

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

/** OK in the form that the target speaks: with session tracking the words are length-encoded and changes follow. */
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

export function ok(statusFlags: number, affectedRows = 0, header = 0x00): Buffer {
  return Buffer.concat([Buffer.from([header]), lenenc(affectedRows), lenenc(0), uint16(statusFlags), uint16(0)]);
}

/** The same OK for a client without session tracking: plain words, no changes. */
export function withoutTracking(payload: Buffer, packet: OkPacket): Buffer {
  const statusFlags = packet.statusFlags & ~status.sessionStateChanged;
  // affected rows and insert id may pass 2^53: they are copied, not written anew
  const numbers = new BodyReader(payload, 1);
  numbers.lenenc();
  numbers.lenenc();
  return Buffer.concat([payload.subarray(0, numbers.at), uint16(statusFlags), uint16(packet.warnings), packet.info]);
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

export interface Greeting {
  readonly version: string;
  readonly connectionId: number;
  readonly nonce: Buffer;
  readonly capabilities: Capabilities;
  readonly plugin: string;
  readonly charset: number;
}

/** utf8mb4_general_ci */
const greetingCharset = 45;
const nonceBytes = 20;

export function greeting(it: Omit<Greeting, 'charset'>): Buffer {
  const { standard, extended } = it.capabilities;
  return Buffer.concat([
    Buffer.from([10]),
    Buffer.from(`${it.version}\0`, 'latin1'),
    uint32(it.connectionId),
    it.nonce.subarray(0, 8),
    Buffer.from([0]),
    uint16(standard & 0xffff),
    Buffer.from([greetingCharset]),
    uint16(status.autocommit),
    uint16(standard >>> 16),
    Buffer.from([nonceBytes + 1]),
    Buffer.alloc(6),
    uint32(extended),
    it.nonce.subarray(8, nonceBytes),
    Buffer.from([0]),
    Buffer.from(`${it.plugin}\0`, 'latin1'),
  ]);
}

export function readGreeting(payload: Buffer): Greeting {
  const reader = new BodyReader(payload);
  const version = reader.uint8();
  if (version !== 10) throw new Fault('protocol-violation', `the target speaks protocol version ${version}, not 10`);
  const serverVersion = reader.untilNul().toString('latin1');
  const connectionId = reader.uint32();
  const nonceHead = reader.bytes(8);
  reader.bytes(1);
  const low = reader.uint16();
  const charset = reader.uint8();
  reader.uint16();
  const high = reader.uint16();
  const nonceLength = reader.uint8();
  reader.bytes(6);
  const extended = reader.uint32();
  const standard = ((high << 16) | low) >>> 0;
  const nonceTail = reader.bytes(Math.max(13, nonceLength - 8)).subarray(0, nonceBytes - 8);
  const plugin = reader.left > 0 ? reader.rest().toString('latin1').replace(/\0.*$/s, '') : 'mysql_native_password';
  return {
    version: serverVersion,
    connectionId,
    nonce: Buffer.concat([nonceHead, nonceTail]),
    capabilities: { standard, extended: (standard & flag.mysql) === 0 ? extended : 0 },
    plugin,
    charset,
  };
}

export interface HandshakeResponse {
  readonly capabilities: Capabilities;
  readonly charset: number;
  readonly user: string;
  readonly answer: Buffer;
  readonly database: string | null;
  readonly plugin: string | null;
  readonly attributes: ReadonlyMap<string, string>;
}

/** True for the short packet that asks for TLS before anything else. */
export function isTlsRequest(payload: Buffer): boolean {
  return payload.length === 32 && (payload.readUInt32LE(0) & flag.tls) !== 0;
}

export function readHandshakeResponse(payload: Buffer): HandshakeResponse {
  const reader = new BodyReader(payload);
  const standard = reader.uint32();
  if ((standard & flag.protocol41) === 0) throw new Fault('protocol-violation', 'a client older than protocol 4.1');
  reader.uint32(); // largest packet it takes
  const charset = reader.uint8();
  reader.bytes(19);
  const extended = reader.uint32();
  const capabilities = { standard, extended: (standard & flag.mysql) === 0 ? extended : 0 };
  const user = reader.untilNul().toString('utf8');
  const answer = readAnswer(reader, capabilities);
  const database = has(capabilities, flag.connectWithDatabase) && reader.left > 0 ? reader.untilNul().toString('utf8') : null;
  const plugin = has(capabilities, flag.pluginAuth) && reader.left > 0 ? reader.untilNul().toString('latin1') : null;
  const attributes =
    has(capabilities, flag.connectAttributes) && reader.left > 0 ? readAttributes(reader.lenencBytes()) : new Map<string, string>();
  return { capabilities, charset, user, answer, database, plugin, attributes };
}

function readAnswer(reader: BodyReader, capabilities: Capabilities): Buffer {
  if (has(capabilities, flag.pluginAuthLenenc)) return reader.lenencBytes();
  if (has(capabilities, flag.secureConnection)) return reader.bytes(reader.uint8());
  return reader.untilNul();
}

function readAttributes(bytes: Buffer): Map<string, string> {
  const attributes = new Map<string, string>();
  const reader = new BodyReader(bytes);
  while (reader.left > 0) attributes.set(reader.lenencBytes().toString('utf8'), reader.lenencBytes().toString('utf8'));
  return attributes;
}

/** The first 32 bytes of a handshake response; all of it when TLS is asked for. */
export function responseHead(capabilities: Capabilities, charset: number): Buffer {
  const packetBytesMax = 0x40000000;
  return Buffer.concat([
    uint32(capabilities.standard),
    uint32(packetBytesMax),
    Buffer.from([charset]),
    Buffer.alloc(19),
    uint32(capabilities.extended),
  ]);
}

export function handshakeResponse(it: Omit<HandshakeResponse, 'plugin'> & { readonly plugin: string }): Buffer {
  const attributes = Buffer.concat(
    [...it.attributes].flatMap(([name, value]) => [lenencBytes(Buffer.from(name, 'utf8')), lenencBytes(Buffer.from(value, 'utf8'))]),
  );
  return Buffer.concat([
    responseHead(it.capabilities, it.charset),
    Buffer.from(`${it.user}\0`, 'utf8'),
    has(it.capabilities, flag.pluginAuthLenenc) ? lenencBytes(it.answer) : Buffer.concat([Buffer.from([it.answer.length]), it.answer]),
    has(it.capabilities, flag.connectWithDatabase) ? Buffer.from(`${it.database ?? ''}\0`, 'utf8') : Buffer.alloc(0),
    has(it.capabilities, flag.pluginAuth) ? Buffer.from(`${it.plugin}\0`, 'latin1') : Buffer.alloc(0),
    has(it.capabilities, flag.connectAttributes) ? lenencBytes(attributes) : Buffer.alloc(0),
  ]);
}

/** AuthSwitchRequest: another plugin, with a nonce and its closing NUL. */
export function authSwitch(plugin: string, nonce: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0xfe]), Buffer.from(`${plugin}\0`, 'latin1'), nonce, Buffer.from([0])]);
}

export function readAuthSwitch(payload: Buffer): { plugin: string; nonce: Buffer } {
  if (payload.length === 1) return { plugin: 'mysql_old_password', nonce: Buffer.alloc(0) };
  const reader = new BodyReader(payload, 1);
  const plugin = reader.untilNul().toString('latin1');
  return { plugin, nonce: reader.rest().subarray(0, nonceBytes) };
}

/** AuthMoreData: what a plugin says in the middle. */
export function authMore(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x01]), data]);
}

export function query(text: string): Buffer {
  return Buffer.concat([Buffer.from([command.query]), Buffer.from(text, 'utf8')]);
}
