// One flow inside a link, with half-close: what is sent goes out as credit allows, what comes is handed on or, while its user takes
// nothing, kept, and only what was handed on is granted again. It knows nothing of addresses or of other streams; the link gives it
// its turns. Node's streams are not needed here: an agent has none for what it carries.

import { Fault } from '../core/errors.ts';
import type { FaultCode } from '../core/errors.ts';
import { ByteQueue } from './byte-queue.ts';
import { ProtocolError, encode } from './frames.ts';
import type { ResetCode } from './frames.ts';
import { frameHeaderBytesMax } from './frame-output.ts';
import { creditBytesMax, dataBytesMax, windowBytesInitial, windowBytesMax } from './limits.ts';

/** What a stream asks of its link. */
export interface StreamLink {
  sendControl(frame: Buffer): void;
  /** Bytes of so many that can go at once: none while others wait. */
  roomNow(wanted: number): number;
  /** Puts a frame for which there is room; `flushSoon` sends those that were put, with others of the turn. */
  putNow(stream: number, bytes: Uint8Array): void;
  flushSoon(): void;
  /** The stream has something to send: give it turns by `take`. */
  ready(stream: TunnelStream): void;
  /** Both directions are over: the number may be forgotten. */
  over(stream: TunnelStream): void;
  /** May a window of which half was used up in `tookMs` grow by so many bytes? */
  mayGrow(tookMs: number, bytes: number): boolean;
  shrunk(bytes: number): void;
  nowMs(): number;
}

/** Where a stream's turn puts its frame. */
export interface StreamOutput {
  room(wanted: number): number;
  begin(stream: number, count: number): void;
  append(bytes: Uint8Array): void;
}

/** Whoever a stream carries bytes for. */
export interface StreamUser {
  /** The chunk is valid until this returns, and its receiver's to write into until then: what comes next is read over it. */
  bytes(chunk: Buffer): void;
  /** Everything that came was handed on, and no more will come. */
  ended(): void;
  /** Given up: by the other end or with the link (then it says why), or by this end. */
  failed(fault: Fault | null): void;
  /** After `send` gave false: everything is on its way. */
  drained(): void;
}

/** How far one direction has come: open, ended in order, given up. */
type Direction = 'open' | 'fin' | 'reset';

export class TunnelStream {
  readonly id: number;
  /** When this end gave the stream up, monotonic; null while it has not. */
  resetAtMs: number | null = null;
  /** The agent has not answered yet, or this agent has not. */
  isOpening = true;
  readonly #link: StreamLink;
  #user: StreamUser | null = null;
  #sent: Direction = 'open';
  #got: Direction = 'open';
  #fault: Fault | null = null;

  #sendCredit: number;
  readonly #toSend = new ByteQueue();
  #finished: (() => void) | null = null;

  #window = windowBytesInitial;
  /** What the other end may still send. */
  #receiveCredit = windowBytesInitial;
  /** Handed on since the last grant. */
  #readBytes = 0;
  #grantedAtMs: number;
  readonly #received = new ByteQueue();
  #isHeld = true;
  #endDelivered = false;

  constructor(id: number, link: StreamLink, sendCredit: number) {
    this.id = id;
    this.#link = link;
    this.#sendCredit = sendCredit;
    this.#grantedAtMs = link.nowMs();
  }

  get isOver(): boolean {
    return this.#sent !== 'open' && this.#got !== 'open';
  }

  // ---- for its user ----

