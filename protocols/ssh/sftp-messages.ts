// The packets of SFTP version 3 (draft-ietf-secsh-filexfer-02) that are read or made here.

import { Fault } from '../../src/core/errors.ts';

export const type = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  extended: 200,
} as const;

export const openFlag = { read: 1, write: 2, append: 4, create: 8, truncate: 16 } as const;
export const status = { ok: 0, endOfFile: 1, permissionDenied: 3, failure: 4, badMessage: 5, unsupported: 8 } as const;

/** The packet is sound, and nobody could read what would be done: that request is refused, and the session goes on. */
export class UnreadablePath extends Error {
  constructor() {
    super('a path that is not UTF-8 cannot be judged');
  }
}

/** Reads fields of one packet in order. Throws Fault protocol-violation when they do not fit. */
export class FieldReader {
  readonly #packet: Buffer;
  #at: number;

  /** From behind the type, or from `at`. */
  constructor(packet: Buffer, at = 5) {
    this.#packet = packet;
    this.#at = at;
  }

  uint32(): number {
    const at = this.#take(4);
    return this.#packet.readUInt32BE(at);
  }

  uint64(): bigint {
    const at = this.#take(8);
    return this.#packet.readBigUInt64BE(at);
  }

  bytes(): Buffer {
    const length = this.uint32();
    const at = this.#take(length);
    return this.#packet.subarray(at, at + length);
  }

  /** What is there of a string that ends with the packet. */
  rest(): Buffer {
    this.uint32();
    return this.#packet.subarray(this.#at);
  }

  /** A path. Throws UnreadablePath for bytes that are not UTF-8: they cannot be shown to anybody. */
  path(): string {
    const bytes = this.bytes();
    const text = bytes.toString('utf8');
    if (text.includes('\0')) throw new Fault('protocol-violation', 'a path with a NUL byte');
    if (!Buffer.from(text).equals(bytes)) throw new UnreadablePath();
    return text;
  }

  #take(count: number): number {
    const at = this.#at;
    if (at + count > this.#packet.length) throw new Fault('protocol-violation', 'an SFTP packet that ends too early');
    this.#at += count;
    return at;
  }
}

export function typeOf(packet: Buffer): number {
  return packet[4] as number;
}

/** The request id, which every packet but the first of each side has. */
export function idOf(packet: Buffer): number {
  if (packet.length < 9) throw new Fault('protocol-violation', 'an SFTP packet without an id');
  return packet.readUInt32BE(5);
}

/** The first name of an answer; null when it has none. Throws UnreadablePath. */
export function firstName(answer: Buffer): string | null {
  if (typeOf(answer) !== type.name) return null;
  const fields = new FieldReader(answer);
  fields.uint32();
  return fields.uint32() === 0 ? null : fields.path();
}

export function statusReply(id: number, code: number, message: string): Buffer {
  return packet(type.status, uint32(id), uint32(code), text(message), text('en'));
}

export function realpathRequest(id: number, path: string): Buffer {
  return packet(type.realpath, uint32(id), text(path));
}

/** Handles of servers are shorter (draft-ietf-secsh-filexfer-02, 6.2). */
const handleBytesMax = 256;

/** For PacketReader: of a WRITE, everything before the data, where the data is all that follows. Null for every other packet. */
export function headOfWrite(start: Buffer, length: number): number | null {
  if (typeOf(start) !== type.write) return null;
  const handleBytes = start.readUInt32BE(9);
  const head = 13 + handleBytes + 8 + 4;
  if (handleBytes > handleBytesMax || head > length) return null;
  return start.length < head || start.readUInt32BE(head - 4) === length - head ? head : null;
}

/** The same of a DATA. */
export function headOfData(start: Buffer, length: number): number | null {
  return typeOf(start) === type.data && start.readUInt32BE(9) === length - 13 ? 13 : null;
}

function packet(kind: number, ...fields: Buffer[]): Buffer {
  const body = Buffer.concat(fields);
  return Buffer.concat([uint32(body.length + 1), Buffer.from([kind]), body]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint32(bytes.length), bytes]);
}
