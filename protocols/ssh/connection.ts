// One client's connection after sign-in: opens the session and the link to the target, gives each channel and forward its own
// lane, and ends all of it together.

import type { Socket } from 'node:net';
import type { Connection as SshConnection, PseudoTtyInfo } from 'ssh2';
import type { DriverServices } from '../../src/core/driver.ts';
import { messageOf } from '../../src/core/errors.ts';
import { bidFarewell } from '../../src/core/farewell.ts';
import type { TerminalRecorder } from '../../src/core/recording.ts';
import type { HoldNotice } from '../../src/core/ruling.ts';
import type { Session } from '../../src/core/session.ts';
import type { Target } from '../../src/core/target.ts';
import { duration } from '../../src/core/words.ts';
import type { SshLimits } from './limits.ts';
import type { CarriedKind } from './carried.ts';
import type { Restrictions } from './certificate.ts';
import { gatherWrites } from './chunk-turns.ts';
import { Forwards } from './forwards.ts';
import type { SignedIn } from './handshake.ts';
import { holdLines, plainLines, refusalLines, refusedStatus } from './refusal.ts';
import { SessionChannel } from './session-channel.ts';
import { socketOf } from './ssh2-internals.ts';
import { Upstream } from './upstream.ts';
import type { TargetTrust } from './upstream.ts';

/** How often idleness, age and the need for new keys are looked at: a tenth of what is limited, between these. */
const lookMsMax = 20_000;
const lookMsMin = 100;
/** What is due after so many bytes is looked for in the time that they take at this rate. */
const lookBytesPerMs = 100 * 1024;
/** What is left to be sent to a client when its session ends may take this long. */
const farewellMs = 1000;

export class Connection {
  readonly upstream: Upstream;
  /** Of the certificate that the client signed in with. */
  readonly restrictions: Restrictions | null;
  readonly #services: DriverServices;
  readonly #limits: SshLimits;
  readonly #client: SshConnection;
  readonly #channels = new Set<SessionChannel>();
  readonly #gone = new AbortController();
  readonly #session: Promise<Session | null>;
  readonly #forwards: Forwards;
  readonly #timer: NodeJS.Timeout;
  #open: Session | null = null;
  #waiting: readonly string[] = [];
  #refusal: readonly string[] = [];
  readonly #openedMs: number;
  #activeMs: number;
  #keyedMs: number;
  #keyedBytes = 0;
  #ended = false;

