// One gateway writes an audit folder at a time: two would fork the chain. The lock is SQLite's exclusive file lock, which the
// system takes away when the process dies, however it dies.

import { join } from 'node:path';
import Database from 'better-sqlite3';
import { Fault } from '../core/errors.ts';
import { makeOwnersOnly } from '../store/owners-only.ts';

/** Locks the folder or throws Fault conflict; the returned function unlocks it. */
export function lockFolder(dir: string): () => void {
  const path = join(dir, 'lock');
  makeOwnersOnly(path);
  const db = new Database(path, { timeout: 0 });
  try {
    db.pragma('locking_mode = EXCLUSIVE');
    db.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    db.close();
    throw new Fault('conflict', `another gateway is writing the audit log in ${dir}`, {
      cause,
      hint: 'Stop it first, or give this one a data folder of its own.',
    });
  }
  return () => db.close();
}
