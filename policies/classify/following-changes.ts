// Rows that foreign keys delete or change along with others (ON DELETE, ON UPDATE with CASCADE, SET NULL, SET DEFAULT), and along with
// those again: which changes follow from some, by the catalogue alone.

import type { CatalogueFollower, CatalogueRelation } from '../../src/core/catalogue.ts';

/** `columns`: those that an UPDATE sets; null when that is not known. */
export interface RowChange {
  readonly verb: 'delete' | 'update';
  readonly of: CatalogueRelation;
  readonly columns: readonly string[] | null;
}

/** `touched`: a relation and those whose rows are changed with it. The same change may be told more than once. */
export function* changesFollowing(
  first: readonly RowChange[],
  relationById: (id: string) => CatalogueRelation | undefined,
  touched: (relation: CatalogueRelation) => readonly CatalogueRelation[],
): Generator<Pick<RowChange, 'verb' | 'of'>> {
  const waiting = [...first];
  const seen = new Set<string>();
  for (let change = waiting.pop(); change !== undefined; change = waiting.pop()) {
    const key = JSON.stringify([change.verb, change.of.id, change.columns]);
    if (seen.has(key)) continue;
    seen.add(key);
    for (const follower of change.of.followedBy ?? []) {
      const verb = verbOf(change, follower);
      const of = relationById(follower.relation);
      if (verb === null || of === undefined) continue;
      yield { verb, of };
      for (const one of touched(of)) waiting.push({ verb, of: one, columns: follower.changed });
    }
  }
}

function verbOf({ verb, columns }: RowChange, { onDelete, onUpdate, columns: keys }: CatalogueFollower): RowChange['verb'] | null {
  if (verb === 'delete') return onDelete;
  const reaches = columns === null || keys.some((key) => columns.includes(key));
  return onUpdate && reaches ? 'update' : null;
}
