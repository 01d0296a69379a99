// Opens the embedded database and brings its tables up to date. Each entity file owns its tables and lists its migrations.

import Database from 'better-sqlite3';
import { Fault, messageOf } from '../core/errors.ts';
import { makeOwnersOnly } from './owners-only.ts';

export type Db = Database.Database;

/** Applied once, in the order given, each in its own transaction; never edited after a release. */
export interface Migration {
  /** `<entity>-<number>`, unique. */
  readonly id: string;
  readonly sql: string;
}

/** The gateway is the only one that writes. What another program does to the file must not make everybody wait: waiting stops the thread. */
const busyMsMax = 250;

export type StoreDurability = 'kernel' | 'fsync';

/**
 * Opens (and makes) the database at `path`; ":memory:" for tests. What is committed survives a kill of the process, and with `fsync` a
 * power cut as well. Throws Fault store-failed when it can't be used.
 */
export function openDatabase(path: string, migrations: readonly Migration[], durability: StoreDurability = 'kernel'): Db {
  try {
    return opened(path, migrations, durability);
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault('store-failed', `the database ${path} can't be opened: ${messageOf(cause)}`, {
      cause,
      hint: 'Look at its rights and the free space; one that is damaged is replaced by a copy (docs/operating.md, Backups).',
    });
  }
}

function opened(path: string, migrations: readonly Migration[], durability: StoreDurability): Db {
  if (path !== ':memory:') makeOwnersOnly(path);
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.pragma(`synchronous = ${durability === 'fsync' ? 'FULL' : 'NORMAL'}`);
  db.pragma('foreign_keys = ON');
  db.pragma(`busy_timeout = ${busyMsMax}`);
  db.exec('CREATE TABLE IF NOT EXISTS migrations (id TEXT PRIMARY KEY, applied_at_ms INTEGER NOT NULL)');
  const applied = new Set(db.prepare('SELECT id FROM migrations').pluck().all() as string[]);
  assertNotNewer(db, path, applied, migrations);
  for (const migration of migrations) {
    if (applied.has(migration.id)) continue;
    db.transaction(() => {
      db.exec(migration.sql);
      db.prepare(`INSERT INTO migrations VALUES (?, unixepoch('subsec') * 1000)`).run(migration.id);
    })();
  }
  return db;
}

/** What a later version has made of the tables nobody here knows how to keep right. */
function assertNotNewer(db: Db, path: string, applied: ReadonlySet<string>, migrations: readonly Migration[]): void {
  const known = new Set(migrations.map(({ id }) => id));
  const newer = [...applied].filter((id) => !known.has(id));
  if (newer.length === 0) return;
  db.close();
  throw new Fault('store-failed', `the database ${path} was written by a newer version of the gateway (${newer.join(', ')})`, {
    hint: 'Start that version again, or put back the copy that was made before the upgrade (docs/operating.md, Backups).',
  });
}
