// Names as the server would resolve them, and what the catalogue knows of them: views that end in somebody's function,
// tables with triggers.

import type { Catalogue } from '../../../src/core/action.ts';
import type { CatalogueRelation, SqlCatalogue } from '../../../src/core/catalogue.ts';
import type { SqlMode } from './reading-mode.ts';
import type { TableReference } from './tables.ts';

export interface Objects {
  /** "db.table", folded where the server folds. */
  qualify(database: string | null, name: string): string;
  /** Functions that reading this relation runs; empty when none are known. */
  functionsBehind(qualified: string): readonly string[];
  /** True when writing to this table runs triggers. */
  reacts(qualified: string): boolean;
}

interface Index {
  readonly functionsBehind: ReadonlyMap<string, readonly string[]>;
  readonly reacting: ReadonlySet<string>;
}

const indexes = new WeakMap<object, Index>();
const nothing: Index = { functionsBehind: new Map(), reacting: new Set() };

export function objectsOf(mode: SqlMode, catalogue: Catalogue | null): Objects {
  const index = catalogue === null ? nothing : indexOf(catalogue.content as SqlCatalogue);
  const fold = (name: string): string => (mode.foldsNames ? name.toLowerCase() : name);
  return {
    qualify(database, name) {
      const inDatabase = database ?? mode.database;
      return inDatabase === null ? fold(name) : `${fold(inDatabase)}.${fold(name)}`;
    },
    functionsBehind: (qualified) => index.functionsBehind.get(qualified.toLowerCase()) ?? [],
    reacts: (qualified) => index.reacting.has(qualified.toLowerCase()),
  };
}

export function qualifiedName(objects: Objects, table: TableReference): string {
  return objects.qualify(table.database, table.name);
}

/** Made once for each catalogue. Names are compared without case here: a false hit is only an extra question. */
function indexOf(content: SqlCatalogue): Index {
  const known = indexes.get(content);
  if (known !== undefined) return known;
  const relations = new Map(content.relations.map((it) => [it.id, it]));
  const names = new Map(content.functions.map((it) => [it.id, `${it.schema}.${it.name}`]));
  const functionsBehind = new Map<string, readonly string[]>();
  const reacting = new Set<string>();
  for (const relation of content.relations) {
    const key = `${relation.schema}.${relation.name}`.toLowerCase();
    if (relation.reacts) reacting.add(key);
    const functions = reachable(relation, relations);
    if (functions.length > 0)
      functionsBehind.set(
        key,
        functions.map((id) => names.get(id) ?? id),
      );
  }
  const index = { functionsBehind, reacting };
  indexes.set(content, index);
  return index;
}

/** Functions that a view runs, through views below it. */
function reachable(relation: CatalogueRelation, relations: ReadonlyMap<string, CatalogueRelation>): string[] {
  const functions = new Set<string>();
  const seen = new Set([relation.id]);
  const open = [relation];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const id of [...next.reading.functions, ...next.reading.builtins]) functions.add(id);
    for (const id of next.reading.relations) {
      const below = relations.get(id);
      if (below === undefined || seen.has(id)) continue;
      seen.add(id);
      open.push(below);
    }
  }
  return [...functions];
}
