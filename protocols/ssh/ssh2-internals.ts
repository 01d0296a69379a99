// The only places that touch what ssh2 keeps to itself are this file and its neighbours (ssh2-channels.ts, ssh2-packets.ts), with the
// reason for each. The library is pinned exactly; a test fails when one of these names is gone.

import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { Client, Connection, ServerChannel } from 'ssh2';
import { readCertificate } from './certificate.ts';
import { wireString } from './ssh-wire.ts';

const require = createRequire(import.meta.url);

/** Whether ssh2 encrypts in C++; without it, it falls back to JavaScript and says nothing. */
export function hasNativeCrypto(): boolean {
  return (require('ssh2/lib/protocol/crypto.js') as { readonly bindingAvailable: boolean }).bindingAvailable;
}

interface RawCompressor {
  ended?: boolean;
  readonly _protocol: { readonly _cipher: { allocPacket(size: number): Buffer } };
}

/** What one compressed packet may hold: the largest of SFTP with room to spare. ssh2 inflates whatever comes. */
const inflatedBytesMax = 1024 * 1024;
let calmed = false;

/**
 * A packet written after a compressed connection was closed throws, where without compression it goes nowhere: whoever still has a
 * last word for a client that is gone would end the gateway with it. Now it goes nowhere, too. And no packet inflates without end.
 */
export function installCompressionGuards(): void {
  if (calmed) return;
  calmed = true;
  const { ZlibPacketWriter: writer, ZlibPacketReader: reader } = require('ssh2/lib/protocol/zlib.js') as {
    ZlibPacketWriter: { prototype: { cleanup(): void; finalize(payload: Buffer, force?: boolean): Buffer } };
    ZlibPacketReader: { prototype: { read(data: Buffer): Buffer } };
  };
  const { cleanup, finalize } = writer.prototype;
  writer.prototype.cleanup = function (this: RawCompressor & { cleanup(): void }): void {
    this.ended = true;
    cleanup.call(this);
  } as typeof cleanup;
  writer.prototype.finalize = function (this: RawCompressor & typeof writer.prototype, payload: Buffer, force?: boolean): Buffer {
    return this.ended === true ? this._protocol._cipher.allocPacket(payload.length) : finalize.call(this, payload, force);
  } as typeof finalize;
  const { read } = reader.prototype;
  reader.prototype.read = function (this: typeof reader.prototype, data: Buffer): Buffer {
    const inflated = read.call(this, data);
    if (inflated.length > inflatedBytesMax) throw new Error(`a packet of ${inflated.length} bytes when inflated`);
    return inflated;
  };
}

/** The socket of a client: the event that announces it doesn't say, and limits and addresses are kept by socket. */
export function socketOf(connection: Connection): Socket {
  return (connection as unknown as { readonly _sock: Socket })._sock;
}

interface RawServer {
  readonly _chanMgr: { add(opened: object): number };
  readonly _protocol: { openssh_authAgent(id: number, window: number, packet: number): void };
}

const agentWindow = 2 * 1024 * 1024;
const agentPacket = 32 * 1024;

/** Asks the other end of a client's connection for new keys (RFC 4253, section 9). ssh2 offers that to its server's side only. */
export function askForNewKeys(client: Client): void {
  (client as unknown as { readonly _protocol?: { rekey(): void } })._protocol?.rekey();
}

/** A channel to the client's agent (auth-agent@openssh.com): ssh2's server has no call for it. */
export function openAgentChannel(connection: Connection, done: (error: Error | undefined, channel: ServerChannel) => void): void {
  const { _chanMgr: channels, _protocol: protocol } = connection as unknown as RawServer;
  const opened = Object.assign((error: Error | undefined, channel: ServerChannel) => done(error, channel), {
    type: 'auth-agent@openssh.com',
  });
  const id = channels.add(opened);
  if (id === -1) return done(new Error('no channel is free'), undefined as never);
  protocol.openssh_authAgent(id, agentWindow, agentPacket);
}

interface RawRefusals {
  readonly _protocol: { channelOpenFail?: (to: number, reason: number, words?: string) => void };
}

/** RFC 4254, 5.1 */
export const openFailure = { prohibited: 1, connectFailed: 2 } as const;

/** Refuses to open a channel with a reason, which clients show: ssh2 gives none, and calls every refusal a failed connection. */
export function rejectInWords(connection: Connection, reject: () => void, reason: number, words: string): void {
  const { _protocol: protocol } = connection as unknown as RawRefusals;
  const send = protocol.channelOpenFail;
  protocol.channelOpenFail = (to) => send?.call(protocol, to, reason, words);
  try {
    reject();
  } finally {
    delete protocol.channelOpenFail; // the class has its own
  }
}

