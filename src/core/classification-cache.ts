// Classifications, or what else is known of a text, by mode and exact text, in two generations: when the young one is full it
// becomes the old one, and what is still asked for comes back. A hit makes no object and moves nothing while the entry is young.

import type { Classification } from './classification.ts';

type Generation<Known> = Map<string, Map<string, Known>>;

export interface CacheLimits {
  /** Entries of one generation; there are two. */
  readonly entriesMax: number;
  /** UTF-16 units of cached texts in one generation. */
  readonly textUnitsMax: number;
}

/** 10,000 statements in two generations; 8 million units of text (16 MB at worst) in each. */
export const cacheLimits: CacheLimits = { entriesMax: 5_000, textUnitsMax: 8_000_000 };

export class ClassificationCache<Known extends object = Classification> {
  readonly #limits: CacheLimits;
  #young: Generation<Known> = new Map();
  #old: Generation<Known> = new Map();
  #entries = 0;
  #textUnits = 0;

  constructor(limits: CacheLimits = cacheLimits) {
    this.#limits = limits;
  }

  get(modeKey: string, text: string): Known | undefined {
    const young = this.#young.get(modeKey)?.get(text);
    if (young !== undefined) return young;
    const old = this.#old.get(modeKey)?.get(text);
    if (old !== undefined) this.set(modeKey, text, old);
    return old;
  }

  set(modeKey: string, text: string, known: Known): void {
    if (text.length > this.#limits.textUnitsMax) return;
    if (this.#entries >= this.#limits.entriesMax || this.#textUnits + text.length > this.#limits.textUnitsMax) this.#age();
    let texts = this.#young.get(modeKey);
    if (texts === undefined) {
      texts = new Map();
      this.#young.set(modeKey, texts);
    }
    if (texts.has(text)) return;
    texts.set(text, known);
    this.#entries += 1;
    this.#textUnits += text.length;
  }

  /** Entries of both generations. */
  get size(): number {
    let count = 0;
    for (const generation of [this.#young, this.#old]) for (const texts of generation.values()) count += texts.size;
    return count;
  }

  #age(): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#entries = 0;
    this.#textUnits = 0;
  }
}
