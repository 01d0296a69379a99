// Which columns a value may come from. A plain set of keys; one of them says that nobody knows, and some stand for any column of
// one table.

export type Sources = ReadonlySet<string>;

export const noSources: Sources = new Set();
/** It may come from anywhere. */
export const anySource = '?';
export const unknownSources: Sources = new Set([anySource]);

/** A column by its schema, table and name. */
export function columnKey(schema: string, table: string, column: string): string {
  return `${schema}\0${table}\0${column}`;
}

/** A name that no column of a text has: any column of the table. */
export const anyColumn = '*';

/** Any column of a table whose columns are not known. */
export function tableKey(schema: string, table: string): string {
  return columnKey(schema, table, anyColumn);
}

/** What a column of this name comes from among columns that are not listed: of a table as a whole, that column. */
export function narrowed(sources: Sources, name: string): Sources {
  const found = new Set<string>();
  for (const key of sources) found.add(key.endsWith(tableEnd) ? `${key.slice(0, -1)}${name}` : key);
  return found;
}

const tableEnd = `\0${anyColumn}`;

export function partsOf(key: string): readonly [schema: string, table: string, column: string] {
  const [schema = '', table = '', column = ''] = key.split('\0');
  return [schema, table, column];
}

/** Of two, which is nearly always asked: without lists. */
export function both(one: Sources, other: Sources): Sources {
  if (one.size === 0 || one === other) return other;
  if (other.size === 0) return one;
  const united = new Set(one);
  for (const key of other) united.add(key);
  return united;
}

export function union(...all: readonly Sources[]): Sources {
  const filled = all.filter((one) => one.size > 0);
  if (filled.length <= 1) return filled[0] ?? noSources;
  const united = new Set<string>();
  for (const one of filled) for (const key of one) united.add(key);
  return united;
}
