// Rows that foreign keys delete or change along with others: a change of their tables too, though the text does not name them.

import type { CatalogueRelation } from '../../../src/core/catalogue.ts';
import { changesFollowing, type RowChange } from '../following-changes.ts';
import type { Context } from './context.ts';
import type { Findings } from './findings.ts';
import type { KnownObjects } from './known-objects.ts';
import { relationNamed, writeRelation, type Relation } from './objects.ts';

/** Notes the changes that follow from a DELETE or UPDATE of a relation, and from those again. */
export function noteFollowers(
  verb: RowChange['verb'],
  relation: Relation,
  columns: readonly string[] | null,
  findings: Findings,
  context: Context,
): void {
  const { known } = context;
  if (known === null) return;
  const first = relation.known.flatMap((one) => touched(one, known).map((of) => ({ verb, of, columns })));
  const following = changesFollowing(
    first,
    (id) => known.relationById(id),
    (one) => touched(one, known),
  );
  for (const { verb: follows, of } of following) {
    if (findings.problem !== null) return;
    writeRelation(follows, relationNamed(of.schema, of.name, context), findings, context);
  }
}

/** The relation, what inherits from it, and the tables behind a view. */
function touched(relation: CatalogueRelation, known: KnownObjects): readonly CatalogueRelation[] {
  const found = new Set([relation]);
  for (const one of found) {
    for (const inheritor of known.inheritors(one.id)) found.add(inheritor);
    for (const behind of known.changedBehind(one)) found.add(behind);
  }
  return [...found];
}
