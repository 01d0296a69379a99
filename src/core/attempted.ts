// What a statement is judged as once the target's read-only mode has stopped it: what it was before, and a change that its text
// did not show.

import type { Classification } from './classification.ts';
import type { EffectVerb } from './effect.ts';
import { classificationOf } from './summary.ts';

/** Words of a target may hold whole statements of functions. */
const wordsMax = 500;

/** One sentence for people; `said` are the target's own words. */
export function attemptSentence(said: string): string {
  return `the database stopped a write that the text does not show: ${said}`.slice(0, wordsMax);
}

/** As an action that changes something: the verb that was stopped (null: not known), and whatever comes behind it, which nobody knows. */
export function attempted(classification: Classification, verb: EffectVerb | null, why: string): Classification {
  const statements = classification.statements.map((statement) => ({
    ...statement,
    effects: [
      ...statement.effects,
      ...(verb === null ? [] : [{ verb, access: 'write', objectKind: 'other', object: null } as const]),
      { verb: 'unknown', access: 'unknown', objectKind: 'other', object: 'what the statement calls' } as const,
    ],
    risks: [...statement.risks, { ...statement.span, why }],
  }));
  return classificationOf(statements);
}
