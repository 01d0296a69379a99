// Sign-in of a client, from the greeting to a known person and a wanted target: TLS, then caching_sha2_password (fast, or
// full over TLS or with the gateway's RSA key), mysql_native_password or a clear password inside TLS, against stored verifiers.
// The same again for COM_CHANGE_USER. It moves on only after each check has answered.

import type { KeyObject } from 'node:crypto';
import type { Socket } from 'node:net';
import type { DriverServices } from '../../src/core/driver.ts';
import { Fault } from '../../src/core/errors.ts';
import type { Principal } from '../../src/core/principal.ts';
import { acceptTls } from '../../src/core/server-tls.ts';
import type { ServerTls } from '../../src/core/server-tls.ts';
import type { SignInMaterial, TokenVerifier } from '../../src/core/sign-in.ts';
import { readPacket, writePacket } from './byte-stream.ts';
import { flag, has, offered, type Capabilities } from './capabilities.ts';
import type { ClientStream, CompressionMethod } from './compression.ts';
import * as wire from './messages.ts';
import * as hello from './sign-in-messages.ts';
import { decryptPassword, provesClear, provesNative, provesSha2, vouchesFor } from './passwords.ts';

/** A handshake response with connection attributes; servers allow 64 kB of them. */
const responseBytesMax = 128 * 1024;
const answerBytesMax = 4 * 1024;
const nonceBytes = 20;
const defaultPlugin = 'caching_sha2_password';
const nativePlugin = 'mysql_native_password';
const nativeAnswerBytes = 20;
/** Levels above this cost more of the gateway than they save of the network. */
const zstdLevelMax = 6;
const zstdLevelDefault = 3;

/** Bytes of caching_sha2_password's own small language. */
const sha2 = { requestKey: 2, fastOk: 3, fullAuthentication: 4 } as const;

export interface SignedIn {
  /** Address of the client; "" when it is gone already. */
  readonly address: string;
  readonly tls: boolean;
  /** Of the greeting: a later change of the user may be proved by it. */
  readonly nonce: Buffer;
  /** What packets are compressed by once the sign-in is over. */
  readonly compression: CompressionMethod | null;
  readonly principal: Principal;
  /** The token that was proved. */
  readonly tokenId: string;
  readonly wanted: WantedName;
  readonly database: string | null;
  readonly capabilities: Capabilities;
  readonly charset: number;
  readonly connectionId: number;
  /** Words of the OK by which a client trusts a certificate that it can't verify; empty when there is nothing to vouch for. */
  readonly voucher: string;
  /** Sequence number that the OK (or the refusal) must have. */
  readonly nextSequence: number;
}

/** `alice`, `alice:shop`. */
export interface WantedName {
  readonly person: string;
  readonly target: string | null;
}

export function parseUser(user: string): WantedName {
  const colon = user.indexOf(':');
  return colon < 0 ? { person: user, target: null } : { person: user.slice(0, colon), target: user.slice(colon + 1) };
}

/** A refusal that is told to the client before the connection ends. */
export class SignInRefused extends Error {
  readonly payload: Buffer;

  constructor(number: number, sqlState: string, message: string) {
    super(message);
    this.payload = wire.err(number, sqlState, message);
  }
}

/** The socket that answers are written to right now, and the number of the next packet. */
export interface Line {
  socket: ClientStream;
  /** The socket that was accepted, below TLS and compression. */
  readonly accepted: Socket;
  /** SHA-256 of the certificate that the client was shown; null outside of TLS. */
  fingerprint: Buffer | null;
  sequence: number;
}

export interface WelcomeOptions {
  /** Version that clients are shown. */
  readonly version: string;
  readonly connectionId: number;
  /** For passwords of clients without TLS. Made when first needed. */
  readonly rsaKeys: () => Promise<{ readonly privateKey: KeyObject; readonly publicPem: string }>;
}

