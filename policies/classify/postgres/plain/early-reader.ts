// The early reader of plain queries as the parser uses it: what it says counts as long as it is trusted, and trust is put to the test by
// PostgreSQL's own parser, whose word then counts.

import type { Parsed } from '../parsed.ts';
import type { RawStatement } from '../tree.ts';
import { firstDifference } from './difference.ts';
import type { PlainTrust } from './trust.ts';

/** PlainQueries, or one that a test has broken. */
export interface PlainReader {
  read(text: string): RawStatement | null;
}

export class EarlyReader {
  readonly #reader: PlainReader;
  readonly #trust: PlainTrust;
  readonly #inFull: (text: string) => Parsed;

  constructor(reader: PlainReader, trust: PlainTrust, inFull: (text: string) => Parsed) {
    this.#reader = reader;
    this.#trust = trust;
    this.#inFull = inFull;
  }

  /** What the text says, or null when the parser has to tell. Never throws. */
  read(text: string): Parsed | null {
    if (this.#trust.isLost) return null;
    const statement = this.#readPlainly(text);
    if (statement === null) return null;
    const early: Parsed = { kind: 'statements', statements: [statement], byteLength: text.length };
    return this.#trust.isDue() ? this.#compared(text, early) : early;
  }

  #readPlainly(text: string): RawStatement | null {
    try {
      return this.#reader.read(text);
    } catch (thrown) {
      // The stack may be short through no fault of the reader's. Anything else is a mistake in it.
      if (!(thrown instanceof RangeError)) this.#trust.lose(`it failed: ${thrown instanceof Error ? thrown.name : 'unknown error'}`);
      return null;
    }
  }

  #compared(text: string, early: Parsed): Parsed {
    const parsed = this.#inFull(text);
    // The parser has just been thrown away, and says nothing of this text.
    if (parsed.kind === 'gave-up') return early;
    const difference = parsed.kind === 'statements' ? firstDifference(early, parsed) : 'a syntax error';
    if (difference === null) return early;
    this.#trust.lose(difference);
    return parsed;
  }
}
