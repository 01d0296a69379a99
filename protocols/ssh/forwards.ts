// Port and socket forwards of one connection: each is an action of its own, judged before anything is opened. What comes in at
// a listener on the target belongs to the permit of that listener.

import type { Client, ClientChannel, Connection as SshConnection, ServerChannel } from 'ssh2';
import { messageOf } from '../../src/core/errors.ts';
import type { Permit } from '../../src/core/permit.ts';
import type { HoldNotice } from '../../src/core/ruling.ts';
import type { Session } from '../../src/core/session.ts';
import { refusalWords } from '../../src/core/words.ts';
import { Carried, carriedWords } from './carried.ts';
import type { CarriedKind } from './carried.ts';
import type { Restrictions } from './certificate.ts';
import * as actions from './actions.ts';
import { plainLines, refusalLines } from './refusal.ts';
import { relay } from './relay.ts';
import { finish, outcomeOf } from './outcomes.ts';
import { openFailure, rejectInWords } from './ssh2-internals.ts';
import type { Upstream } from './upstream.ts';

/** What forwards need of their connection. */
export interface ForwardHost {
  readonly upstream: Upstream;
  session(): Promise<Session | null>;
  say(lines: readonly string[]): void;
  onHold(notice: HoldNotice): void;
  touch(): void;
  /** Of the certificate that the client signed in with; null: none. */
  readonly restrictions: Restrictions | null;
}

interface Listener {
  readonly permit: Permit;
  readonly session: Session;
}

type Open = (done: (error: Error | undefined, channel: ServerChannel) => void) => void;

export class Forwards {
  readonly #connection: ForwardHost;
  readonly #client: SshConnection;
  readonly #gone: AbortSignal;
  readonly #max: number;
  readonly #carried: Carried;
  readonly #listeners = new Map<string, Listener>();
  #count = 0;

