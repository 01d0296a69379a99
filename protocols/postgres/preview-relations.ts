// Rows of the preview's questions, read: a relation with its size, and what the planner's statistics say of a column.

import type { ColumnStatistics } from '../../src/core/condition.ts';
import type { TablePreview } from '../../src/core/preview.ts';
import type { Row } from './own-query.ts';

export interface Relation {
  readonly id: string;
  readonly table: TablePreview;
  /** pg_class.relkind */
  readonly kind: string;
  /** Its size, or that of a partition, could not be asked for: somebody has it to himself. */
  readonly isLocked: boolean;
  readonly isTemporary: boolean;
  /** Rows when it was last analysed or vacuumed; null: never. */
  readonly rowsCounted: number | null;
}

const kinds: Readonly<Record<string, string>> = {
  r: 'table',
  p: 'partitioned table',
  v: 'view',
  m: 'materialized view',
  f: 'foreign table',
  S: 'sequence',
  i: 'index',
  I: 'index',
};

export function relationOf(row: Row): Relation {
  const kind = row['kind'] ?? '';
  const hasRows = kind === 'r' || kind === 'p' || kind === 'm';
  return {
    id: row['id'] ?? '',
    kind,
    isLocked: row['unmeasured'] === 'true',
    isTemporary: row['temporary'] === 'true',
    rowsCounted: row['counted'] == null ? null : Number(row['counted']),
    table: {
      name: `${row['schema'] ?? ''}.${row['name'] ?? ''}`,
      kind: kinds[kind] ?? 'relation',
      rows: hasRows && row['rows'] != null ? Number(row['rows']) : null,
      rowsFrom: row['analysed'] === 'true' ? 'statistics' : 'size',
      bytes: row['bytes'] == null ? null : Number(row['bytes']),
    },
  };
}

export function statisticsOf(rows: readonly Row[], id: string, column: string, of: number): ColumnStatistics | undefined {
  const row = rows.find((it) => it['id'] === id && it['column'] === column);
  if (row === undefined) return undefined;
  const isUnique = row['single'] === 'true';
  if (row['nulls'] == null && !isUnique) return undefined;
  const values = listOf(row['common']);
  const fractions = listOf(row['fractions']).map(Number);
  const isReadable = row['readable'] === 'true';
  const distinct = row['distinct'] == null ? null : Number(row['distinct']);
  return {
    nullFraction: Number(row['nulls'] ?? 0),
    // Negative: a fraction of the rows (pg_stats.n_distinct).
    distinct: distinct === null || distinct === 0 || !isReadable ? null : distinct < 0 ? -distinct * of : distinct,
    isUnique,
    common: values.map((value, at) => ({ value, fraction: fractions[at] ?? 0 })),
    bounds: listOf(row['bounds']),
    order: row['category'] === 'N' ? 'number' : row['category'] === 'D' ? 'time' : 'none',
  };
}

function listOf(json: string | null | undefined): string[] {
  if (json == null) return [];
  const list: unknown = JSON.parse(json);
  return Array.isArray(list) ? list.map(String) : [];
}
