// One object for summaries that say the same: decisions, audit and recordings know what they made for one by that object, and a statement
// of a form that was never seen mostly reads the columns that others read. Only of what reads: there may be no doubt about anything else.

import type { Classification, ClassificationSummary } from '../../src/core/classification.ts';
import { effectKey } from '../../src/core/effect.ts';

/** When there are more, all are forgotten; a name here is a table's or a column's. */
const summariesMax = 1_000;
const namesMax = 128;

export class SharedSummaries {
  readonly #known = new Map<string, ClassificationSummary>();

  /** The same classification, with the summary that was the first to say this. Its spans and risks stay its own. */
  shared(classification: Classification): Classification {
    const { understood, problem, statements, summary } = classification;
    const key = understood && statements.length === 1 && summary.access === 'read' ? keyOf(summary) : null;
    if (key === null) return classification;
    const known = this.#known.get(key);
    if (known !== undefined) return { understood, problem, statements, summary: known };
    if (this.#known.size >= summariesMax) this.#known.clear();
    this.#known.set(key, summary);
    return classification;
  }
}

/** Everything that a summary says: its lists of verbs, tables and functions are made of the effects. No name has a NUL in it. */
function keyOf({ kinds, access, effects, missingWhere, columns }: ClassificationSummary): string | null {
  if (columns === undefined || effects.length + columns.read.length + columns.asked.length + columns.written.length > namesMax) return null;
  let key = `${access} ${missingWhere ? 1 : 0} ${kinds.length}`;
  for (const kind of kinds) key += `\0${kind}`;
  for (const effect of effects) key += `\0${effectKey(effect)}`;
  for (const names of [columns.read, columns.asked, columns.written]) {
    key += `\0${names.length}`;
    for (const name of names) key += `\0${name}`;
  }
  return key;
}
