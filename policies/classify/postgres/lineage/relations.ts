// The columns of the target's tables and views, by the catalogue: a view's column comes from what its query reads, a partition's
// is also its parent's. What is not in the catalogue could be anything.

import type { CatalogueRelation, SqlCatalogue } from '../../../../src/core/catalogue.ts';
import { isSystemRelation } from '../builtins.ts';
import { columnKey, noSources, tableKey, union, unknownSources, type Sources } from './sources.ts';

export interface Column {
  readonly name: string;
  readonly sources: Sources;
}

/** What stands under one name in FROM. */
export interface Columns {
  readonly columns: readonly Column[];
  /** Where columns come from that are not listed; null: all are listed. */
  readonly rest: Sources | null;
}

/**
 * How names that are not known are taken. `hidden`: for masks, they may stand for any value of any table, and the system's tables hold
 * none. `named`: for judging by names, a table has columns of its own, the system's as well, and the search_path is believed.
 */
export type ReadingOfNames = 'hidden' | 'named';

/** Reads the query of a view; null when it can't be read. */
export type ViewReader = (definition: string) => readonly Column[] | null;

/** The planner's statistics hold values of columns. */
const statistics = /^(pg_catalog\.)?(pg_statistic|pg_stats|pg_stats_ext|pg_stats_ext_exprs|pg_statistic_ext_data)$/;
/** Views of views: further than this nobody has looked. */
const depthMax = 24;

const unknown: Columns = { columns: [], rest: unknownSources };

export class Relations {
  readonly #byName = new Map<string, CatalogueRelation[]>();
  readonly #byId = new Map<string, CatalogueRelation>();
  readonly #columns = new Map<string, readonly Column[]>();
  readonly #reading = new Set<string>();
  readonly #readView: ViewReader;
  readonly #names: ReadingOfNames;
  readonly #functions: ReadonlySet<string>;
  readonly #operators: ReadonlySet<string>;
  readonly #types: ReadonlySet<string>;

  constructor(catalogue: SqlCatalogue, names: ReadingOfNames, readView: ViewReader) {
    this.#names = names;
    this.#readView = readView;
    for (const relation of catalogue.relations) {
      this.#byId.set(relation.id, relation);
      const same = this.#byName.get(relation.name);
      if (same === undefined) this.#byName.set(relation.name, [relation]);
      else same.push(relation);
    }
    const computing = new Set(['c', 'internal']);
    const isOurs = (it: { extension: string | null; language: string }): boolean => it.extension === null || !computing.has(it.language);
    this.#functions = new Set(catalogue.functions.filter(isOurs).map(({ name }) => name));
    this.#operators = new Set(catalogue.operators.map(({ name }) => name));
    this.#types = new Set(catalogue.types.map(({ name }) => name));
  }

  /** The target has a function, operator or type of its own by that name. */
  hasFunction(name: string): boolean {
    return this.#functions.has(name);
  }

  hasOperator(name: string): boolean {
    return this.#operators.has(name);
  }

  hasType(name: string): boolean {
    return this.#types.has(name);
  }

  /** What a name in a text may mean. Without a schema: the first of the path, whose columns count as those of all of that name. */
  named(schema: string | null, name: string, path: readonly string[] | null): Columns {
    const all = this.#byName.get(name) ?? [];
    const candidates = schema === null ? all : all.filter((it) => isOfSchema(it, schema));
    if (candidates.length === 0) return this.#notListed(schema, name);
    if (candidates.length === 1) return { columns: this.columnsOf(candidates[0] as CatalogueRelation), rest: null };
    const rank = ({ schema: its }: CatalogueRelation): number => {
      const at = path?.indexOf(its) ?? -1;
      return at < 0 ? Number.MAX_SAFE_INTEGER : at;
    };
    const [first, ...others] = [...candidates].sort((one, other) => rank(one) - rank(other));
    if (first === undefined) return unknown;
    const isSure = this.#names === 'named' && rank(first) < Number.MAX_SAFE_INTEGER;
    const meant = isSure ? others.filter(({ schema: its }) => isTemporary(its)) : others;
    const columns = this.columnsOf(first).map((column) => {
      const same = meant.map((other) => this.columnsOf(other).find(({ name: its }) => its === column.name)?.sources ?? noSources);
      return { name: column.name, sources: union(column.sources, ...same) };
    });
    return { columns, rest: null };
  }

