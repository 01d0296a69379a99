// The gateway's own sign-in to a target (libpq's rules for TLS modes; trust, password, MD5, SCRAM-SHA-256 and -PLUS), and the
// link that takes bytes of an action only under its open permit.

import { createHash, X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { DriverServices } from '../../src/core/driver.ts';
import { Fault, messageOf } from '../../src/core/errors.ts';
import { joined } from '../../src/core/joined.ts';
import { isLoopback } from '../../src/core/loopback.ts';
import type { Permit } from '../../src/core/permit.ts';
import { secure } from '../../src/core/target-tls.ts';
import type { Target } from '../../src/core/target.ts';
import { readExactly } from '../../src/core/read-exactly.ts';
import { readMessage } from './byte-stream.ts';
import { isOwn } from './fence.ts';
import * as wire from './messages.ts';
import { ScramClient, serverEndPoint } from './scram.ts';
import { TargetRefused } from './target-refused.ts';

const messageBytesMax = 64 * 1024;
/** As IANA registered it. */
export const alpnProtocol = 'postgresql';

/** A signed-in connection to a target, idle and ready for a query. */
export interface Upstream {
  readonly stream: Duplex;
  /** ParameterStatus as reported, in order. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly processId: number;
  readonly secret: Buffer;
}

/** Opens and signs in. `parameters` are start-up parameters besides user and database. Throws Fault target-*. */
export async function signIn(
  services: DriverServices,
  target: Target,
  database: string,
  parameters: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Upstream> {
  return services.credentials.signingIn(target, signal, (filled) => signInWith(services, filled, database, parameters, signal));
}

/** The same, with the account and password of `filled`. */
export async function signInWith(
  services: DriverServices,
  filled: Target,
  database: string,
  parameters: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Upstream> {
  const opened = await openStream(services, filled, signal);
  const { stream } = opened;
  try {
    stream.write(wire.startup({ ...parameters, user: filled.user, database }));
    await authenticate(opened, filled, services, signal);
    return await untilReady(stream, filled, signal);
  } catch (thrown) {
    stream.destroy();
    throw thrown;
  }
}

/** Sends a CancelRequest over a connection of its own. Resolves when the target has closed it, and so has passed the signal on. */
export async function cancel(services: DriverServices, target: Target, upstream: Upstream, signal: AbortSignal): Promise<void> {
  const { stream } = await openStream(services, target, signal);
  const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()));
  stream.on('error', () => undefined); // the target closes first; that is its answer
  signal.addEventListener('abort', () => stream.destroy(), { once: true });
  stream.resume().end(wire.cancelRequest(upstream.processId, upstream.secret));
  await closed;
}

interface Opened {
  readonly stream: Duplex;
  /** Null without TLS. */
  readonly binding: Buffer | null;
  /** Nobody but the target can be at its end: the certificate was verified, or no byte leaves this machine. */
  readonly isSurelyTarget: boolean;
}

async function openStream(services: DriverServices, target: Target, signal: AbortSignal): Promise<Opened> {
  const plain = await services.dial(target, signal);
  plain.on('error', () => undefined); // whoever reads or writes next hears of it; between two steps nobody listens
  const unsecured: Opened = { stream: plain, binding: null, isSurelyTarget: staysHere(target) };
  if (target.tls.mode === 'disable') return unsecured;
  try {
    plain.write(Buffer.concat([wire.int32(8, wire.requestCode.ssl)]));
    const answer = (await readExactly(plain, 1, signal)).toString('latin1');
    if (answer === 'N') {
      if (target.tls.mode === 'prefer') return unsecured;
      throw new Fault('target-tls-failed', `target ${target.name} does not speak TLS, and its TLS mode is ${target.tls.mode}`);
    }
    if (answer !== 'S' || plain.readableLength > 0)
      throw new Fault('target-tls-failed', `target ${target.name} answered the TLS request with something else`);
    const secured = await secure(plain, target, alpnProtocol, services.log, signal);
    const certificate = secured.getPeerX509Certificate();
    const binding = certificate === undefined ? null : serverEndPoint(new X509Certificate(certificate.raw));
    return { stream: secured, binding, isSurelyTarget: target.tls.mode.startsWith('verify-') || staysHere(target) };
  } catch (thrown) {
    plain.destroy();
    throw thrown;
  }
}

/** An agent dials on another machine, whatever the host is called. */
function staysHere({ agent, host }: Target): boolean {
  return (agent === undefined || agent === null) && (host.startsWith('/') || isLoopback(host));
}

async function authenticate(
  { stream, binding, isSurelyTarget }: Opened,
  target: Target,
  services: DriverServices,
  signal: AbortSignal,
): Promise<void> {
  const failed = (why: string) => new Fault('target-sign-in-failed', `signing in to target ${target.name} failed: ${why}`);
  const password = () => {
    if (target.password === null) throw failed('it asks for a password and none is configured');
    return target.password.reveal();
  };
  let scram: ScramClient | null = null;
  for (;;) {
    const { type, bytes } = await readMessage(stream, messageBytesMax, signal);
    if (type === wire.fromTarget.error) throw new TargetRefused(`signing in to target ${target.name} failed`, wire.readDiagnostic(bytes));
    if (type === wire.fromTarget.notice || type === wire.fromTarget.negotiate) continue;
    if (type !== wire.fromTarget.authentication) throw failed(`unexpected message type 0x${type.toString(16)}`);
    const reader = new wire.BodyReader(bytes);
    const code = reader.int32();
    switch (code) {
      case 0:
        return;
      case 3:
        // Whoever stands between, an agent too, could ask for it in the target's name.
        if (!isSurelyTarget) throw failed('it asks for the password in clear, and its TLS certificate is not verified');
        stream.write(passwordMessage(Buffer.from(`${password()}\0`)));
        break;
      case 5: {
        const inner = md5(`${password()}${target.user}`);
        const salted = createHash('md5').update(inner).update(reader.bytes(4)).digest('hex');
        stream.write(passwordMessage(Buffer.from(`md5${salted}\0`)));
        break;
      }
      case 10: {
        scram = new ScramClient(mechanismsOf(reader), password(), binding, services.random);
        const first = Buffer.from(scram.first());
        stream.write(passwordMessage(Buffer.concat([Buffer.from(`${scram.mechanism}\0`), wire.int32(first.length), first])));
        break;
      }
      case 11:
        if (scram === null) throw failed('it continued a SASL exchange that was not begun');
        stream.write(passwordMessage(Buffer.from(await scram.final(reader.rest().toString('utf8')))));
        break;
      case 12:
        if (scram === null) throw failed('it ended a SASL exchange that was not begun');
        scram.verify(reader.rest().toString('utf8'));
        break;
      default:
        throw failed(`it wants authentication method ${code}, which the gateway does not speak`);
    }
  }
}

const passwordMessage = (body: Buffer): Buffer => wire.message(wire.fromClient.password, body);
const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

function mechanismsOf(reader: wire.BodyReader): string[] {
  const names: string[] = [];
  for (let name = reader.cstring(); name !== ''; name = reader.cstring()) names.push(name);
  return names;
}

async function untilReady(stream: Duplex, target: Target, signal: AbortSignal): Promise<Upstream> {
  const parameters = new Map<string, string>();
  let processId = 0;
  let secret = Buffer.alloc(0);
  for (;;) {
    const { type, bytes } = await readMessage(stream, messageBytesMax, signal);
    const reader = new wire.BodyReader(bytes);
    switch (type) {
      case wire.fromTarget.parameterStatus:
        parameters.set(reader.cstring(), reader.cstring());
        break;
      case wire.fromTarget.backendKey:
        processId = reader.int32();
        secret = Buffer.from(reader.rest());
        break;
      case wire.fromTarget.notice:
        break;
      case wire.fromTarget.error:
        throw new TargetRefused(`target ${target.name}`, wire.readDiagnostic(bytes));
      case wire.fromTarget.ready:
        return { stream, parameters, processId, secret };
      default:
        throw new Fault('target-sign-in-failed', `target ${target.name} sent message type 0x${type.toString(16)} at sign-in`);
    }
  }
}

/** Types that run nothing at the server and may go without a permit. */
const quietTypes = new Set<number>([
  wire.fromClient.parse,
  wire.fromClient.describe,
  wire.fromClient.close,
  wire.fromClient.flush,
  wire.fromClient.sync,
  wire.fromClient.terminate,
]);

/** The only way to the target. Bytes are gathered and leave with one write at `flush`. */
export class Link {
  readonly #stream: Duplex;
  #out: Buffer[] = [];

  constructor(stream: Duplex) {
    this.#stream = stream;
  }

  send(permit: Permit, bytes: Buffer): void {
    permit.assertOpen();
    this.#out.push(bytes);
  }

  /** `bytes` is one whole message: of a type that runs nothing, or the gateway's own: the query that can only fail, the fence's. */
  sendQuietly(bytes: Buffer, failingQuery: Buffer): void {
    if (!quietTypes.has(bytes[0] as number) && bytes !== failingQuery && !isOwn(bytes)) {
      throw new Error(`message type 0x${(bytes[0] as number).toString(16)} needs a permit`);
    }
    this.#out.push(bytes);
  }

  /** False when the target is slower than the client: wait for 'drain'. */
  flush(): boolean {
    if (this.#out.length === 0) return !this.#stream.writableNeedDrain;
    const out = this.#out;
    this.#out = [];
    return this.#stream.write(out.length === 1 ? (out[0] as Buffer) : joined(out));
  }
}

/** Words for a target that could not be reached or signed in to, without its secrets. */
export function unreachable(target: Target, thrown: unknown): string {
  const said = thrown instanceof Fault && thrown.code.startsWith('target-');
  return said ? messageOf(thrown) : `target ${target.name} could not be reached: ${messageOf(thrown)}`;
}
