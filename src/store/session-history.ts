// What the rows of sessions tell of a person's habits: how often on this target, and at which hours.

import type { Db, Migration } from './database.ts';

export const sessionHistoryMigrations: readonly Migration[] = [
  { id: 'session-history-1', sql: 'CREATE INDEX sessions_person_target ON sessions (principal, target, number)' },
];

/** More than this many is "often"; counting on would cost and tell nothing. */
export const sessionsCountedMax = 1_000;

export interface SessionHistory {
  /** Sessions of this person on this target that were opened before that one (or at all, when it is not written yet). */
  countBefore(person: string, target: string, sessionId: string): number;
  /** When the person's last sessions began, newest first; without that one. */
  lastStarts(person: string, sessionId: string, countMax: number): readonly number[];
}

export function openSessionHistory(db: Db): SessionHistory {
  const count = db
    .prepare<[string, string, string, number], number>(
      `SELECT count(*) FROM (SELECT 1 FROM sessions WHERE principal = ? AND target = ?
         AND number < coalesce((SELECT number FROM sessions WHERE id = ?), 9223372036854775807) LIMIT ?)`,
    )
    .pluck();
  const starts = db
    .prepare<[string, string, number], number>(
      'SELECT started_at_ms FROM sessions WHERE principal = ? AND id <> ? ORDER BY number DESC LIMIT ?',
    )
    .pluck();
  return {
    countBefore: (person, target, sessionId) => count.get(person, target, sessionId, sessionsCountedMax) ?? 0,
    lastStarts: (person, sessionId, countMax) => starts.all(person, sessionId, countMax),
  };
}
