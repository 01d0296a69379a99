// The packets of ssh2 in memory that is used again. The library makes a new buffer for each packet that it sends and for each that it
// receives in pieces, and V8 answers so much memory outside its heap by collecting everything, over and over: three quarters of the CPU
// time of a transfer. Here packets come from a pool and go back when they were written, what was read is decrypted where it is, and the
// bytes of channels are handed on without being kept.

import { randomFillSync } from 'node:crypto';
import type { Socket } from 'node:net';
import { createRequire } from 'node:module';
import type { Duplex } from 'node:stream';
import type { Client, Connection } from 'ssh2';
import { readInPlace } from '../../src/core/chunk-reader.ts';
import { keepCiphersOf } from './cipher-lives.ts';
import { giveBackMemory, isReused, takeMemory } from './packet-memory.ts';

const require = createRequire(import.meta.url);

/** Random bytes for padding, made many at once: each call costs as much as encrypting a kilobyte. */
const padding = Buffer.alloc(4 * 1024);
let padded = padding.length;

function pad(packet: Buffer, at: number, count: number): void {
  if (padded + count > padding.length) {
    randomFillSync(padding);
    padded = 0;
  }
  packet.set(padding.subarray(padded, padded + count), at);
  padded += count;
}

/** What ssh2 hands encrypted packets to. `reuses`: a packet from the pool comes back when it was written. */
type PacketWrite = ((packet: Buffer) => void) & { reuses?: boolean };

interface Cipher {
  readonly _onWrite: PacketWrite;
}

/** RFC 4253, 6: length, padding length, payload, padding up to the block (at least 4), MAC. `clear`: bytes that are not encrypted. */
function allocator(layout: (cipher: never) => { block: number; clear: number; mac: number }): (this: Cipher, count: number) => Buffer {
  return function (count) {
    const { block, clear, mac } = layout(this as never);
    const unpadded = 5 + count;
    let paddingBytes = block - ((unpadded - clear) & (block - 1));
    if (paddingBytes < 4) paddingBytes += block;
    const length = unpadded + paddingBytes;
    const whole = length + mac;
    const packet = this._onWrite.reuses === true ? takeMemory(whole) : Buffer.allocUnsafe(whole);
    packet.writeUInt32BE(length - 4, 0);
    packet[4] = paddingBytes;
    pad(packet, unpadded, paddingBytes);
    return packet;
  };
}

interface Decipher {
  inSeqno: number;
  readonly _onPayload: (payload: Buffer) => false | number | undefined;
  readonly _instance: unknown;
  /** Of the kinds with a MAC of their own. */
  readonly _macActualLen?: number;
  readonly _macETM?: boolean;
  /** Of the packet that is not whole yet: its length field, and itself. */
  _lengthBytes?: Buffer;
  _lengthRead?: number;
  _bodyLength?: number;
  _body?: Buffer | null;
  _bodyRead?: number;
}

const aeadTagBytes = 16;
/** RFC 4254, 5.2 */
const channelData = 94;

interface Opening {
  /** The length of the packet; throws for one that cannot be. */
  length(decipher: Decipher, field: Buffer): number;
  /** Bytes of the tag or MAC behind it. */
  tagBytes(decipher: Decipher): number;
  decrypt(decipher: Decipher, body: Buffer, tag: Buffer, length: number): void;
}

/** Takes the place of a decipher's `decrypt`: the same answers, see there for what it returns. */
function deciphering({
  length,
  tagBytes,
  decrypt,
}: Opening): (this: Decipher, data: Buffer, at: number, end: number) => number | undefined {
  function pass(decipher: Decipher, bytes: Buffer, bodyLength: number): false | number | undefined {
    const body = bytes.subarray(0, bodyLength);
    decrypt(decipher, body, bytes.subarray(bodyLength), bodyLength);
    const payloadEnd = bodyLength - (body[0] as number);
    if (payloadEnd < 1) throw new Error('Bad packet padding');
    const payload = body.subarray(1, payloadEnd);
    decipher.inSeqno = (decipher.inSeqno + 1) >>> 0;
    decipher._lengthRead = 0;
    // What handlers keep of any other message must not be read over.
    return decipher._onPayload(payload[0] === channelData ? payload : Buffer.from(payload));
  }
  return function (data, from, end) {
    let at = from;
    while (at < end) {
      const field = (this._lengthBytes ??= Buffer.alloc(4));
      let read = this._lengthRead ?? 0;
      if (read < 4) {
        while (read < 4 && at < end) field[read++] = data[at++] as number;
        this._lengthRead = read;
        if (read < 4) return undefined;
        this._bodyLength = length(this, field);
        this._body = null;
        this._bodyRead = 0;
      }
      const bodyLength = this._bodyLength ?? 0;
      const whole = bodyLength + tagBytes(this);
      let answer: false | number | undefined;
      if (this._body === null && end - at >= whole) {
        at += whole;
        answer = pass(this, data.subarray(at - whole, at), bodyLength);
      } else {
        const body = (this._body ??= takeMemory(whole));
        const count = Math.min(whole - (this._bodyRead ?? 0), end - at);
        body.set(data.subarray(at, at + count), this._bodyRead);
        at += count;
        this._bodyRead = (this._bodyRead ?? 0) + count;
        if (this._bodyRead < whole) return undefined;
        this._body = null;
        answer = pass(this, body, bodyLength);
        giveBackMemory(body);
      }
      if (answer !== undefined) return answer === false ? at : answer;
    }
    return undefined;
  };
}

