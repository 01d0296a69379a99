// A target that signs in like MySQL 8.0, byte by byte from its documentation (HandshakeV10, "Caching_sha2_password information"),
// because no such server can be had here: its greeting, and caching_sha2_password by the fast way, or the full one inside TLS or
// with the server's RSA key. Behind the sign-in a real MariaDB answers.

import { constants, createHash, generateKeyPairSync, privateDecrypt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { readPacket, writePacket } from '../../protocols/mysql/byte-stream.ts';
import { flag } from '../../protocols/mysql/capabilities.ts';
import { isTlsRequest, readHandshakeResponse } from '../../protocols/mysql/sign-in-messages.ts';
import type { Teardown } from './directories.ts';
import type { TestMariadb } from './mariadb.ts';
import { withoutAttributes } from './mysql8-attributes.ts';
import { rawClient, wireSignal } from './mysql-wire.ts';

export const mysql8Version = '8.0.36';
/** The 20 bytes of a greeting; fixed, so that transcripts can be compared. */
export const mysql8Nonce = Buffer.from('0123456789abcdefghij', 'latin1');
/** What 8.0.36 offers with TLS: all but CLIENT_PROTOCOL_41's unused bit 29. */
const capabilities = 0xdfffffff;

export interface Mysql8Options {
  readonly behind: TestMariadb;
  readonly password: string;
  /** fast: the server knows the password; full: it wants to see it. native: it begins with another method, and switches. */
  readonly way: 'fast' | 'full' | 'switch';
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface Mysql8 {
  readonly port: number;
  /** "< " what the server sent and "> " what it got in the last sign-in, packet by packet in hex; what is secret or random by its length. */
  readonly transcript: string[];
  /** Query attributes that it was sent, as "name=value". */
  readonly attributes: string[];
}

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const publicPem = keys.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const sha256 = (...parts: Buffer[]): Buffer => parts.reduce((hash, it) => hash.update(it), createHash('sha256')).digest();
const xor = (left: Buffer, right: Buffer): Buffer => Buffer.from(left.map((byte, at) => byte ^ (right[at % right.length] as number)));

export async function startMysql8(t: Teardown, options: Mysql8Options): Promise<Mysql8> {
  const transcript: string[] = [];
  const attributes: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    transcript.length = 0;
    new SignIn(socket, options, transcript, attributes).run().catch((thrown: unknown) => {
      transcript.push(`! ${thrown instanceof Error ? thrown.message : String(thrown)}`);
      socket.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, transcript, attributes };
}

export function mysql8Greeting(tls: boolean, plugin: string): Buffer {
  const offered = tls ? capabilities : capabilities & ~flag.tls;
  const low = Buffer.from([offered & 0xff, (offered >>> 8) & 0xff]);
  const high = Buffer.from([(offered >>> 16) & 0xff, (offered >>> 24) & 0xff]);
  return Buffer.concat([
    Buffer.from([0x0a]), // protocol version
    Buffer.from(`${mysql8Version}\0`),
    Buffer.from([8, 0, 0, 0]), // connection id
    mysql8Nonce.subarray(0, 8),
    Buffer.from([0]),
    low,
    Buffer.from([0xff]), // utf8mb4_0900_ai_ci
    Buffer.from([2, 0]), // SERVER_STATUS_AUTOCOMMIT
    high,
    Buffer.from([21]), // length of the nonce with its NUL
    Buffer.alloc(10),
    mysql8Nonce.subarray(8),
    Buffer.from([0]),
    Buffer.from(`${plugin}\0`),
  ]);
}

class SignIn {
  readonly #options: Mysql8Options;
  readonly #transcript: string[];
  readonly #attributes: string[];
  #stream: Duplex;
  readonly #socket: Socket;
  #sequence = 0;

  constructor(socket: Socket, options: Mysql8Options, transcript: string[], attributes: string[]) {
    this.#attributes = attributes;
    this.#socket = socket;
    this.#stream = socket;
    this.#options = options;
    this.#transcript = transcript;
  }

  async run(): Promise<void> {
    const { behind, way, tls } = this.#options;
    this.#send(mysql8Greeting(tls !== undefined, way === 'switch' ? 'mysql_native_password' : 'caching_sha2_password'), 'greeting');
    let response = await this.#receive();
    if (isTlsRequest(response)) {
      this.#transcript.push(`> TLS wanted (${response.length} bytes)`);
      this.#secure();
      response = await this.#receive();
    }
    const { user, plugin, answer, capabilities: asked, database } = readHandshakeResponse(response);
    this.#transcript.push(`> ${user} by ${plugin}, ${answer.length} bytes`);
    let proof = answer;
    if (way === 'switch') {
      this.#send(Buffer.concat([Buffer.from([0xfe]), Buffer.from('caching_sha2_password\0'), mysql8Nonce, Buffer.from([0])]));
      proof = await this.#receive();
      this.#transcript.push(`> ${proof.length} bytes`);
    }
    if (!this.#isFast(proof) || !(await this.#goesOn())) {
      this.#send(
        Buffer.concat([Buffer.from([0xff, 0x15, 0x04]), Buffer.from(`#28000Access denied for user '${user}'@'localhost'`)]),
        'ERR 1045',
      );
      return void this.#stream.end();
    }
    const target = await rawClient({ teardown: (undo) => this.#socket.once('close', () => void undo()) }, {
      port: behind.port,
      user: behind.user,
      password: behind.password,
      capabilities: { standard: asked.standard, extended: 0 },
      ...(database === null || database === '' ? {} : { database }),
    }); // prettier-ignore
    this.#send(Buffer.from([0, 0, 0, 2, 0, 0, 0]));
    for (const event of ['end', 'close'] as const) target.stream.on(event, () => this.#socket.destroy());
    const asksAttributes = (asked.standard & flag.queryAttributes) !== 0;
    const commands = asksAttributes ? this.#stream.pipe(withoutAttributes(this.#attributes)) : this.#stream;
    commands.pipe(target.stream).pipe(this.#stream);
  }

  /** XOR(SHA256(password), SHA256(SHA256(SHA256(password)), nonce)); empty for an empty password. */
  #isFast(answer: Buffer): boolean {
    const { password } = this.#options;
    if (password === '') return answer.length === 0 || answer.equals(Buffer.from([0]));
    const once = sha256(Buffer.from(password));
    return answer.equals(xor(once, sha256(sha256(once), mysql8Nonce)));
  }

  async #goesOn(): Promise<boolean> {
    if (this.#options.password === '') return true;
    if (this.#options.way === 'fast') {
      this.#send(Buffer.from([1, 3]));
      return true;
    }
    this.#send(Buffer.from([1, 4]));
    const clear = Buffer.from(`${this.#options.password}\0`);
    let got = await this.#receive();
    if (this.#options.tls !== undefined) {
      this.#transcript.push(`> ${got.length} bytes, in clear`);
      return got.equals(clear);
    }
    if (!got.equals(Buffer.from([2]))) throw new Error(`the key is asked for with ${got.toString('hex')}`);
    this.#transcript.push('> 02');
    this.#send(Buffer.concat([Buffer.from([1]), Buffer.from(publicPem)]), 'the key');
    got = await this.#receive();
    this.#transcript.push(`> ${got.length} bytes, encrypted`);
    const padded = privateDecrypt({ key: keys.privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING }, got);
    return xor(padded, mysql8Nonce).equals(clear);
  }

  #secure(): void {
    const { tls } = this.#options;
    if (tls === undefined) throw new Error('TLS was not offered');
    const secured = new TLSSocket(this.#socket, { isServer: true, ...tls });
    secured.on('error', () => undefined);
    this.#stream = secured;
  }

  #send(payload: Buffer, words: string = payload.toString('hex')): void {
    this.#transcript.push(`< ${words}`);
    writePacket(this.#stream, payload, this.#sequence++);
  }

  async #receive(): Promise<Buffer> {
    return (await readPacket(this.#stream, this.#sequence++, 64 * 1024, wireSignal)).payload;
  }
}
