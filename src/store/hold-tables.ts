// The tables of holds, of the approvals given to them, and of signatures that were spent on approvals that count no more.

import type { Migration } from './database.ts';

export const holdMigrations: readonly Migration[] = [
  {
    id: 'holds-1',
    sql: `
      CREATE TABLE holds (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'withdrawn')),
        principal TEXT NOT NULL, session_id TEXT NOT NULL, action_id TEXT NOT NULL, target TEXT NOT NULL, digest TEXT NOT NULL,
        text TEXT NOT NULL, parameters TEXT, asked TEXT NOT NULL, terms TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL,
        settled_at_ms INTEGER, settled_by TEXT, settled_reason TEXT
      );
      CREATE INDEX holds_state ON holds (state, number);
      CREATE INDEX holds_principal ON holds (principal, number);
      CREATE TABLE hold_approvals (
        hold_id TEXT NOT NULL REFERENCES holds (id), person TEXT NOT NULL, groups TEXT NOT NULL, reason TEXT, at_ms INTEGER NOT NULL,
        PRIMARY KEY (hold_id, person)
      );
    `,
  },
  { id: 'holds-second-factor-1', sql: 'ALTER TABLE hold_approvals ADD COLUMN second_factor TEXT' },
  // A new state, and what outlives a restart. SQLite can't change a CHECK, so the tables are made anew.
  {
    id: 'holds-2',
    sql: `
      CREATE TABLE hold_approvals_kept AS SELECT * FROM hold_approvals;
      DROP TABLE hold_approvals;
      CREATE TABLE holds_new (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'changes_requested', 'expired', 'withdrawn')),
        principal TEXT NOT NULL, session_id TEXT NOT NULL, action_id TEXT NOT NULL, target TEXT NOT NULL, digest TEXT NOT NULL,
        text TEXT NOT NULL, parameters TEXT, asked TEXT NOT NULL, terms TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL,
        settled_at_ms INTEGER, settled_by TEXT, settled_reason TEXT,
        again TEXT, elapsed_ms INTEGER NOT NULL DEFAULT 0, seen_at_ms INTEGER NOT NULL DEFAULT 0, used_at_ms INTEGER
      );
      INSERT INTO holds_new SELECT *, NULL, 0, 0, NULL FROM holds;
      DROP TABLE holds;
      ALTER TABLE holds_new RENAME TO holds;
      CREATE INDEX holds_state ON holds (state, number);
      CREATE INDEX holds_principal ON holds (principal, number);
      CREATE INDEX holds_lasting ON holds (number) WHERE again IS NOT NULL AND used_at_ms IS NULL AND state IN ('pending', 'approved');
      CREATE TABLE hold_approvals (
        hold_id TEXT NOT NULL REFERENCES holds (id), person TEXT NOT NULL, groups TEXT NOT NULL, reason TEXT, at_ms INTEGER NOT NULL,
        second_factor TEXT, on_behalf_of TEXT, PRIMARY KEY (hold_id, person)
      );
      INSERT INTO hold_approvals SELECT *, NULL FROM hold_approvals_kept;
      DROP TABLE hold_approvals_kept;
    `,
  },
  {
    id: 'holds-via-1',
    sql: 'ALTER TABLE holds ADD COLUMN settled_via TEXT; ALTER TABLE hold_approvals ADD COLUMN via TEXT',
  },
  {
    id: 'holds-spent-signatures-1',
    sql: `CREATE TABLE hold_spent_signatures (hold_id TEXT NOT NULL, person TEXT NOT NULL, PRIMARY KEY (hold_id, person))`,
  },
];
