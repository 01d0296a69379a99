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
  /** True when the target surely has no function of this name, stored in any database or loaded. */
  hasNoFunction(name: string): boolean;
  /** True when writing to this table, or to what is below this view, runs triggers. */
  reacts(qualified: string): boolean;
}

interface Index {
  readonly functionsBehind: ReadonlyMap<string, readonly string[]>;
  readonly reacting: ReadonlySet<string>;
  /** Names of functions without their databases; null: nothing is known. */
  readonly functions: ReadonlySet<string> | null;
}

const indexes = new WeakMap<object, Index>();
const nothing: Index = { functionsBehind: new Map(), reacting: new Set(), functions: null };

export function objectsOf(mode: SqlMode, catalogue: Catalogue | null): Objects {
  const index = catalogue === null ? nothing : indexOf(catalogue.content as SqlCatalogue);
  const fold = (name: string): string => (mode.foldsNames ? name.toLowerCase() : name);
  return {
    qualify(database, name) {
      const inDatabase = database ?? mode.database;
      return inDatabase === null ? fold(name) : `${fold(inDatabase)}.${fold(name)}`;
    },
    functionsBehind: (qualified) => index.functionsBehind.get(qualified.toLowerCase()) ?? [],
    hasNoFunction: (name) => index.functions?.has(name.toLowerCase()) === false,
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
    const { functions, reacts } = reachable(relation, relations);
    if (reacts) reacting.add(key);
    if (functions.length > 0)
      functionsBehind.set(
        key,
        functions.map((id) => names.get(id) ?? id),
      );
  }
  const index = { functionsBehind, reacting, functions: new Set(content.functions.map(({ name }) => name.toLowerCase())) };
  indexes.set(content, index);
  return index;
}

interface Reachable {
  readonly functions: readonly string[];
  readonly reacts: boolean;
}

/** What a view runs and which triggers stand below it, through views below it. */
function reachable(relation: CatalogueRelation, relations: ReadonlyMap<string, CatalogueRelation>): Reachable {
  const functions = new Set<string>();
  let reacts = false;
  const seen = new Set([relation.id]);
  const open = [relation];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    reacts ||= next.reacts;
    for (const id of [...next.reading.functions, ...next.reading.builtins]) functions.add(id);
    for (const id of next.reading.relations) {
      const below = relations.get(id);
      if (below === undefined || seen.has(id)) continue;
      seen.add(id);
      open.push(below);
    }
  }
  return { functions: [...functions], reacts };
}
