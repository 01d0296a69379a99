// What a change of a relation changes besides, though the text does not name it: the table behind a view, tables that inherit from it, and
// the tables that it is a part of. Partitions are not listed: which of them hold the rows is the parent's business, and there may be thousands.

import type { CatalogueRelation } from '../../../src/core/catalogue.ts';
import type { Effect, EffectVerb } from '../../../src/core/effect.ts';
import type { Findings } from './findings.ts';
import type { KnownObjects } from './known-objects.ts';
import { dotted } from './names.ts';

/** Verbs of rows; of these, those that reach the rows of tables that inherit. */
const ofRows: ReadonlySet<EffectVerb> = new Set(['insert', 'update', 'delete', 'truncate', 'bulk-load']);
const ofRowsBelow: ReadonlySet<EffectVerb> = new Set(['update', 'delete', 'truncate']);

/** A change of rows, or DROP, which takes the rows from the tables that it is a part of. `isOnly`: the text says ONLY. */
export function noteReached(verb: EffectVerb, named: CatalogueRelation, isOnly: boolean, findings: Findings, known: KnownObjects): void {
  const isOfRows = ofRows.has(verb);
  if (!isOfRows && verb !== 'drop') return;
  const through = objectOf(named);
  const found = new Set([named]);
  for (const one of isOfRows ? found : []) {
    if (one.kind === 'view') for (const base of known.changedBehind(one)) found.add(base);
    else if (ofRowsBelow.has(verb) && !(isOnly && one === named))
      for (const below of known.inheritors(one.id)) if (below.isPartition !== true) found.add(below);
    // Rules and triggers that stand for the change: what they do with what they know of, nobody has read.
    for (const other of known.behindRules(one)) findings.add({ verb: 'call', access: 'unknown', ...objectOf(other), through });
  }
  for (const one of found) for (const parent of known.parents(one)) found.add(parent);
  found.delete(named);
  for (const one of found) findings.add({ verb, access: 'write', ...objectOf(one), through });
}

function objectOf({ kind, schema, name }: CatalogueRelation): Pick<Effect, 'objectKind' | 'object'> {
  return { objectKind: kind === 'view' || kind === 'materialized-view' ? 'view' : 'table', object: dotted(schema, name) };
}
