// What is chosen in the form of a shape, as the API wants it; and conditions in words.

import type { HoleConditionBody, HoleConditionView } from '../api/contract.ts';

export type HoleChoice = 'equal' | 'any' | 'range' | 'one-of';

export interface HoleDraft {
  readonly choice: HoleChoice;
  readonly least: string;
  readonly most: string;
  /** One value a line. */
  readonly values: string;
}

const wholeNumber = /^-?(0|[1-9]\d{0,38})$/;

export function firstDraft(value: string): HoleDraft {
  return { choice: 'equal', least: wholeNumber.test(value) ? value : '', most: wholeNumber.test(value) ? value : '', values: value };
}

/** What can be chosen for what stands there now. */
export function choicesFor(value: string): readonly (readonly [HoleChoice, string])[] {
  return [
    ['equal', 'exactly this'],
    ...(wholeNumber.test(value) ? [['range', 'a number from … to …'] as const] : []),
    ['one-of', 'one of these'],
    ['any', 'anything'],
  ];
}

/** Null when something is missing or wrong. */
export function conditionOf(draft: HoleDraft): HoleConditionBody | null {
  switch (draft.choice) {
    case 'equal':
    case 'any':
      return { kind: draft.choice };
    case 'range': {
      const [least, most] = [draft.least.trim(), draft.most.trim()];
      if (!wholeNumber.test(least) || !wholeNumber.test(most) || BigInt(least) > BigInt(most)) return null;
      return { kind: 'range', least, most };
    }
    case 'one-of': {
      const values = draft.values.split('\n').filter((line) => line !== '');
      return values.length === 0 ? null : { kind: 'one-of', values };
    }
  }
}

export function conditionWords(condition: HoleConditionView): string {
  switch (condition.kind) {
    case 'any':
      return 'anything';
    case 'equal':
      return `exactly ${condition.value}`;
    case 'range':
      return `${condition.least} to ${condition.most}`;
    case 'one-of':
      return `one of ${condition.values.join(', ')}`;
  }
}