  /** Who gets what comes from now on, once `flow` was called, the end too where the one before was told of it already: it hears no more. */
  use(user: StreamUser): void {
    this.#user = user;
    this.#isHeld = true;
    this.#endDelivered = false;
    if (this.#sent === 'reset') user.failed(this.#fault);
  }

  /** Hands on what has come and what will come, until `hold`. */
  flow(): void {
    this.#isHeld = false;
    this.#deliver();
  }

  hold(): void {
    this.#isHeld = true;
  }

  /** Takes back what was handed on and not used, in memory of its own: it comes again, first. */
  putBack(bytes: Buffer): void {
    this.#received.unshift(bytes);
    this.#readBytes -= bytes.length;
  }

  /** Sends bytes if all of them can go at once. Their memory may be used for something else then. */
  sendWhole(bytes: Uint8Array): boolean {
    const count = bytes.length;
    if (this.#toSend.length > 0 || this.#sent !== 'open' || count > this.#sendCredit || count === 0) return false;
    const wanted = count + frameHeaderBytesMax * Math.floor((count - 1) / dataBytesMax);
    if (this.#link.roomNow(wanted) < wanted) return false;
    if (count > dataBytesMax) {
      if (this.#sendBeginning(bytes).length > 0) throw new Error('less room than was told');
      return true;
    }
    this.#sendCredit -= count;
    this.#link.putNow(this.id, bytes);
    this.#link.flushSoon();
    return true;
  }

  /** Sends bytes, whose memory may be used for something else afterwards when `isLent`. False: wait for `drained` before more. */
  send(bytes: Uint8Array, isLent: boolean): boolean {
    if (this.#sent !== 'open' || bytes.length === 0) return true;
    const rest = this.#toSend.length > 0 ? bytes : this.#sendBeginning(bytes);
    if (rest.length === 0) return true;
    if (isLent) this.#toSend.pushCopy(rest);
    else this.#toSend.push(rest);
    if (this.wantsTurn) this.#link.ready(this);
    return this.#toSend.length === 0;
  }

  /** Sends what can go at once, and gives the rest. */
  #sendBeginning(bytes: Uint8Array): Uint8Array {
    let at = 0;
    while (at < bytes.length) {
      const wanted = Math.min(bytes.length - at, this.#sendCredit, dataBytesMax);
      const count = wanted === 0 ? 0 : this.#link.roomNow(wanted);
      if (count === 0) break;
      this.#sendCredit -= count;
      this.#link.putNow(this.id, bytes.subarray(at, at + count));
      at += count;
    }
    if (at > 0) this.#link.flushSoon();
    return at === 0 ? bytes : bytes.subarray(at);
  }

  /** Nothing more will be sent; `done` is called when the other end is being told. */
  finish(done: () => void): void {
    if (this.#sent !== 'open') return;
    this.#finished = done;
    this.#link.ready(this);
  }

  /** Nothing is on its way here, in either direction. */
  get isQuiet(): boolean {
    return this.#sent === 'open' && this.#got === 'open' && this.#toSend.length === 0 && this.#received.length === 0 && !this.#finished;
  }

  /** Gives the stream up towards the other end; idempotent, and nothing when both directions have ended. */
  reset(code: ResetCode, reason: string): void {
    if (this.isOver || this.#sent === 'reset') return;
    this.#sent = 'reset';
    this.resetAtMs = this.#link.nowMs();
    this.#link.sendControl(encode({ kind: 'reset', stream: this.id, code, reason }));
    this.#giveUp(null);
    this.#overNow();
  }

  // ---- for the link ----

  /** Puts one frame of at most `dataBytesMax` in its turn; false when there is no room for one. */
  take(output: StreamOutput): boolean {
    if (this.#sent !== 'open') return true;
    const wanted = Math.min(this.#toSend.length, this.#sendCredit, dataBytesMax);
    if (wanted > 0) {
      const count = output.room(wanted);
      if (count === 0) return false;
      output.begin(this.id, count);
      this.#append(output, count);
      if (this.#toSend.length === 0) this.#user?.drained();
      return true;
    }
    if (this.#toSend.length > 0 || this.#finished === null) return true;
    this.#sent = 'fin';
    const done = this.#finished;
    this.#finished = null;
    this.#link.sendControl(encode({ kind: 'fin', stream: this.id }));
    done();
    this.#overNow();
    return true;
  }

  get wantsTurn(): boolean {
    return this.#sent === 'open' && (this.#toSend.length > 0 ? this.#sendCredit > 0 : this.#finished !== null);
  }

  onData(bytes: Buffer): void {
    if (this.isOpening) throw new ProtocolError(`data on stream ${this.id} before it was accepted`);
    if (this.#got !== 'open') throw new ProtocolError(`data on stream ${this.id} after its end`);
    if (bytes.length > this.#receiveCredit) throw new ProtocolError(`stream ${this.id} sent more than it was granted`);
    this.#receiveCredit -= bytes.length;
    if (this.#sent === 'reset') return; // given up here; the other end does not know yet
    if (this.#isHeld || this.#received.length > 0) return this.#received.pushCopy(bytes);
    this.#handOn(bytes);
    if (this.#readBytes >= this.#window / 2) this.#grant();
  }

  onWindow(moreBytes: number): void {
    this.#sendCredit += moreBytes;
    if (this.#sendCredit > creditBytesMax) throw new ProtocolError(`stream ${this.id} was granted more than ${creditBytesMax} bytes`);
    if (this.wantsTurn) this.#link.ready(this);
  }

  onFin(): void {
    if (this.isOpening) throw new ProtocolError(`data on stream ${this.id} before it was accepted`);
    if (this.#got !== 'open') throw new ProtocolError(`stream ${this.id} ended twice`);
    this.#got = 'fin';
    this.#deliver();
    this.#overNow();
  }

  onReset(code: ResetCode, reason: string): void {
    if (this.#got === 'reset') throw new ProtocolError(`stream ${this.id} was given up twice`);
    this.#got = 'reset';
    if (this.#sent === 'open') {
      this.#sent = 'reset';
      this.#link.sendControl(encode({ kind: 'reset', stream: this.id, code: 'aborted', reason: '' }));
    }
    this.#giveUp(new Fault(faultOf(code), reason === '' ? 'the stream was closed by the other end' : reason));
    this.#overNow();
  }

  /** The link is gone. */
  lost(fault: Fault): void {
    this.#sent = 'reset';
    this.#got = 'reset';
    this.#giveUp(fault);
  }

  #giveUp(fault: Fault | null): void {
    this.#fault = fault;
    this.#toSend.clear();
    this.#received.clear();
    this.#finished = null;
    this.#user?.failed(fault);
  }

  #append(output: StreamOutput, count: number): void {
    this.#sendCredit -= count;
    for (let left = count; left > 0;) {
      this.#toSend.shift(left, (bytes) => {
        left -= bytes.length;
        output.append(bytes);
      });
    }
  }

  readonly #handOn = (bytes: Buffer): void => {
    this.#readBytes += bytes.length;
    this.#user?.bytes(bytes);
  };

  #deliver(): void {
    if (this.#sent === 'reset' || this.#endDelivered) return;
    while (!this.#isHeld && this.#received.length > 0) this.#received.shift(Infinity, this.#handOn);
    if (this.#got === 'open' && this.#readBytes >= this.#window / 2) return this.#grant();
    if (this.#got !== 'fin' || this.#received.length > 0 || this.#isHeld) return;
    this.#endDelivered = true;
    this.#user?.ended();
  }

  /** Grants again what was handed on, half a window at a time, and a larger window to a stream that used it up quickly. */
  #grant(): void {
    if (this.#got !== 'open' || this.#sent === 'reset') return;
    const nowMs = this.#link.nowMs();
    const growth = Math.min(this.#window, windowBytesMax - this.#window);
    const halfTookMs = ((nowMs - this.#grantedAtMs) * this.#window) / 2 / this.#readBytes;
    const grows = growth > 0 && this.#link.mayGrow(halfTookMs, growth);
    const moreBytes = this.#readBytes + (grows ? growth : 0);
    if (grows) this.#window += growth;
    this.#grantedAtMs = nowMs;
    this.#readBytes = 0;
    this.#receiveCredit += moreBytes;
    this.#link.sendControl(encode({ kind: 'window', stream: this.id, moreBytes }));
  }

  #overNow(): void {
    if (!this.isOver) return;
    this.#link.shrunk(this.#window - windowBytesInitial);
    this.#link.over(this);
  }
}

function faultOf(code: ResetCode): FaultCode {
  switch (code) {
    case 'not-allowed':
    case 'unreachable':
      return 'target-unreachable';
    case 'limit':
      return 'limit-reached';
    case 'aborted':
    case 'reset-by-target':
    case 'stopping':
      return 'target-lost';
  }
}
