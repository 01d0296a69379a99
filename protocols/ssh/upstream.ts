// The gateway's own sign-in to a target, and the connections over which its channels run. A target limits the sessions of one
// connection (OpenSSH: ten), so further ones are opened when it says no. A host key that is neither pinned nor certified ends it.

import type { Duplex } from 'node:stream';
import ssh2 from 'ssh2';
import type { BaseAgent, Client, ClientChannel, PseudoTtyOptions, ServerHostKeyAlgorithm, X11Options } from 'ssh2';
import type { DriverServices } from '../../src/core/driver.ts';
import { Fault, messageOf } from '../../src/core/errors.ts';
import type { Permit } from '../../src/core/permit.ts';
import type { Target } from '../../src/core/target.ts';
import { algorithms } from './algorithms.ts';
import { HostTrust } from './host-trust.ts';
import type { Revocations } from './revocations.ts';
import { acceptHostCertificates, allowHostCertificates, askForNewKeys, presentCertificate } from './ssh2-internals.ts';
import { reusePackets, socketInPlace } from './ssh2-packets.ts';
import { stopReadingUnread } from './unsent.ts';
import type { UserAuthority } from './user-authority.ts';

/** Connections to one target for one client. */
const connectionsMax = 8;
const keepaliveMs = 15_000;
const keepaliveMisses = 3;

/** What proves the gateway to targets, and what targets may not prove themselves with any more. */
export interface TargetTrust {
  readonly authority: UserAuthority;
  readonly revocations: Revocations | null;
}

export interface Terminal {
  readonly options: PseudoTtyOptions;
}

export interface Program {
  readonly terminal: PseudoTtyOptions | null;
  readonly environment: Readonly<Record<string, string>>;
  /** Carried back to the client, under permits of their own. */
  readonly agent?: boolean;
  readonly x11?: X11Options | null;
}

export class Upstream {
  readonly #services: DriverServices;
  readonly #target: Target;
  readonly #login: string;
  readonly #timeoutMs: number;
  readonly #trust: TargetTrust;
  /** Names the person and the session in certificates, for the target's log. */
  keyId = 'sallyport';
  /** Leads to the client's agent where that is forwarded. */
  agent: BaseAgent | null = null;
  readonly #clients: Client[] = [];
  #sockets: readonly Duplex[] = [];
  #connecting: Promise<Client> | null = null;
  #closed = false;
  /** Told when a connection that carried something is lost. */
  onLost: (why: string) => void = () => undefined;
  /** Told of the socket of each new connection. */
  onSocket: (socket: Duplex) => void = () => undefined;
  /** Told of each new connection, to listen for what comes from the target. */
  onConnected: (client: Client) => void = () => undefined;

  constructor(services: DriverServices, target: Target, login: string, timeoutMs: number, trust: TargetTrust) {
    this.#trust = trust;
    this.#services = services;
    this.#target = target;
    this.#login = login;
    this.#timeoutMs = timeoutMs;
  }

  exec(permit: Permit, command: string, program: Program): Promise<ClientChannel> {
    const { terminal } = program;
    return this.#session(permit, (client, done) => client.exec(command, { pty: terminal ?? false, ...optionsOf(program) }, done));
  }

  shell(permit: Permit, program: Program): Promise<ClientChannel> {
    return this.#session(permit, (client, done) => client.shell(program.terminal ?? false, optionsOf(program), done));
  }

  subsystem(permit: Permit, name: string): Promise<ClientChannel> {
    return this.#session(permit, (client, done) => client.subsys(name, done));
  }

  async connectTcp(permit: Permit, from: { host: string; port: number }, to: { host: string; port: number }): Promise<ClientChannel> {
    const client = await this.first();
    permit.assertOpen();
    return open((done) => client.forwardOut(from.host, from.port, to.host, to.port, done));
  }

  async connectSocket(permit: Permit, path: string): Promise<ClientChannel> {
    const client = await this.first();
    permit.assertOpen();
    return open((done) => client.openssh_forwardOutStreamLocal(path, done));
  }

  /** The connection that listeners live on. */
  first(): Promise<Client> {
    const [client] = this.#clients;
    return client === undefined ? this.#connect() : Promise.resolve(client);
  }

  /** Of the connections that are open now. */
  get sockets(): readonly Duplex[] {
    return this.#sockets;
  }

