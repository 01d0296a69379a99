// Rows that foreign keys delete or change along with others (ON DELETE, ON UPDATE with CASCADE, SET NULL, SET DEFAULT): a change of their
// tables too, though the text does not name them.

import type { CatalogueFollower, CatalogueRelation } from '../../../src/core/catalogue.ts';
import type { Context } from './context.ts';
import type { Findings } from './findings.ts';
import type { KnownObjects } from './known-objects.ts';
import { relationNamed, writeRelation, type Relation } from './objects.ts';

type Verb = 'delete' | 'update';

/** `columns`: those that an UPDATE sets; null when that is not known. */
interface Change {
  readonly verb: Verb;
  readonly of: CatalogueRelation;
  readonly columns: readonly string[] | null;
}

/** Notes the changes that follow from a DELETE or UPDATE of a relation, and from those again. */
export function noteFollowers(
  verb: Verb,
  relation: Relation,
  columns: readonly string[] | null,
  findings: Findings,
  context: Context,
): void {
  const { known } = context;
  if (known === null) return;
  const waiting: Change[] = relation.known.flatMap((one) => touched(one, known).map((of) => ({ verb, of, columns })));
  const seen = new Set<string>();
  for (let change = waiting.pop(); change !== undefined; change = waiting.pop()) {
    const key = JSON.stringify([change.verb, change.of.id, change.columns]);
    if (seen.has(key) || findings.problem !== null) continue;
    seen.add(key);
    for (const follower of change.of.followedBy ?? []) {
      const follows = verbOf(change, follower);
      const of = known.relationById(follower.relation);
      if (follows === null || of === undefined) continue;
      writeRelation(follows, relationNamed(of.schema, of.name, context), findings, context);
      for (const one of touched(of, known)) waiting.push({ verb: follows, of: one, columns: follower.changed });
    }
  }
}

function verbOf({ verb, columns }: Change, { onDelete, onUpdate, columns: keys }: CatalogueFollower): Verb | null {
  if (verb === 'delete') return onDelete;
  const reaches = columns === null || keys.some((key) => columns.includes(key));
  return onUpdate && reaches ? 'update' : null;
}

/** The relation, what inherits from it, and the tables behind a view. */
function touched(relation: CatalogueRelation, known: KnownObjects): readonly CatalogueRelation[] {
  const found = new Set([relation]);
  for (const one of found) {
    for (const inheritor of known.inheritors(one.id)) found.add(inheritor);
    if (one.kind !== 'view') continue;
    for (const id of one.reading.relations) {
      const behind = known.relationById(id);
      if (behind !== undefined) found.add(behind);
    }
  }
  return [...found];
}
