// Agent and X11 forwarding: what a program at the target opens back to the client. Each is an action of its own, judged when the
// program starts; a channel that comes in is carried while a permit of its kind is open, and cut when the last one is closed.

import ssh2 from 'ssh2';
import type { Client, ClientChannel, Connection as SshConnection, ServerChannel } from 'ssh2';
import type { Permit } from '../../src/core/permit.ts';
import type { Session } from '../../src/core/session.ts';
import { finish } from './outcomes.ts';
import { relay } from './relay.ts';
import { openAgentChannel } from './ssh2-internals.ts';

export type CarriedKind = 'agent' | 'x11';

export const carriedWords: Readonly<Record<CarriedKind, string>> = { agent: 'forward the SSH agent', x11: 'forward X11' };

/** Channels of both kinds at once, for one connection. */
const channelsMax = 50;

export interface CarriedPermit {
  readonly session: Session;
  readonly permit: Permit;
}

export class Carried {
  readonly #client: SshConnection;
  readonly #gone: AbortSignal;
  readonly #touch: () => void;
  readonly #permits: Readonly<Record<CarriedKind, Set<CarriedPermit>>> = { agent: new Set(), x11: new Set() };
  readonly #open = new Set<{ readonly kind: CarriedKind; readonly cut: AbortController }>();

  constructor(client: SshConnection, gone: AbortSignal, touch: () => void) {
    this.#client = client;
    this.#gone = gone;
    this.#touch = touch;
  }

  add(kind: CarriedKind, permitted: CarriedPermit): void {
    this.#permits[kind].add(permitted);
  }

  /** The program that asked for it is over. */
  remove(kind: CarriedKind, permitted: CarriedPermit): void {
    this.#permits[kind].delete(permitted);
    finish(permitted.session, permitted.permit, { kind: 'completed', rows: null, error: null });
    if (this.#permits[kind].size > 0) return;
    for (const channel of this.#open) if (channel.kind === kind) channel.cut.abort();
  }

  /** The agent of the gateway's connections to the target: it has no keys of its own, and leads to the client's. */
  readonly agent: ssh2.BaseAgent = new ForwardedAgent((done) => {
    const fail = () => done(new Error('the agent is not forwarded'));
    const permit = [...this.#permits.agent].find((it) => it.permit.isOpen)?.permit;
    if (permit === undefined || this.#open.size >= channelsMax) return fail();
    const channel = { kind: 'agent' as const, cut: new AbortController() };
    this.#open.add(channel);
    openAgentChannel(this.#client, (error, client) => {
      if (error !== undefined && error !== null) {
        this.#open.delete(channel);
        return fail();
      }
      const cut = AbortSignal.any([channel.cut.signal, this.#gone]);
      cut.addEventListener('abort', () => client.end(), { once: true });
      client.on('error', () => undefined);
      client.on('data', () => this.#touch());
      client.once('close', () => this.#open.delete(channel));
      done(undefined, client);
    });
  });

  /** Listens on a connection to the target. */
  listen(target: Client): void {
    target.on('x11', ({ srcIP, srcPort }, accept, reject) => {
      this.#incoming('x11', accept as () => ClientChannel, reject, (done) => this.#client.x11(srcIP, srcPort, done));
    });
  }

  #incoming(
    kind: CarriedKind,
    accept: () => ClientChannel,
    reject: () => void,
    open: (done: (error: Error | undefined, channel: ServerChannel) => void) => void,
  ): void {
    const permit = [...this.#permits[kind]].find((it) => it.permit.isOpen)?.permit;
    if (permit === undefined || this.#open.size >= channelsMax) return reject();
    const channel = { kind, cut: new AbortController() };
    this.#open.add(channel);
    open((error, client) => {
      if (error !== undefined && error !== null) {
        this.#open.delete(channel);
        return reject();
      }
      client.on('error', () => undefined);
      client.once('close', () => channel.cut.abort());
      const clientGone = AbortSignal.any([channel.cut.signal, this.#gone]);
      const touch = this.#touch;
      void relay(permit, client, accept(), { before: [], halfClose: true, clientGone, onInput: touch, onOutput: touch }).then(() => {
        this.#open.delete(channel);
        if (client.writable) client.end();
      });
    });
  }
}

type StreamDone = (error?: Error, stream?: ServerChannel) => void;

class ForwardedAgent extends ssh2.BaseAgent<string> {
  readonly #open: (done: StreamDone) => void;

  constructor(open: (done: StreamDone) => void) {
    super();
    this.#open = open;
  }

  override getIdentities(done: (error?: Error, keys?: string[]) => void): void {
    done(undefined, []);
  }

  override sign(_key: string, _data: Buffer, options: unknown, done?: unknown): void {
    const callback = (typeof options === 'function' ? options : done) as (error: Error) => void;
    callback(new Error('the gateway signs nothing by this agent'));
  }

  /** ssh2 calls it for each channel that the target opens, and pipes both ways. */
  override getStream(done: StreamDone): void {
    this.#open(done);
  }
}
