// Which columns a value may come from. A plain set of keys; one of them says that nobody knows.

export type Sources = ReadonlySet<string>;

export const noSources: Sources = new Set();
/** It may come from anywhere. */
export const anySource = '?';
export const unknownSources: Sources = new Set([anySource]);

/** A column by its schema, table and name. */
export function columnKey(schema: string, table: string, column: string): string {
  return `${schema}\0${table}\0${column}`;
}

export function partsOf(key: string): readonly [schema: string, table: string, column: string] {
  const [schema = '', table = '', column = ''] = key.split('\0');
  return [schema, table, column];
}

export function union(...all: readonly Sources[]): Sources {
  const filled = all.filter((one) => one.size > 0);
  if (filled.length <= 1) return filled[0] ?? noSources;
  const united = new Set<string>();
  for (const one of filled) for (const key of one) united.add(key);
  return united;
}
