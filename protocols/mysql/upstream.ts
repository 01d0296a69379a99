// The gateway's own sign-in to a target (TLS modes as libpq names them; caching_sha2_password, mysql_native_password, a clear
// password only inside verified TLS), and the link that takes bytes of an action only under its open permit.

import type { Duplex } from 'node:stream';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import type { DriverServices } from '../../src/core/driver.ts';
import { Fault, messageOf } from '../../src/core/errors.ts';
import type { Permit } from '../../src/core/permit.ts';
import type { Target } from '../../src/core/target.ts';
import { readPacket, writePacket } from './byte-stream.ts';
import { askedOfTarget, flag, has, type Capabilities } from './capabilities.ts';
import { headerBytes } from './codec.ts';
import * as wire from './messages.ts';
import { encryptPassword, nativeAnswer, sha2Answer } from './passwords.ts';

const payloadBytesMax = 64 * 1024;
/** utf8mb4_general_ci, for the gateway's own connections. */
const ownCharset = 45;

/** What the connection is opened for. */
export interface UpstreamWish {
  readonly database: string | null;
  readonly charset: number;
  readonly client: Capabilities;
  /** Who it is for, as a connection attribute. */
  readonly person: string;
}

/** A signed-in connection to a target, idle and ready for a command. */
export interface Upstream {
  readonly stream: Duplex;
  readonly version: string;
  readonly connectionId: number;
  readonly capabilities: Capabilities;
  readonly statusFlags: number;
}

/** The wish of the gateway's own connections (KILL, the catalogue). */
export function ownWish(database: string | null): UpstreamWish {
  return { database, charset: ownCharset, client: { standard: flag.deprecateEof, extended: 0 }, person: 'the gateway' };
}

/** Opens and signs in. Throws Fault target-*. */
export async function signIn(services: DriverServices, target: Target, wish: UpstreamWish, signal: AbortSignal): Promise<Upstream> {
  const plain = await services.dial(target, signal);
  const signing = new SigningIn(plain, target, wish, signal);
  try {
    return await signing.run();
  } catch (thrown) {
    signing.stream.destroy();
    plain.destroy();
    throw thrown;
  }
}

class SigningIn {
  stream: Duplex;
  readonly #target: Target;
  readonly #wish: UpstreamWish;
  readonly #signal: AbortSignal;
  #secured = false;
  #verified = false;
  #sequence = 0;

  constructor(stream: Duplex, target: Target, wish: UpstreamWish, signal: AbortSignal) {
    this.stream = stream;
    this.#target = target;
    this.#wish = wish;
    this.#signal = signal;
  }

  async run(): Promise<Upstream> {
    const first = await this.#receive();
    if (first[0] === 0xff) throw this.#failed(wire.readErr(first).message);
    const hello = wire.readGreeting(first);
    const { capabilities, missing } = askedOfTarget(this.#wish.client, hello.capabilities, this.#wish.database !== null);
    if (missing !== null) throw this.#failed(`it is ${missing}, which the gateway does not serve`);
    const withTls = await this.#startTls(hello, capabilities);
    const plugin = hello.plugin === '' ? 'mysql_native_password' : hello.plugin;
    this.#send(
      wire.handshakeResponse({
        capabilities: withTls,
        charset: this.#wish.charset,
        user: this.#target.user,
        answer: this.#answerTo(plugin, hello.nonce),
        database: this.#wish.database,
        plugin,
        attributes: new Map([
          ['_client_name', 'sallyport'],
          ['program_name', `sallyport for ${this.#wish.person}`],
        ]),
      }),
    );
    const statusFlags = await this.#authenticate(plugin, hello.nonce, has(withTls, flag.sessionTrack));
    return { stream: this.stream, version: hello.version, connectionId: hello.connectionId, capabilities: withTls, statusFlags };
  }

  async #startTls(hello: wire.Greeting, capabilities: Capabilities): Promise<Capabilities> {
    const { mode } = this.#target.tls;
    if (mode === 'disable') return capabilities;
    if (!has(hello.capabilities, flag.tls)) {
      if (mode === 'prefer') return capabilities;
      throw new Fault('target-tls-failed', `target ${this.#target.name} does not offer TLS, and its TLS mode is ${mode}`);
    }
    const secured = { ...capabilities, standard: capabilities.standard | flag.tls };
    this.#send(wire.responseHead(secured, this.#wish.charset));
    if (this.stream.readableLength > 0)
      throw new Fault('target-tls-failed', `target ${this.#target.name} sent bytes before TLS was agreed`);
    this.stream = await secure(this.stream, this.#target, this.#signal);
    this.#secured = true;
    this.#verified = mode === 'verify-ca' || mode === 'verify-full';
    return secured;
  }

