// The tables of the index: one narrow row for each event (who, what, where, when, and its place in the segments), names as
// numbers, words in a full-text table. It can be deleted at any time and is rebuilt from the segments.

import { rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { AuditLine } from './line.ts';
import { makeOwnersOnly } from '../store/owners-only.ts';
import { readLink } from './line.ts';
import { listSegments, segmentOf } from './segments.ts';
import { readGenesis } from './verify.ts';

/** Raised when the tables change: an index of another version is thrown away and built again. */
const indexVersion = '1';
const fileName = 'search.db';
/** Names kept in memory; the rest is looked up. Sessions come and go, so this is emptied when full. */
const namesMax = 50_000;

const tables = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, type INTEGER NOT NULL, principal INTEGER, target INTEGER, session INTEGER,
    hold INTEGER, segment INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL
  );
  CREATE INDEX events_type ON events (type);
  CREATE INDEX events_principal ON events (principal);
  CREATE INDEX events_target ON events (target);
  CREATE INDEX events_session ON events (session) WHERE session IS NOT NULL;
  CREATE INDEX events_hold ON events (hold) WHERE hold IS NOT NULL;
  -- How often each name stands in each column, so that a query walks the rarest.
  CREATE TABLE counts (field TEXT NOT NULL, name INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (field, name)) WITHOUT ROWID;
  -- Which events a minute of wall-clock time holds; minutes overlap when the clock was set back.
  CREATE TABLE minutes (minute INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL);
  CREATE VIRTUAL TABLE words USING fts5 (text, content = '', detail = none, tokenize = "unicode61 tokenchars '_'");
