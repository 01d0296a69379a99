// Which lock on its tables a statement takes, by its kind (PostgreSQL manual, 13.3.1), and what that stops.

export type LockMode =
  | 'ACCESS SHARE'
  | 'ROW SHARE'
  | 'ROW EXCLUSIVE'
  | 'SHARE UPDATE EXCLUSIVE'
  | 'SHARE'
  | 'SHARE ROW EXCLUSIVE'
  | 'EXCLUSIVE'
  | 'ACCESS EXCLUSIVE';

/** Weakest first; a mode conflicts with those that its row names. */
const conflicts: Readonly<Record<LockMode, readonly LockMode[]>> = {
  'ACCESS SHARE': ['ACCESS EXCLUSIVE'],
  'ROW SHARE': ['EXCLUSIVE', 'ACCESS EXCLUSIVE'],
  'ROW EXCLUSIVE': ['SHARE', 'SHARE ROW EXCLUSIVE', 'EXCLUSIVE', 'ACCESS EXCLUSIVE'],
  'SHARE UPDATE EXCLUSIVE': ['SHARE UPDATE EXCLUSIVE', 'SHARE', 'SHARE ROW EXCLUSIVE', 'EXCLUSIVE', 'ACCESS EXCLUSIVE'],
  SHARE: ['ROW EXCLUSIVE', 'SHARE UPDATE EXCLUSIVE', 'SHARE ROW EXCLUSIVE', 'EXCLUSIVE', 'ACCESS EXCLUSIVE'],
  'SHARE ROW EXCLUSIVE': ['ROW EXCLUSIVE', 'SHARE UPDATE EXCLUSIVE', 'SHARE', 'SHARE ROW EXCLUSIVE', 'EXCLUSIVE', 'ACCESS EXCLUSIVE'],
  EXCLUSIVE: ['ROW SHARE', 'ROW EXCLUSIVE', 'SHARE UPDATE EXCLUSIVE', 'SHARE', 'SHARE ROW EXCLUSIVE', 'EXCLUSIVE', 'ACCESS EXCLUSIVE'],
  'ACCESS EXCLUSIVE': [
    'ACCESS SHARE',
    'ROW SHARE',
    'ROW EXCLUSIVE',
    'SHARE UPDATE EXCLUSIVE',
    'SHARE',
    'SHARE ROW EXCLUSIVE',
    'EXCLUSIVE',
    'ACCESS EXCLUSIVE',
  ],
};

/** Null: the kind is not one of the table's (CREATE TABLE, GRANT), or nothing is known of it. */
export function lockOf(kind: string, concurrently: boolean): LockMode | null {
  switch (kind) {
    case 'select':
    case 'copy to':
      return 'ACCESS SHARE';
    case 'insert':
    case 'update':
    case 'delete':
    case 'merge':
    case 'copy from':
      return 'ROW EXCLUSIVE';
    case 'create index':
      return concurrently ? 'SHARE UPDATE EXCLUSIVE' : 'SHARE';
    case 'analyze':
      return 'SHARE UPDATE EXCLUSIVE';
    case 'create trigger':
      return 'SHARE ROW EXCLUSIVE';
    case 'refresh materialized view':
      return concurrently ? 'EXCLUSIVE' : 'ACCESS EXCLUSIVE';
    case 'drop table':
    case 'drop view':
    case 'drop materialized view':
    case 'drop foreign table':
    case 'drop sequence':
    case 'truncate':
    case 'alter table': // some of its forms take less; the strongest is what an approver should expect
    case 'cluster':
      return 'ACCESS EXCLUSIVE';
    default:
      return null;
  }
}

/** What others can't do with the table while it is held. */
export function stopsOf(mode: LockMode): string {
  switch (mode) {
    case 'ACCESS SHARE':
    case 'ROW SHARE':
      return 'only changes of the table’s definition';
    case 'ROW EXCLUSIVE':
    case 'SHARE UPDATE EXCLUSIVE':
      return 'changes of the table’s definition; not reads or writes of other rows';
    case 'SHARE':
    case 'SHARE ROW EXCLUSIVE':
    case 'EXCLUSIVE':
      return 'all writes to the table';
    case 'ACCESS EXCLUSIVE':
      return 'all reads and writes of the table';
  }
}

/** Whether a lock as pg_locks names it ("RowExclusiveLock") stands in the way of this mode. */
export function isInTheWay(held: string, wanted: LockMode): boolean {
  const words = held.replace(/Lock$/, '').replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ');
  return conflicts[wanted].some((it) => it === words.toUpperCase());
}