  constructor(connection: ForwardHost, client: SshConnection, gone: AbortSignal, max: number) {
    this.#connection = connection;
    this.#client = client;
    this.#gone = gone;
    this.#max = max;
    this.#carried = new Carried(client, gone, () => connection.touch());
    connection.upstream.agent = this.#carried.agent;
    client.on('tcpip', (accept, reject, { destIP, destPort, srcIP, srcPort }) => {
      const address = addressOf(destIP, destPort);
      const connect = (permit: Permit) =>
        connection.upstream.connectTcp(permit, { host: srcIP, port: srcPort }, { host: destIP, port: destPort });
      void this.#outgoing(`connect to ${address}`, address, accept, reject, connect);
    });
    client.on('openssh.streamlocal' as 'tcpip', (accept, reject, info) => {
      const { socketPath } = info as unknown as { socketPath: string };
      void this.#outgoing(`connect to the socket ${socketPath}`, socketPath, accept, reject, (permit) =>
        connection.upstream.connectSocket(permit, socketPath),
      );
    });
    client.on('request', (accept, reject, name, info) => {
      void this.#request(name, info as { bindAddr: string; bindPort: number; socketPath: string }, accept, reject);
    });
    connection.upstream.onConnected = (target) => {
      this.#listen(target);
      this.#carried.listen(target);
    };
  }

  /** Asks to carry the agent or X11 for one program. Gives what ends it; null when it is refused, and that was said. */
  async carry(kind: CarriedKind): Promise<(() => void) | null> {
    const permitted = await this.#ask(carriedWords[kind], kind);
    if (typeof permitted === 'string') return null;
    this.#carried.add(kind, permitted);
    return () => this.#carried.remove(kind, permitted);
  }

  async #outgoing(
    what: string,
    address: string,
    accept: () => ServerChannel,
    reject: () => void,
    connect: (permit: Permit) => Promise<ClientChannel>,
  ): Promise<void> {
    if (this.#count >= this.#max) return reject();
    this.#count += 1;
    const permitted = await this.#ask(what, address);
    if (typeof permitted === 'string') rejectInWords(this.#client, reject, openFailure.prohibited, permitted);
    else await this.#carry(permitted, accept, reject, connect);
    this.#count -= 1;
  }

  async #carry(
    { session, permit }: Listener,
    accept: () => ServerChannel,
    reject: () => void,
    connect: (permit: Permit) => Promise<ClientChannel>,
  ): Promise<void> {
    try {
      const target = await connect(permit);
      const gone = new AbortController();
      const channel = accept();
      channel.on('error', () => undefined);
      channel.once('close', () => gone.abort());
      const touch = () => this.#connection.touch();
      const clientGone = AbortSignal.any([gone.signal, this.#gone]);
      const ending = await relay(permit, channel, target, { before: [], halfClose: true, clientGone, onInput: touch, onOutput: touch });
      if (channel.writable) channel.end();
      const outcome = outcomeOf(ending, false);
      finish(session, permit, { ...outcome, kind: 'completed' });
    } catch (thrown) {
      rejectInWords(this.#client, reject, openFailure.connectFailed, openingWords(thrown));
      finish(session, permit, { kind: 'failed', rows: null, error: { code: 'target', message: messageOf(thrown) } });
    }
  }

  async #request(
    name: string,
    info: { bindAddr: string; bindPort: number; socketPath: string },
    accept: ((port?: number) => void) | undefined,
    reject: (() => void) | undefined,
  ): Promise<void> {
    const tcp = name.includes('tcpip');
    const key = tcp ? addressOf(info.bindAddr, info.bindPort) : info.socketPath;
    if (name.startsWith('cancel-')) return this.#cancel(key, info, tcp, accept, reject);
    if (this.#listeners.size >= this.#max || this.#listeners.has(key)) return reject?.();
    const permitted = await this.#ask(
      tcp ? `listen on ${key} of the target` : `listen on the socket ${key} of the target`,
      `listen ${key}`,
    );
    if (typeof permitted === 'string') return reject?.();
    try {
      const target = await this.#connection.upstream.first();
      permitted.permit.assertOpen();
      const port = tcp ? await listenTcp(target, info.bindAddr, info.bindPort) : await listenSocket(target, info.socketPath);
      this.#listeners.set(tcp ? addressOf(info.bindAddr, info.bindPort === 0 ? port : info.bindPort) : key, permitted);
      accept?.(port);
    } catch (thrown) {
      finish(permitted.session, permitted.permit, { kind: 'failed', rows: null, error: { code: 'target', message: messageOf(thrown) } });
      reject?.();
    }
  }

  async #cancel(
    key: string,
    info: { bindAddr: string; bindPort: number; socketPath: string },
    tcp: boolean,
    accept: (() => void) | undefined,
    reject: (() => void) | undefined,
  ): Promise<void> {
    const listener = this.#listeners.get(key);
    if (listener === undefined) return reject?.();
    this.#listeners.delete(key);
    const target = await this.#connection.upstream.first();
    if (tcp) target.unforwardIn(info.bindAddr, info.bindPort, () => undefined);
    else target.openssh_unforwardInStreamLocal(info.socketPath, () => undefined);
    finish(listener.session, listener.permit, { kind: 'completed', rows: null, error: null });
    accept?.();
  }

  /** Connections that come in at the target's listeners. */
  #listen(target: Client): void {
    target.on('tcp connection', ({ destIP, destPort, srcIP, srcPort }, accept, reject) => {
      this.#incoming(addressOf(destIP, destPort), accept as () => ClientChannel, reject, (done) =>
        this.#client.forwardOut(destIP, destPort, srcIP, srcPort, done),
      );
    });
    target.on('unix connection', ({ socketPath }, accept, reject) => {
      this.#incoming(socketPath, accept as () => ClientChannel, reject, (done) =>
        this.#client.openssh_forwardOutStreamLocal(socketPath, done),
      );
    });
  }

  #incoming(key: string, accept: () => ClientChannel, reject: () => void, open: Open): void {
    const listener = this.#listeners.get(key);
    if (listener === undefined || !listener.permit.isOpen || this.#count >= this.#max) return reject();
    this.#count += 1;
    open((error, client) => {
      if (error !== undefined && error !== null) {
        this.#count -= 1;
        return reject();
      }
      const target = accept();
      const gone = new AbortController();
      client.on('error', () => undefined);
      client.once('close', () => gone.abort());
      const touch = () => this.#connection.touch();
      const clientGone = AbortSignal.any([gone.signal, this.#gone]);
      void relay(listener.permit, client, target, { before: [], halfClose: true, clientGone, onInput: touch, onOutput: touch }).then(() => {
        this.#count -= 1;
        if (client.writable) client.end();
      });
    });
  }

  /** Or why it is refused; where there is a channel to say it on, that was said. */
  async #ask(what: string, address: string): Promise<Listener | string> {
    const { restrictions } = this.#connection;
    const may = address === 'agent' ? 'agentForwarding' : address === 'x11' ? 'x11Forwarding' : 'portForwarding';
    if (restrictions?.[may] === false) {
      const why = `your certificate does not permit to ${what}`;
      this.#connection.say(plainLines(why));
      return why;
    }
    const session = await this.#connection.session();
    if (session === null) return 'there is no session';
    const lane = { signal: this.#gone, onHold: (notice: HoldNotice) => this.#connection.onHold(notice) };
    const ruling = await session.submit(actions.forward(what, address), lane);
    if (ruling.kind === 'refuse') {
      this.#connection.say(refusalLines(ruling.refusal));
      return refusalWords(ruling.refusal);
    }
    ruling.permit.open();
    return { session, permit: ruling.permit };
  }
}

/** What the target said, without what ssh2 puts before it. */
function openingWords(thrown: unknown): string {
  return messageOf(thrown).replace(/^\(SSH\) Channel open failure: /, '');
}

function addressOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function listenTcp(target: Client, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) =>
    target.forwardIn(host, port, (error, chosen) => (error === undefined || error === null ? resolve(chosen) : reject(error))),
  );
}

function listenSocket(target: Client, path: string): Promise<number> {
  return new Promise((resolve, reject) =>
    target.openssh_forwardInStreamLocal(path, (error) => (error === undefined || error === null ? resolve(0) : reject(error))),
  );
}
