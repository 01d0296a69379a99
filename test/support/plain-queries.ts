// Made-up SELECTs as object-relational mappers write them: no two need have the columns, aliases, joins or conditions in common.

/** A whole number from 0 to `sides` - 1. */
export type Die = (sides: number) => number;

export interface Table {
  readonly name: string;
  readonly columns: readonly string[];
}

/** How names and values are written. */
export interface Spelling {
  readonly name: (name: string) => string;
  readonly value: (column: string) => string;
}

const comparisons = ['=', '<>', '<', '>', '<=', '>='];
const orders = ['', ' ASC', ' DESC', ' DESC NULLS LAST', ' ASC NULLS FIRST'];

/** What makes a query fast at the server: its first table is looked up by one column, all others are joined by the same. */
export interface Keyed {
  readonly column: string;
  readonly value: string;
}

/** One query over some of the tables, with so many columns or a few less, of about 50 characters each. */
export function madeQuery(below: Die, tables: readonly Table[], columnsMax: number, { name, value }: Spelling, keyed?: Keyed): string {
  const joined = Array.from({ length: 1 + below(3) }, () => tables[below(tables.length)] as Table);
  const some = <Item>(items: readonly Item[]): Item => items[below(items.length)] as Item;
  const column = (from: number = below(joined.length)): string => `${name(`t${from}`)}.${name(some((joined[from] as Table).columns))}`;
  const several = (most: number, make: (index: number) => string): string[] => Array.from({ length: 1 + below(most) }, (_, at) => make(at));
  const selected = Array.from({ length: columnsMax - below(8) }, (_, at) => {
    const its = column();
    return `${its} AS ${name(`${some(['c', 'account', 'x_', 'of'])}_${at}__${its.replace(/\W/g, '')}`)}`;
  });
  const test = (): string => {
    const its = column();
    const own = its.replace(/^.*\./, '').replaceAll('"', '');
    const list = several(4, () => value(own)).join(', ');
    return some([
      `${its} ${some(comparisons)} ${value(own)}`,
      `${its} IS ${some(['', 'NOT '])}NULL`,
      `${its} ${some(['', 'NOT '])}IN (${list})`,
      `${its} BETWEEN ${value(own)} AND ${value(own)}`,
      `(${its} ${some(comparisons)} ${value(own)} OR ${column()} IS NULL)`,
      `NOT (${its} = ${value(own)})`,
    ]);
  };
  const joins = joined.slice(1).map(({ name: table }, at) => {
    const both = keyed === undefined ? null : name(keyed.column);
    const [inner, outer] = both === null ? [column(at), column(at + 1)] : [`${name('t0')}.${both}`, `${name(`t${at + 1}`)}.${both}`];
    return `${some(['INNER', 'LEFT', 'LEFT OUTER'])} JOIN ${name(table)} ${some(['', 'AS '])}${name(`t${at + 1}`)} ON ${inner} = ${outer}`;
  });
  const tests = several(6, test).join(some(keyed === undefined ? [' AND ', ' OR '] : [' AND ']));
  const parts = [
    `SELECT ${selected.join(', ')} FROM ${name((joined[0] as Table).name)} ${some(['', 'AS '])}${name('t0')}`,
    ...joins,
    `WHERE ${keyed === undefined ? '' : `${name('t0')}.${name(keyed.column)} = ${keyed.value} AND `}${tests}`,
    `ORDER BY ${several(3, () => `${column()}${some(orders)}`).join(', ')}`,
    `LIMIT ${1 + below(100)}`,
    ...(below(2) === 0 ? [] : [`OFFSET ${below(1000)}`]),
  ];
  return parts.join(' ');
}
