// Names in reach of a query, what they stand for, and how columns are put side by side, renamed and merged.

import type { Tree } from '../tree.ts';
import { listAt, namesOf, textAt, treeAt } from '../tree.ts';
import type { Columns } from './relations.ts';
import { narrowed, noSources, union, unknownSources, type Sources } from './sources.ts';

/** One entry of FROM. */
export interface Item extends Columns {
  readonly alias: string | null;
  readonly schema: string | null;
}

export interface Scope {
  readonly items: readonly Item[];
  /** What a star takes, in order: joins merge columns. */
  readonly star: Columns;
  readonly outer: Scope | null;
  readonly ctes: ReadonlyMap<string, Columns>;
}

export const empty: Columns = { columns: [], rest: null };
export const nowhere: Scope = { items: [], star: empty, outer: null, ctes: new Map() };

/** Columns that every table has. */
const systemColumns = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid']);

/** What a dotted name may mean here: a column, a row, or nobody knows. */
export function named(names: readonly string[], scope: Scope): Sources {
  const last = names[names.length - 1] ?? '';
  if (names.length > 1) {
    const item = itemNamed(names.slice(0, -1), scope);
    if (item === null) return composite(names, scope);
    const column = columnsNamed(item, last);
    if (column !== null) return column;
    if (systemColumns.has(last)) return noSources;
    // t.f is also how f(t) is written.
    return item.rest === null ? union(everythingOf(item), unknownSources) : ofRest(item, last);
  }
  for (let at: Scope | null = scope; at !== null; at = at.outer) {
    const columns = [...at.items, at.star].flatMap((item) => item.columns.filter(({ name }) => name === last));
    const rows = at.items.filter(({ alias }) => alias === last);
    const open = at.items.filter(({ rest }) => rest !== null);
    if (columns.length > 0)
      return union(...columns.map(({ sources }) => sources), ...open.map(({ rest }) => narrowed(rest ?? noSources, last)));
    if (rows.length > 0) return union(...rows.map(everythingOf));
    if (open.length > 0) return union(...open.map((item) => ofRest(item, last)), ...(at.outer === null ? [] : [outerOr(last, at.outer)]));
    if (systemColumns.has(last) && at.items.length > 0) return noSources;
  }
  return unknownSources;
}

/** What its columns of that name come from; null when it has none. */
function columnsNamed({ columns }: Columns, name: string): Sources | null {
  let found: Sources | null = null;
  for (const column of columns) if (column.name === name) found = found === null ? column.sources : union(found, column.sources);
  return found;
}

/** A column that an entry does not list: of a whole table whose columns are not known, that one; else it may be any. */
function ofRest(item: Columns, name: string): Sources {
  const rest = narrowed(item.rest ?? noSources, name);
  return isSubset(item.rest ?? noSources, rest) ? everythingOf(item) : rest;
}

function isSubset(one: Sources, other: Sources): boolean {
  for (const key of one) if (!other.has(key)) return false;
  return true;
}

/** A name that an entry of unknown columns may have, or else an outer query. */
function outerOr(name: string, outer: Scope): Sources {
  const found = named([name], outer);
  return found === unknownSources ? noSources : found;
}

/** `column.field` where no table has that name. */
function composite(names: readonly string[], scope: Scope): Sources {
  return names.length === 2 ? named([names[0] ?? ''], scope) : unknownSources;
}

/** What stands in FROM under that name, perhaps with its schema; null when nothing does. */
export function itemNamed(names: readonly string[], scope: Scope): Columns | null {
  const alias = names[names.length - 1];
  const schema = names[names.length - 2];
  for (let at: Scope | null = scope; at !== null; at = at.outer) {
    let found: Columns | null = null;
    for (const item of at.items) {
      if (item.alias !== alias || (schema !== undefined && item.schema !== null && item.schema !== schema)) continue;
      found = found === null ? item : besides(found, item);
    }
    if (found !== null) return found;
  }
  return null;
}

export function everythingOf({ columns, rest }: Columns): Sources {
  return union(rest ?? noSources, ...columns.map(({ sources }) => sources));
}

export function columnOf(columns: Columns, name: string): Sources {
  const found = columns.columns.filter((it) => it.name === name).map(({ sources }) => sources);
  return found.length > 0 ? union(...found) : columns.rest === null ? unknownSources : narrowed(columns.rest, name);
}

export function scopeOf(items: readonly Item[], star: Columns, { outer, ctes }: Scope): Scope {
  return { items, star, outer, ctes };
}

export function single(item: Item): { items: readonly Item[]; star: Columns } {
  return { items: [item], star: item };
}

/** Columns of one after those of the other. */
export function beside(one: Columns, other: Columns): Columns {
  const rest = one.rest === null && other.rest === null ? null : union(one.rest ?? noSources, other.rest ?? noSources);
  return { columns: [...one.columns, ...other.columns], rest };
}

/** Columns of one or of the other, place by place. */
export function besides(one: Columns, other: Columns): Columns {
  const rest = one.rest === null && other.rest === null ? null : union(one.rest ?? noSources, other.rest ?? noSources);
  if (rest !== null || one.columns.length !== other.columns.length) {
    const all = union(everythingOf(one), everythingOf(other));
    return { columns: one.columns.map(({ name }) => ({ name, sources: all })), rest: all };
  }
  return {
    columns: one.columns.map(({ name, sources }, at) => ({ name, sources: union(sources, other.columns[at]?.sources ?? unknownSources) })),
    rest: null,
  };
}

export function renamed({ columns, rest }: Columns, names: readonly string[]): Columns {
  if (names.length === 0) return { columns, rest };
  if (rest !== null) {
    const all = everythingOf({ columns, rest });
    return { columns: names.map((name) => ({ name, sources: all })), rest: all };
  }
  return { columns: columns.map(({ name, sources }, at) => ({ name: names[at] ?? name, sources })), rest };
}

export function aliased(body: Tree, columns: Columns, ownName: string | null): Item {
  const alias = treeAt(body, 'alias');
  if (alias === null) return { alias: ownName, schema: null, ...columns };
  return { alias: textAt(alias, 'aliasname'), schema: null, ...renamed(columns, namesOf(listAt(alias, 'colnames')) ?? []) };
}
