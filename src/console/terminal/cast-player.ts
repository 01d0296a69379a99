// Plays a recorded terminal on a screen: a head that moves with the clock, may jump, and skips idle time. It knows neither the
// page nor how a screen draws.

import { sizeOf } from './cast-events.ts';
import type { CastPages } from './cast-pages.ts';

export const speeds = [0.5, 1, 2, 4, 8, 16] as const;
export type Speed = (typeof speeds)[number];

/** A pause up to this is waited out, also when idle time is skipped. */
export const idleMs = 1_000;
/** A jump draws the screen from the beginning of the recording when that is near, else from so many pages before it. */
const exactPages = 16;
const pagesBefore = 3;
/** Time that passed unseen (a hidden tab) is not made up for. */
const stepMsMax = 250;

export interface Screen {
  /** An empty screen of that size; with the alternate one shown if told. */
  reset(cols: number, rows: number, alternate: boolean): void;
  resize(cols: number, rows: number): void;
  /** Resolves when it is drawn. */
  write(text: string): Promise<void>;
}

export interface PlayerState {
  readonly atMs: number;
  readonly playing: boolean;
  readonly speed: Speed;
  readonly skipsIdle: boolean;
  /** What went wrong with loading, or null. */
  readonly error: Error | null;
}

export class CastPlayer {
  readonly pages: CastPages;
  readonly #screen: Screen;
  readonly #listeners = new Set<() => void>();
  #state: PlayerState = { atMs: 0, playing: false, speed: 1, skipsIdle: true, error: null };
  /** The event that comes next. */
  #page = 0;
  #event = 0;
  /** One change of the screen after the other; a newer jump makes those before it stop. */
  #work: Promise<void> = Promise.resolve();
  #jump = 0;
  #busy = false;

  constructor(pages: CastPages, screen: Screen) {
    this.pages = pages;
    this.#screen = screen;
  }

  readonly state = (): PlayerState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  get durationMs(): number {
    return this.pages.index.terminal.duration_ms;
  }

  toggle(): void {
    if (this.#state.playing) return this.#set({ playing: false });
    if (this.#state.atMs >= this.durationMs) void this.seek(0);
    this.#set({ playing: true });
  }

  setSpeed(speed: Speed): void {
    this.#set({ speed });
  }

  setSkipsIdle(skipsIdle: boolean): void {
    this.#set({ skipsIdle });
  }

  /** Draws the screen as it was at that moment. Resolves when it is drawn, or a newer jump came. */
  seek(wantedMs: number): Promise<void> {
    const atMs = Math.min(this.durationMs, Math.max(0, wantedMs));
    this.#jump += 1;
    const jump = this.#jump;
    this.#set({ atMs });
    this.#work = this.#work.then(async () => {
      if (jump !== this.#jump) return;
      await this.#orFail(async () => {
        this.#rewind(atMs);
        await this.#advance(atMs, jump);
      });
    });
    return this.#work;
  }

  /** The clock moved on by so much. Does nothing while an earlier step is still drawn. */
  tick(elapsedMs: number): void {
    const { playing, atMs, speed } = this.#state;
    if (!playing || this.#busy) return;
    this.#busy = true;
    const jump = this.#jump;
    const wantedMs = Math.min(this.durationMs, atMs + Math.min(elapsedMs, stepMsMax) * speed);
    this.#work = this.#work
      .then(() =>
        this.#orFail(async () => {
          if (jump !== this.#jump) return;
          await this.#advance(wantedMs, jump);
          const nextMs = this.#state.skipsIdle ? await this.#afterIdle(wantedMs) : wantedMs;
          if (jump === this.#jump) this.#set({ atMs: nextMs, playing: this.#state.playing && nextMs < this.durationMs });
        }),
      )
      .finally(() => (this.#busy = false));
  }

  close(): void {
    this.#jump += 1;
    this.#listeners.clear();
    this.pages.close();
  }

  #rewind(atMs: number): void {
    const { points } = this.pages.index;
    const target = this.pages.at(atMs);
    const start = target <= exactPages ? 0 : target - pagesBefore;
    const point = points[start];
    this.#page = start;
    this.#event = 0;
    if (point !== undefined) this.#screen.reset(point.cols, point.rows, point.alternate);
  }

  /** Shows everything up to that moment. */
  async #advance(toMs: number, jump: number): Promise<void> {
    for (;;) {
      const events = await this.pages.page(this.#page);
      let text = '';
      for (let event = events[this.#event]; event !== undefined && event.atMs <= toMs; event = events[this.#event]) {
        this.#event += 1;
        if (event.code === 'o') text += event.data;
        const size = event.code === 'r' ? sizeOf(event.data) : null;
        if (size === null) continue;
        await this.#screen.write(text);
        text = '';
        this.#screen.resize(size.cols, size.rows);
      }
      if (text !== '') await this.#screen.write(text);
      if (jump !== this.#jump || this.#event < events.length || this.#page + 1 >= this.pages.count) break;
      this.#page += 1;
      this.#event = 0;
    }
    // The next page is there when it is needed.
    if (this.#page + 1 < this.pages.count) void this.pages.page(this.#page + 1).catch(() => undefined);
  }

  /** Where the head goes when nothing happens for longer than `idleMs`. */
  async #afterIdle(atMs: number): Promise<number> {
    const next = (await this.pages.page(this.#page))[this.#event];
    const nextMs = next?.atMs ?? this.durationMs;
    return nextMs - atMs > idleMs ? nextMs - idleMs / 2 : atMs;
  }

  async #orFail(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      if (this.#state.error !== null) this.#set({ error: null });
    } catch (thrown) {
      this.#set({ playing: false, error: thrown instanceof Error ? thrown : new Error(String(thrown)) });
    }
  }

  #set(change: Partial<PlayerState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}