/** Carries a client to its sign-in. Throws SignInRefused with words for the client, Fault for what deserves none. */
export async function welcome(line: Line, services: DriverServices, options: WelcomeOptions, signal: AbortSignal): Promise<SignedIn> {
  const nonce = makeNonce(services);
  const mariadb = options.version.includes('MariaDB');
  const tls = services.tls ?? (mariadb ? (services.unsignedTls ?? null) : null);
  const capabilities = offered(tls !== null, mariadb);
  // MariaDB's clients send nothing by a method without a hash that could vouch for a certificate which nobody signed.
  const plugin = mariadb && tls !== null ? nativePlugin : defaultPlugin;
  const { version, connectionId } = options;
  writePacket(line.socket, hello.greeting({ version, connectionId, nonce, capabilities, plugin }), 0);
  line.sequence = 1;
  const response = await readResponse(line, tls, signal);
  const granted = {
    standard: response.capabilities.standard & capabilities.standard,
    extended: response.capabilities.extended & capabilities.extended,
  };
  refuseUnoffered(response.capabilities, capabilities);
  refusePlaintext(line, services);
  const switches = response.plugin !== plugin && response.answer.length === 0;
  const proved = await prove(line, services, options, nonce, { ...response, answered: nonce, switches }, signal);
  return {
    ...proved,
    tls: line.fingerprint !== null,
    nonce,
    compression: compressionOf(granted, response.zstdLevel),
    database: response.database === '' ? null : response.database,
    capabilities: granted,
    charset: response.charset,
    connectionId,
    nextSequence: line.sequence,
  };
}

/**
 * COM_CHANGE_USER: the same proof with another name, on a connection whose form stays as it was agreed. `argument` is the
 * command without its first byte. Throws as `welcome` does; then the connection is over, as it is with a server.
 */
export async function welcomeAgain(
  line: Line,
  services: DriverServices,
  options: WelcomeOptions,
  before: SignedIn,
  argument: Buffer,
  signal: AbortSignal,
): Promise<SignedIn> {
  const asked = hello.readChangeUser(argument, before.capabilities);
  const { capabilities } = before;
  // A new nonce where the client can be told one. MariaDB's client library answers by that of the greeting, whatever it is told.
  const switches = has(capabilities, flag.pluginAuth);
  const nonce = switches ? makeNonce(services) : before.nonce;
  const proved = await prove(line, services, options, nonce, { ...asked, capabilities, answered: before.nonce, switches }, signal);
  const database = asked.database === '' ? null : asked.database;
  return { ...before, ...proved, database, charset: asked.charset ?? before.charset, nextSequence: line.sequence };
}

/** What a client says to prove who it is. */
interface ProofStart {
  readonly user: string;
  readonly answer: Buffer;
  readonly plugin: string | null;
  readonly capabilities: Capabilities;
  /** The nonce that the client knew when it gave the answer. */
  readonly answered: Buffer;
  /** An answer that does not prove it, or waits for the method to be asked for, is asked for again. */
  readonly switches: boolean;
}

async function prove(
  line: Line,
  services: DriverServices,
  options: WelcomeOptions,
  nonce: Buffer,
  start: ProofStart,
  signal: AbortSignal,
): Promise<Pick<SignedIn, 'address' | 'principal' | 'tokenId' | 'wanted' | 'voucher'>> {
  const wanted = parseUser(start.user);
  const address = line.accepted.remoteAddress ?? '';
  if (await services.signIns.blocked(wanted.person, address)) {
    throw new SignInRefused(1045, '28000', 'too many failed sign-ins: wait a minute and try again');
  }
  const material = await services.signIns.material(wanted.person);
  const proof = new Proof(line, options, nonce, material, signal);
  const verifier = await proof.run(start);
  if (verifier === null || material.principal === null) {
    services.signIns.failed(wanted.person, address);
    throw new SignInRefused(1045, '28000', `access denied for '${wanted.person}': use an access token as the password (sallyport token)`);
  }
  services.signIns.succeeded(material.principal, verifier.tokenId, address, 'mysql');
  return { address, principal: material.principal, tokenId: verifier.tokenId, wanted, voucher: proof.voucher(verifier) };
}

