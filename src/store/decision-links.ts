// Decision links that have been used. A link is signed, so nothing is kept of it until then.

import type { Db, Migration } from './database.ts';

export const decisionLinkMigrations: readonly Migration[] = [
  {
    id: 'decision-links-1',
    sql: 'CREATE TABLE used_decision_links (id TEXT PRIMARY KEY, expires_at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID',
  },
];

export interface DecisionLinkStore {
  isUsed(id: string): boolean;
  /** False when it was used before. Forgets those that have expired: their signature says so by itself. */
  use(id: string, expiresAtMs: number, nowMs: number): boolean;
}

export function openDecisionLinkStore(db: Db): DecisionLinkStore {
  const get = db.prepare('SELECT 1 FROM used_decision_links WHERE id = ?').pluck();
  const insert = db.prepare('INSERT OR IGNORE INTO used_decision_links VALUES (?, ?)');
  const prune = db.prepare('DELETE FROM used_decision_links WHERE expires_at_ms <= ?');
  return {
    isUsed: (id) => get.get(id) !== undefined,
    use: (id, expiresAtMs, nowMs) => {
      prune.run(nowMs);
      return insert.run(id, expiresAtMs).changes === 1;
    },
  };
}
