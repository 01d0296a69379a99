// Sign-in of a client, from the first byte to a known person and a wanted target (chapter 54.2.1): TLS, start-up packet,
// SCRAM against stored verifiers, or sign-in in the browser. It reads like the specification and moves on only after
// each check has answered.

import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import type { DriverServices } from '../../src/core/driver.ts';
import { Fault } from '../../src/core/errors.ts';
import type { Principal } from '../../src/core/principal.ts';
import type { ConfirmedSignIn } from '../../src/core/sign-in.ts';
import { acceptTls } from '../../src/core/server-tls.ts';
import { duration } from '../../src/core/words.ts';
import { readExactly, whenGone } from '../../src/core/read-exactly.ts';
import { readMessage } from './byte-stream.ts';
import * as wire from './messages.ts';
import { ScramServer, serverEndPoint } from './scram.ts';
import { alpnProtocol } from './upstream.ts';

/** A start-up packet or password message has no business being longer (libpq refuses at 10,000 too). */
const startupBytesMax = 10_000;
const requestsMax = 3;
const tlsHandshakeByte = 0x16;

export type Arrival =
  { readonly kind: 'cancel'; readonly processId: number; readonly secret: Buffer } | { readonly kind: 'client'; readonly client: SignedIn };

export interface SignedIn {
  /** The socket to go on with: the TLS one when TLS was agreed. */
  readonly socket: Socket;
  readonly tls: boolean;
  readonly principal: Principal;
  readonly method: 'token' | 'browser';
  /** Null after a sign-in in the browser. */
  readonly tokenId: string | null;
  readonly wanted: WantedName;
  readonly parameters: Readonly<Record<string, string>>;
  readonly minor: number;
}

/** `alice`, `alice:orders`, `alice+browser:orders`. */
export interface WantedName {
  readonly person: string;
  readonly target: string | null;
  readonly browser: boolean;
}

export function parseUser(user: string): WantedName {
  const colon = user.indexOf(':');
  const name = colon < 0 ? user : user.slice(0, colon);
  const browser = name.endsWith('+browser');
  return { person: browser ? name.slice(0, -'+browser'.length) : name, target: colon < 0 ? null : user.slice(colon + 1), browser };
}

/** A refusal that is told to the client before the connection ends. */
export class SignInRefused extends Error {
  readonly diagnostic: Buffer;

  constructor(code: string, message: string, hint: string | null = null, detail: string | null = null) {
    super(message);
    this.diagnostic = wire.diagnostic({ severity: 'FATAL', code, message, detail, hint });
  }
}

/** The socket that answers are written to right now; TLS replaces it midway. */
export interface Line {
  socket: Socket;
  tls: boolean;
  /** That this connection's TLS began with; the gateway's may be another one by now. */
  certificate?: X509Certificate;
}

/** Carries a client to its sign-in. `waitsForBrowser` is told when a person's time begins instead of a machine's. Throws SignInRefused with words for the client, Fault for what deserves none. */
export async function welcome(line: Line, services: DriverServices, signal: AbortSignal, waitsForBrowser: () => void): Promise<Arrival> {
  const first = await readExactly(line.socket, 1, signal);
  line.socket.unshift(first);
  if (first[0] === tlsHandshakeByte) await startTls(line, services, signal, true);
  const packet = await startupPacket(line, services, signal);
  if (packet.kind === 'cancel') return packet;
  const { parameters, minor } = packet.startup;
  const user = parameters['user'];
  if (user === undefined || user === '') throw new SignInRefused('28000', 'no user name was given', 'Connect as person, or person:target.');
  refusePlaintext(line, services);
  negotiate(line, parameters, minor);
  const wanted = parseUser(user);
  const address = line.socket.remoteAddress ?? '';
  if (await services.signIns.blocked(wanted.person, address)) {
    throw new SignInRefused('28000', 'too many failed sign-ins', 'Wait a minute and try again.');
  }
  if (wanted.browser) waitsForBrowser();
  const { principal, tokenId } = wanted.browser
    ? await byBrowser(line, services, wanted, parameters, signal)
    : await byToken(line, services, wanted.person, signal);
  const method = wanted.browser ? 'browser' : 'token';
  const client: SignedIn = {
    socket: line.socket,
    tls: line.tls,
    principal,
    method,
    tokenId,
    wanted,
    parameters,
    minor: Math.min(minor, wire.protocolMinorMax),
  };
  return { kind: 'client', client };
}

