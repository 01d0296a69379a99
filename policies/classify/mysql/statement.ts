// One statement while it is judged: where it stands among the tokens, what was found of it so far, and the ways in which judging
// ends. It knows no verb; files named …-statements.ts know theirs.

import type { Span } from '../../../src/core/classification.ts';
import type { EffectVerb } from '../../../src/core/effect.ts';
import { FactsBuilder } from './facts-builder.ts';
import { plainParts, readParts } from './query-parts.ts';
import { unknownStatement, wordAt, type Judged, type Reading } from './reading.ts';

export class Statement {
  readonly reading: Reading;
  /** Index of its first token: the verb, or a parenthesis around the query. */
  readonly from: number;
  readonly verbAt: number;
  /** Index behind its last token. */
  readonly to: number;
  /** How many statements it stands in. */
  readonly nesting: number;
  readonly facts: FactsBuilder;
  /** What follows in the same text is read otherwise than this one. */
  changesReading = false;

  constructor(reading: Reading, from: number, verbAt: number, to: number, nesting: number) {
    this.reading = reading;
    this.from = from;
    this.verbAt = verbAt;
    this.to = to;
    this.nesting = nesting;
    this.facts = new FactsBuilder((wordAt(reading.tokens, verbAt) ?? '').toLowerCase());
  }

  /** The word so many tokens after the verb. */
  word(offset: number): string | null {
    return wordAt(this.reading.tokens, this.verbAt + offset, this.to);
  }

  /** In the text, from the verb on. */
  get span(): Span {
    const { tokens } = this.reading;
    return { start: tokens[this.verbAt]?.start ?? 0, end: tokens[this.to - 1]?.end ?? 0 };
  }

  // ---- how judging ends ----

  /** All of it was looked at. */
  done(): Judged {
    const start = this.reading.tokens[this.from]?.start ?? 0;
    return { kind: 'facts', facts: this.facts.done({ start, end: this.span.end }), changesReading: this.changesReading };
  }

  /** The rest does what expressions and queries in it do, and by the verb something within the session. */
  parts(from: number, verb: EffectVerb | null = null): Judged {
    if (verb !== null) this.facts.effect(verb, 'session');
    readParts(this.reading, from, this.to, this.facts, plainParts);
    return this.done();
  }

  /** It changes something that has no name in the text. */
  whole(verb: EffectVerb, why: string): Judged {
    this.facts.kind = [this.facts.kind, this.word(1)?.toLowerCase()].filter(Boolean).join(' ');
    this.facts.effect(verb, 'write');
    this.facts.risk(this.span, why);
    return this.parts(this.verbAt + 1);
  }

  unknown(message: string): Judged {
    return unknownStatement(message, this.span.start);
  }
}