export interface PresentedCertificate {
  /** "ssh-ed25519-cert-v01@openssh.com" */
  readonly algorithm: string;
  readonly blob: Buffer;
  /** The signature as on the wire: string algorithm, string signature. */
  readonly sign: (data: Buffer) => Buffer;
}

interface RawClient {
  readonly _protocol: {
    authPK: (user: string) => void;
    readonly _kex: { readonly sessionID: Buffer };
    readonly _packetRW: {
      readonly write: { readonly allocStart: number; alloc(size: number): Uint8Array; finalize(packet: Uint8Array): Uint8Array };
    };
    readonly _authsQueue: string[];
    readonly _cipher: { encrypt(packet: Uint8Array): void };
  };
}

const userAuthRequest = 50; // RFC 4252, 6

/** ssh2 writes the certificate's algorithm into the signature, and servers refuse it: this sends the request itself. */
export function presentCertificate(client: unknown, { algorithm, blob, sign }: PresentedCertificate): void {
  const protocol = (client as RawClient)._protocol;
  protocol.authPK = (user) => {
    const head = [
      Buffer.from([userAuthRequest]),
      wireString(user),
      wireString('ssh-connection'),
      wireString('publickey'),
      Buffer.from([1]),
    ];
    const body = Buffer.concat([...head, wireString(algorithm), wireString(blob)]);
    const signature = sign(Buffer.concat([wireString(protocol._kex.sessionID), body]));
    const whole = Buffer.concat([body, wireString(signature)]);
    const { write } = protocol._packetRW;
    const packet = write.alloc(whole.length);
    packet.set(whole, write.allocStart);
    protocol._authsQueue.push('publickey');
    protocol._cipher.encrypt(write.finalize(packet));
  };
}

const certificateSuffix = '-cert-v01@openssh.com';

/** Host certificates that can be negotiated, the surest first (PROTOCOL.certkeys). RSA only with SHA-2. */
export const hostCertificateAlgorithms: readonly string[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
].map((it) => `${it}${certificateSuffix}`);

/** ssh2 refuses algorithms that are not in its list, which is the same array for every connection: the names are added, once. */
export function allowHostCertificates(): void {
  const { SUPPORTED_SERVER_HOST_KEY: supported } = require('ssh2/lib/protocol/constants.js') as { SUPPORTED_SERVER_HOST_KEY: string[] };
  if (!supported.includes(hostCertificateAlgorithms[0] ?? '')) supported.push(...hostCertificateAlgorithms);
}

interface RawKeyExchange {
  readonly negotiated: { serverHostKey: string };
  /** As the target sent it; missing until then. */
  _hostKey: Buffer | undefined;
  getPublicKey(): Buffer;
}

/**
 * Lets a client's key exchanges take certificates. The exchange hash is over the certificate, and ssh2 then verifies its signature
 * with the key in the same field, by the algorithm that was negotiated. Between the two it asks for its own public key: there field
 * and algorithm become those of the certified key. Whether the certificate is believed is for hostVerifier, which gets it whole.
 */
export function acceptHostCertificates(client: unknown): void {
  const { _protocol: protocol } = client as { readonly _protocol: { _kex: RawKeyExchange | undefined } };
  let current = protocol._kex;
  Object.defineProperty(protocol, '_kex', {
    get: () => current,
    set: (next: RawKeyExchange | undefined) => {
      current = next;
      if (next?.negotiated.serverHostKey.endsWith(certificateSuffix) === true) takeCertificate(next);
    },
  });
}

function takeCertificate(exchange: RawKeyExchange): void {
  const { negotiated } = exchange;
  const algorithm = negotiated.serverHostKey.slice(0, -certificateSuffix.length);
  // The type in the blob, which ssh2 compares with what was negotiated.
  if (algorithm.startsWith('rsa-')) negotiated.serverHostKey = `ssh-rsa${certificateSuffix}`;
  const getPublicKey = exchange.getPublicKey.bind(exchange);
  exchange.getPublicKey = () => {
    const certificate = exchange._hostKey === undefined ? null : readCertificate(exchange._hostKey);
    // A bad one stays as it is: hostVerifier has refused it, and ssh2 can't verify a signature with it.
    if (certificate !== null) {
      exchange._hostKey = certificate.key.blob;
      negotiated.serverHostKey = algorithm;
    }
    return getPublicKey();
  };
}
