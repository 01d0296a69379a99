// Whether a client is still there, for whatever is waited for on its behalf before it is relayed. A relay hears of its end by itself.

import type { Socket } from 'node:net';
import { Fault } from '../../src/core/errors.ts';

export class Presence {
  readonly #socket: Socket;
  readonly #gone = new AbortController();

  constructor(socket: Socket) {
    this.#socket = socket;
    this.watch();
  }

  /** Aborted with a Fault when the client is gone. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  readonly left = (): void => {
    if (!this.#gone.signal.aborted) this.#gone.abort(clientGone());
  };

  /** Somebody else hears of the client's end until it is watched again. */
  rest(): void {
    this.#socket.off('close', this.left);
  }

  watch(): void {
    if (this.#socket.destroyed) this.left();
    else this.#socket.once('close', this.left);
  }
}

export function clientGone(): Fault {
  return new Fault('protocol-violation', 'the client is gone');
}
