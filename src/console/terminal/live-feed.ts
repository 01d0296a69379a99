// What a running terminal shows, as it shows it: follows the recording from near its end, goes on after a lost link, and ends
// with the terminal.

import type { TerminalIndexView } from '../../api/contract.ts';
import { CastReader, sizeOf } from './cast-events.ts';
import type { CastEvent } from './cast-events.ts';
import type { Screen } from './cast-player.ts';

export type FeedState = 'connecting' | 'live' | 'lost' | 'ended' | 'refused';

const retryMs = 1_000;
const closeEnded = 1000;
/** The gateway's private codes: signed out, not allowed. */
const closeRefused: readonly number[] = [4401, 4403];

export class LiveFeed {
  readonly #follow: (from: number) => WebSocket;
  readonly #screen: Screen;
  readonly #onState: (state: FeedState) => void;
  #offset: number;
  #reader: CastReader;
  #socket: WebSocket | null = null;
  #retry: ReturnType<typeof setTimeout> | null = null;
  #drawn: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(index: TerminalIndexView, screen: Screen, follow: (from: number) => WebSocket, onState: (state: FeedState) => void) {
    this.#follow = follow;
    this.#screen = screen;
    this.#onState = onState;
    // One page before the last: enough to draw the screen as it is.
    const point = index.points.at(-2) ?? index.points[0];
    this.#offset = point?.offset ?? 0;
    this.#reader = new CastReader(point?.at_ms ?? 0);
    if (point !== undefined) screen.reset(point.cols, point.rows, point.alternate);
    this.#connect();
  }

  close(): void {
    this.#closed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#socket?.close();
  }

  /** The link may be gone though nothing has closed it: another one goes on where this one stands. */
  doubt(): void {
    const socket = this.#socket;
    if (this.#closed || socket === null) return;
    this.#lost();
    socket.close();
  }

  #lost(): void {
    this.#socket = null;
    this.#onState('lost');
    this.#retry = setTimeout(() => this.#connect(), retryMs);
  }

  #connect(): void {
    this.#onState('connecting');
    const socket = this.#follow(this.#offset);
    this.#socket = socket;
    socket.addEventListener('open', () => {
      if (this.#socket === socket) this.#onState('live');
    });
    socket.addEventListener('message', (event) => {
      if (this.#closed || this.#socket !== socket || !(event.data instanceof ArrayBuffer)) return;
      this.#offset += event.data.byteLength;
      const events = this.#reader.read(new Uint8Array(event.data));
      this.#drawn = this.#drawn.then(() => (this.#closed ? undefined : this.#draw(events)));
    });
    socket.addEventListener('close', ({ code }) => {
      if (this.#closed || this.#socket !== socket) return;
      this.#socket = null;
      if (code === closeEnded) this.#onState('ended');
      else if (closeRefused.includes(code)) this.#onState('refused');
      else this.#lost();
    });
  }

  async #draw(events: readonly CastEvent[]): Promise<void> {
    let text = '';
    for (const event of events) {
      if (event.code === 'o') text += event.data;
      const size = event.code === 'r' ? sizeOf(event.data) : null;
      if (size === null) continue;
      await this.#screen.write(text);
      text = '';
      this.#screen.resize(size.cols, size.rows);
    }
    await this.#screen.write(text);
  }
}
