// One flow inside a link, as a Duplex with half-close: what is written goes out as credit allows, what comes in is kept until
// it is read and only then granted again. It knows nothing of addresses or of other streams; the link gives it its turns.

import { Duplex } from 'node:stream';
import { Fault } from '../core/errors.ts';
import type { FaultCode } from '../core/errors.ts';
import { bytesPassed } from '../core/short-lived-memory.ts';
import { ProtocolError, encode, encodeData } from './frames.ts';
import type { ResetCode } from './frames.ts';
import { creditBytesMax, dataBytesMax, windowBytesInitial, windowBytesMax } from './limits.ts';

/** What a stream asks of its link. */
export interface StreamLink {
  sendControl(frame: Buffer): void;
  /** The stream has something to send: give it turns by `take`. */
  ready(stream: TunnelStream): void;
  /** Both directions are over: the number may be forgotten. */
  over(stream: TunnelStream): void;
  /** May a window that was used up in `tookMs` grow by so many bytes? */
  mayGrow(tookMs: number, bytes: number): boolean;
  shrunk(bytes: number): void;
  nowMs(): number;
}

/** How far one direction has come: open, ended in order, given up. */
type Direction = 'open' | 'fin' | 'reset';

const bufferedBytes = 64 * 1024;

export class TunnelStream {
  readonly id: number;
  readonly duplex: Duplex;
  /** When this end gave the stream up, monotonic; null while it has not. */
  resetAtMs: number | null = null;
  readonly #link: StreamLink;
  #sent: Direction = 'open';
  #got: Direction = 'open';

  #sendCredit: number;
  #toSend: Buffer[] = [];
  #toSendBytes = 0;
  #written: (() => void) | null = null;
  #finished: (() => void) | null = null;

  #window = windowBytesInitial;
  /** What the other end may still send. */
  #receiveCredit = windowBytesInitial;
  /** Read since the last grant. */
  #readBytes = 0;
  #grantedAtMs: number;
  readonly #received: Buffer[] = [];
  #wanted = false;
  #endDelivered = false;

  constructor(id: number, link: StreamLink, sendCredit: number) {
    this.id = id;
    this.#link = link;
    this.#sendCredit = sendCredit;
    this.#grantedAtMs = link.nowMs();
    this.duplex = new Duplex({
      allowHalfOpen: true,
      readableHighWaterMark: bufferedBytes,
      writableHighWaterMark: bufferedBytes,
      read: () => {
        this.#wanted = true;
        this.#deliver();
      },
      write: (chunk: Buffer, _encoding, done) => this.#write([chunk], done),
      writev: (chunks, done) =>
        this.#write(
          chunks.map(({ chunk }) => chunk as Buffer),
          done,
        ),
      final: (done) => {
        this.#finished = done;
        this.#link.ready(this);
      },
      destroy: (error, done) => {
        this.reset('aborted', error === null ? 'closed' : 'failed');
        done(error);
      },
    });
    // A stream may fail before anybody listens; whoever uses it hears of it by 'close' as well.
    this.duplex.on('error', () => {});
  }

  get isOver(): boolean {
    return this.#sent !== 'open' && this.#got !== 'open';
  }

  /** One frame of at most `dataBytesMax`, or null when there is nothing (more) to send now. */
  take(): Buffer | null {
    if (this.#sent !== 'open') return null;
    const count = Math.min(this.#toSendBytes, this.#sendCredit, dataBytesMax);
    if (count > 0) {
      const frame = encodeData(this.id, this.#toSend, count);
      bytesPassed(count);
      this.#sendCredit -= count;
      this.#toSendBytes -= count;
      if (this.#toSendBytes === 0) this.#callWritten();
      return frame;
    }
    if (this.#toSendBytes > 0 || this.#finished === null) return null;
    this.#sent = 'fin';
    const done = this.#finished;
    this.#finished = null;
    done();
    this.#overNow();
    return encode({ kind: 'fin', stream: this.id });
  }

  get wantsTurn(): boolean {
    return this.#sent === 'open' && (this.#toSendBytes > 0 ? this.#sendCredit > 0 : this.#finished !== null);
  }

  onData(bytes: Buffer): void {
    if (this.#got !== 'open') throw new ProtocolError(`data on stream ${this.id} after its end`);
    if (bytes.length > this.#receiveCredit) throw new ProtocolError(`stream ${this.id} sent more than it was granted`);
    this.#receiveCredit -= bytes.length;
    if (this.#sent === 'reset' || this.duplex.destroyed) return; // given up here; the other end does not know yet
    this.#received.push(bytes);
    this.#deliver();
  }

  onWindow(moreBytes: number): void {
    this.#sendCredit += moreBytes;
    if (this.#sendCredit > creditBytesMax) throw new ProtocolError(`stream ${this.id} was granted more than ${creditBytesMax} bytes`);
    if (this.wantsTurn) this.#link.ready(this);
  }

  onFin(): void {
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

  /** Gives the stream up towards the other end; idempotent, and nothing when both directions have ended. */
  reset(code: ResetCode, reason: string): void {
    if (this.isOver || this.#sent === 'reset') return;
    this.#sent = 'reset';
    this.resetAtMs = this.#link.nowMs();
    this.#link.sendControl(encode({ kind: 'reset', stream: this.id, code, reason }));
    this.#giveUp(null);
    this.#overNow();
  }

  /** The link is gone. */
  lost(fault: Fault): void {
    this.#sent = 'reset';
    this.#got = 'reset';
    this.#giveUp(fault);
  }

  #giveUp(fault: Fault | null): void {
    this.#toSend = [];
    this.#toSendBytes = 0;
    this.#received.length = 0;
    this.#written = null;
    this.#finished = null;
    if (!this.duplex.destroyed) this.duplex.destroy(fault ?? undefined);
  }

  #write(chunks: Buffer[], done: () => void): void {
    if (this.#sent !== 'open') return; // destroyed: nobody waits for `done` any more
    for (const chunk of chunks) {
      if (chunk.length === 0) continue;
      this.#toSend.push(chunk);
      this.#toSendBytes += chunk.length;
    }
    if (this.#toSendBytes === 0) return done();
    this.#written = done;
    if (this.wantsTurn) this.#link.ready(this);
  }

  #callWritten(): void {
    const done = this.#written;
    this.#written = null;
    done?.();
  }

  #deliver(): void {
    if (this.duplex.destroyed || this.#endDelivered) return;
    while (this.#wanted && this.#received.length > 0) {
      const bytes = this.#received.shift() as Buffer;
      this.#wanted = this.duplex.push(bytes);
      this.#readBytes += bytes.length;
    }
    if (this.#got !== 'fin' || this.#received.length > 0) return this.#grant();
    this.#endDelivered = true;
    this.duplex.push(null);
  }

  /** Grants again what was read, half a window at a time, and a larger window to a stream that used it up quickly. */
  #grant(): void {
    if (this.#got !== 'open' || this.#readBytes < this.#window / 2) return;
    const nowMs = this.#link.nowMs();
    const growth = Math.min(this.#window, windowBytesMax - this.#window);
    const grows = growth > 0 && this.#link.mayGrow(nowMs - this.#grantedAtMs, growth);
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
