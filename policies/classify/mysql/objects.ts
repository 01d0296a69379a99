// Names as the server would resolve them, and what the catalogue knows of them: views that end in somebody's function,
// tables with triggers.

import type { Catalogue } from '../../../src/core/action.ts';
import type { CatalogueRelation, SqlCatalogue } from '../../../src/core/catalogue.ts';
import type { SqlMode } from './reading-mode.ts';
import { Reached } from './reached.ts';
import type { TableReference } from './tables.ts';

export interface Objects {
  /** "db.table", folded where the server folds. */
  qualify(database: string | null, name: string): string;
  /** Functions that reading this relation runs; empty when none are known. */
  functionsBehind(qualified: string): readonly string[];
  /** True when the target surely has no function of this name, stored in any database or loaded. */
  hasNoFunction(name: string): boolean;
  /** Tables that a change of this view may be one of. */
  behind(qualified: string): readonly string[];
  /** Changes of other tables that follow from a DELETE, or an UPDATE of these columns (lower case; null: of any). */
  following(
    verb: 'delete' | 'update',
    qualified: string,
    columns: readonly string[] | null,
  ): readonly (readonly ['delete' | 'update', string])[];
  /** Its rows, or those of what is below this view, are kept by another server, or in files. */
  isElsewhere(qualified: string): boolean;
  /** A change of it is one of tables that nobody knows. */
  handsOn(qualified: string): boolean;
  /** True when writing to this table, or to what is below this view, runs triggers. */
  reacts(qualified: string): boolean;
}

interface Index {
  readonly functionsBehind: ReadonlyMap<string, readonly string[]>;
  readonly reacting: ReadonlySet<string>;
  readonly elsewhere: ReadonlySet<string>;
  readonly handingOn: ReadonlySet<string>;
  readonly reached: Reached;
  /** Names of functions without their databases; null: nothing is known. */
  readonly functions: ReadonlySet<string> | null;
}

const indexes = new WeakMap<object, Index>();
const nothing: Index = {
  functionsBehind: new Map(),
  reacting: new Set(),
  elsewhere: new Set(),
  handingOn: new Set(),
  reached: new Reached({ searchPath: '', user: '', functions: [], operators: [], types: [], relations: [] }),
  functions: null,
};

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
    behind: (qualified) => index.reached.behind(qualified).map(fold),
    following: (verb, qualified, columns) =>
      index.reached.following(verb, qualified, columns).map(([follows, name]) => [follows, fold(name)] as const),
    isElsewhere: (qualified) => index.elsewhere.has(qualified.toLowerCase()),
    handsOn: (qualified) => index.handingOn.has(qualified.toLowerCase()),
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
  const [reacting, elsewhere, handingOn] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const relation of content.relations) {
    const key = `${relation.schema}.${relation.name}`.toLowerCase();
    const { functions, reacts, isElsewhere, handsOn } = reachable(relation, relations);
    if (reacts) reacting.add(key);
    if (isElsewhere) elsewhere.add(key);
    if (handsOn) handingOn.add(key);
    if (functions.length > 0)
      functionsBehind.set(
        key,
        functions.map((id) => names.get(id) ?? id),
      );
  }
  const functions = new Set(content.functions.map(({ name }) => name.toLowerCase()));
  const index = { functionsBehind, reacting, elsewhere, handingOn, reached: new Reached(content), functions };
  indexes.set(content, index);
  return index;
}

interface Reachable {
  readonly functions: readonly string[];
  readonly reacts: boolean;
  readonly isElsewhere: boolean;
  readonly handsOn: boolean;
}

/** What a view runs, which triggers stand below it and where its rows are, through views below it. */
function reachable(relation: CatalogueRelation, relations: ReadonlyMap<string, CatalogueRelation>): Reachable {
  const functions = new Set<string>();
  let [reacts, isElsewhere, handsOn] = [false, false, false];
  const seen = new Set([relation.id]);
  const open = [relation];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    reacts ||= next.reacts;
    isElsewhere ||= next.kind === 'foreign-table';
    handsOn ||= next.kind === 'other';
    for (const id of [...next.reading.functions, ...next.reading.builtins]) functions.add(id);
    for (const id of next.reading.relations) {
      const below = relations.get(id);
      if (below === undefined || seen.has(id)) continue;
      seen.add(id);
      open.push(below);
    }
  }
  return { functions: [...functions], reacts, isElsewhere, handsOn };
}
