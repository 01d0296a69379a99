// A database that takes everything and fails when it is committed, as SQLite does on a disk that is full by then.

import type { Db } from '../../src/store/database.ts';

/** From now on no change of this table is kept. Gives how to end that. */
export function failCommits(db: Db, table: string): () => void {
  const name = `never_${table}`;
  db.exec(`
    CREATE TABLE ${name}_there (id INTEGER PRIMARY KEY);
    CREATE TABLE ${name} (id INTEGER REFERENCES ${name}_there (id) DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER ${name}_added AFTER INSERT ON ${table} BEGIN INSERT INTO ${name} VALUES (1); END;
    CREATE TRIGGER ${name}_changed AFTER UPDATE ON ${table} BEGIN INSERT INTO ${name} VALUES (1); END;
  `);
  return () => db.exec(`DROP TRIGGER ${name}_added; DROP TRIGGER ${name}_changed; DROP TABLE ${name}; DROP TABLE ${name}_there`);
}
