// What may stand in the holes of an approved shape. Pure. A value is compared as the server reads it; one that can't be compared
// meets no condition but "any".

import type { Hole, HoleCondition } from '../core/shape.ts';

export const shapeConditionLimits = {
  /** Values of one list: what an approver can still read. */
  valuesMax: 100,
  valueCharsMax: 1000,
} as const;

const wholeNumber = /^-?(0|[1-9]\d{0,38})$/;

type HoleGiven = Pick<Hole, 'kind' | 'value'>;

/** Why a condition makes no sense for a hole; null when it does. `number` is the hole's, from 1. */
export function conditionProblem(hole: HoleGiven, condition: HoleCondition, number: number): string | null {
  const { valuesMax, valueCharsMax } = shapeConditionLimits;
  switch (condition.kind) {
    case 'any':
      return null;
    case 'equal':
      return condition.value === hole.value ? null : `parameter ${number}: "equal" means what stands there now`;
    case 'range': {
      const { least, most } = condition;
      if (!wholeNumber.test(least) || !wholeNumber.test(most)) return `parameter ${number}: a range is two whole numbers, such as 1..100`;
      if (BigInt(least) > BigInt(most)) return `parameter ${number}: the range ${least}..${most} is empty`;
      if (!wholeNumber.test(hole.value)) return `parameter ${number} is no whole number, so it can't lie in a range`;
      return meets(hole, condition) ? null : `parameter ${number}: ${hole.value}, which is asked for now, is not in ${least}..${most}`;
    }
    case 'one-of':
      if (condition.values.length === 0 || condition.values.length > valuesMax) return `parameter ${number}: give 1 to ${valuesMax} values`;
      if (condition.values.some((it) => it.length > valueCharsMax))
        return `parameter ${number}: a value has at most ${valueCharsMax} characters`;
      return meets(hole, condition) ? null : `parameter ${number}: what is asked for now is not among the values`;
  }
}

/** May this stand in the hole? The kind of the literal is compared by the shape itself. */
export function meets({ kind, value }: HoleGiven, condition: HoleCondition): boolean {
  switch (condition.kind) {
    case 'any':
      // To a program a word that begins with a dash is an option, and an empty one may be its whole input.
      return kind !== 'quoted' || (value !== '' && !value.startsWith('-'));
    case 'equal':
      return value === condition.value;
    case 'range':
      return wholeNumber.test(value) && BigInt(value) >= BigInt(condition.least) && BigInt(value) <= BigInt(condition.most);
    case 'one-of':
      return condition.values.includes(value);
  }
}

/** Do all holes meet what one approver agreed to? */
export function allMeet(holes: readonly HoleGiven[], conditions: readonly HoleCondition[]): boolean {
  if (holes.length !== conditions.length) return false;
  return holes.every((hole, index) => meets(hole, conditions[index] as HoleCondition));
}

/** For people and the log: "1 = 5", "2 any", "3 in 1..100", "4 one of a, b". */
export function conditionWords(condition: HoleCondition): string {
  switch (condition.kind) {
    case 'any':
      return 'any';
    case 'equal':
      return `= ${condition.value}`;
    case 'range':
      return `${condition.least}..${condition.most}`;
    case 'one-of':
      return `one of ${condition.values.join(', ')}`;
  }
}
