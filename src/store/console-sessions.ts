// Browsers that are signed in to the console, and one-time login links. Both are known by the hash of their secret only.

import type { Db, Migration } from './database.ts';

export const consoleSessionMigrations: readonly Migration[] = [
  {
    id: 'console-sessions-1',
    sql: `CREATE TABLE console_sessions (
            id_hash BLOB PRIMARY KEY,
            person TEXT NOT NULL,
            token_id TEXT,
            client_address TEXT NOT NULL,
            created_at_ms INTEGER NOT NULL,
            last_seen_at_ms INTEGER NOT NULL,
            expires_at_ms INTEGER NOT NULL
          ) STRICT, WITHOUT ROWID;
          CREATE INDEX console_sessions_by_person ON console_sessions (person, created_at_ms);
          CREATE TABLE login_links (
            secret_hash BLOB PRIMARY KEY,
            person TEXT NOT NULL,
            expires_at_ms INTEGER NOT NULL
          ) STRICT, WITHOUT ROWID`,
  },
];

export interface ConsoleSessionRow {
  readonly id_hash: Buffer;
  readonly person: string;
  /** The access token it was opened with: it ends when that one does. Null after a login link. */
  readonly token_id: string | null;
  readonly client_address: string;
  readonly created_at_ms: number;
  readonly last_seen_at_ms: number;
  readonly expires_at_ms: number;
}

export interface ConsoleSessionStore {
  insert(row: ConsoleSessionRow): void;
  get(idHash: Buffer): ConsoleSessionRow | undefined;
  seen(idHash: Buffer, atMs: number): void;
  remove(idHash: Buffer): void;
  removeOf(person: string): void;
  removeOfToken(tokenId: string): void;
  /** Who has a session or a link. */
  people(): string[];
  /** Keeps the newest `keep` of a person. */
  trim(person: string, keep: number): void;
  removeExpired(nowMs: number): void;
  insertLink(secretHash: Buffer, person: string, expiresAtMs: number): void;
  /** Removes a person's links but the `count` that end last. */
  keepNewestLinks(person: string, count: number): void;
  /** Gives the link's person and end, and removes it: the second caller gets nothing. */
  takeLink(secretHash: Buffer): { person: string; expires_at_ms: number } | undefined;
  removeLinksOf(person: string): void;
  sessions(): ConsoleSessionRow[];
  links(): { secret_hash: Buffer; expires_at_ms: number }[];
}

export function openConsoleSessionStore(db: Db): ConsoleSessionStore {
  const insert = db.prepare(
    `INSERT INTO console_sessions VALUES (@id_hash, @person, @token_id, @client_address, @created_at_ms, @last_seen_at_ms, @expires_at_ms)`,
  );
  const get = db.prepare('SELECT * FROM console_sessions WHERE id_hash = ?');
  const seen = db.prepare('UPDATE console_sessions SET last_seen_at_ms = ? WHERE id_hash = ?');
  const remove = db.prepare('DELETE FROM console_sessions WHERE id_hash = ?');
  const removeOf = db.prepare('DELETE FROM console_sessions WHERE person = ?');
  const removeOfToken = db.prepare('DELETE FROM console_sessions WHERE token_id = ?');
  const trim = db.prepare(
    `DELETE FROM console_sessions WHERE id_hash IN
       (SELECT id_hash FROM console_sessions WHERE person = ? ORDER BY created_at_ms DESC, id_hash LIMIT -1 OFFSET ?)`,
  );
  const people = db.prepare('SELECT person FROM console_sessions UNION SELECT person FROM login_links').pluck();
  const sessionsExpired = db.prepare('DELETE FROM console_sessions WHERE expires_at_ms <= ?');
  const linksExpired = db.prepare('DELETE FROM login_links WHERE expires_at_ms <= ?');
  const insertLink = db.prepare('INSERT INTO login_links VALUES (?, ?, ?)');
  const removeOldLinks = db.prepare(`DELETE FROM login_links WHERE person = @person AND secret_hash NOT IN
    (SELECT secret_hash FROM login_links WHERE person = @person ORDER BY expires_at_ms DESC LIMIT @count)`);
  const takeLink = db.prepare('DELETE FROM login_links WHERE secret_hash = ? RETURNING person, expires_at_ms');
  const removeLinksOf = db.prepare('DELETE FROM login_links WHERE person = ?');
  const sessions = db.prepare('SELECT * FROM console_sessions');
  const links = db.prepare('SELECT secret_hash, expires_at_ms FROM login_links');
  return {
    insert: (row) => void insert.run(row),
    get: (idHash) => get.get(idHash) as ConsoleSessionRow | undefined,
    seen: (idHash, atMs) => void seen.run(atMs, idHash),
    remove: (idHash) => void remove.run(idHash),
    removeOf: (person) => void removeOf.run(person),
    removeOfToken: (tokenId) => void removeOfToken.run(tokenId),
    people: () => people.all() as string[],
    trim: (person, keep) => void trim.run(person, keep),
    removeExpired: (nowMs) => {
      sessionsExpired.run(nowMs);
      linksExpired.run(nowMs);
    },
    insertLink: (secretHash, person, expiresAtMs) => void insertLink.run(secretHash, person, expiresAtMs),
    keepNewestLinks: (person, count) => void removeOldLinks.run({ person, count }),
    takeLink: (secretHash) => takeLink.get(secretHash) as { person: string; expires_at_ms: number } | undefined,
    removeLinksOf: (person) => void removeLinksOf.run(person),
    sessions: () => sessions.all() as ConsoleSessionRow[],
    links: () => links.all() as { secret_hash: Buffer; expires_at_ms: number }[],
  };
}
