// What the names in a query may stand for.

import type { ColumnMask } from '../columns.ts';

/** Columns of a view by name; null: nobody can tell. */
export type ViewColumns = ReadonlyMap<string, ColumnMask | null> | null;

/** What is in reach of a query, by the names in it. */
export interface Reach {
  /** Simple names of tables, lower case. */
  readonly tables: ReadonlySet<string>;
  readonly views: readonly ViewColumns[];
}
