// What a statement about a relation reaches besides, though the text does not name it: tables that inherit from it, the tables that it is a
// part of, and what a change of a view changes. Partitions are not listed: which of them hold the rows is the parent's business, and there may be thousands.

import type { CatalogueRelation } from '../../../src/core/catalogue.ts';
import type { Effect, EffectVerb } from '../../../src/core/effect.ts';
import type { Findings } from './findings.ts';
import type { KnownObjects } from './known-objects.ts';
import { dotted } from './names.ts';

/** Verbs of rows. Those of `changing` are handed on by a view, those of `below` reach the rows of tables that inherit. */
const changing: ReadonlySet<EffectVerb> = new Set(['insert', 'update', 'delete', 'truncate', 'bulk-load']);
const below: ReadonlySet<EffectVerb> = new Set(['read', 'export', 'update', 'delete', 'truncate']);

/** Of other verbs DROP only: it takes the rows from the tables that it is a part of. `isOnly`: the text says ONLY. */
export function noteReached(
  { verb, access }: Pick<Effect, 'verb' | 'access'>,
  named: CatalogueRelation,
  isOnly: boolean,
  findings: Findings,
  known: KnownObjects,
): void {
  if (!changing.has(verb) && !below.has(verb) && verb !== 'drop') return;
  const through = objectOf(named);
  const found = new Set([named]);
  for (const one of found) {
    if (changing.has(verb)) {
      for (const base of known.changedBehind(one)) found.add(base);
      // Rules and triggers that stand for the change: what they do with what they know of, nobody has read.
      for (const other of known.behindRules(one)) findings.add({ verb: 'call', access: 'unknown', ...objectOf(other), through });
    }
    if (!below.has(verb) || (isOnly && one === named)) continue;
    for (const heir of known.inheritors(one.id)) if (heir.isPartition !== true) found.add(heir);
  }
  for (const one of found) for (const parent of known.parents(one)) found.add(parent);
  found.delete(named);
  for (const one of found) findings.add({ verb, access, ...objectOf(one), through });
}

function objectOf({ kind, schema, name }: CatalogueRelation): Pick<Effect, 'objectKind' | 'object'> {
  return { objectKind: kind === 'view' || kind === 'materialized-view' ? 'view' : 'table', object: dotted(schema, name) };
}
