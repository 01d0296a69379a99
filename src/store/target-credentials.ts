// Credentials of targets that are kept here, sealed: without the master key, which is elsewhere, the rows tell nothing but which
// target has how many versions, and since when.

import type { Db, Migration } from './database.ts';

export const targetCredentialMigrations: readonly Migration[] = [
  {
    id: 'target-credentials-1',
    sql: `CREATE TABLE target_credentials (
            target TEXT NOT NULL,
            version INTEGER NOT NULL,
            sealed BLOB NOT NULL,
            wrapped_key BLOB NOT NULL,
            key_id TEXT NOT NULL,
            created_at_ms INTEGER NOT NULL,
            created_by TEXT NOT NULL,
            PRIMARY KEY (target, version)
          ) STRICT`,
  },
];

export interface StoredCredential {
  /** In lower case. */
  readonly target: string;
  /** Counts up for each target. */
  readonly version: number;
  readonly sealed: Buffer;
  readonly wrappedKey: Buffer;
  readonly keyId: string;
  readonly createdAtMs: number;
  readonly createdBy: string;
}

interface Row {
  readonly target: string;
  readonly version: number;
  readonly sealed: Buffer;
  readonly wrapped_key: Buffer;
  readonly key_id: string;
  readonly created_at_ms: number;
  readonly created_by: string;
}

export interface TargetCredentialStore {
  /** Newest first. */
  versions(target: string): readonly StoredCredential[];
  all(): readonly StoredCredential[];
  add(credential: StoredCredential): void;
  rewrapped(target: string, version: number, wrappedKey: Buffer, keyId: string): void;
  /** Removes versions below that one; how many there were. */
  removeBefore(target: string, version: number): number;
}

export function openTargetCredentialStore(db: Db): TargetCredentialStore {
  // What is deleted is overwritten: an old file with an old master key should have nothing left to open.
  db.pragma('secure_delete = ON');
  const versions = db.prepare('SELECT * FROM target_credentials WHERE target = ? ORDER BY version DESC');
  const all = db.prepare('SELECT * FROM target_credentials ORDER BY target, version DESC');
  const add = db.prepare(
    'INSERT INTO target_credentials VALUES (@target, @version, @sealed, @wrappedKey, @keyId, @createdAtMs, @createdBy)',
  );
  const rewrapped = db.prepare('UPDATE target_credentials SET wrapped_key = ?, key_id = ? WHERE target = ? AND version = ?');
  const removeBefore = db.prepare('DELETE FROM target_credentials WHERE target = ? AND version < ?');
  const read = (row: unknown): StoredCredential => {
    const { target, version, sealed, wrapped_key, key_id, created_at_ms, created_by } = row as Row;
    return { target, version, sealed, wrappedKey: wrapped_key, keyId: key_id, createdAtMs: created_at_ms, createdBy: created_by };
  };
  return {
    versions: (target) => versions.all(target).map(read),
    all: () => all.all().map(read),
    add: (credential) => void add.run(credential),
    rewrapped: (target, version, wrappedKey, keyId) => void rewrapped.run(wrappedKey, keyId, target, version),
    removeBefore: (target, version) => removeBefore.run(target, version).changes,
  };
}
