// Answers "what does this name end in?" from the target's catalogue: is everything that a function, operator, type or
// relation may run known to only read? Anything in doubt, and any cycle, is a call. One instance for one catalogue and path.

import type { CatalogueFunction, CatalogueRelation, CatalogueType, References, SqlCatalogue } from '../../../src/core/catalogue.ts';
import { judgeBuiltin } from './builtins.ts';
import { parseSearchPath } from './settings.ts';
import type { NamedRelation } from './view-sources.ts';

/** Extensions whose functions in C do what they say: those that are not volatile only compute. */
const computingExtensions = new Set(
  `address_standardizer bloom btree_gin btree_gist citext cube dict_int dict_xsyn earthdistance fuzzystrmatch h3 hll hstore intarray isn ltree
  pg_buffercache pg_freespacemap pg_stat_statements pg_trgm pgcrypto pgrowlocks pgstattuple pg_visibility postgis postgis_raster
  postgis_topology seg sslinfo tsm_system_rows tsm_system_time unaccent uuid-ossp vector`.split(/\s+/),
);

/** Volatile functions of those that nevertheless only compute or show. */
const volatileComputing =
  /^(uuid_generate_v\d\w*|gen_random_bytes|gen_random_uuid|gen_salt|pgp_(sym|pub)_\w+|pg_stat_statements(_info)?|pg_buffercache_pages|pgstat\w+|h3_\w+)$/;

/** Functions of those that say they only compute, and run an expression, a function or a query that stands in their text, or make a table. */
const runsItsText = /^(_?st_mapalgebra(expr|fct|fctngb)?|st_fromflatgeobuftotable|st_findextent|st_retile|standardize_address)$/;

/** Definitions lead to definitions; deeper than this nobody has looked. */
const depthMax = 24;

/** Names of columns that are remembered. */
const noCallsMax = 10_000;

/** Tells what the query of a view takes its rows from; null when it can't be read. */
export type ViewSourcesReader = (definition: string) => readonly NamedRelation[] | null;

/** Reads the body of a function under a search path; true when all it does is read. */
export type BodyReader = (body: string, language: string, searchPath: string, depth: number) => boolean;

type Verdict = 'reads' | 'calls';

const nothing: References = { functions: [], types: [], relations: [], builtins: [] };

export class KnownObjects {
  readonly catalogue: SqlCatalogue;
  /** Schemas in the order they are searched, without the implicit ones. Null when the path is malformed. */
  readonly path: readonly string[] | null;
  /** pg_catalog is named, but not first: built-in names can be shadowed. */
  readonly shadowing: boolean;
  readonly #searchPath: string;
  readonly #readBody: BodyReader;
  readonly #readSources: ViewSourcesReader;
  readonly #functions: Map<string, CatalogueFunction[]>;
  readonly #operators: Map<string, { schema: string; uses: References }[]>;
  readonly #types: Map<string, CatalogueType[]>;
  readonly #relations: Map<string, CatalogueRelation[]>;
  readonly #functionById: Map<string, CatalogueFunction>;
  readonly #typeById: Map<string, CatalogueType>;
  readonly #relationById: Map<string, CatalogueRelation>;
  /** Partitions of a relation, and tables that inherit from it, by its id. */
  readonly #inheritors: Map<string, CatalogueRelation[]>;
  readonly #changedBehind = new Map<string, readonly CatalogueRelation[]>();
  readonly #verdicts = new Map<string, Verdict>();
  readonly #serverTypes = new Map<'implicit' | 'named', boolean>();
  readonly #noCalls = new Set<string>();
  #depth = 0;

