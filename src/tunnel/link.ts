// The link between gateway and agent: many streams over one WebSocket. The gateway opens streams, the agent answers; who sends next
// is decided in `turns.ts`. Whatever breaks the protocol closes the link in words.

import type { Duplex } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import { ProtocolError, decode, encode } from './frames.ts';
import type { Frame, ResetCode } from './frames.ts';
import { KeepAlive } from './keep-alive.ts';
import type { KeepAliveTimes } from './keep-alive.ts';
import * as limits from './limits.ts';
import { StreamDuplex } from './stream-duplex.ts';
import { TunnelStream } from './stream.ts';
import type { StreamLink } from './stream.ts';
import { Turns } from './turns.ts';
import { closeCode } from './web-socket.ts';
import type { WebSocketEnd } from './web-socket.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A stream that the gateway asks for. The agent answers once: with accept, or with refuse. */
export interface OpenRequest extends Address {
  /** Aborted when the gateway does not want it any more, or the link is gone. */
  readonly signal: AbortSignal;
  accept(): TunnelStream;
  refuse(code: ResetCode, reason: string): void;
}

export interface LinkOptions {
  readonly socket: WebSocketEnd;
  readonly clock: Clock;
  /** As agreed in the handshake. */
  readonly version: number;
  readonly times?: KeepAliveTimes;
  /** Only an agent has it; an end without it takes no requests. */
  readonly onOpen?: (request: OpenRequest) => void;
  readonly onCredential?: (text: string) => void;
  /** The other end asks for no new streams; those that are open go on. */
  readonly onDrain?: (reason: string) => void;
}

export interface LinkFigures {
  readonly streams: number;
  readonly streamsTotal: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly latencyMs: number | null;
}

/** First version whose ends understand the frame `drain`. */
const drainSince = 2;

export const defaultTimes: KeepAliveTimes = { pingIntervalMs: limits.pingIntervalMs, deadAfterMs: limits.deadAfterMs };

type Opening =
  | { readonly kind: 'asked'; readonly opened: () => void; readonly failed: (fault: Fault) => void }
  | { readonly kind: 'answering'; readonly abort: AbortController };

