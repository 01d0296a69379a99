// What was made of an action, for the next one that is like it. Sessions run a handful of statements in turn, and many sessions the
// same ones: what is written of them differs in times, numbers and literals only. Found by what the text means and the rule that let it run.

import type { Action } from './action.ts';
import type { ClassificationSummary } from './classification.ts';
import type { RuleRef } from './decision.ts';

/** Of one summary: in and out of a transaction, by a few rules. */
const variantsMax = 8;
/** When there are more, it begins anew. */
const keptMax = 1024;

export interface Likeness {
  readonly rule: RuleRef;
  readonly kind: Action['kind'];
  readonly transaction: Action['transaction'];
}

export class AlikeActions<Made extends Likeness> {
  #bySummary = new WeakMap<ClassificationSummary, Made[]>();
  #kept = 0;

  /** Texts that differ only in literals have classifications of their own, and one summary. */
  find(summary: ClassificationSummary, rule: RuleRef, { kind, transaction }: Action): Made | undefined {
    const variants = this.#bySummary.get(summary);
    if (variants === undefined) return undefined;
    for (const made of variants) if (made.kind === kind && made.transaction === transaction && isSameRule(made.rule, rule)) return made;
    return undefined;
  }

  /** For what was not found. */
  keep(summary: ClassificationSummary, made: Made): void {
    if (this.#kept >= keptMax) {
      this.#bySummary = new WeakMap();
      this.#kept = 0;
    }
    this.#kept += 1;
    const variants = this.#bySummary.get(summary);
    if (variants === undefined) this.#bySummary.set(summary, [made]);
    else {
      if (variants.length >= variantsMax) variants.shift();
      variants.push(made);
    }
  }
}

/** Where several rules allow together, each session's decision has an object of its own for them. */
function isSameRule(one: RuleRef, other: RuleRef): boolean {
  return one === other || (one.id === other.id && one.version === other.version);
}