  constructor(catalogue: SqlCatalogue, searchPath: string, readBody: BodyReader, readSources: ViewSourcesReader) {
    this.catalogue = catalogue;
    this.#searchPath = searchPath;
    this.#readBody = readBody;
    this.#readSources = readSources;
    const schemas = parseSearchPath(searchPath);
    this.path = schemas === null ? null : schemas.map((schema) => (schema === '$user' ? catalogue.user : schema));
    this.shadowing = this.path === null || this.path.indexOf('pg_catalog') > 0;
    this.#functions = byName(catalogue.functions);
    this.#operators = byName(catalogue.operators);
    this.#types = byName(catalogue.types);
    this.#relations = byName(catalogue.relations);
    this.#functionById = byId(catalogue.functions);
    this.#typeById = byId(catalogue.types);
    this.#relationById = byId(catalogue.relations);
    this.#inheritors = inheritorsByParent(catalogue.relations);
  }

  /** User-defined functions a call may mean: all overloads of the schemas on the path, since the best match may be in any. */
  functions(schema: string | null, name: string): readonly CatalogueFunction[] {
    return this.#visible(this.#functions.get(name), schema);
  }

  functionReads(found: CatalogueFunction): boolean {
    return this.#settled(`f${found.id}`, () => {
      if (found.kind === 'procedure') return false;
      if (found.extension !== null && computingExtensions.has(found.extension)) {
        return !runsItsText.test(found.name) && (found.volatility !== 'volatile' || volatileComputing.test(found.name));
      }
      if (!this.#referencesRead(found.uses)) return false;
      if (found.kind === 'aggregate') return true;
      if (found.body === null) return false;
      return this.#readBody(found.body, found.language, found.searchPath ?? this.#searchPath, this.#depth);
    });
  }

  /** Null when there is no such user-defined operator in reach. */
  operatorReads(schema: string | null, name: string): boolean | null {
    const found = this.#visible(this.#operators.get(name), schema);
    if (found.length === 0) return null;
    return found.every((operator) => this.#referencesRead(operator.uses));
  }

  /** Null when there is no such user-defined type (or row type) in reach. */
  typeReads(schema: string | null, name: string): boolean | null {
    const element = name.startsWith('_') ? name.slice(1) : name;
    const found = [
      ...this.#visible(this.#types.get(name), schema),
      ...this.#visible(element === name ? undefined : this.#types.get(element), schema),
    ].filter((type) => schema !== null || type.isBehind !== true || isTemporary(type.schema));
    if (found.length === 0) return null;
    return found.every((type) => this.#typeReads(type));
  }

  /**
   * Values of the server's own types run nothing of somebody's that does more than read: not in any expression, not where a type is
   * written. That code may write such types itself: while it is looked at they count as harmless, and what was found by that is forgotten.
   */
  serverTypesRead(where: 'implicit' | 'named'): boolean {
    const known = this.#serverTypes.get(where);
    if (known !== undefined) return known;
    this.#serverTypes.set(where, true);
    const reads = this.#referencesRead(this.catalogue.serverTypes?.[where] ?? nothing);
    this.#serverTypes.set(where, reads);
    if (!reads) this.#verdicts.clear();
    return reads;
  }

  /** The same of a type by its OID; `names`: what the open transaction has changed. */
  typeOfParameterReads(id: string, names: ReadonlySet<string>): boolean {
    const type = this.#typeById.get(id);
    return type !== undefined && this.#typeReads(type) && !names.has(type.name) && !this.reach(type.uses, names);
  }

  typeName(id: string): string | null {
    const type = this.#typeById.get(id);
    return type === undefined ? null : `${type.schema}.${type.name}`;
  }

  /** The relation a name means: the first on the path, and any temporary one of that name besides. Empty when unknown. */
  relations(schema: string | null, name: string): readonly CatalogueRelation[] {
    const found = this.#relations.get(name);
    if (found === undefined) return [];
    if (schema !== null)
      return found.filter((relation) => relation.schema === schema || (schema === 'pg_temp' && isTemporary(relation.schema)));
    const temporary = found.filter((relation) => isTemporary(relation.schema));
    for (const candidate of this.path ?? []) {
      const relation = found.find((one) => one.schema === candidate);
      if (relation !== undefined) return [...temporary, relation];
    }
    return this.path === null ? found : temporary;
  }

  /** Remembers of a name that no call is written like a column of that name: that it may be is asked again, the verdict may only be due. */
  isNoCall(name: string): boolean {
    return this.#noCalls.has(name);
  }

  noteNoCall(name: string): void {
    if (this.#noCalls.size >= noCallsMax) this.#noCalls.clear();
    this.#noCalls.add(name);
  }

  relationById(id: string): CatalogueRelation | undefined {
    return this.#relationById.get(id);
  }

  relationReads(relation: CatalogueRelation): boolean {
    return this.#settled(
      `r${relation.id}`,
      () => this.#referencesRead(relation.reading, relation.id) && this.inheritors(relation.id).every((one) => this.relationReads(one)),
    );
  }

  /** Changing it runs nothing but the change itself. A view may hand it on to what it reads. */
  relationChangesQuietly(relation: CatalogueRelation): boolean {
    return this.#settled(`w${relation.id}`, () => {
      if (relation.reacts || !this.#referencesRead(relation.writing, relation.id, true)) return false;
      return [...this.inheritors(relation.id), ...this.#behind(relation)].every(
        (one) => one.id === relation.id || this.relationChangesQuietly(one),
      );
    });
  }

  inheritors(id: string): readonly CatalogueRelation[] {
    return this.#inheritors.get(id) ?? [];
  }

  /** Tables that it is a partition of, or inherits from. */
  parents({ parents = [] }: CatalogueRelation): readonly CatalogueRelation[] {
    return parents.flatMap((id) => this.#relationById.get(id) ?? []);
  }

  /** What a change of a view changes: what its own FROM names, or all that it reads where its definition can't be had. */
  changedBehind(view: CatalogueRelation): readonly CatalogueRelation[] {
    if (view.kind !== 'view') return [];
    const found = this.#changedBehind.get(view.id);
    if (found !== undefined) return found;
    const sources = view.definition === undefined ? null : this.#readSources(view.definition);
    const isSource = ({ schema, name }: CatalogueRelation): boolean =>
      sources === null || sources.some((source) => source.name === name && (source.schema === null || source.schema === schema));
    const changed = this.#behind(view).filter((one) => one.id !== view.id && isSource(one));
    this.#changedBehind.set(view.id, changed);
    return changed;
  }

  /** What a relation's rules, or the triggers of a view, may have to do with. */
  behindRules(relation: CatalogueRelation): readonly CatalogueRelation[] {
    if (!relation.reacts) return [];
    const inRules = relation.writing.relations.flatMap((id) => this.#relationById.get(id) ?? []);
    return [...this.#behind(relation), ...inRules].filter((one) => one.id !== relation.id && one.kind !== 'sequence');
  }

  /** It lives in this database, and so does all that its rows come from: partitions, the tables behind a view. */
  isLocal(relation: CatalogueRelation): boolean {
    return this.#settled(`l${relation.id}`, () => {
      if (relation.kind === 'foreign-table') return false;
      return [...this.inheritors(relation.id), ...this.#behind(relation)].every((one) => one.id === relation.id || this.isLocal(one));
    });
  }

  /** What a view reads. */
  #behind(relation: CatalogueRelation): readonly CatalogueRelation[] {
    return relation.kind === 'view' ? relation.reading.relations.flatMap((id) => this.#relationById.get(id) ?? []) : [];
  }

  /** Does what these definitions use lead to one of these names? Bodies are searched as text: rather once too often. */
  reach(uses: References, names: ReadonlySet<string>, seen: Set<string> = new Set()): boolean {
    if (names.size === 0) return false;
    const isNew = (key: string): boolean => !seen.has(key) && seen.add(key) === seen;
    return (
      uses.functions.some((id) => {
        const found = this.#functionById.get(id);
        return found !== undefined && isNew(`f${id}`) && this.functionReaches(found, names, seen);
      }) ||
      uses.types.some((id) => {
        const found = this.#typeById.get(id);
        return found !== undefined && isNew(`t${id}`) && (names.has(found.name) || this.reach(found.uses, names, seen));
      }) ||
      uses.relations.some((id) => {
        const found = this.#relationById.get(id);
        return found !== undefined && isNew(`r${id}`) && (names.has(found.name) || this.reach(found.reading, names, seen));
      })
    );
  }

  /** Is a partition of this relation, or a table that inherits from it, among these names? Its rows are the relation's too. */
  inheritorIn(id: string, names: ReadonlySet<string>, depth = 0): boolean {
    if (names.size === 0 || depth > depthMax) return false;
    return this.inheritors(id).some((one) => names.has(one.name) || this.inheritorIn(one.id, names, depth + 1));
  }

  functionReaches({ name, body, uses }: CatalogueFunction, names: ReadonlySet<string>, seen: Set<string> = new Set()): boolean {
    if (names.has(name) || (body !== null && [...names].some((it) => body.includes(it)))) return true;
    return this.reach(uses, names, seen);
  }

  typeReaches(schema: string | null, name: string, names: ReadonlySet<string>): boolean {
    return names.has(name) || this.#visible(this.#types.get(name), schema).some((type) => this.reach(type.uses, names));
  }

  operatorReaches(schema: string | null, name: string, names: ReadonlySet<string>): boolean {
    return this.#visible(this.#operators.get(name), schema).some((operator) => this.reach(operator.uses, names));
  }

  #visible<T extends { readonly schema: string }>(found: readonly T[] | undefined, schema: string | null): readonly T[] {
    if (found === undefined) return [];
    if (schema !== null) return found.filter((one) => one.schema === schema);
    const path = this.path;
    return path === null
      ? found
      : found.filter((one) => path.includes(one.schema) || one.schema === 'pg_catalog' || isTemporary(one.schema));
  }

  #typeReads(type: CatalogueType): boolean {
    return this.#settled(`t${type.id}`, () => this.#referencesRead(type.uses));
  }

  /** `changes`: what a change runs besides, where the next number of a sequence belongs to it. */
  #referencesRead(uses: References, self: string | null = null, changes = false): boolean {
    for (const name of uses.builtins) {
      const judgement = judgeBuiltin(name, 0);
      if (judgement === null || !(judgement.access === 'read' || (changes && judgement.verb === 'sequence'))) return false;
    }
    for (const id of uses.functions) {
      const found = this.#functionById.get(id);
      if (found === undefined || !this.functionReads(found)) return false;
    }
    for (const id of uses.types) {
      const found = this.#typeById.get(id);
      if (found === undefined || !this.#typeReads(found)) return false;
    }
    for (const id of uses.relations) {
      if (id === self) continue;
      const found = this.#relationById.get(id);
      if (found === undefined || !this.relationReads(found)) return false;
    }
    return true;
  }

  /** Remembers a verdict. While it is being worked out it counts as a call, so that a cycle ends; too deep counts as one too. */
  #settled(key: string, work: () => boolean): boolean {
    const known = this.#verdicts.get(key);
    if (known !== undefined) return known === 'reads';
    if (this.#depth >= depthMax) return false;
    this.#verdicts.set(key, 'calls');
    this.#depth += 1;
    try {
      const reads = work();
      this.#verdicts.set(key, reads ? 'reads' : 'calls');
      return reads;
    } finally {
      this.#depth -= 1;
    }
  }
}

function isTemporary(schema: string): boolean {
  return schema.startsWith('pg_temp');
}

function inheritorsByParent(relations: readonly CatalogueRelation[]): Map<string, CatalogueRelation[]> {
  const map = new Map<string, CatalogueRelation[]>();
  for (const relation of relations) {
    for (const parent of relation.parents ?? []) {
      const same = map.get(parent);
      if (same === undefined) map.set(parent, [relation]);
      else same.push(relation);
    }
  }
  return map;
}

function byName<T extends { readonly name: string }>(list: readonly T[]): Map<string, T[]> {
  const map = new Map<string, T[]>();
  for (const one of list) {
    const same = map.get(one.name);
    if (same === undefined) map.set(one.name, [one]);
    else same.push(one);
  }
  return map;
}

function byId<T extends { readonly id: string }>(list: readonly T[]): Map<string, T> {
  return new Map(list.map((one) => [one.id, one]));
}
