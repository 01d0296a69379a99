// The condition of an UPDATE or DELETE as far as it was read from the text: columns compared with literals. What is anything
// else (a function, a subquery, another table) is `not-read` and counts as true for every row.

import type { Parameter } from './action.ts';

export type ComparisonOperator = '=' | '<>' | '<' | '<=' | '>' | '>=';

export type ConditionValue =
  /** `isNumber`: written as one; MySQL compares a text with a number otherwise than with a text. Missing: not said. */
  | { readonly kind: 'literal'; readonly text: string; readonly isNumber?: boolean }
  | { readonly kind: 'parameter'; readonly number: number };

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Condition[] }
  | { readonly kind: 'not'; readonly part: Condition }
  | { readonly kind: 'compare'; readonly column: string; readonly operator: ComparisonOperator; readonly value: ConditionValue }
  | { readonly kind: 'in'; readonly column: string; readonly values: readonly ConditionValue[] }
  | { readonly kind: 'is-null'; readonly column: string }
  | { readonly kind: 'not-read' };

/** Nesting beyond this is not read. */
export const conditionDepthMax = 50;

/** Every column that a condition names. */
export function columnsOf(condition: Condition): string[] {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return condition.parts.flatMap(columnsOf);
    case 'not':
      return columnsOf(condition.part);
    case 'compare':
    case 'in':
    case 'is-null':
      return [condition.column];
    case 'not-read':
      return [];
  }
}

/** What is known of one column, from the target's own statistics. */
export interface ColumnStatistics {
  readonly nullFraction: number;
  /** Different values; null when it is not known. */
  readonly distinct: number | null;
  /** No two rows have the same value. */
  readonly isUnique: boolean;
  /** Values that stand out, in the target's text form, with the fraction of rows that have them. */
  readonly common: readonly { readonly value: string; readonly fraction: number }[];
  /** Bounds of equally filled parts of the remaining values, ascending. */
  readonly bounds: readonly string[];
  /** Fraction of the rows that came after the statistics were made: mostly above all values that are known. Missing: 0. */
  readonly unseen?: number;
  /** How values compare; `none`: only for equality. */
  readonly order: 'number' | 'time' | 'none';
}

export interface Estimate {
  /** Of all rows, 0 to 1. */
  readonly fraction: number;
  /** It may be fewer: a part of the condition could not be estimated. */
  readonly isUpperBound: boolean;
}

type Lookup = (column: string) => ColumnStatistics | undefined;
const everything: Estimate = { fraction: 1, isUpperBound: true };

/** The fraction of `rows` rows that meet the condition, parts taken as independent (as planners do). Pure. */
export function estimate(condition: Condition, rows: number, statistics: Lookup, parameters: readonly Parameter[] | null): Estimate {
  const again = (part: Condition): Estimate => estimate(part, rows, statistics, parameters);
  switch (condition.kind) {
    case 'and':
      return joined(condition.parts.map(again), (product, it) => product * it, 1);
    case 'or':
      return joined(condition.parts.map(again), (sum, it) => sum + it - sum * it, 0);
    case 'not': {
      const inner = again(condition.part);
      return inner.isUpperBound ? everything : { fraction: bounded(1 - inner.fraction), isUpperBound: false };
    }
    case 'is-null': {
      const known = statistics(condition.column);
      return known === undefined ? everything : sure(known.nullFraction);
    }
    case 'in': {
      const known = statistics(condition.column);
      const values = condition.values.map((it) => textOf(it, parameters));
      if (known === undefined || values.includes(undefined)) return everything;
      const parts = values.map((it) => equal(it ?? null, known, rows));
      return joined(parts, (sum, it) => sum + it, 0);
    }
    case 'compare': {
      const known = statistics(condition.column);
      const value = textOf(condition.value, parameters);
      if (known === undefined || value === undefined) return everything;
      if (condition.operator === '=') return equal(value, known, rows);
      if (value === null) return sure(0);
      if (condition.operator === '<>') {
        const same = equal(value, known, rows);
        return same.isUpperBound ? everything : sure(1 - known.nullFraction - same.fraction);
      }
      return ordered(condition.operator, value, known);
    }
    case 'not-read':
      return everything;
  }
}