`;

export const nameFields = ['type', 'principal', 'target', 'session', 'hold'] as const;
export type NameField = (typeof nameFields)[number];
/** Sessions and holds are rare by nature; only the others are counted. */
const countedFields: ReadonlySet<NameField> = new Set<NameField>(['type', 'principal', 'target']);

/** Where the index stands in the log. */
export interface Position {
  readonly seq: number;
  readonly hash: string;
  /** First event of the segment, and the offset of the next line in it. */
  readonly segment: number;
  readonly offset: number;
}

export interface PlacedLine {
  readonly line: AuditLine;
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
}

export interface SearchStore {
  readonly db: Database.Database;
  position(): Position;
  /** Takes a batch in and moves the position, in one transaction. */
  add(batch: readonly PlacedLine[], position: Position): void;
  /** The number of a name, or null when no event has it. */
  nameId(name: string): number | null;
  /** How many events have the name in the field; null when it isn't counted. */
  count(field: NameField, nameId: number): number | null;
  close(): void;
}

/** Opens the index of the log in `dir`; one that is damaged, old, or of another log is built again. */
export async function openSearchStore(dir: string): Promise<SearchStore> {
  const path = join(dir, fileName);
  const logId = await logIdOf(dir);
  const existing = await tryOpen(dir, path, logId);
  if (existing !== null) return existing;
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
  const db = openFile(path);
  db.exec(tables);
  const meta = db.prepare('INSERT INTO meta VALUES (?, ?)');
  meta.run('version', indexVersion);
  meta.run('log', logId);
  meta.run('position', JSON.stringify({ seq: 0, hash: '', segment: 1, offset: 0 } satisfies Position));
  return new Store(db);
}

function openFile(path: string): Database.Database {
  makeOwnersOnly(path);
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = NORMAL');
  return db;
}

async function tryOpen(dir: string, path: string, logId: string): Promise<SearchStore | null> {
  let db: Database.Database | null = null;
  try {
    db = openFile(path);
    const meta = db.prepare('SELECT value FROM meta WHERE key = ?').pluck();
    if (meta.get('version') === indexVersion && meta.get('log') === logId) {
      const store = new Store(db);
      if (await standsInLog(dir, store)) return store;
    }
  } catch {
    // Not an index, or a damaged one: built again below.
  }
  db?.close();
  return null;
}

async function logIdOf(dir: string): Promise<string> {
  const [first] = listSegments(dir);
  if (first === undefined) return '';
  const genesis = await readGenesis(first);
  return 'ok' in genesis ? '' : genesis.logId;
}

/** Whether the last event that the index knows is still where the index says, with the same hash. */
async function standsInLog(dir: string, store: Store): Promise<boolean> {
  const { seq, hash } = store.position();
  if (seq === 0) return true;
  const row = store.db.prepare('SELECT segment, offset, length FROM events WHERE seq = ?').get(seq) as PlaceRow | undefined;
  if (row === undefined) return false;
  const file = await open(segmentOf(dir, row.segment).path, 'r');
  try {
    const bytes = Buffer.alloc(row.length);
    await file.read(bytes, 0, row.length, row.offset);
    const link = readLink(bytes);
    return !('why' in link) && link.hash === hash && link.seq === seq;
  } finally {
    await file.close();
  }
}

interface PlaceRow {
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
}

class Store implements SearchStore {
  readonly db: Database.Database;
  readonly #names = new Map<string, number>();
  readonly #findName: Database.Statement;
  readonly #addName: Database.Statement;
  readonly #addEvent: Database.Statement;
  readonly #addWords: Database.Statement;
  readonly #addCount: Database.Statement;
  readonly #addMinute: Database.Statement;
  readonly #getCount: Database.Statement;
  #position: Position;

  constructor(db: Database.Database) {
    this.db = db;
    this.#findName = db.prepare('SELECT id FROM names WHERE name = ?').pluck();
    this.#addName = db.prepare('INSERT INTO names (name) VALUES (?)');
    this.#addEvent = db.prepare('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
    this.#addWords = db.prepare('INSERT INTO words (rowid, text) VALUES (?, ?)');
    this.#addCount = db.prepare('INSERT INTO counts VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count');
    this.#addMinute = db.prepare(
      'INSERT INTO minutes VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET last_seq = max(last_seq, excluded.last_seq)',
    );
    this.#getCount = db.prepare('SELECT count FROM counts WHERE field = ? AND name = ?').pluck();
    this.#position = JSON.parse(String(db.prepare(`SELECT value FROM meta WHERE key = 'position'`).pluck().get())) as Position;
  }

  position(): Position {
    return this.#position;
  }

  add(batch: readonly PlacedLine[], position: Position): void {
    try {
      this.db.transaction(() => this.#add(batch, position))();
    } catch (thrown) {
      this.#names.clear(); // may hold numbers of names that were rolled back
      throw thrown;
    }
    this.#position = position;
  }

  nameId(name: string): number | null {
    const id = this.#names.get(name) ?? (this.#findName.get(name) as number | undefined);
    return id ?? null;
  }

  count(field: NameField, nameId: number): number | null {
    if (!countedFields.has(field)) return null;
    return (this.#getCount.get(field, nameId) as number | undefined) ?? 0;
  }

  close(): void {
    this.db.close();
  }

  #add(batch: readonly PlacedLine[], position: Position): void {
    const counts = new Map<string, { field: NameField; name: number; count: number }>();
    const minutes = new Map<number, { first: number; last: number }>();
    for (const { line, segment, offset, length } of batch) {
      const ids = nameFields.map((field) => (line[field] === null ? null : this.#intern(line[field])));
      this.#addEvent.run(line.seq, line.at_ms, ...ids, segment, offset, length);
      const words = wordsOf(line.detail);
      if (words !== '') this.#addWords.run(line.seq, words);
      nameFields.forEach((field, index) => {
        const name = ids[index];
        if (name === null || name === undefined || !countedFields.has(field)) return;
        const key = `${field} ${name}`;
        const found = counts.get(key);
        if (found === undefined) counts.set(key, { field, name, count: 1 });
        else found.count += 1;
      });
      const minute = Math.floor(line.at_ms / 60_000);
      const span = minutes.get(minute);
      if (span === undefined) minutes.set(minute, { first: line.seq, last: line.seq });
      else span.last = line.seq;
    }
    for (const { field, name, count } of counts.values()) this.#addCount.run(field, name, count);
    for (const [minute, span] of minutes) this.#addMinute.run(minute, span.first, span.last);
    this.db.prepare(`UPDATE meta SET value = ? WHERE key = 'position'`).run(JSON.stringify(position));
  }

  #intern(name: string): number {
    const known = this.nameId(name);
    const id = known ?? Number(this.#addName.run(name).lastInsertRowid);
    if (this.#names.size >= namesMax) this.#names.clear();
    this.#names.set(name, id);
    return id;
  }
}

/** What full-text search looks through: every text of the detail, and lists of texts. */
function wordsOf(detail: AuditLine['detail']): string {
  const texts: string[] = [];
  for (const value of Object.values(detail)) {
    if (typeof value === 'string') texts.push(value);
    else if (Array.isArray(value)) for (const it of value) if (typeof it === 'string') texts.push(it);
  }
  return texts.join('\n');
}
