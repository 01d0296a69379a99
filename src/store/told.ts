// Who was asked about a matter by a channel that speaks to single people: nobody is asked twice, and somebody who may answer
// only later (the turn of an on-call schedule, a delegation, an escalation) is asked then.

import type { Db, Migration } from './database.ts';

export const toldMigrations: readonly Migration[] = [
  {
    id: 'told-1',
    sql: `CREATE TABLE told (
            channel TEXT NOT NULL,
            matter TEXT NOT NULL,
            place TEXT NOT NULL,
            at_ms INTEGER NOT NULL,
            PRIMARY KEY (channel, matter, place)
          ) STRICT, WITHOUT ROWID;
          CREATE INDEX told_age ON told (at_ms)`,
  },
];

/** Holds live for a week at most. */
const keptMs = 30 * 86_400_000;

export class ToldStore {
  readonly #db: Db;
  readonly #nowMs: () => number;

  constructor(db: Db, nowMs: () => number) {
    this.#db = db;
    this.#nowMs = nowMs;
  }

  /** True the first time, and notes it. */
  isNew(channel: string, matter: string, place: string): boolean {
    const nowMs = this.#nowMs();
    this.#db.prepare('DELETE FROM told WHERE at_ms < ?').run(nowMs - keptMs);
    return this.#db.prepare('INSERT OR IGNORE INTO told VALUES (?, ?, ?, ?)').run(channel, matter, place, nowMs).changes === 1;
  }
}
