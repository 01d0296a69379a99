// Who has lent whom the right to answer holds, as rows. Ended ones stay: they say on whose behalf an answer was given.

import type { Db, Migration } from './database.ts';

export interface DelegationRecord {
  readonly id: string;
  /** Whose right it is. */
  readonly from: string;
  /** Who may use it. */
  readonly to: string;
  readonly reason: string | null;
  readonly createdAtMs: number;
  readonly endsAtMs: number;
  /** Ended before its time: when, and by whom. */
  readonly endedAtMs: number | null;
  readonly endedBy: string | null;
}

export const delegationMigrations: readonly Migration[] = [
  {
    id: 'delegations-1',
    sql: `
      CREATE TABLE delegations (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, lender TEXT NOT NULL, delegate TEXT NOT NULL, reason TEXT,
        created_at_ms INTEGER NOT NULL, ends_at_ms INTEGER NOT NULL, ended_at_ms INTEGER, ended_by TEXT,
        elapsed_ms INTEGER NOT NULL, seen_at_ms INTEGER NOT NULL
      );
      CREATE INDEX delegations_open ON delegations (number) WHERE ended_at_ms IS NULL;
    `,
  },
];

export interface OpenDelegation {
  readonly record: DelegationRecord;
  readonly elapsedMs: number;
  readonly seenAtMs: number;
}

export interface DelegationStore {
  insert(record: DelegationRecord): void;
  /** False when it has ended already. */
  end(id: string, by: string | null, atMs: number): boolean;
  seen(id: string, elapsedMs: number, atMs: number): void;
  /** Those that nobody has ended; their time may be over. */
  open(): OpenDelegation[];
}

interface Row {
  readonly id: string;
  readonly lender: string;
  readonly delegate: string;
  readonly reason: string | null;
  readonly created_at_ms: number;
  readonly ends_at_ms: number;
  readonly ended_at_ms: number | null;
  readonly ended_by: string | null;
  readonly elapsed_ms: number;
  readonly seen_at_ms: number;
}

export function createDelegationStore(db: Db): DelegationStore {
  const insert = db.prepare(
    `INSERT INTO delegations VALUES (NULL, @id, @from, @to, @reason, @createdAtMs, @endsAtMs, NULL, NULL, 0, @createdAtMs)`,
  );
  const end = db.prepare('UPDATE delegations SET ended_at_ms = ?, ended_by = ? WHERE id = ? AND ended_at_ms IS NULL');
  const seen = db.prepare('UPDATE delegations SET elapsed_ms = ?, seen_at_ms = ? WHERE id = ?');
  const open = db.prepare('SELECT * FROM delegations WHERE ended_at_ms IS NULL ORDER BY number');
  return {
    insert: (record) => {
      insert.run(record);
    },
    end: (id, by, atMs) => end.run(atMs, by, id).changes === 1,
    seen: (id, elapsedMs, atMs) => {
      seen.run(Math.round(elapsedMs), atMs, id);
    },
    open: () =>
      (open.all() as Row[]).map((row) => ({
        record: {
          id: row.id,
          from: row.lender,
          to: row.delegate,
          reason: row.reason,
          createdAtMs: row.created_at_ms,
          endsAtMs: row.ends_at_ms,
          endedAtMs: row.ended_at_ms,
          endedBy: row.ended_by,
        },
        elapsedMs: row.elapsed_ms,
        seenAtMs: row.seen_at_ms,
      })),
  };
}
