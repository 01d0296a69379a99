// A recording in pages, from one point of its index to the next, fetched when they are needed and forgotten again: opening a
// recording of a day costs its index and one page.

import type { TerminalIndexView } from '../../api/contract.ts';
import { CastReader } from './cast-events.ts';
import type { CastEvent } from './cast-events.ts';

/** Pages kept: 128 kB of recording each. */
const pagesKeptMax = 40;

export type FetchRange = (from: number, to: number, signal: AbortSignal) => Promise<Uint8Array>;

export class CastPages {
  readonly index: TerminalIndexView;
  readonly #fetch: FetchRange;
  readonly #pages = new Map<number, Promise<readonly CastEvent[]>>();
  readonly #stop = new AbortController();

  constructor(index: TerminalIndexView, fetch: FetchRange) {
    this.index = index;
    this.#fetch = fetch;
  }

  get count(): number {
    return this.index.points.length;
  }

  /** The page in which that moment is: the last one that begins before it. */
  at(atMs: number): number {
    const points = this.index.points;
    let low = 0;
    let high = points.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((points[middle]?.at_ms ?? Infinity) < atMs) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Rejects when it can't be fetched; the next question tries again. */
  page(number: number): Promise<readonly CastEvent[]> {
    const known = this.#pages.get(number);
    this.#pages.delete(number);
    const page = known ?? this.#load(number);
    this.#pages.set(number, page);
    for (const oldest of this.#pages.keys()) {
      if (this.#pages.size <= pagesKeptMax) break;
      this.#pages.delete(oldest);
    }
    page.catch(() => this.#pages.delete(number));
    return page;
  }

  close(): void {
    this.#stop.abort();
    this.#pages.clear();
  }

  async #load(number: number): Promise<readonly CastEvent[]> {
    const from = this.index.points[number];
    if (from === undefined) return [];
    const to = this.index.points[number + 1]?.offset ?? this.index.terminal.bytes;
    if (to <= from.offset) return [];
    return new CastReader(from.at_ms).read(await this.#fetch(from.offset, to, this.#stop.signal));
  }
}
