// The SSH front: takes accepted sockets, signs people in, finds the target, and lets a Connection carry the rest. Nothing is
// judged here.

import type { Socket } from 'node:net';
import ssh2 from 'ssh2';
import type { Connection as SshConnection, Server, ServerChannel } from 'ssh2';
import type { Driver, LocalDriverServices } from '../../src/core/driver.ts';
import { messageOf } from '../../src/core/errors.ts';
import { bidFarewell } from '../../src/core/farewell.ts';
import type { Secret } from '../../src/core/secret.ts';
import { algorithms } from './algorithms.ts';
import { Connection } from './connection.ts';
import { browserSignInMsMax, signIn } from './handshake.ts';
import type { SignedIn } from './handshake.ts';
import type { SshLimits } from './limits.ts';
import type { KeyTrust } from './public-key-sign-in.ts';
import { installChannels } from './ssh2-channels.ts';
import { hasNativeCrypto, installCompressionGuards, socketOf } from './ssh2-internals.ts';
import { installPacketReuse, reusePackets, socketInPlace } from './ssh2-packets.ts';
import { stopReadingUnread } from './unsent.ts';
import type { TargetTrust } from './upstream.ts';
import { UserAuthority } from './user-authority.ts';

export { defaultSshLimits } from './limits.ts';
export type { SshLimits } from './limits.ts';
export { Revocations } from './revocations.ts';

export interface SshOptions {
  /** The gateway's own private keys, in OpenSSH or PEM form. Stable: people's known_hosts name them. */
  readonly hostKeys: readonly Secret[];
  readonly limits: SshLimits;
  /** Whose certificates sign people in, and which keys are not accepted any more. */
  readonly trust: KeyTrust;
  /** Signs certificates for targets; an Ed25519 key in OpenSSH's form. */
  readonly userAuthorityKey: Secret;
}

/** Of the connections of one address, a tenth may be signing in: key exchange is work, and nobody has said who they are. */
const startupShare = 10;

export function createSshDriver(services: LocalDriverServices, options: SshOptions): Driver {
  installChannels();
  installPacketReuse();
  installCompressionGuards();
  if (!hasNativeCrypto()) {
    const why = 'its C++ part is not compiled for this version of Node (npm run setup compiles it, with a compiler, make and python3)';
    services.log.warn({}, `SSH encrypts in JavaScript, at about a quarter of the speed: ssh2 says that ${why}`);
  }
  return new SshDriver(services, options);
}

class SshDriver implements Driver {
  readonly #services: LocalDriverServices;
  readonly #limits: SshLimits;
  readonly #trust: KeyTrust;
  readonly #towardsTargets: TargetTrust;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #perAddress = new Counts();
  /** The same, of those that have not signed in. */
  readonly #starting = new Counts();
  readonly #connections = new Set<Connection>();
  /** How to give a socket that is signing in more time, and none any more. */
  readonly #graces = new WeakMap<Socket, { extend(): void; done(): void }>();

  constructor(services: LocalDriverServices, { hostKeys, limits, trust, userAuthorityKey }: SshOptions) {
    this.#services = services;
    this.#trust = trust;
    this.#towardsTargets = { authority: new UserAuthority(userAuthorityKey), revocations: trust.revocations };
    this.#limits = limits;
    this.#server = new ssh2.Server({ hostKeys: hostKeys.map((it) => it.reveal()), algorithms, ident: 'sallyport' });
    this.#server.on('connection', (connection) => this.#welcome(connection));
  }

  serve(accepted: Socket): void {
    const socket = socketInPlace(accepted);
    const address = socket.remoteAddress ?? '';
    const { connectionsMax, connectionsPerAddressMax } = this.#limits;
    socket.on('error', () => undefined); // ends in 'close', which everybody listens to
    const crowded =
      this.#perAddress.of(address) >= connectionsPerAddressMax || this.#starting.of(address) >= connectionsPerAddressMax / startupShare;
    if (this.#sockets.size >= connectionsMax || crowded) {
      socket.write('Too many connections\r\n'); // RFC 4253, 4.2: lines before the version are shown
      return bidFarewell(socket);
    }
    this.#sockets.add(socket);
    this.#perAddress.add(address, 1);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#perAddress.add(address, -1);
    });
    this.#grace(socket, address);
    this.#server.injectSocket(socket);
    stopReadingUnread(socket);
  }

  async close(reason: string): Promise<void> {
    for (const connection of [...this.#connections]) connection.end(reason);
    const all = [...this.#sockets].map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.once('close', () => resolve());
          if (![...this.#connections].some((it) => it.isOn(socket))) socket.destroySoon();
        }),
    );
    await Promise.all(all);
  }

  #grace(socket: Socket, address: string): void {
    const late = () => socket.destroy();
    let timer = setTimeout(late, this.#limits.handshakeTimeoutMs);
    let starting = true;
    this.#starting.add(address, 1);
    const done = () => {
      clearTimeout(timer);
      if (starting) this.#starting.add(address, -1);
      starting = false;
    };
    const extend = () => {
      clearTimeout(timer);
      timer = setTimeout(late, browserSignInMsMax);
    };
    this.#graces.set(socket, { extend, done });
    socket.once('close', done);
  }

  #welcome(client: SshConnection): void {
    const socket = socketOf(client);
    reusePackets(client);
    const grace = this.#graces.get(socket);
    client.on('error', (error: unknown) => {
      this.#services.log.debug({ err: messageOf(error) }, 'a connection failed');
      bidFarewell(socket); // ssh2 ends its own half only
    });
    void signIn(client, socket.remoteAddress ?? '', this.#services, this.#trust, () => grace?.extend()).then((signedIn) => {
      grace?.done();
      this.#open(client, signedIn);
    });
  }

  /** Runs before the client can know that it is signed in, so no channel comes too early. */
  #open(client: SshConnection, signedIn: SignedIn): void {
    const { wanted } = signedIn;
    const target = this.#services.targetNamed(wanted.target);
    const login = wanted.login ?? target?.user ?? '';
    const why =
      target === undefined
        ? `there is no SSH target named "${wanted.target}"`
        : login === target.user || target.ssh?.logins.includes(login) === true
          ? null
          : `the account "${login}" of ${target.name} cannot be asked for`;
    if (target === undefined || why !== null) return refuseAll(client, why ?? '');
    const connection = new Connection(this.#services, this.#limits, this.#towardsTargets, client, signedIn, target, login);
    this.#connections.add(connection);
    client.on('close', () => this.#connections.delete(connection));
  }
}

/** Signed in, but to nothing: the first channel says why. */
function refuseAll(client: SshConnection, why: string): void {
  client.on('session', (accept) => {
    const session = accept();
    const tell = (open: () => ServerChannel) => {
      const channel = open();
      channel.stderr.end(`sallyport: ${why}\r\n`);
      channel.exit(126);
      channel.end();
    };
    session.on('exec', tell);
    session.on('shell', tell);
    session.on('subsystem', tell);
  });
}

class Counts {
  readonly #counts = new Map<string, number>();

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string, change: 1 | -1): void {
    const count = this.of(key) + change;
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, count);
  }
}
