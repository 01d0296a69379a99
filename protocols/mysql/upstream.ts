// The gateway's own sign-in to a target: TLS modes as libpq names them, then whichever method the target's account has:
// caching_sha2_password, mysql_native_password, client_ed25519, parsec, a clear password only inside verified TLS.

import type { Duplex } from 'node:stream';
import type { DriverServices } from '../../src/core/driver.ts';
import { Fault, messageOf } from '../../src/core/errors.ts';
import { secure } from '../../src/core/target-tls.ts';
import type { Target } from '../../src/core/target.ts';
import { readPacket, writePacket } from './byte-stream.ts';
import { askedOfTarget, flag, has, type Capabilities } from './capabilities.ts';
import * as wire from './messages.ts';
import * as hello from './sign-in-messages.ts';
import { TargetRefused } from './target-refused.ts';
import { ed25519Answer, parsecAnswer, parsecScrambleBytes } from './ed25519.ts';
import { encryptPassword, nativeAnswer, sha2Answer } from './passwords.ts';

const payloadBytesMax = 64 * 1024;
/** utf8mb4_general_ci, for the gateway's own connections. */
const ownCharset = 45;
/** Nonces of the methods: a closing NUL may follow. */
const nonceBytes = 20;
const longNonceBytes = 32;

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
  return services.credentials.signingIn(target, signal, (filled) => signInWith(services, filled, wish, signal));
}

/** The same to a target with its account and password filled in. */
export async function signInWith(services: DriverServices, filled: Target, wish: UpstreamWish, signal: AbortSignal): Promise<Upstream> {
  const plain = await services.dial(filled, signal);
  const signing = new SigningIn(plain, filled, wish, services, signal);
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
  readonly #services: Pick<DriverServices, 'random' | 'log'>;
  #secured = false;
  #verified = false;
  #sequence = 0;

  constructor(stream: Duplex, target: Target, wish: UpstreamWish, services: Pick<DriverServices, 'random' | 'log'>, signal: AbortSignal) {
    this.stream = stream;
    this.#services = services;
    this.#target = target;
    this.#wish = wish;
    this.#signal = signal;
  }

  async run(): Promise<Upstream> {
    const first = await this.#receive();
    if (first[0] === 0xff) throw this.#refused(first);
    const greeted = hello.readGreeting(first);
    const { capabilities, missing } = askedOfTarget(this.#wish.client, greeted.capabilities, this.#wish.database !== null);
    if (missing !== null) throw this.#failed(`it is ${missing}, which the gateway does not serve`);
    const withTls = await this.#startTls(greeted, capabilities);
    const plugin = greeted.plugin === '' ? 'mysql_native_password' : greeted.plugin;
    this.#send(
      hello.handshakeResponse({
        capabilities: withTls,
        charset: this.#wish.charset,
        user: this.#target.user,
        answer: this.#answerTo(plugin, greeted.nonce),
        database: this.#wish.database,
        plugin,
        attributes: new Map([
          ['_client_name', 'sallyport'],
          ['program_name', `sallyport for ${this.#wish.person}`],
        ]),
      }),
    );
    const statusFlags = await this.#authenticate(plugin, greeted.nonce, has(withTls, flag.sessionTrack));
    return { stream: this.stream, version: greeted.version, connectionId: greeted.connectionId, capabilities: withTls, statusFlags };
  }

  async #startTls(greeted: hello.Greeting, capabilities: Capabilities): Promise<Capabilities> {
    const { mode } = this.#target.tls;
    if (mode === 'disable') return capabilities;
    if (!has(greeted.capabilities, flag.tls)) {
      if (mode === 'prefer') return capabilities;
      throw new Fault('target-tls-failed', `target ${this.#target.name} does not offer TLS, and its TLS mode is ${mode}`);
    }
    const secured = { ...capabilities, standard: capabilities.standard | flag.tls };
    this.#send(hello.responseHead(secured, this.#wish.charset));
    if (this.stream.readableLength > 0)
      throw new Fault('target-tls-failed', `target ${this.#target.name} sent bytes before TLS was agreed`);
    this.stream = await secure(this.stream, this.#target, null, this.#services.log, this.#signal);
    this.#secured = true;
    this.#verified = mode === 'verify-ca' || mode === 'verify-full';
    return secured;
  }

  /** The answer that a method gives at once; empty when it needs more words. */
  #answerTo(plugin: string, nonce: Buffer): Buffer {
    const password = this.#target.password?.reveal() ?? '';
    switch (plugin) {
      case 'mysql_native_password':
        return nativeAnswer(password, nonce.subarray(0, nonceBytes));
      case 'caching_sha2_password':
        return sha2Answer(password, nonce.subarray(0, nonceBytes));
      case 'client_ed25519':
        return ed25519Answer(password, nonce.subarray(0, longNonceBytes));
      default:
        return Buffer.alloc(0); // the target asks for the switch, or (parsec) goes on with its settings
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
          throw this.#refused(payload);
        case 0xfe: {
          ({ plugin, nonce } = hello.readAuthSwitch(payload));
          this.#send(this.#switched(plugin, nonce));
          break;
        }
        case 0x50: // 'P': parsec's settings of the account
          if (plugin !== 'parsec') throw this.#failed('it sent an unexpected packet 0x50');
          this.#parsec(payload, nonce);
          break;
        case 0x01:
          if (plugin === 'parsec') {
            this.#parsec(payload.subarray(1), nonce);
            break;
          }
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
      case 'client_ed25519':
      case 'parsec':
        return this.#answerTo(plugin, nonce);
      case 'mysql_clear_password':
        if (!this.#verified) throw this.#failed('it asks for the password in clear, and its TLS certificate is not verified');
        return Buffer.from(`${password}\0`, 'utf8');
      default:
        throw this.#failed(`it wants the sign-in method ${plugin}, which the gateway does not speak`);
    }
  }

  #parsec(settings: Buffer, nonce: Buffer): void {
    const password = this.#target.password?.reveal() ?? '';
    const own = this.#services.random.bytes(parsecScrambleBytes);
    this.#send(parsecAnswer(password, settings, nonce.subarray(0, parsecScrambleBytes), own));
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
    this.#send(encryptPassword(answer.subarray(1).toString('latin1'), password, nonce.subarray(0, nonceBytes)));
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

  #refused(payload: Buffer): Fault {
    return new TargetRefused('target-sign-in-failed', `signing in to target ${this.#target.name} failed`, wire.readErr(payload));
  }

  #failed(why: string): Fault {
    return new Fault('target-sign-in-failed', `signing in to target ${this.#target.name} failed: ${why}`);
  }
}

/** Words for a target that could not be reached or signed in to, without its secrets. */
export function unreachable(target: Target, thrown: unknown): string {
  return thrown instanceof Fault ? thrown.message : `target ${target.name} could not be reached: ${messageOf(thrown)}`;
}