type FirstPacket = Extract<Arrival, { kind: 'cancel' }> | { readonly kind: 'startup'; readonly startup: wire.StartupPacket };

/** Answers SSLRequest and GSSENCRequest until the start-up packet or a CancelRequest comes. */
async function startupPacket(line: Line, services: DriverServices, signal: AbortSignal): Promise<FirstPacket> {
  for (let request = 0; request < requestsMax; request++) {
    const head = await readExactly(line.socket, 8, signal);
    const lengthBytes = head.readInt32BE(0);
    const code = head.readInt32BE(4);
    if (lengthBytes < 8 || lengthBytes > startupBytesMax)
      throw new Fault('protocol-violation', `a start-up packet of ${lengthBytes} bytes`);
    switch (code) {
      case wire.requestCode.ssl:
        if (lengthBytes !== 8 || line.tls) throw new Fault('protocol-violation', 'an SSLRequest that makes no sense');
        // CVE-2021-23214: bytes that came before TLS was agreed were put there by somebody else.
        if (line.socket.readableLength > 0) throw new Fault('protocol-violation', 'bytes before TLS was agreed');
        if (services.tls === null) {
          line.socket.write('N');
          continue;
        }
        line.socket.write('S');
        await startTls(line, services, signal, false);
        continue;
      case wire.requestCode.gssenc:
        if (lengthBytes !== 8) throw new Fault('protocol-violation', 'a GSSENCRequest that makes no sense');
        if (line.socket.readableLength > 0) throw new Fault('protocol-violation', 'bytes before GSS encryption was agreed');
        line.socket.write('N');
        continue;
      case wire.requestCode.cancel: {
        if (lengthBytes < 16 || lengthBytes > 12 + 256) throw new Fault('protocol-violation', 'a CancelRequest of a wrong length');
        const rest = await readExactly(line.socket, lengthBytes - 8, signal);
        return { kind: 'cancel', processId: rest.readInt32BE(0), secret: rest.subarray(4) };
      }
      default: {
        const major = code >>> 16;
        if (major !== wire.protocolMajor) {
          throw new SignInRefused(
            '0A000',
            `unsupported frontend protocol ${major}.${code & 0xffff}: the gateway supports 3.0 to 3.${wire.protocolMinorMax}`,
          );
        }
        const rest = await readExactly(line.socket, lengthBytes - 8, signal);
        return { kind: 'startup', startup: wire.readStartup(Buffer.concat([head, rest])) };
      }
    }
  }
  throw new Fault('protocol-violation', 'too many requests before the start-up packet');
}

async function startTls(line: Line, services: DriverServices, signal: AbortSignal, direct: boolean): Promise<void> {
  const { tls } = services;
  if (tls === null) throw new Fault('protocol-violation', 'TLS is not configured');
  const own = tls.current;
  const secured = await acceptTls(line.socket, own, alpnProtocol, signal);
  // Direct TLS without ALPN could be another protocol's bytes (ALPACA): the server must refuse it (54.2.1.11).
  if (direct && secured.alpnProtocol !== alpnProtocol) {
    secured.destroy();
    throw new Fault('protocol-violation', `direct TLS without the ALPN protocol "${alpnProtocol}"`);
  }
  line.socket = secured;
  line.tls = true;
  line.certificate = own.certificate;
}

function refusePlaintext(line: Line, services: DriverServices): void {
  if (line.tls || services.allowPlaintext || isLoopback(line.socket.remoteAddress ?? '')) return;
  throw new SignInRefused(
    '28000',
    'the gateway takes no plain-text sign-in from other machines',
    'Connect with sslmode=require or stronger.',
  );
}

