// Keeps what is known of each target's own objects, loads it over the gateway's own connection, and lets nobody judge by an
// old one after a change that went through the gateway.

import type { Catalogue } from './action.ts';
import { ownCount, type ChangeCount } from './change-count.ts';
import type { Clock } from './clock.ts';
import { messageOf } from './errors.ts';
import type { Log } from './driver.ts';

/** A catalogue older than this is read again before anything is judged by it: changes may come from elsewhere. */
export const catalogueAgeMsMax = 30_000;
/** Time for reading one. */
export const catalogueLoadMsMax = 15_000;

export type LoadCatalogue = (signal: AbortSignal) => Promise<Catalogue>;

export class CatalogueEntry {
  readonly #load: LoadCatalogue;
  readonly #clock: Clock;
  readonly #log: Log;
  #current: Catalogue | null = null;
  #loadedMs = 0;
  /** Changes seen so far, here or in another thread, and how many the current one knows. */
  readonly #changes: ChangeCount;
  #known = -1;
  #loading: Promise<void> | null = null;

  constructor(load: LoadCatalogue, clock: Clock, log: Log, changes: ChangeCount = ownCount()) {
    this.#changes = changes;
    this.#load = load;
    this.#clock = clock;
    this.#log = log;
  }

  /** Null when it could not be read: then nothing of the target's own objects is known, and calls of them wait for people. */
  get current(): Catalogue | null {
    return this.#known === this.#changes.now ? this.#current : null;
  }

  /** False when a change is not known yet, or when the catalogue is old. */
  get isFresh(): boolean {
    return this.#known === this.#changes.now && this.#clock.monotonicMs() - this.#loadedMs <= catalogueAgeMsMax;
  }

  changed(): void {
    this.#changes.raise();
  }

  /** Resolves when the catalogue is as new as the last change, or could not be had. Never rejects. */
  async refresh(): Promise<void> {
    if (this.isFresh) return;
    this.#loading ??= this.#reload().finally(() => (this.#loading = null));
    await this.#loading;
  }

  async #reload(): Promise<void> {
    const upTo = this.#changes.now;
    const startedMs = this.#clock.monotonicMs();
    try {
      const catalogue = await this.#load(AbortSignal.timeout(catalogueLoadMsMax));
      this.#current = this.#current?.version === catalogue.version ? this.#current : catalogue;
    } catch (thrown) {
      this.#log.warn({ err: messageOf(thrown) }, 'the catalogue of a target could not be read: its own functions and views are unknown');
      this.#current = null;
    }
    this.#known = upTo;
    this.#loadedMs = startedMs;
  }
}
