// Access tokens at rest: verifiers only, from which no token can be had back.

import type { Db, Migration } from './database.ts';

export const tokenMigrations: readonly Migration[] = [
  {
    id: 'tokens-1',
    sql: `CREATE TABLE tokens (
            id TEXT PRIMARY KEY,
            person TEXT NOT NULL,
            name TEXT NOT NULL,
            created_at_ms INTEGER NOT NULL,
            expires_at_ms INTEGER NOT NULL,
            last_used_at_ms INTEGER,
            sha256 BLOB NOT NULL UNIQUE,
            scram_stored_key BLOB NOT NULL,
            scram_server_key BLOB NOT NULL,
            sha256_twice BLOB NOT NULL,
            sha1_twice BLOB NOT NULL
          ) STRICT;
          CREATE INDEX tokens_by_person ON tokens (person);
          CREATE INDEX tokens_by_expiry ON tokens (expires_at_ms)`,
  },
  { id: 'tokens-2', sql: 'ALTER TABLE tokens ADD COLUMN made_with TEXT' },
];

export interface TokenRow {
  readonly id: string;
  readonly person: string;
  readonly name: string;
  readonly created_at_ms: number;
  readonly expires_at_ms: number;
  readonly last_used_at_ms: number | null;
  readonly sha256: Buffer;
  readonly scram_stored_key: Buffer;
  readonly scram_server_key: Buffer;
  readonly sha256_twice: Buffer;
  readonly sha1_twice: Buffer;
  /** The token by which somebody made this one for themselves: it ends with that one. */
  readonly made_with: string | null;
}

export interface TokenStore {
  /** Those that have not expired. */
  live(nowMs: number): TokenRow[];
  insert(row: TokenRow): void;
  /** Gone for good: a revoked token leaves nothing but its audit events. */
  remove(id: string): void;
  removeExpired(nowMs: number): void;
  used(entries: ReadonlyMap<string, number>): void;
}

export function openTokenStore(db: Db): TokenStore {
  const live = db.prepare('SELECT * FROM tokens WHERE expires_at_ms > ? ORDER BY created_at_ms, id');
  const insert = db.prepare(
    `INSERT INTO tokens VALUES (@id, @person, @name, @created_at_ms, @expires_at_ms, @last_used_at_ms,
       @sha256, @scram_stored_key, @scram_server_key, @sha256_twice, @sha1_twice, @made_with)`,
  );
  const remove = db.prepare('DELETE FROM tokens WHERE id = ?');
  const removeExpired = db.prepare('DELETE FROM tokens WHERE expires_at_ms <= ?');
  const touch = db.prepare('UPDATE tokens SET last_used_at_ms = ? WHERE id = ?');
  return {
    live: (nowMs) => live.all(nowMs) as TokenRow[],
    insert: (row) => void insert.run(row),
    remove: (id) => void remove.run(id),
    removeExpired: (nowMs) => void removeExpired.run(nowMs),
    used: db.transaction((entries: ReadonlyMap<string, number>) => {
      for (const [id, atMs] of entries) touch.run(atMs, id);
    }),
  };
}