  /** The answer that a method gives at once; empty when it needs more words. */
  #answerTo(plugin: string, nonce: Buffer): Buffer {
    const password = this.#target.password?.reveal() ?? '';
    switch (plugin) {
      case 'mysql_native_password':
        return nativeAnswer(password, nonce);
      case 'caching_sha2_password':
        return sha2Answer(password, nonce);
      default:
        return Buffer.alloc(0); // the target asks for the switch
    }
  }

  async #authenticate(firstPlugin: string, firstNonce: Buffer, tracks: boolean): Promise<number> {
    let plugin = firstPlugin;
    let nonce = firstNonce;
    const stepsMax = 6;
    for (let step = 0; step < stepsMax; step++) {
      const payload = await this.#receive();
      switch (payload[0]) {
        case 0x00:
          return wire.readOk(payload, tracks).statusFlags;
        case 0xff:
          throw this.#failed(wire.readErr(payload).message);
        case 0xfe: {
          ({ plugin, nonce } = wire.readAuthSwitch(payload));
          this.#send(this.#switched(plugin, nonce));
          break;
        }
        case 0x01:
          if (plugin !== 'caching_sha2_password') throw this.#failed(`it goes on with ${plugin} in a way that is not known`);
          await this.#sha2(payload.subarray(1), nonce);
          break;
        default:
          throw this.#failed(`an unexpected packet 0x${(payload[0] ?? 0).toString(16)}`);
      }
    }
    throw this.#failed('its sign-in does not end');
  }

  #switched(plugin: string, nonce: Buffer): Buffer {
    const password = this.#target.password?.reveal() ?? '';
    switch (plugin) {
      case 'mysql_native_password':
      case 'caching_sha2_password':
        return this.#answerTo(plugin, nonce);
      case 'mysql_clear_password':
        if (!this.#verified) throw this.#failed('it asks for the password in clear, and its TLS certificate is not verified');
        return Buffer.from(`${password}\0`, 'utf8');
      default:
        throw this.#failed(`it wants the sign-in method ${plugin}, which the gateway does not speak`);
    }
  }

  /** 3: it knew the password, OK follows. 4: it wants the password itself; another first byte would be a key unasked for. */
  async #sha2(data: Buffer, nonce: Buffer): Promise<void> {
    if (data[0] === 3) return;
    if (data[0] !== 4) throw this.#failed('caching_sha2_password went on in a way that is not known');
    const password = this.#target.password?.reveal() ?? '';
    if (this.#secured) {
      this.#send(Buffer.from(`${password}\0`, 'utf8'));
      return;
    }
    this.#send(Buffer.from([2]));
    const answer = await this.#receive();
    if (answer[0] !== 0x01) throw this.#failed('it gave no RSA key');
    this.#send(encryptPassword(answer.subarray(1).toString('latin1'), password, nonce));
  }

  async #receive(): Promise<Buffer> {
    const { payload } = await readPacket(this.stream, this.#sequence, payloadBytesMax, this.#signal);
    this.#sequence += 1;
    return payload;
  }

  #send(payload: Buffer): void {
    writePacket(this.stream, payload, this.#sequence);
    this.#sequence += 1;
  }

  #failed(why: string): Fault {
    return new Fault('target-sign-in-failed', `signing in to target ${this.#target.name} failed: ${why}`);
  }
}

/** prefer and require don't verify (require does when a CA is configured), verify-ca checks the chain, verify-full the name too. */
function secure(plain: Duplex, target: Target, signal: AbortSignal): Promise<TLSSocket> {
  const { mode, ca, certificate, key, serverName } = target.tls;
  const verifyChain = mode === 'verify-ca' || mode === 'verify-full' || (mode === 'require' && ca !== null);
  const name = serverName ?? target.host;
  const isAddress = /^[\d.]+$/.test(name) || name.includes(':') || name.startsWith('/');
  return new Promise((resolve, reject) => {
    const secured = tlsConnect({
      socket: plain,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: verifyChain,
      ...(isAddress ? {} : { servername: name }),
      ...(ca === null ? {} : { ca }),
      ...(certificate === null ? {} : { cert: certificate }),
      ...(key === null ? {} : { key: key.reveal() }),
      ...(mode === 'verify-full' ? { host: name } : { checkServerIdentity: () => undefined }),
    });
    const fail = (why: string) => reject(new Fault('target-tls-failed', `TLS to target ${target.name} failed: ${why}`));
    const onError = (why: Error) => fail(why.message);
    const onAbort = () => {
      secured.destroy();
      fail('it took too long');
    };
    signal.addEventListener('abort', onAbort, { once: true });
    secured.once('error', onError);
    secured.once('secureConnect', () => {
      secured.off('error', onError);
      signal.removeEventListener('abort', onAbort);
      resolve(secured);
    });
  });
}

/** Commands that run nothing that wasn't judged: they may go without a permit. */
const quietCommands: ReadonlySet<number> = new Set([
  wire.command.quit,
  wire.command.statistics,
  wire.command.ping,
  wire.command.prepare,
  wire.command.closeStatement,
  wire.command.resetStatement,
  wire.command.setOption,
  wire.command.fetch,
  wire.command.resetConnection,
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

  /** `bytes` is one whole command. `own` are the gateway's own queries. */
  sendQuietly(bytes: Buffer, own: readonly Buffer[]): void {
    const command = bytes[headerBytes];
    if (command === undefined || (!quietCommands.has(command) && !own.includes(bytes))) {
      throw new Error(`command 0x${(command ?? 0).toString(16)} needs a permit`);
    }
    this.#out.push(bytes);
  }

  /** False when the target is slower than the client: wait for 'drain'. */
  flush(): boolean {
    if (this.#out.length === 0) return !this.#stream.writableNeedDrain;
    const out = this.#out;
    this.#out = [];
    return this.#stream.write(out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out));
  }
}

/** Words for a target that could not be reached or signed in to, without its secrets. */
export function unreachable(target: Target, thrown: unknown): string {
  return thrown instanceof Fault ? thrown.message : `target ${target.name} could not be reached: ${messageOf(thrown)}`;
}