/** OpenSSH's own limit. The 35,000 of RFC 4253 (6.1) are what must be taken at least, and less than the longest command that is read. */
const packetBytesMax = 256 * 1024;

interface GcmInstance {
  decrypt(body: Buffer, length: number, tag: Buffer): void;
}

/** RFC 5647: the length is readable, and signed with the packet. */
const gcm: Opening = {
  length: (_decipher, field) => {
    const length = field.readUInt32BE(0);
    if (length > packetBytesMax || length < 16 || (length & 15) !== 0) throw new Error(`Bad packet length: ${length}`);
    return length;
  },
  tagBytes: () => aeadTagBytes,
  decrypt: ({ _instance: instance }, body, tag, length) => (instance as GcmInstance).decrypt(body, length, tag),
};

interface ChachaInstance {
  decryptLen(field: Buffer, sequence: number): number;
  decrypt(body: Buffer, tag: Buffer, sequence: number): void;
}

/** PROTOCOL.chacha20poly1305: the length is encrypted by itself. */
const chacha: Opening = {
  length: ({ _instance: instance, inSeqno }, field) => {
    const length = (instance as ChachaInstance).decryptLen(field, inSeqno);
    if (length > packetBytesMax || length < 8 || (length & 7) !== 0) throw new Error('Bad packet length');
    return length;
  },
  tagBytes: () => aeadTagBytes,
  decrypt: ({ _instance: instance, inSeqno }, body, tag) => (instance as ChachaInstance).decrypt(body, tag, inSeqno),
};

interface CounterInstance {
  decryptBlock(field: Buffer): void;
  decrypt(body: Buffer, sequence: number, field: Buffer, mac: Buffer): void;
}

/** RFC 4344 with an HMAC: the length is readable only where the MAC is over what is encrypted (PROTOCOL, 1.5). */
const counter: Opening = {
  length: ({ _instance: instance, _macETM: isReadable }, field) => {
    if (isReadable !== true) (instance as CounterInstance).decryptBlock(field);
    const length = field.readUInt32BE(0);
    const blocks = isReadable === true ? length : length + 4;
    if (length > packetBytesMax || length < 12 || (blocks & 15) !== 0) throw new Error('Bad packet length');
    return length;
  },
  tagBytes: ({ _macActualLen: bytes = 0 }) => bytes,
  decrypt: ({ _instance: instance, inSeqno, _lengthBytes: field }, body, mac) =>
    (instance as CounterInstance).decrypt(body, inSeqno, field as Buffer, mac),
};

interface CryptoModule {
  readonly bindingAvailable: boolean;
  readonly CIPHER_INFO: Readonly<Record<string, { readonly keyLen: number; readonly ivLen: number }>>;
  readonly MAC_INFO: Readonly<Record<string, { readonly len: number }>>;
  createCipher(config: object): object;
  createDecipher(config: object): object;
}

interface RawProtocol {
  _decipher: object | undefined;
  _parse(chunk: Buffer, at: number, end: number): number | undefined;
}

/** Its class reads in place, and keeps nothing. */
const inPlace = new WeakSet<object>();
let installed = false;

