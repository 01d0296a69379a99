// The WebSocket at /api/v1/live as a small store: it reconnects with back-off, says whether the link is up, and hands each
// message to whoever listens. It knows nothing of pages or caches.

import { apiBase, liveBeatMs } from '../api/contract.ts';
import type { LiveMessage } from '../api/contract.ts';

export type LinkState = 'idle' | 'connecting' | 'up' | 'down';

const firstRetryMs = 500;
const lastRetryMs = 15_000;
/** A link that did not come up by then counts as down, and the attempt is given up. */
const connectTimeoutMs = 8_000;

/** Two beats were missed and a third is late: a machine slept, or a network went without a word. */
const silentMsMax = 2.5 * liveBeatMs;
const listenEveryMs = 5_000;

type Listener = () => void;
type Receiver = (message: LiveMessage) => void;

export class LiveLink {
  #state: LinkState = 'idle';
  #socket: WebSocket | null = null;
  #attempts = 0;
  #retry: ReturnType<typeof setTimeout> | null = null;
  #watch: ReturnType<typeof setInterval> | null = null;
  #heardAtMs = 0;
  readonly #listeners = new Set<Listener>();
  readonly #receivers = new Set<Receiver>();

  /** Connects and keeps connected until stop(). */
  start(): void {
    if (this.#state !== 'idle') return;
    window.addEventListener('online', this.#wake);
    document.addEventListener('visibilitychange', this.#wake);
    this.#watch = setInterval(this.#listen, listenEveryMs);
    this.#connect();
  }

  stop(): void {
    window.removeEventListener('online', this.#wake);
    document.removeEventListener('visibilitychange', this.#wake);
    if (this.#retry !== null) clearTimeout(this.#retry);
    if (this.#watch !== null) clearInterval(this.#watch);
    this.#retry = null;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#attempts = 0;
    this.#set('idle');
  }

  readonly state = (): LinkState => this.#state;

  readonly subscribe = (listener: Listener): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  onMessage(receiver: Receiver): () => void {
    this.#receivers.add(receiver);
    return () => this.#receivers.delete(receiver);
  }

  #connect(): void {
    this.#retry = null;
    if (this.#attempts === 0) this.#set('connecting');
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${location.host}${apiBase}/live`);
    this.#socket = socket;
    const timeout = setTimeout(() => socket.close(), connectTimeoutMs);
    socket.addEventListener('message', (event) => {
      if (this.#socket !== socket || typeof event.data !== 'string') return;
      this.#heardAtMs = Date.now();
      const message = JSON.parse(event.data) as LiveMessage;
      if (message.kind === 'hello') {
        clearTimeout(timeout);
        this.#attempts = 0;
        this.#set('up');
      }
      for (const receiver of this.#receivers) receiver(message);
    });
    socket.addEventListener('close', () => {
      clearTimeout(timeout);
      if (this.#socket === socket) this.#lost();
    });
  }

  #lost(): void {
    this.#socket = null;
    this.#set('down');
    this.#retryLater();
  }

  /** A link can be gone though nothing has closed it. Also by the wall clock: a machine that slept has heard nothing meanwhile. */
  readonly #listen = (): void => {
    if (this.#state !== 'up' || this.#socket === null || Math.abs(Date.now() - this.#heardAtMs) < silentMsMax) return;
    const socket = this.#socket;
    this.#lost();
    socket.close();
  };

  #retryLater(): void {
    const ceiling = Math.min(lastRetryMs, firstRetryMs * 2 ** Math.min(this.#attempts, 10));
    this.#attempts += 1;
    // Spread out, so that a restarted gateway is not met by every console at the same moment.
    this.#retry = setTimeout(() => this.#connect(), ceiling / 2 + (Math.random() * ceiling) / 2);
  }

  /** The machine is back or the page is looked at again: do not wait out the back-off. */
  readonly #wake = (): void => {
    this.#listen();
    if (this.#retry === null || document.visibilityState === 'hidden') return;
    clearTimeout(this.#retry);
    this.#connect();
  };

  #set(state: LinkState): void {
    if (this.#state === state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

export const live = new LiveLink();
