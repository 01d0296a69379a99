// JSON messages before a link is up: asked for one at a time, within one deadline and one size. What comes after the last
// one already belongs to the link and is kept for it.

import type { RawData, WebSocket } from 'ws';
import { ProtocolError } from './frames.ts';
import { handshakeBytesMax, handshakeMs } from './limits.ts';
import { asBuffer } from './web-socket.ts';

/** An end that sends binary messages before it was let in. */
const earlyFramesMax = 16;

export class TextExchange {
  readonly #ws: WebSocket;
  readonly #timer: NodeJS.Timeout;
  readonly #texts: string[] = [];
  readonly #early: Buffer[] = [];
  #waiting: { resolve(text: string): void; reject(error: Error): void } | null = null;
  #failure: Error | null = null;

  constructor(ws: WebSocket, timeoutMs: number = handshakeMs) {
    this.#ws = ws;
    ws.on('message', this.#onMessage);
    ws.on('error', this.#onError);
    ws.on('close', this.#onClose);
    this.#timer = setTimeout(() => this.#fail(new ProtocolError(`no sign-in within ${timeoutMs / 1000} s`)), timeoutMs);
  }

  /** The next message. Rejects with the reason when there will be none. */
  next(): Promise<string> {
    const text = this.#texts.shift();
    if (text !== undefined) return Promise.resolve(text);
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }

  send(message: object): void {
    if (this.#ws.readyState === this.#ws.OPEN) this.#ws.send(JSON.stringify(message));
  }

  /** Stops listening, and gives what belongs to the link. The socket keeps a listener for errors. */
  release(): readonly Buffer[] {
    clearTimeout(this.#timer);
    this.#ws.off('message', this.#onMessage).off('close', this.#onClose);
    return this.#early;
  }

  readonly #onMessage = (data: RawData, isBinary: boolean): void => {
    const bytes = asBuffer(data);
    if (isBinary) {
      if (this.#early.push(bytes) > earlyFramesMax) this.#fail(new ProtocolError('frames before the sign-in'));
      return;
    }
    if (bytes.length > handshakeBytesMax || this.#texts.length > 1) return this.#fail(new ProtocolError('too much before the sign-in'));
    const text = bytes.toString('utf8');
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting === null) this.#texts.push(text);
    else waiting.resolve(text);
  };

  readonly #onError = (error: Error): void => {
    this.#fail(error);
    this.#ws.terminate();
  };

  readonly #onClose = (_code: number, reason: Buffer): void => {
    this.#fail(new Error(reason.length > 0 ? reason.toString('utf8').replace(/\p{C}/gu, '?') : 'the connection was closed'));
  };

  #fail(error: Error): void {
    this.#failure ??= error;
    clearTimeout(this.#timer);
    this.#waiting?.reject(this.#failure);
    this.#waiting = null;
  }
}
