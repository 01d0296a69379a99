// Whose frame goes next over a link: control frames first, then each stream that has data and credit puts one frame in its turn,
// until the socket has enough to do; so a full or stalled stream stops no other. Where nobody waits a stream may go at once.

import { dataHeaderBytes } from './frames.ts';
import type { FrameOutput } from './frame-output.ts';
import { controlBytesMax } from './limits.ts';
import type { StreamOutput, TunnelStream } from './stream.ts';

export class Turns {
  /** Of data and control frames, with the headers of ours. */
  bytesSent = 0;
  readonly #output: FrameOutput;
  readonly #overrun: () => void;
  readonly #streamOutput: StreamOutput;
  /** Those that have something to send, in the order of their turns. */
  readonly #ready = new Set<TunnelStream>();
  readonly #control: Buffer[] = [];
  #controlBytes = 0;
  #isPumping = false;
  #isOver = false;

  /** `overrun` is called when the other end takes no control frames any more. */
  constructor(output: FrameOutput, overrun: () => void) {
    this.#output = output;
    this.#overrun = overrun;
    this.#streamOutput = {
      room: (wanted) => output.room(wanted),
      begin: (stream, count) => {
        this.bytesSent += count + dataHeaderBytes;
        output.begin(stream, count);
      },
      append: (bytes) => output.append(bytes),
    };
  }

  sendControl(frame: Buffer): void {
    if (this.#isOver) return;
    this.#control.push(frame);
    this.#controlBytes += frame.length;
    if (this.#controlBytes > controlBytesMax) return this.#overrun();
    this.pump();
  }

  /** Bytes of so many that may go at once: none while somebody waits for a turn, or is having one. */
  roomNow(wanted: number): number {
    const isBusy = this.#isPumping || this.#control.length > 0 || this.#ready.size > 0 || this.#isOver;
    return isBusy ? 0 : this.#output.room(wanted);
  }

  /** A data frame for which there is room now. */
  putNow(stream: number, bytes: Uint8Array): void {
    this.#streamOutput.begin(stream, bytes.length);
    this.#output.append(bytes);
  }

  /** The stream has something to send. */
  add(stream: TunnelStream): void {
    if (this.#isOver) return;
    this.#ready.add(stream);
    this.pump();
  }

  remove(stream: TunnelStream): void {
    this.#ready.delete(stream);
  }

  /** Puts frames together until the socket has enough to do; to be called again when it has room. */
  pump(): void {
    if (this.#isPumping || this.#isOver) return;
    if (this.#control.length === 0 && this.#ready.size === 0) return;
    this.#isPumping = true;
    try {
      while (this.#putNext());
    } finally {
      this.#isPumping = false;
    }
    this.#output.flush();
  }

  /** The link is gone: nothing more is sent. */
  stop(): void {
    this.#isOver = true;
    this.#ready.clear();
    this.#control.length = 0;
  }

  /** One frame: a control frame, or of the stream whose turn it is. False when there is none, or no room for it. */
  #putNext(): boolean {
    const [control] = this.#control;
    if (control !== undefined) {
      if (!this.#output.put(control)) return false;
      this.#control.shift();
      this.#controlBytes -= control.length;
      this.bytesSent += control.length;
      return true;
    }
    const [stream] = this.#ready;
    if (stream === undefined || !stream.take(this.#streamOutput)) return false;
    this.#ready.delete(stream);
    if (stream.wantsTurn) this.#ready.add(stream); // to the end of the row
    return true;
  }
}