/** Undefined: a parameter that nobody knows. Null: SQL NULL. */
function textOf(value: ConditionValue, parameters: readonly Parameter[] | null): string | null | undefined {
  return value.kind === 'literal' ? value.text : parameters?.[value.number - 1]?.text;
}

/** `column = value` */
function equal(value: string | null, known: ColumnStatistics, rows: number): Estimate {
  if (value === null) return sure(0);
  const standsOut = known.common.find((it) => isSame(it.value, value, known.order));
  if (standsOut !== undefined) return sure(standsOut.fraction);
  if (known.isUnique) return sure(rows <= 0 ? 0 : 1 / rows);
  if (known.distinct === null) return everything;
  const rest = 1 - known.nullFraction - known.common.reduce((sum, it) => sum + it.fraction, 0);
  return sure(rest / Math.max(1, known.distinct - known.common.length));
}

/** `column < value` and its like, from the values that stand out and the bounds of the rest. */
function ordered(operator: '<' | '<=' | '>' | '>=', value: string, known: ColumnStatistics): Estimate {
  const at = positionOf(value, known.order);
  const bounds = known.bounds.map((it) => positionOf(it, known.order));
  const common = known.common.map((it) => ({ at: positionOf(it.value, known.order), fraction: it.fraction }));
  if (Number.isNaN(at) || [...bounds, ...common.map((it) => it.at)].some(Number.isNaN)) return everything;
  if (bounds.length < 2 && common.length === 0) return everything;
  const below = operator === '<' || operator === '<=';
  const meets = (it: number): boolean => (below ? it < at : it > at) || (it === at && operator.length === 2);
  const ofCommon = common.reduce((sum, it) => sum + (meets(it.at) ? it.fraction : 0), 0);
  const rest = Math.max(0, 1 - known.nullFraction - common.reduce((sum, it) => sum + it.fraction, 0));
  const under = bounds.length < 2 ? 0 : shareBelow(at, bounds);
  return sure(ofCommon + rest * (below ? under : 1 - under) + (below ? 0 : (known.unseen ?? 0)));
}

function shareBelow(at: number, bounds: readonly number[]): number {
  const parts = bounds.length - 1;
  const after = bounds.findIndex((it) => it > at);
  if (after === 0) return 0;
  if (after === -1) return 1;
  const [low, high] = [bounds[after - 1] as number, bounds[after] as number];
  return (after - 1 + (high === low ? 0.5 : (at - low) / (high - low))) / parts;
}

function positionOf(value: string, order: ColumnStatistics['order']): number {
  switch (order) {
    case 'number':
      return value.trim() === '' ? Number.NaN : Number(value);
    case 'time':
      return Date.parse(/^\d{4}-\d\d-\d\d$/.test(value) ? `${value}T00:00:00Z` : withZone(value));
    case 'none':
      return Number.NaN;
  }
}

/** Times without a zone are read as UTC on both sides of a comparison. */
function withZone(value: string): string {
  const iso = value
    .trim()
    .replace(' ', 'T')
    .replace(/([+-]\d\d)$/, '$1:00');
  return /(?:Z|[+-]\d\d:\d\d)$/.test(iso) ? iso : `${iso}Z`;
}

function isSame(one: string, other: string, order: ColumnStatistics['order']): boolean {
  return one === other || (order !== 'none' && positionOf(one, order) === positionOf(other, order));
}

function joined(parts: readonly Estimate[], join: (sum: number, fraction: number) => number, start: number): Estimate {
  return {
    fraction: bounded(parts.reduce((sum, it) => join(sum, it.fraction), start)),
    isUpperBound: parts.some((it) => it.isUpperBound),
  };
}

function sure(fraction: number): Estimate {
  return { fraction: bounded(fraction), isUpperBound: false };
}

function bounded(fraction: number): number {
  return Math.min(1, Math.max(0, fraction));
}
