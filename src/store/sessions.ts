// Sessions as rows: opened, counted, closed. For lists and histories; the live ones are in the registry.

import type { Page, SessionView } from '../api/contract.ts';
import type { SessionFacts } from '../core/decision.ts';
import type { SessionQuery } from '../core/session-query.ts';
import type { Db, Migration } from './database.ts';
import { foundSessions, type SessionRow } from './session-search.ts';

/** What is written of a session; a live session has this shape. */
export interface SessionEntry {
  readonly id: string;
  readonly principal: { readonly name: string };
  readonly target: { readonly name: string; readonly protocol: string };
  readonly facts: SessionFacts;
  readonly counts: { readonly statements: number; readonly held: number; readonly denied: number };
}

export const sessionPageMax = 200;
const sessionPageDefault = 50;

export const sessionMigrations: readonly Migration[] = [
  {
    id: 'sessions-1',
    sql: `
      CREATE TABLE sessions (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, principal TEXT NOT NULL, target TEXT NOT NULL,
        protocol TEXT NOT NULL, client_address TEXT NOT NULL, tls INTEGER NOT NULL, method TEXT NOT NULL, database TEXT,
        started_at_ms INTEGER NOT NULL, ended_at_ms INTEGER, end_reason TEXT,
        statements INTEGER NOT NULL DEFAULT 0, held INTEGER NOT NULL DEFAULT 0, denied INTEGER NOT NULL DEFAULT 0
      );
      CREATE INDEX sessions_open ON sessions (number) WHERE ended_at_ms IS NULL;
      CREATE INDEX sessions_principal ON sessions (principal, number);
      CREATE INDEX sessions_target ON sessions (target, number);
    `,
  },
];

export interface SessionStore {
  opened(session: SessionEntry, startedAtMs: number): void;
  counted(sessions: readonly SessionEntry[]): void;
  /** Writes the last counts and the end; a session that is closed already stays as it is. */
  closed(session: SessionEntry, endedAtMs: number, reason: string): void;
  /** At start: what an earlier run left open. */
  leftOpen(): SessionView[];
  /** Those that ended since; looks at every session. */
  endedSince(atMs: number): SessionView[];
  /** At start: what an earlier run left open is over. Returns how many. */
  closeLeftOpen(atMs: number, reason: string): number;
  get(id: string): SessionView | undefined;
  /** Newest first. A page of those in which a text stands, or of a time, may be empty though others follow. */
  list(query: SessionQuery): Page<SessionView>;
}

export function createSessionStore(db: Db): SessionStore {
  const insert = db.prepare(`INSERT INTO sessions (id, principal, target, protocol, client_address, tls, method, database, started_at_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const count = db.prepare('UPDATE sessions SET statements = ?, held = ?, denied = ? WHERE id = ? AND ended_at_ms IS NULL');
  const end = db.prepare(
    'UPDATE sessions SET statements = ?, held = ?, denied = ?, ended_at_ms = ?, end_reason = ? WHERE id = ? AND ended_at_ms IS NULL',
  );
  const endAll = db.prepare('UPDATE sessions SET ended_at_ms = ?, end_reason = ? WHERE ended_at_ms IS NULL');
  const endedSince = db.prepare('SELECT * FROM sessions WHERE ended_at_ms >= ? ORDER BY number');
  const open = db.prepare('SELECT * FROM sessions WHERE ended_at_ms IS NULL ORDER BY number');
  const get = db.prepare('SELECT * FROM sessions WHERE id = ?');
  return {
    opened: ({ id, principal, target, facts }, startedAtMs) => {
      const { clientAddress, tls, method, database } = facts;
      insert.run(id, principal.name, target.name, target.protocol, clientAddress, tls ? 1 : 0, method, database, startedAtMs);
    },
    counted: db.transaction((sessions: readonly SessionEntry[]) => {
      for (const { id, counts } of sessions) count.run(counts.statements, counts.held, counts.denied, id);
    }),
    closed: ({ id, counts }, endedAtMs, reason) => {
      end.run(counts.statements, counts.held, counts.denied, endedAtMs, reason, id);
    },
    leftOpen: () => (open.all() as SessionRow[]).map(viewOf),
    endedSince: (atMs) => (endedSince.all(atMs) as SessionRow[]).map(viewOf),
    closeLeftOpen: (atMs, reason) => endAll.run(atMs, reason).changes,
    get: (id) => {
      const row = get.get(id) as SessionRow | undefined;
      return row === undefined ? undefined : viewOf(row);
    },
    list: (query) => listSessions(db, query),
  };
}

function listSessions(db: Db, query: SessionQuery): Page<SessionView> {
  const limit = Math.max(1, Math.min(query.limit ?? sessionPageDefault, sessionPageMax));
  const { rows, next } = foundSessions(db, query, limit);
  return { items: rows.map(viewOf), next };
}

function viewOf(row: SessionRow): SessionView {
  return {
    id: row.id,
    state: row.ended_at_ms === null ? 'open' : 'closed',
    principal: row.principal,
    target: row.target,
    protocol: row.protocol,
    client_address: row.client_address,
    tls: row.tls === 1,
    method: row.method,
    database: row.database,
    started_at: new Date(row.started_at_ms).toISOString(),
    ended_at: row.ended_at_ms === null ? null : new Date(row.ended_at_ms).toISOString(),
    end_reason: row.end_reason,
    statements: row.statements,
    held: row.held,
    denied: row.denied,
  };
}