  #notListed(schema: string | null, name: string): Columns {
    const system = schema === null || schema === 'pg_catalog' ? name : `${schema}.${name}`;
    const isSystem = isSystemRelation(system) || schema === 'information_schema';
    if (this.#names === 'named') {
      const its = schema ?? (isSystem ? 'pg_catalog' : '');
      return { columns: [], rest: new Set([tableKey(its, name)]) };
    }
    if (statistics.test(system) || schema === 'pg_toast') return unknown;
    return isSystem ? { columns: [], rest: noSources } : unknown;
  }

  /** By its numbers; undefined when the catalogue does not have it. Stored: a table's own value, which no view has computed. */
  attribute(relationId: string, attribute: number): (Column & { readonly isStored: boolean }) | undefined {
    const relation = this.#byId.get(relationId);
    const at = relation?.attributes?.indexOf(attribute) ?? -1;
    const column = relation === undefined || at < 0 ? undefined : this.columnsOf(relation)[at];
    if (column === undefined) return undefined;
    const isTable = relation?.kind === 'table' || relation?.kind === 'foreign-table';
    return { ...column, isStored: isTable && !(relation.generated ?? []).some((it) => it.column === column.name) };
  }

  columnsOf(relation: CatalogueRelation): readonly Column[] {
    const known = this.#columns.get(relation.id);
    if (known !== undefined) return known;
    if (this.#reading.has(relation.id) || this.#reading.size > depthMax)
      return relation.columns.map((name) => ({ name, sources: unknownSources }));
    this.#reading.add(relation.id);
    const read = relation.kind === 'view' || relation.kind === 'materialized-view' ? this.#viewColumns(relation) : null;
    this.#reading.delete(relation.id);
    const isView = read !== null;
    const columns = relation.columns.map((name, at) => {
      const own = new Set([name, ...this.#computedFrom(relation, name)].flatMap((its) => this.#keysOf(relation, its)));
      return { name, sources: isView ? union(own, read[at]?.sources ?? unknownSources) : own };
    });
    this.#columns.set(relation.id, columns);
    return columns;
  }

  #viewColumns({ definition, columns }: CatalogueRelation): readonly Column[] {
    const read = definition === undefined ? null : this.#readView(definition);
    return read !== null && read.length === columns.length ? read : columns.map((name) => ({ name, sources: unknownSources }));
  }

  /** A generated column holds what the columns have that it is computed from; who may read it need not name those. */
  #computedFrom({ generated = [] }: CatalogueRelation, column: string): readonly string[] {
    return this.#names === 'hidden' ? (generated.find((it) => it.column === column)?.from ?? []) : [];
  }

  /** The column of the relation itself, and that of what it is a partition or child of. */
  #keysOf(relation: CatalogueRelation, column: string): string[] {
    const found = [columnKey(relation.schema, relation.name, column)];
    const seen = new Set([relation.id]);
    const waiting = [...(relation.parents ?? [])];
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const parent = this.#byId.get(id);
      if (parent === undefined || seen.has(id)) continue;
      seen.add(id);
      found.push(columnKey(parent.schema, parent.name, column));
      waiting.push(...(parent.parents ?? []));
    }
    return found;
  }
}

function isOfSchema({ schema: its }: CatalogueRelation, schema: string): boolean {
  return its === schema || (schema === 'pg_temp' && isTemporary(its));
}

function isTemporary(schema: string): boolean {
  return schema.startsWith('pg_temp');
}