export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
}

/** NegotiateProtocolVersion when the client asks for more than is spoken here. */
function negotiate(line: Line, parameters: Readonly<Record<string, string>>, minor: number): void {
  const unknown = Object.keys(parameters).filter((name) => name.startsWith('_pq_.'));
  if (minor > wire.protocolMinorMax || unknown.length > 0) {
    line.socket.write(wire.negotiateProtocolVersion(Math.min(minor, wire.protocolMinorMax), unknown));
  }
}

async function byToken(
  line: Line,
  services: DriverServices,
  person: string,
  signal: AbortSignal,
): Promise<{ principal: Principal; tokenId: string }> {
  const { socket } = line;
  const address = socket.remoteAddress ?? '';
  const { principal, scramSalt, scramIterations, verifiers } = await services.signIns.material(person);
  const binding = line.certificate === undefined ? null : serverEndPoint(line.certificate);
  const scram = new ScramServer(scramSalt, scramIterations, verifiers, binding, services.random);
  socket.write(wire.saslMechanisms(scram.mechanisms));
  const initial = new wire.BodyReader(await passwordMessage(socket, signal));
  const mechanism = initial.cstring();
  const clientFirst = initial.bytes(initial.int32()).toString('utf8');
  socket.write(wire.authentication(11, Buffer.from(scram.first(mechanism, clientFirst))));
  const final = scram.final((await passwordMessage(socket, signal)).subarray(5).toString('utf8'));
  if (final === null || principal === null) {
    services.signIns.failed(person, address);
    throw new SignInRefused(
      '28P01',
      `password authentication failed for user "${person}"`,
      `Use an access token as the password (sallyport token), or sign in in the browser as ${person}+browser.`,
    );
  }
  services.signIns.succeeded(principal, final.verifier.tokenId, address, 'postgres');
  socket.write(Buffer.concat([wire.authentication(12, Buffer.from(final.serverFinal)), wire.authentication(0)]));
  return { principal, tokenId: final.verifier.tokenId };
}

async function passwordMessage(socket: Socket, signal: AbortSignal): Promise<Buffer> {
  const { type, bytes } = await readMessage(socket, startupBytesMax, signal);
  if (type !== wire.fromClient.password) throw new SignInRefused('08P01', 'expected a SASL response');
  return bytes;
}

/** AuthenticationOk at once, the link as a notice; ReadyForQuery stays away until the person has confirmed (design, section 6). */
async function byBrowser(
  line: Line,
  services: DriverServices,
  wanted: WantedName,
  parameters: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<ConfirmedSignIn> {
  const { socket } = line;
  const clientAddress = socket.remoteAddress ?? '';
  const target = wanted.target ?? parameters['database'] ?? '';
  const signIn = await services.signIns.browser({ name: wanted.person, target, protocol: 'postgres', clientAddress });
  const gone = () => signIn.cancel();
  const unwatch = whenGone(socket, gone);
  signal.addEventListener('abort', gone, { once: true });
  if (signal.aborted) gone(); // while the link was made
  try {
    socket.write(wire.authentication(0));
    const message = `sign in as ${wanted.person}: open ${signIn.url} and compare the code ${signIn.code}`;
    socket.write(
      wire.diagnostic({
        severity: 'NOTICE',
        code: '00000',
        message,
        hint: `Waiting for at most ${duration(browserSignInMs)}; Ctrl-C gives up.`,
      }),
    );
    const confirmed = await signIn.confirmed;
    if (confirmed === null) throw new SignInRefused('28000', `nobody confirmed the sign-in as "${wanted.person}" in the browser`);
    services.signIns.succeeded(confirmed.principal, confirmed.tokenId, clientAddress, 'postgres');
    return confirmed;
  } finally {
    unwatch();
    signal.removeEventListener('abort', gone);
  }
}

/** What the notice says; the sign-in itself is bounded by who keeps it. */
const browserSignInMs = 180_000;
