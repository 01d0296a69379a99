// What a plan of masks would do to the columns of a result, without the result: for tests of policies and for explaining them.

import type { Action } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import type { MaskMethod, MaskPlan, ResultField } from '../../src/core/masking.ts';

export interface OutlinedColumn {
  readonly name: string;
  /** How it is hidden; "searched": only what a detector finds in it; "shown": not at all. */
  readonly with: MaskMethod | 'searched' | 'shown';
}

export type MaskOutline =
  | { readonly kind: 'columns'; readonly columns: readonly OutlinedColumn[] }
  /** It would not run. */
  | { readonly kind: 'refused'; readonly message: string }
  /** Which columns it returns can't be told from the text and the tables that are known. */
  | { readonly kind: 'unknown' };

/** The fields of each statement of a text, as far as they can be told without the target; null: not told. */
export type FieldsOf = (action: Action, classification: Classification) => readonly (readonly ResultField[] | null)[] | null;

export function outlineOf(plan: MaskPlan, statements: readonly (readonly ResultField[] | null)[] | null): MaskOutline {
  if (plan.kind === 'refuse') return { kind: 'refused', message: plan.message };
  if (statements === null) return { kind: 'unknown' };
  const columns: OutlinedColumn[] = [];
  for (const [at, fields] of statements.entries()) {
    if (fields === null) return { kind: 'unknown' };
    const masks = plan.kind === 'none' ? [] : plan.masking.fields(at, fields, new Map());
    fields.forEach(({ name }, place) => {
      const mask = masks[place] ?? null;
      columns.push({ name, with: mask === null ? 'shown' : mask.whole ? mask.method : 'searched' });
    });
  }
  return { kind: 'columns', columns };
}
