// What was judged of texts that differ only in literals, kept by the text without them. A form counts once two of its texts were judged
// in full with equal results. Which literals can be taken out, and what a masked text looks like, each classifier says for itself.

import { isDeepStrictEqual } from 'node:util';
import type { Action } from '../../src/core/action.ts';
import type { Classification, StatementFacts } from '../../src/core/classification.ts';
import { ClassificationCache } from '../../src/core/classification-cache.ts';
import { formOf, KnownForms, type Form, type LiteralRules } from './known-forms.ts';
import { markOfForm, markOfText, SeenMarks } from './seen-marks.ts';

/** In each of two generations, of texts seen once and of texts known. */
const limits = { entriesMax: 2_000, textUnitsMax: 2_000_000 };
/** From so many UTF-16 units on a text is compared with what is like it before it is looked up, and remembered when it comes again. */
const longUnits = 256;

interface KnownForm extends Form {
  readonly classification: Classification;
}

export class MaskedLiterals {
  readonly #rules: LiteralRules;
  readonly #seenOnce = new ClassificationCache(limits);
  readonly #known = new ClassificationCache<KnownForm>(limits);
  readonly #forms: KnownForms<KnownForm>;
  readonly #texts = new SeenMarks();
  readonly #formMarks = new SeenMarks();

  constructor(rules: LiteralRules) {
    this.#rules = rules;
    this.#forms = new KnownForms(rules);
  }

  /** What `exact` knows of the text, or a comparison with the forms tells of it; undefined: `get` may know it all the same. */
  found(action: Action, exact: ClassificationCache): Classification | undefined {
    const { text, mode } = action;
    // Looking a long text up costs more than comparing it: each comes in a string whose hash is not known yet.
    if (text.length >= longUnits)
      return this.#compared(action) ?? (this.#texts.has(markOfText(text)) ? exact.get(mode.key, text) : undefined);
    return exact.get(mode.key, text) ?? this.#compared(action);
  }

  /** Remembers what a text was judged to be; of a long one the second time that it comes. */
  keep({ mode, text }: Action, classification: Classification, exact: ClassificationCache): void {
    if (text.length < longUnits || this.#texts.note(markOfText(text))) exact.set(mode.key, text, classification);
  }

  /** Whether its form is worth being known: that of a long text when it may have come before. */
  mayRecur(text: string): boolean {
    return text.length < longUnits || this.#formMarks.note(markOfForm(text, this.#rules.literalsOf(text)));
  }

  #compared(action: Action): Classification | undefined {
    const known = this.#forms.find(action);
    return known === undefined ? undefined : ofText(known, action.text);
  }

  /** The classification of a text that is `masked` without its literals, or undefined. Its own object, as for every other text. */
  get(modeKey: string, masked: string, text: string): Classification | undefined {
    const known = this.#known.get(modeKey, masked);
    if (known === undefined) return undefined;
    this.#forms.add(modeKey, known);
    return ofText(known, text);
  }

  /** Takes note of what a text was judged to be in full. The second time the same counts from then on. */
  note(modeKey: string, masked: string, text: string, classification: Classification): void {
    if (!isPlainRead(classification)) return;
    const ofMasked = moved(classification, masked.length - text.length);
    const before = this.#seenOnce.get(modeKey, masked);
    if (before === undefined) this.#seenOnce.set(modeKey, masked, ofMasked);
    else if (isDeepStrictEqual(before, ofMasked)) {
      const known = { ...formOf(masked, this.#rules), classification: ofMasked };
      this.#known.set(modeKey, masked, known);
      this.#forms.add(modeKey, known);
    }
  }
}

function ofText({ classification, masked }: KnownForm, text: string): Classification {
  return moved(classification, text.length - masked.length);
}

/** One SELECT that only reads, with nothing that points into the text but its own span. */
function isPlainRead({ understood, statements, summary }: Classification): boolean {
  const [only] = statements;
  return (
    understood &&
    statements.length === 1 &&
    only !== undefined &&
    only.kind === 'select' &&
    summary.access === 'read' &&
    !only.missingWhere &&
    only.risks.length === 0 &&
    only.changes.length === 0
  );
}

/** All that is masked stands between the statement's first character and its last, so its end moves and its start does not. */
function moved(classification: Classification, units: number): Classification {
  const [only] = classification.statements as readonly [StatementFacts];
  const statement: StatementFacts = { ...only, span: { start: only.span.start, end: only.span.end + units } };
  const { understood, problem, summary } = classification;
  return { understood, problem, statements: [statement], summary };
}