export class Link {
  /** Resolves with the reason when it is over. Never rejects. */
  readonly closed: Promise<string>;
  readonly version: number;
  readonly #options: LinkOptions;
  readonly #socket: WebSocketEnd;
  readonly #keepAlive: KeepAlive;
  readonly #streams = new Map<number, TunnelStream>();
  readonly #opening = new Map<number, Opening>();
  readonly #turns: Turns;
  #lastStream = 0;
  #grownBytes = 0;
  #strayFramesLeft = limits.strayFramesInitial;
  #streamsTotal = 0;
  #bytesReceived = 0;
  #reason: string | null = null;
  #isDraining = false;
  #resolveClosed: (reason: string) => void = () => {};
  readonly #timer: NodeJS.Timeout;
  readonly #streamLink: StreamLink;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#socket = options.socket;
    this.version = options.version;
    const times = options.times ?? defaultTimes;
    this.#keepAlive = new KeepAlive(options.clock, times);
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    const { output } = this.#socket;
    const turns = new Turns(output, () => this.#end(closeCode.protocol, 'the other end does not read its answers'));
    this.#turns = turns;
    this.#streamLink = {
      sendControl: (frame) => turns.sendControl(frame),
      roomNow: (wanted) => turns.roomNow(wanted),
      putNow: (stream, bytes) => turns.putNow(stream, bytes),
      flushSoon: () => output.flushSoon(),
      ready: (stream) => turns.add(stream),
      over: (stream) => this.#forget(stream),
      mayGrow: (tookMs, bytes) => this.#mayGrow(tookMs, bytes),
      shrunk: (bytes) => (this.#grownBytes -= bytes),
      nowMs: () => options.clock.monotonicMs(),
    };
    this.#timer = setInterval(() => this.#beat(), times.pingIntervalMs);
    this.#timer.unref();
    this.#socket.listen({
      message: (bytes) => this.#receive(bytes),
      text: () => this.#end(closeCode.protocol, 'a text message on a link that is up'),
      drained: () => turns.pump(),
      closed: (words) => this.#lost(words),
    });
    this.#ping();
  }

  get figures(): LinkFigures {
    return {
      streams: this.#streams.size,
      streamsTotal: this.#streamsTotal,
      bytesSent: this.#turns.bytesSent,
      bytesReceived: this.#bytesReceived,
      latencyMs: this.#keepAlive.latencyMs,
    };
  }

  /** Why it takes no new streams, in words; null when it does. */
  get takesNone(): string | null {
    if (this.#reason !== null) return `its link is closed: ${this.#reason}`;
    if (this.#isDraining) return 'it is being stopped';
    return this.#streams.size < limits.streamsMax ? null : `it has ${limits.streamsMax} streams, the limit`;
  }

  get isDoubtful(): boolean {
    return this.#keepAlive.isDoubtful;
  }

  /** Opens a stream to an address that the agent dials. Rejects with a Fault in words. */
  open(address: Address, signal: AbortSignal, timeoutMs: number = limits.openMs): Promise<Duplex> {
    if (this.#reason !== null) return Promise.reject(new Fault('target-unreachable', `the agent's link is closed: ${this.#reason}`));
    if (this.takesNone !== null) return Promise.reject(new Fault('limit-reached', `the agent takes no more streams: ${this.takesNone}`));
    if (signal.aborted) return Promise.reject(new Fault('target-unreachable', 'the client is gone'));
    const stream = this.#newStream(++this.#lastStream, 0);
    return new Promise((resolve, reject) => {
      const settle = (outcome: () => void): void => {
        this.#opening.delete(stream.id);
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        outcome();
      };
      const giveUp = (words: string): void => {
        stream.reset('aborted', words);
        settle(() => reject(new Fault('target-unreachable', words)));
      };
      const onAbort = (): void => giveUp('the client is gone');
      const timer = setTimeout(() => giveUp(`the agent did not answer within ${timeoutMs / 1000} s`), timeoutMs);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#opening.set(stream.id, {
        kind: 'asked',
        opened: () => settle(() => resolve(new StreamDuplex(stream))),
        failed: (fault) => settle(() => reject(fault)),
      });
      this.#turns.sendControl(encode({ kind: 'open', stream: stream.id, windowBytes: limits.windowBytesInitial, ...address }));
    });
  }

  sendCredential(text: string): void {
    this.#turns.sendControl(encode({ kind: 'credential', text }));
  }

  /** Asks the other end for no new streams. Ends of version 1 are not told: they see the link close. */
  drain(reason: string): void {
    this.#isDraining = true;
    if (this.version >= drainSince) this.#turns.sendControl(encode({ kind: 'drain', reason }));
  }

  /** Closes in words; every stream ends as lost. */
  close(reason: string, code: number = closeCode.done): void {
    this.#end(code, reason);
  }

  #receive(bytes: Buffer): void {
    if (this.#reason !== null) return;
    this.#bytesReceived += bytes.length;
    this.#keepAlive.heard();
    try {
      this.#take(decode(bytes));
    } catch (thrown) {
      if (!(thrown instanceof ProtocolError)) throw thrown;
      this.#end(closeCode.protocol, thrown.message);
    }
  }

  #take(frame: Frame): void {
    switch (frame.kind) {
      case 'open':
        return this.#onOpen(frame.stream, frame.windowBytes, frame);
      case 'opened':
        return this.#onOpened(frame.stream, frame.windowBytes);
      case 'data':
        return this.#known(frame.stream).onData(frame.bytes);
      case 'fin':
        return this.#known(frame.stream).onFin();
      case 'window':
        return this.#knownOrStray(frame.stream)?.onWindow(frame.moreBytes);
      case 'reset':
        return this.#onReset(frame.stream, frame.code, frame.reason);
      case 'ping':
        return this.#turns.sendControl(encode({ kind: 'pong', number: frame.number }));
      case 'pong':
        if (!this.#keepAlive.pong(frame.number)) throw new ProtocolError('an answer to a ping that was never sent');
        return;
      case 'credential':
        if (this.#options.onCredential === undefined) throw new ProtocolError('a credential from an agent');
        return this.#options.onCredential(frame.text);
      case 'drain':
        this.#isDraining = true;
        return this.#options.onDrain?.(frame.reason);
      case 'skipped':
        return this.#stray();
    }
  }

  #onOpen(id: number, windowBytes: number, { host, port }: Address): void {
    const { onOpen } = this.#options;
    if (onOpen === undefined) throw new ProtocolError('an agent may not open streams');
    if (id <= this.#lastStream) throw new ProtocolError(`stream ${id} was opened out of order`);
    if (windowBytes > limits.creditBytesMax) throw new ProtocolError(`stream ${id} began with more than ${limits.creditBytesMax} bytes`);
    this.#lastStream = id;
    if (this.#streams.size >= limits.streamsMax * 2) throw new ProtocolError('more streams than agreed');
    const stream = this.#newStream(id, windowBytes);
    if (this.#streams.size > limits.streamsMax) return stream.reset('limit', 'the agent takes no more streams');
    const abort = new AbortController();
    this.#opening.set(id, { kind: 'answering', abort });
    const first = (): boolean => this.#opening.delete(id);
    onOpen({
      host,
      port,
      signal: abort.signal,
      accept: () => {
        if (first()) {
          stream.isOpening = false;
          this.#turns.sendControl(encode({ kind: 'opened', stream: id, windowBytes: limits.windowBytesInitial }));
        }
        return stream;
      },
      refuse: (code, reason) => {
        if (first()) stream.reset(code, reason);
      },
    });
  }

  #onOpened(id: number, windowBytes: number): void {
    const stream = this.#known(id);
    if (stream.resetAtMs !== null) return; // given up while the agent dialled
    const opening = this.#opening.get(id);
    if (opening?.kind !== 'asked') throw new ProtocolError(`stream ${id} was accepted without being asked for`);
    stream.isOpening = false;
    stream.onWindow(windowBytes);
    opening.opened();
  }

  #onReset(id: number, code: ResetCode, reason: string): void {
    const stream = this.#knownOrStray(id);
    const opening = this.#opening.get(id);
    if (opening?.kind === 'asked') opening.failed(new Fault(code === 'limit' ? 'limit-reached' : 'target-unreachable', reason));
    if (opening?.kind === 'answering') {
      this.#opening.delete(id);
      opening.abort.abort();
    }
    stream?.onReset(code, reason);
  }

  #newStream(id: number, sendCredit: number): TunnelStream {
    const stream = new TunnelStream(id, this.#streamLink, sendCredit);
    this.#streams.set(id, stream);
    this.#streamsTotal += 1;
    this.#strayFramesLeft += limits.strayFramesPerStream;
    return stream;
  }

  #forget(stream: TunnelStream): void {
    this.#streams.delete(stream.id);
    this.#turns.remove(stream);
  }

  #known(id: number): TunnelStream {
    const stream = this.#streams.get(id);
    if (stream === undefined) throw new ProtocolError(`a frame for stream ${id}, which is not open`);
    return stream;
  }

  /** Credit and resets may cross with the end of a stream; a limited number of them is skipped. */
  #knownOrStray(id: number): TunnelStream | undefined {
    const stream = this.#streams.get(id);
    if (stream !== undefined) return stream;
    if (id > this.#lastStream) throw new ProtocolError(`a frame for stream ${id}, which was never opened`);
    this.#stray();
    return undefined;
  }

  #stray(): void {
    if (this.#strayFramesLeft-- <= 0) throw new ProtocolError('too many frames for streams that are over');
  }

  #mayGrow(tookMs: number, bytes: number): boolean {
    // On a slow way a larger window would only queue more bytes before an interactive stream's.
    if (tookMs > Math.max(limits.windowGrowsWithinMs, this.#keepAlive.latencyMsMin === Infinity ? 0 : this.#keepAlive.latencyMsMin))
      return false;
    if (this.#grownBytes + bytes > limits.windowGrowthBytesMax) return false;
    this.#grownBytes += bytes;
    return true;
  }

  #beat(): void {
    if (this.#keepAlive.isDead) return this.#end(closeCode.dead, 'the other end is silent');
    const since = this.#options.clock.monotonicMs() - limits.resetAnswerMs;
    for (const { resetAtMs, id } of this.#streams.values()) {
      if (resetAtMs !== null && resetAtMs < since)
        return this.#end(closeCode.protocol, `stream ${id} was given up and the other end does not answer`);
    }
    this.#ping();
  }

  #ping(): void {
    const number = this.#keepAlive.ping();
    if (number !== null) this.#turns.sendControl(encode({ kind: 'ping', number }));
  }

  #end(code: number, reason: string): void {
    if (this.#reason !== null) return;
    this.#socket.close(code, reason);
    this.#lost(reason);
  }

  #lost(reason: string): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    this.#turns.stop();
    clearInterval(this.#timer);
    const fault = new Fault('target-lost', `the link to the agent is gone: ${reason}`);
    for (const opening of this.#opening.values()) {
      if (opening.kind === 'asked') opening.failed(new Fault('target-unreachable', fault.message));
      else opening.abort.abort();
    }
    for (const stream of this.#streams.values()) stream.lost(fault);
    this.#streams.clear();
    this.#opening.clear();
    this.#resolveClosed(reason);
  }
}
