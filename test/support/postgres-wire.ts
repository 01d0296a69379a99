// A PostgreSQL client that speaks message by message, for conversations that no driver would have. Signs in with SCRAM and then
// sends and reads whatever the test says.

import { randomBytes } from 'node:crypto';
import { connect as dial } from 'node:net';
import type { Socket } from 'node:net';
import { ScramClient } from '../../protocols/postgres/scram.ts';
import * as wire from '../../protocols/postgres/messages.ts';
import type { Teardown } from './directories.ts';

export interface WireMessage {
  /** The type byte as a letter. */
  readonly type: string;
  readonly bytes: Buffer;
}

export interface WireOptions {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Further start-up parameters. */
  readonly startup?: Readonly<Record<string, string>>;
  readonly minor?: number;
  /** A socket to use instead of dialling: TLS, or one that was tampered with. */
  readonly socket?: Socket;
}

const readTimeoutMs = 15_000;

export class WireClient {
  readonly socket: Socket;
  /** Everything that came, in order. */
  readonly seen: WireMessage[] = [];
  /** Told of each message as it comes. */
  onMessage: (message: WireMessage) => void = () => {};
  processId = 0;
  secret: Buffer = Buffer.alloc(0);
  ended = false;
  #rest: Buffer = Buffer.alloc(0);
  #next = 0;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.ended = true;
      this.#wake();
    });
  }

  static async open(t: Teardown, options: WireOptions): Promise<WireClient> {
    const client = new WireClient(options.socket ?? dial(options.port, options.host));
    t.teardown(() => client.socket.destroy());
    await client.signIn(options);
    return client;
  }

  async signIn(options: WireOptions): Promise<void> {
    const startup = wire.startup({ user: options.user, database: options.database, ...options.startup });
    startup.writeInt32BE(wire.protocolMajor * 65536 + (options.minor ?? 0), 4);
    this.send(startup);
    const scram = new ScramClient(['SCRAM-SHA-256'], options.password, null, { bytes: (count) => randomBytes(count) });
    for (;;) {
      const { type, bytes } = await this.next();
      if (type === 'E') throw new Error(wire.readDiagnostic(bytes).message);
      if (type === 'K') {
        this.processId = bytes.readInt32BE(5);
        this.secret = bytes.subarray(9);
      }
      if (type === 'Z') return;
      if (type !== 'R') continue;
      const reader = new wire.BodyReader(bytes);
      const code = reader.int32();
      if (code === 10) {
        const first = Buffer.from(scram.first());
        this.send(wire.message(wire.fromClient.password, Buffer.concat([Buffer.from('SCRAM-SHA-256\0'), wire.int32(first.length), first])));
      } else if (code === 11) {
        this.send(wire.message(wire.fromClient.password, Buffer.from(await scram.final(reader.rest().toString()))));
      }
    }
  }

  send(...messages: Buffer[]): void {
    this.socket.write(Buffer.concat(messages));
  }

  /** The next message that was not read yet. Throws when the connection ends or nothing comes. */
  async next(): Promise<WireMessage> {
    for (;;) {
      const message = this.seen[this.#next];
      if (message !== undefined) {
        this.#next += 1;
        return message;
      }
      if (this.ended) throw new Error('the connection was closed');
      await this.#more();
    }
  }

  /** Reads up to and with the first message of one of these types. */
  async until(...types: string[]): Promise<WireMessage[]> {
    const read: WireMessage[] = [];
    for (;;) {
      const message = await this.next();
      read.push(message);
      if (types.includes(message.type)) return read;
    }
  }

  /** Sends and reads to ReadyForQuery. */
  async cycle(...messages: Buffer[]): Promise<WireMessage[]> {
    this.send(...messages);
    return this.until('Z');
  }

  query(text: string): Promise<WireMessage[]> {
    return this.cycle(wire.query(text));
  }

  /** Resolves when the other side has closed. */
  async closed(): Promise<void> {
    while (!this.ended) await this.#more();
  }

  #more(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing came; so far: ${summary(this.seen.slice(-20))}`)), readTimeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 5) {
      const end = 1 + this.#rest.readInt32BE(1);
      if (this.#rest.length < end) break;
      const message = { type: String.fromCharCode(this.#rest[0] as number), bytes: this.#rest.subarray(0, end) };
      this.#rest = this.#rest.subarray(end);
      this.seen.push(message);
      this.onMessage(message);
    }
    this.#wake();
  }
}

/** One line for a conversation: "1 2 E42501(words) ZI". */
export function summary(messages: readonly WireMessage[]): string {
  return messages
    .map(({ type, bytes }) => {
      if (type === 'E' || type === 'N') {
        const { code, message } = wire.readDiagnostic(bytes);
        return `${type}${code}(${message})`;
      }
      if (type === 'Z') return `Z${String.fromCharCode(bytes[5] as number)}`;
      if (type === 'C') return `C(${new wire.BodyReader(bytes).cstring()})`;
      return type;
    })
    .join(' ');
}

/** Columns of DataRows as text. */
export function rowsOf(messages: readonly WireMessage[]): (string | null)[][] {
  return messages.filter(({ type }) => type === 'D').map(({ bytes }) => cells(bytes));
}

function cells(bytes: Buffer): (string | null)[] {
  const reader = new wire.BodyReader(bytes);
  const count = reader.int16();
  return Array.from({ length: count }, () => {
    const length = reader.int32();
    return length < 0 ? null : reader.bytes(length).toString();
  });
}

const cstring = (text: string): Buffer => Buffer.from(`${text}\0`);
const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);

/** `types` are OIDs of the parameters. */
export function parse(name: string, text: string, types: readonly number[] = []): Buffer {
  const oids = types.map((oid) => wire.int32(oid));
  return wire.message(wire.fromClient.parse, Buffer.concat([cstring(name), cstring(text), int16(types.length), ...oids]));
}

export function bind(portal: string, statement: string, values: readonly (string | null)[] = []): Buffer {
  const encoded = values.map((value) =>
    value === null ? wire.int32(-1) : Buffer.concat([wire.int32(Buffer.byteLength(value)), Buffer.from(value)]),
  );
  return wire.message(
    wire.fromClient.bind,
    Buffer.concat([cstring(portal), cstring(statement), int16(0), int16(values.length), ...encoded, int16(0)]),
  );
}

export function execute(portal = '', rowsMax = 0): Buffer {
  return wire.message(wire.fromClient.execute, Buffer.concat([cstring(portal), wire.int32(rowsMax)]));
}

export function describe(what: 'S' | 'P', name = ''): Buffer {
  return wire.message(wire.fromClient.describe, Buffer.concat([Buffer.from(what), cstring(name)]));
}

export function close(what: 'S' | 'P', name = ''): Buffer {
  return wire.message(wire.fromClient.close, Buffer.concat([Buffer.from(what), cstring(name)]));
}

export function functionCall(oid: number): Buffer {
  return wire.message(wire.fromClient.functionCall, Buffer.concat([wire.int32(oid), int16(0), int16(0), int16(0)]));
}

export function copyData(bytes: string | Buffer): Buffer {
  return wire.message(wire.fromClient.copyData, Buffer.from(bytes));
}

export const copyDone = wire.message(wire.fromClient.copyDone, Buffer.alloc(0));
export const { query, sync, flush, terminate } = wire;