  close(): void {
    this.#closed = true;
    for (const client of this.#clients) client.end();
  }

  rekey(): void {
    for (const client of this.#clients) askForNewKeys(client);
  }

  async #session(permit: Permit, start: (client: Client, done: Done) => void): Promise<ClientChannel> {
    // Many may wait for the same new connection, and it takes ten of them: the others go on to the next.
    const full = new Set<Client>();
    for (;;) {
      const client = this.#clients.find((it) => !full.has(it)) ?? (await this.#connect());
      permit.assertOpen();
      const channel = await open((done) => start(client, done)).catch((thrown: unknown) => {
        full.add(client);
        if (isChannelRefusal(thrown) && full.size < connectionsMax) return null;
        throw thrown;
      });
      if (channel !== null) return channel;
    }
  }

  #connect(): Promise<Client> {
    this.#connecting ??= this.#connectAgain().finally(() => (this.#connecting = null));
    return this.#connecting;
  }

  async #connectAgain(): Promise<Client> {
    if (this.#closed) throw new Fault('target-lost', 'the session has ended');
    const signal = AbortSignal.timeout(this.#timeoutMs);
    const { client, socket } = await this.#services.credentials.signingIn(this.#target, signal, async (target) => {
      const dialled = socketInPlace(await this.#services.dial(target, signal));
      return { client: await this.#signIn(dialled, target), socket: dialled };
    });
    if (this.#closed) client.end();
    this.#clients.push(client);
    this.#sockets = [...this.#sockets, socket];
    client.on('close', () => {
      this.#clients.splice(this.#clients.indexOf(client), 1);
      this.#sockets = this.#sockets.filter((it) => it !== socket);
      if (!this.#closed) this.onLost(`the connection to target ${this.#target.name} was lost`);
    });
    stopReadingUnread(socket);
    this.onSocket(socket);
    this.onConnected(client);
    return client;
  }

  #signIn(socket: Duplex, { name, host, password, ssh }: Target): Promise<Client> {
    const known = new HostTrust(host, ssh, this.#trust.revocations);
    const client = new ssh2.Client();
    let refused: string | null = null;
    return new Promise((resolve, reject) => {
      const fail = (why: string) => {
        client.destroy();
        reject(new Fault('target-sign-in-failed', `signing in to target ${name} failed: ${why}`));
      };
      client.on('error', (error) => fail(refused ?? words(error, known)));
      client.once('close', () => fail(refused ?? 'the connection was closed'));
      client.once('ready', () => {
        client.removeAllListeners('close');
        resolve(client);
      });
      if (known.isEmpty) return fail('no host key is pinned for it');
      if (known.takesCertificates) allowHostCertificates();
      const certificate =
        ssh?.certificate == null
          ? null
          : this.#trust.authority.certify({
              login: this.#login,
              keyId: this.keyId,
              nowMs: this.#services.clock.nowMs(),
              lifetimeMs: ssh.certificate.lifetimeMs,
            });
      client.connect({
        sock: socket as never,
        username: this.#login,
        ...(certificate === null ? {} : { privateKey: certificate.privateKey }),
        ...(ssh?.privateKey == null || certificate !== null ? {} : { privateKey: ssh.privateKey.reveal() }),
        ...(password === null ? {} : { password: password.reveal(), tryKeyboard: false }),
        algorithms: { ...algorithms, serverHostKey: known.algorithms as ServerHostKeyAlgorithm[] },
        hostVerifier: (key: Buffer): boolean => {
          refused = known.refusalOf(key, this.#services.clock.nowMs());
          return refused === null;
        },
        readyTimeout: this.#timeoutMs,
        keepaliveInterval: keepaliveMs,
        keepaliveCountMax: keepaliveMisses,
        ...(this.agent === null ? {} : { agent: this.agent as never }),
        authHandler: ['publickey', 'password'],
        agentForward: false,
      });
      reusePackets(client);
      if (known.takesCertificates) acceptHostCertificates(client);
      if (certificate !== null) presentCertificate(client, certificate);
    });
  }
}

function optionsOf({ environment, agent = false, x11 = null }: Program): {
  env: Record<string, string>;
  agentForward?: boolean;
  x11?: X11Options;
} {
  return { env: { ...environment }, ...(agent ? { agentForward: true } : {}), ...(x11 === null ? {} : { x11 }) };
}

type Done = (error: Error | undefined, channel: ClientChannel) => void;

function open(start: (done: Done) => void): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    try {
      start((error, channel) => (error === undefined || error === null ? resolve(channel) : reject(error)));
    } catch (thrown) {
      reject(thrown as Error);
    }
  });
}

/** The target opened no channel (as opposed to: it opened one and refused what should run in it). */
function isChannelRefusal(thrown: unknown): boolean {
  return thrown instanceof Error && 'reason' in thrown;
}

function words(error: Error, known: HostTrust): string {
  if (error.message.includes('no matching host key format')) return known.nothingInCommon;
  if (error.message.includes('All configured authentication methods failed')) return 'it accepts none of the configured credentials';
  return messageOf(error);
}