/** Puts all of it into ssh2's classes, once. Nothing is done where the library encrypts in JavaScript. */
export function installPacketReuse(): void {
  const crypto = require('ssh2/lib/protocol/crypto.js') as CryptoModule;
  if (installed || !crypto.bindingAvailable) return;
  installed = true;
  const classes = (cipher: string, mac: string | null) => prototypesOf(crypto, cipher, mac);
  for (const [name, opening, block] of [
    ['aes128-gcm@openssh.com', gcm, 16],
    ['chacha20-poly1305@openssh.com', chacha, 8],
  ] as const) {
    const { cipher, decipher } = classes(name, null);
    cipher['allocPacket'] = allocator(() => ({ block, clear: 4, mac: aeadTagBytes }));
    decipher['decrypt'] = deciphering(opening);
    inPlace.add(decipher);
  }
  const { cipher, decipher } = classes('aes128-ctr', 'hmac-sha2-256');
  cipher['allocPacket'] = allocator(({ _encBlockLen: block, _aadLen: clear, _macLen: mac }: Record<string, number>) => ({
    block: block as number,
    clear: clear as number,
    mac: mac as number,
  }));
  decipher['decrypt'] = deciphering(counter);
  inPlace.add(decipher);
  const protocol = (require('ssh2/lib/protocol/Protocol.js') as { prototype: { parse: unknown } }).prototype;
  protocol.parse = function (this: RawProtocol, chunk: Buffer, from: number, end: number): void {
    let bytes = chunk;
    try {
      for (let at: number | undefined = from; at !== undefined && at < end; at = this._parse(bytes, at, end)) {
        // Everything else keeps slices of what it is given.
        const keeps = this._decipher === undefined || !inPlace.has(Object.getPrototypeOf(this._decipher) as object);
        if (keeps && bytes === chunk) bytes = Buffer.from(chunk);
      }
    } catch (thrown) {
      // Where the next packet begins is not known: what still comes must not be taken for one.
      this._parse = () => undefined;
      throw thrown;
    }
  };
}

/** Made before anything kept their native ciphers, so they stay. */
const samples: object[] = [];

function prototypesOf(crypto: CryptoModule, name: string, mac: string | null): Record<'cipher' | 'decipher', Record<string, unknown>> {
  const info = crypto.CIPHER_INFO[name];
  const macInfo = mac === null ? undefined : crypto.MAC_INFO[mac];
  if (info === undefined) throw new Error(`ssh2 does not know ${name}`);
  const key = Buffer.alloc(info.keyLen);
  const iv = Buffer.alloc(info.ivLen);
  const macKey = Buffer.alloc(macInfo?.len ?? 0);
  const nothing = () => undefined;
  const outbound = { seqno: 0, onWrite: nothing, cipherInfo: info, cipherKey: key, cipherIV: iv, macInfo, macKey };
  const inbound = { seqno: 0, onPayload: nothing, decipherInfo: info, decipherKey: key, decipherIV: iv, macInfo, macKey };
  const [cipher, decipher] = [crypto.createCipher({ outbound }), crypto.createDecipher({ inbound })];
  const prototypes = {
    cipher: Object.getPrototypeOf(cipher) as Record<string, unknown>,
    decipher: Object.getPrototypeOf(decipher) as Record<string, unknown>,
  };
  keepCiphersOf(prototypes.cipher);
  keepCiphersOf(prototypes.decipher);
  samples.push(cipher, decipher);
  return prototypes;
}

/** Streams that are done with the bytes of a write when they say so; what TLS does with them is not known. */
const plain = new WeakSet<Duplex>();

/** The stream to give to ssh2 for a connection: its bytes are read in place where that can be. */
export function socketInPlace<S extends Duplex>(stream: S): S {
  const socket = installed ? readInPlace(stream) : null;
  if (socket === null) return stream;
  plain.add(socket);
  return socket as unknown as S;
}

/** What comes from it is not memory of its own. */
export function isInPlace(stream: Duplex): boolean {
  return plain.has(stream);
}

/** Packets to such a stream come from the pool from now on. Call once for each connection, before keys are exchanged. */
export function reusePackets(connection: Client | Connection): void {
  const { _protocol: protocol, _sock: socket } = connection as unknown as { _protocol: { _onWrite: PacketWrite }; _sock: Socket };
  if (!installed || !plain.has(socket)) return;
  const written: Buffer[] = [];
  const done = (error?: Error | null) => {
    const packet = written.shift();
    // After an error nobody says what is still being written.
    if (packet !== undefined && (error === undefined || error === null)) giveBackMemory(packet);
  };
  const write: PacketWrite = (packet) => {
    if (!socket.writable || socket.readableEnded) return;
    if (!isReused(packet)) socket.write(packet);
    else {
      written.push(packet);
      socket.write(packet, done);
    }
  };
  write.reuses = true;
  protocol._onWrite = write;
}
