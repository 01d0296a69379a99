// What a plan of masks would do to the columns of a result, without the result: for tests of policies and for explaining them.

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

/** `statements`: the fields of each statement of the text; null: they can't be told. */
export function outlineOf(plan: MaskPlan, statements: readonly (readonly ResultField[] | null)[] | null): MaskOutline {
  if (plan.kind === 'refuse') return { kind: 'refused', message: plan.message };
  if (plan.kind === 'none') return { kind: 'columns', columns: shown((statements ?? []).flatMap((fields) => fields ?? [])) };
  if (statements === null) return { kind: 'unknown' };
  const columns: OutlinedColumn[] = [];
  for (const [at, fields] of statements.entries()) {
    if (fields === null) return { kind: 'unknown' };
    const masks = plan.masking.fields(at, fields, new Map());
    fields.forEach(({ name }, place) => {
      const mask = masks[place] ?? null;
      columns.push({ name, with: mask === null ? 'shown' : mask.whole ? mask.method : 'searched' });
    });
  }
  return { kind: 'columns', columns };
}

function shown(fields: readonly ResultField[]): OutlinedColumn[] {
  return fields.map(({ name }) => ({ name, with: 'shown' }));
}
