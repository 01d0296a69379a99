// Payloads of the sign-in: greeting, handshake response, switch of the method. (HandshakeV10, HandshakeResponse41,
// AuthSwitchRequest, AuthMoreData.)

import { Fault } from '../../src/core/errors.ts';
import { BodyReader } from './body-reader.ts';
import { flag, has, type Capabilities } from './capabilities.ts';
import { lenencBytes, status, uint16, uint32 } from './messages.ts';

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
  /** Asked for beside CLIENT_ZSTD_COMPRESSION_ALGORITHM; null without it. */
  readonly zstdLevel: number | null;
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
  const zstdLevel = has(capabilities, flag.zstd) && reader.left > 0 ? reader.uint8() : null;
  return { capabilities, charset, user, answer, database, plugin, attributes, zstdLevel };
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

export interface ChangeUser {
  readonly user: string;
  readonly answer: Buffer;
  readonly database: string;
  readonly charset: number | null;
  readonly plugin: string | null;
}

/** COM_CHANGE_USER, without its first byte. What stands behind the database is missing in old clients. */
export function readChangeUser(argument: Buffer, capabilities: Capabilities): ChangeUser {
  const reader = new BodyReader(argument);
  const user = reader.untilNul().toString('utf8');
  const answer = has(capabilities, flag.secureConnection) ? reader.bytes(reader.uint8()) : reader.untilNul();
  const database = reader.untilNul().toString('utf8');
  const charset = reader.left >= 2 ? reader.uint16() & 0xff : null;
  const plugin = has(capabilities, flag.pluginAuth) && reader.left > 0 ? reader.untilNul().toString('latin1') : null;
  return { user, answer, database, charset, plugin };
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

export function handshakeResponse(it: Omit<HandshakeResponse, 'plugin' | 'zstdLevel'> & { readonly plugin: string }): Buffer {
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

/** The nonce with whatever follows it: its length is the method's. */
export function readAuthSwitch(payload: Buffer): { plugin: string; nonce: Buffer } {
  if (payload.length === 1) return { plugin: 'mysql_old_password', nonce: Buffer.alloc(0) };
  const reader = new BodyReader(payload, 1);
  const plugin = reader.untilNul().toString('latin1');
  return { plugin, nonce: reader.rest() };
}

/** AuthMoreData: what a plugin says in the middle. */
export function authMore(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x01]), data]);
}
