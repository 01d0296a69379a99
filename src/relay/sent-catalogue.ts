// Catalogues of targets between threads. They are large and seldom change, so each is sent once: both sides keep the same last few and
// forget the same ones, because messages come in order.

import type { Catalogue } from '../core/action.ts';

/** Kept on each side of one thread. */
export const cataloguesMax = 16;

export interface SentCatalogue {
  readonly number: number;
  /** Missing: sent before, and not forgotten yet. */
  readonly whole?: Catalogue;
}

export class CatalogueSender {
  readonly #numbers = new Map<Catalogue, number>();
  #last = 0;

  send(catalogue: Catalogue): SentCatalogue {
    const known = this.#numbers.get(catalogue);
    if (known !== undefined) return { number: known };
    const number = ++this.#last;
    this.#numbers.set(catalogue, number);
    forgetFirst(this.#numbers);
    return { number, whole: { version: catalogue.version, content: catalogue.content } };
  }
}

export class CatalogueReceiver {
  readonly #byNumber = new Map<number, Catalogue>();

  /** Throws when it was never sent whole: then the two sides disagree. */
  receive({ number, whole }: SentCatalogue): Catalogue {
    const catalogue = whole ?? this.#byNumber.get(number);
    if (catalogue === undefined) throw new Error(`catalogue ${number} was not sent`);
    if (whole !== undefined) {
      this.#byNumber.set(number, whole);
      forgetFirst(this.#byNumber);
    }
    return catalogue;
  }
}

function forgetFirst(kept: Map<unknown, unknown>): void {
  if (kept.size <= cataloguesMax) return;
  for (const first of kept.keys()) {
    kept.delete(first);
    return;
  }
}
