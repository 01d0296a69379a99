// What operators changed about people at run time. The people themselves stand in the configuration; a row here outlives a
// restart and wins over it, so that somebody disabled in an emergency stays disabled.

import type { Db, Migration } from './database.ts';

export const peopleMigrations: readonly Migration[] = [
  {
    id: 'people-1',
    sql: `CREATE TABLE disabled_people (
            name TEXT PRIMARY KEY,
            disabled_at_ms INTEGER NOT NULL,
            disabled_by TEXT
          ) STRICT, WITHOUT ROWID`,
  },
];

export interface PeopleStore {
  /** Names of everybody an operator has disabled. */
  disabled(): string[];
  disable(name: string, atMs: number, by: string | null): void;
  enable(name: string): void;
}

export function openPeopleStore(db: Db): PeopleStore {
  const all = db.prepare('SELECT name FROM disabled_people').pluck();
  const insert = db.prepare('INSERT OR IGNORE INTO disabled_people (name, disabled_at_ms, disabled_by) VALUES (?, ?, ?)');
  const remove = db.prepare('DELETE FROM disabled_people WHERE name = ?');
  return {
    disabled: () => all.all() as string[],
    disable: (name, atMs, by) => void insert.run(name, atMs, by),
    enable: (name) => void remove.run(name),
  };
}