  constructor(
    services: DriverServices,
    limits: SshLimits,
    trust: TargetTrust,
    client: SshConnection,
    signedIn: SignedIn,
    target: Target,
    login: string,
  ) {
    this.restrictions = signedIn.restrictions ?? null;
    this.#services = services;
    this.#limits = limits;
    this.#client = client;
    this.#openedMs = this.#activeMs = this.#keyedMs = services.clock.monotonicMs();
    this.upstream = new Upstream(services, target, login, limits.targetTimeoutMs, trust);
    this.upstream.onLost = (why) => this.end(why);
    const socket = socketOf(client);
    gatherWrites(socket, () => this.upstream.sockets);
    this.upstream.onSocket = (target) => gatherWrites(target, () => [socket]);
    this.#forwards = new Forwards(this, client, this.#gone.signal, limits.forwardsMax);
    this.#session = this.#openSession(signedIn, target, login);
    client.on('session', (accept, reject) => {
      if (this.#ended || this.#channels.size >= limits.channelsMax) return reject();
      this.#channels.add(new SessionChannel(this, accept()));
    });
    client.on('close', () => this.#clientGone());
    client.on('end', () => this.#clientGone());
    this.#timer = setInterval(() => this.#look(), lookMs(limits));
    this.#timer.unref();
  }

  isOn(socket: Socket): boolean {
    return socketOf(this.#client) === socket;
  }

  nowMs(): number {
    return this.#services.clock.nowMs();
  }

  /** Something passed: the session is not idle. */
  touch(): void {
    this.#activeMs = this.#services.clock.monotonicMs();
  }

  /** The session once it is open. Null when there is none, and then the channel has been told why and ended. */
  async opened(channel: SessionChannel): Promise<Session | null> {
    if (this.#waiting.length > 0) channel.say(this.#waiting);
    const session = await this.#session;
    if (session !== null && !this.#ended) return session;
    channel.end(refusedStatus, this.#refusal);
    return null;
  }

  /** The session for what has no channel to speak on. */
  session(): Promise<Session | null> {
    return this.#session;
  }

  /** Says something on the channels that are there. */
  say(lines: readonly string[]): void {
    for (const channel of this.#channels) channel.say(lines);
  }

  onHold(notice: HoldNotice): void {
    this.say(holdLines(notice, this.nowMs()));
  }

  /** Asks to carry the agent or X11 for one program; see Forwards. */
  carry(kind: CarriedKind): Promise<(() => void) | null> {
    return this.#forwards.carry(kind);
  }

  channelClosed(channel: SessionChannel): void {
    this.#channels.delete(channel);
    this.#leaveWhenSaid();
  }

  recordTerminal(session: Session, terminal: PseudoTtyInfo, command: string | null): TerminalRecorder | null {
    return session.recordTerminal?.({ cols: terminal.cols, rows: terminal.rows, command }) ?? null;
  }

  /** Ends everything in words. Idempotent. */
  end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#timer);
    this.#refusal = plainLines(reason);
    for (const channel of this.#channels) channel.end(255, plainLines(reason));
    this.#gone.abort(reason);
    this.upstream.close();
    this.#open?.close(reason);
    const socket = socketOf(this.#client);
    const timer = setTimeout(() => bidFarewell(socket), farewellMs);
    socket.once('close', () => clearTimeout(timer));
    this.#leaveWhenSaid();
  }

  /** The last words go over the channels: the connection ends when the client has closed them, or when `farewellMs` are over. */
  #leaveWhenSaid(): void {
    if (this.#ended && this.#channels.size === 0) setImmediate(() => this.#client.end());
  }

  async #openSession(signedIn: SignedIn, target: Target, login: string): Promise<Session | null> {
    const { principal, method, tokenId } = signedIn;
    const clientAddress = socketOf(this.#client).remoteAddress ?? '';
    const facts = { clientAddress, tls: true, method, database: login };
    const lane = {
      signal: this.#gone.signal,
      onHold: (notice: HoldNotice) => {
        this.#waiting = holdLines(notice, this.nowMs());
        this.say(this.#waiting);
      },
    };
    const opened = await this.#services.sessions.open({ principal, target, facts, tokenId }, lane);
    if (opened.kind === 'refuse') {
      this.#refusal = refusalLines(opened.refusal);
      this.say(this.#refusal);
      return null;
    }
    const { session } = opened;
    this.#open = session;
    this.upstream.keyId = `sallyport ${principal.name} ${session.id}`;
    if (this.#gone.signal.aborted) {
      session.close('the client is gone');
      return null;
    }
    session.onNotice?.((words) => this.say([words]));
    session.ended.addEventListener('abort', () => this.end(String(session.ended.reason)), { once: true });
    if (session.ended.aborted) this.end(String(session.ended.reason));
    this.upstream.first().catch((thrown: unknown) => {
      this.#services.log.warn({ target: target.name, err: messageOf(thrown) }, 'a target could not be reached');
    });
    return session;
  }

  #clientGone(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#timer);
    for (const channel of [...this.#channels]) channel.gone('the client is gone');
    this.#gone.abort('the client is gone');
    this.upstream.close();
    this.#open?.close('the client left');
    bidFarewell(socketOf(this.#client));
  }

  #look(): void {
    const nowMs = this.#services.clock.monotonicMs();
    if (nowMs - this.#activeMs > this.#limits.idleTimeoutMs) return this.end('the session was idle for too long');
    const { sessionTimeoutMs } = this.#limits;
    if (sessionTimeoutMs !== null && nowMs - this.#openedMs > sessionTimeoutMs)
      return this.end(`a session lasts ${duration(sessionTimeoutMs)} at most: sign in again`);
    const socket = socketOf(this.#client);
    const bytes = socket.bytesRead + socket.bytesWritten;
    if (nowMs - this.#keyedMs < this.#limits.rekeyAfterMs && bytes - this.#keyedBytes < this.#limits.rekeyAfterBytes) return;
    this.#keyedMs = nowMs;
    this.#keyedBytes = bytes;
    this.#client.rekey();
    this.upstream.rekey();
  }
}

function lookMs({ idleTimeoutMs, sessionTimeoutMs, rekeyAfterBytes }: SshLimits): number {
  const shortest = Math.min(idleTimeoutMs / 10, (sessionTimeoutMs ?? Infinity) / 10, rekeyAfterBytes / lookBytesPerMs);
  return Math.min(Math.max(shortest, lookMsMin), lookMsMax);
}