/** With both asked for zlib is meant. */
function compressionOf(granted: Capabilities, zstdLevel: number | null): CompressionMethod | null {
  if (has(granted, flag.compress)) return { kind: 'zlib' };
  if (has(granted, flag.zstd)) return { kind: 'zstd', level: Math.min(Math.max(zstdLevel ?? zstdLevelDefault, 1), zstdLevelMax) };
  return null;
}

/** Bytes 1 to 127: clients take the nonce for a C string. */
function makeNonce(services: DriverServices): Buffer {
  return Buffer.from(services.random.bytes(nonceBytes).map((byte) => (byte % 127) + 1));
}

async function readResponse(line: Line, tls: ServerTls | null, signal: AbortSignal): Promise<hello.HandshakeResponse> {
  const first = await receive(line, responseBytesMax, signal);
  if (!hello.isTlsRequest(first)) return hello.readHandshakeResponse(first);
  // The TLS hello may already be in the socket: it goes to TLS, so nothing that came in clear is read as part of the sign-in.
  await startTls(line, tls, signal);
  const response = await receive(line, responseBytesMax, signal);
  if (hello.isTlsRequest(response)) throw new Fault('protocol-violation', 'TLS asked for inside TLS');
  return hello.readHandshakeResponse(response);
}

async function receive(line: Line, bytesMax: number, signal: AbortSignal): Promise<Buffer> {
  const { payload } = await readPacket(line.socket, line.sequence, bytesMax, signal);
  line.sequence += 1;
  return payload;
}

function send(line: Line, payload: Buffer): void {
  writePacket(line.socket, payload, line.sequence);
  line.sequence += 1;
}

/** The packet that ends a sign-in, or stands in front of its end; with what `sendAhead` kept back. The number stays. */
export function tell(line: Line, payload: Buffer): void {
  writePacket(line.socket, payload, line.sequence);
  while (line.socket.writableCorked > 0) line.socket.uncork();
}

/** Of two packets in a row the first: it leaves with the next that `tell` sends. */
function sendAhead(line: Line, payload: Buffer): void {
  line.socket.cork();
  send(line, payload);
}

async function startTls(line: Line, tls: ServerTls | null, signal: AbortSignal): Promise<void> {
  if (tls === null) throw new Fault('protocol-violation', 'TLS is not configured');
  const own = tls.current;
  line.socket = await acceptTls(line.accepted, own, null, signal);
  line.fingerprint = Buffer.from(own.certificate.fingerprint256.replaceAll(':', ''), 'hex');
}

/** Flags beyond the offer would make the packets look otherwise than both sides believe. Harmless ones are only not granted. */
function refuseUnoffered(asked: Capabilities, offer: Capabilities): void {
  const changesPackets = flag.sessionTrack | flag.deprecateEof | flag.pluginAuthLenenc | flag.optionalMetadata;
  if ((asked.standard & ~offer.standard & changesPackets) !== 0) {
    throw new SignInRefused(
      1043,
      '08S01',
      'the client asks for a protocol feature (such as optional metadata) that the gateway did not offer',
    );
  }
}

function refusePlaintext(line: Line, services: DriverServices): void {
  if (line.fingerprint !== null || services.allowPlaintext || isLoopback(line.accepted.remoteAddress ?? '')) return;
  throw new SignInRefused(1045, '28000', 'the gateway takes no plain-text sign-in from other machines: connect with TLS (--ssl)');
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
}

/** The exchange that proves a token, whichever method the client speaks. */
class Proof {
  readonly #line: Line;
  readonly #options: WelcomeOptions;
  readonly #nonce: Buffer;
  readonly #verifiers: readonly TokenVerifier[];
  readonly #signal: AbortSignal;
  /** Of the answer by mysql_native_password that was looked at last. */
  #nativeNonce: Buffer | null = null;

