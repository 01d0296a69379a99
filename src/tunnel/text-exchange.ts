// JSON messages before a link is up: asked for one at a time, within one deadline and one size. What comes after the last one that was
// asked for already belongs to the link and is left where it is.

import { ProtocolError } from './frames.ts';
import { handshakeBytesMax, handshakeMs } from './limits.ts';
import type { WebSocketEnd } from './web-socket.ts';

export class TextExchange {
  readonly #end: WebSocketEnd;
  readonly #timer: NodeJS.Timeout;
  #waiting: { resolve(text: string): void; reject(error: Error): void } | null = null;
  #failure: Error | null = null;

  constructor(end: WebSocketEnd, timeoutMs: number = handshakeMs) {
    this.#end = end;
    this.#timer = setTimeout(() => this.#fail(new ProtocolError(`no sign-in within ${timeoutMs / 1000} s`)), timeoutMs);
  }

  /** The next message. Rejects with the reason when there will be none. */
  next(): Promise<string> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#end.listen({
        text: (words) => this.#take(words),
        message: () => this.#fail(new ProtocolError('frames before the sign-in')),
        closed: (words) => this.#fail(new Error(words)),
        drained: () => undefined,
      });
    });
  }

  send(message: object): void {
    this.#end.sendText(JSON.stringify(message));
  }

  /** Ends the deadline; the socket is somebody else's to listen to. */
  release(): void {
    clearTimeout(this.#timer);
  }

  #take(words: string): void {
    if (Buffer.byteLength(words) > handshakeBytesMax) return this.#fail(new ProtocolError('too much before the sign-in'));
    const waiting = this.#waiting;
    this.#waiting = null;
    this.#end.listen(null);
    waiting?.resolve(words);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    clearTimeout(this.#timer);
    this.#waiting?.reject(this.#failure);
    this.#waiting = null;
  }
}
