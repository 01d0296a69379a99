// The masks of fields: a column's own, and what detectors find in all others.

import type { FieldMask, MaskRule } from '../../src/core/masking.ts';
import type { ColumnMask } from './columns.ts';
import { replaceFound } from './detectors.ts';
import { fixedText, masked, stricter } from './methods.ts';

export class FieldMasks {
  readonly #key: Buffer;
  readonly #searching: FieldMask | null;
  readonly #whole = new Map<string, FieldMask>();

  /** `key`: for hashes, the gateway's own. */
  constructor(rules: readonly MaskRule[], key: Buffer) {
    this.#key = key;
    const searching = rules.filter(({ detector }) => detector !== null);
    const [first] = searching;
    this.#searching =
      first === undefined
        ? null
        : {
            whole: false,
            method: searching.reduce((method, rule) => stricter(method, rule.with), first.with),
            text: (value) => this.#search(value, searching),
          };
  }

  /** What is looked for in every field that no column rule hides; null: nothing. */
  get searching(): FieldMask | null {
    return this.#searching;
  }

  /** For a field that is hidden (or null: is not) by its column. */
  of(mask: ColumnMask | null): FieldMask | null {
    if (mask === null) return this.#searching;
    const { method, isComputed = false } = mask;
    const shown = isComputed && method === 'partial' ? 'fixed' : method;
    let whole = this.#whole.get(`${method} ${shown}`);
    if (whole === undefined) {
      whole = { whole: true, method, text: (value) => masked(value, shown, this.#key) };
      this.#whole.set(`${method} ${shown}`, whole);
    }
    return whole;
  }

  #search(value: string, rules: readonly MaskRule[]): string | null {
    let text: string | null = value;
    for (const { detector, with: method } of rules) {
      if (detector === null || text === null) continue;
      text = replaceFound(text, detector, (found) => (method === 'null' ? null : (masked(found, method, this.#key) ?? fixedText)));
    }
    return text;
  }
}