  constructor(line: Line, options: WelcomeOptions, nonce: Buffer, material: SignInMaterial, signal: AbortSignal) {
    this.#line = line;
    this.#options = options;
    this.#nonce = nonce;
    this.#verifiers = material.verifiers;
    this.#signal = signal;
  }

  /** The verifier of the token that was proved, or null. */
  async run(start: ProofStart): Promise<TokenVerifier | null> {
    const plugin = has(start.capabilities, flag.pluginAuth) ? start.plugin : nativePlugin;
    switch (plugin) {
      case nativePlugin:
        // A client that prefers this method has not used the nonce of the greeting, which was meant for another.
        if (start.answer.length === nativeAnswerBytes) {
          const proved = this.#native(start.answer, start.answered);
          if (proved !== null || !start.switches) return proved;
        }
        send(this.#line, hello.authSwitch(nativePlugin, this.#nonce));
        return this.#native(await receive(this.#line, answerBytesMax, this.#signal), this.#nonce);
      case defaultPlugin:
        if (!start.switches) return await this.#sha2(start.answer);
        return await this.#switchToSha2();
      default:
        return await this.#switchToSha2();
    }
  }

  /**
   * MariaDB's clients from 11.4 on can't verify a certificate that no authority signed, and take it when the OK shows that its owner knows
   * their password's hash: a stranger in between knows it as little as they see the password by this method.
   */
  voucher(verifier: TokenVerifier): string {
    const { fingerprint } = this.#line;
    if (this.#nativeNonce === null || fingerprint === null || !this.#options.version.includes('MariaDB')) return '';
    return vouchesFor(fingerprint, verifier, this.#nativeNonce);
  }

  async #switchToSha2(): Promise<TokenVerifier | null> {
    send(this.#line, hello.authSwitch(defaultPlugin, this.#nonce));
    return await this.#sha2(await receive(this.#line, answerBytesMax, this.#signal));
  }

  #native(answer: Buffer, nonce: Buffer): TokenVerifier | null {
    this.#nativeNonce = nonce;
    return this.#verifiers.find((it) => provesNative(it, nonce, answer)) ?? null;
  }

  async #sha2(answer: Buffer): Promise<TokenVerifier | null> {
    if (answer.length <= 1) return null; // an empty password; the client waits for nothing but the verdict
    const proved = this.#verifiers.find((it) => provesSha2(it, this.#nonce, answer)) ?? null;
    if (proved !== null) {
      sendAhead(this.#line, hello.authMore(Buffer.from([sha2.fastOk])));
      return proved;
    }
    return await this.#full();
  }

  /** Full authentication: the password itself, in clear inside TLS, else encrypted with the gateway's key. */
  async #full(): Promise<TokenVerifier | null> {
    send(this.#line, hello.authMore(Buffer.from([sha2.fullAuthentication])));
    let answer = await receive(this.#line, answerBytesMax, this.#signal);
    if (this.#line.fingerprint !== null) return this.#clear(withoutNul(answer));
    const { privateKey, publicPem } = await this.#options.rsaKeys();
    if (answer.length === 1 && answer[0] === sha2.requestKey) {
      send(this.#line, hello.authMore(Buffer.from(publicPem, 'latin1')));
      answer = await receive(this.#line, answerBytesMax, this.#signal);
    }
    const password = decryptPassword(privateKey, this.#nonce, answer);
    return password === null ? null : this.#clear(password);
  }

  #clear(password: Buffer): TokenVerifier | null {
    return this.#verifiers.find((it) => provesClear(it, password)) ?? null;
  }
}

function withoutNul(bytes: Buffer): Buffer {
  return bytes.at(-1) === 0 ? bytes.subarray(0, -1) : bytes;
}
