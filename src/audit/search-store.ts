// The tables of the index: one row for each block of neighbouring events (when, and its place in the segments), which names occur
// in it, and its words in a full-text table. It can be deleted at any time and is rebuilt from the segments. Blocks instead of
// events keep it small and cheap: it is made while statements run.

import { rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { makeOwnersOnly } from '../store/owners-only.ts';
import { readLink } from './line.ts';
import { nameFields, type Block, type BlockContent, type NameField } from './search-block.ts';
import { listSegments, segmentOf } from './segments.ts';
import { readGenesis } from './verify.ts';

/** Raised when the tables change: an index of another version is thrown away and built again. */
const indexVersion = '2';
const fileName = 'search.db';
/** Names kept in memory; the rest is looked up. Sessions come and go, so this is emptied when full. */
const namesMax = 50_000;

const tables = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE blocks (
    id INTEGER PRIMARY KEY, -- its last event
    first_seq INTEGER NOT NULL, from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL,
    segment INTEGER NOT NULL, offset INTEGER NOT NULL, length_bytes INTEGER NOT NULL
  );
  -- Which blocks have a name in a field (its place in nameFields).
  CREATE TABLE postings (field INTEGER NOT NULL, name INTEGER NOT NULL, block INTEGER NOT NULL, PRIMARY KEY (field, name, block)) WITHOUT ROWID;
  CREATE VIRTUAL TABLE words USING fts5 (text, content = '', detail = none, columnsize = 0, tokenize = "unicode61 tokenchars '_'");
`;

/** Where the index stands in the log. */
export interface Position {
  readonly seq: number;
  readonly hash: string;
  /** First event of the segment, and the offset of the next line in it. */
  readonly segment: number;
  readonly offset: number;
}

export interface SearchStore {
  readonly db: Database.Database;
  position(): Position;
  /** Takes blocks in and moves the position, in one transaction. */
  add(blocks: readonly BlockContent[]): void;
  /** The number of a name, or null when no event of a block has it. */
  nameId(name: string): number | null;
  /** Whether an event of a block has this name in that field. */
  hasName(field: NameField, name: string): boolean;
  close(): void;
}

export interface BlockRow {
  readonly id: number;
  readonly first_seq: number;
  readonly from_ms: number;
  readonly to_ms: number;
  readonly segment: number;
  readonly offset: number;
  readonly length_bytes: number;
}

export function blockOf(row: BlockRow): Block {
  return {
    firstSeq: row.first_seq,
    lastSeq: row.id,
    fromMs: row.from_ms,
    toMs: row.to_ms,
    segment: row.segment,
    offset: row.offset,
    lengthBytes: row.length_bytes,
  };
}

/** Opens the index of the log in `dir`; one that is damaged, old, or of another log is built again. */
export async function openSearchStore(dir: string): Promise<SearchStore> {
  const path = join(dir, fileName);
  const logId = await logIdOf(dir);
  const existing = await tryOpen(dir, path, logId);
  if (existing !== null) return existing;
  removeSearchStore(dir);
  const db = openFile(path);
  db.exec(tables);
  const meta = db.prepare('INSERT INTO meta VALUES (?, ?)');
  meta.run('version', indexVersion);
  meta.run('log', logId);
  meta.run('position', JSON.stringify({ seq: 0, hash: '', segment: 1, offset: 0 } satisfies Position));
  return new Store(db);
}

/** Takes a closed index away. */
export function removeSearchStore(dir: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(dir, fileName) + suffix, { force: true });
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
  const row = store.db.prepare('SELECT * FROM blocks WHERE id = ?').get(seq) as BlockRow | undefined;
  if (row === undefined) return false;
  const file = await open(segmentOf(dir, row.segment).path, 'r');
  try {
    const bytes = Buffer.alloc(row.length_bytes);
    await file.read(bytes, 0, row.length_bytes, row.offset);
    const link = readLink(bytes.subarray(bytes.lastIndexOf('\n', -2) + 1, -1));
    return !('why' in link) && link.hash === hash && link.seq === seq;
  } finally {
    await file.close();
  }
}

class Store implements SearchStore {
  readonly db: Database.Database;
  readonly #names = new Map<string, number>();
  readonly #findName: Database.Statement;
  readonly #addName: Database.Statement;
  readonly #findPosting: Database.Statement;
  readonly #addBlock: Database.Statement;
  readonly #addPosting: Database.Statement;
  readonly #addWords: Database.Statement;
  #position: Position;

  constructor(db: Database.Database) {
    this.db = db;
    this.#findName = db.prepare('SELECT id FROM names WHERE name = ?').pluck();
    this.#addName = db.prepare('INSERT INTO names (name) VALUES (?)');
    this.#findPosting = db.prepare('SELECT 1 FROM postings WHERE field = ? AND name = ? LIMIT 1');
    this.#addBlock = db.prepare('INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)');
    this.#addPosting = db.prepare('INSERT INTO postings VALUES (?, ?, ?)');
    this.#addWords = db.prepare('INSERT INTO words (rowid, text) VALUES (?, ?)');
    this.#position = JSON.parse(String(db.prepare(`SELECT value FROM meta WHERE key = 'position'`).pluck().get())) as Position;
  }

  position(): Position {
    return this.#position;
  }

  add(blocks: readonly BlockContent[]): void {
    const last = blocks.at(-1);
    if (last === undefined) return;
    const { block, hash } = last;
    const position = { seq: block.lastSeq, hash, segment: block.segment, offset: block.offset + block.lengthBytes };
    try {
      this.db.transaction(() => {
        for (const content of blocks) this.#add(content);
        this.db.prepare(`UPDATE meta SET value = ? WHERE key = 'position'`).run(JSON.stringify(position));
      })();
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

  hasName(field: NameField, name: string): boolean {
    const id = this.nameId(name);
    return id !== null && this.#findPosting.get(fieldNumber(field), id) !== undefined;
  }

  close(): void {
    this.db.close();
  }

  #add({ block, names, words }: BlockContent): void {
    const { firstSeq, lastSeq, fromMs, toMs, segment, offset, lengthBytes } = block;
    this.#addBlock.run(lastSeq, firstSeq, fromMs, toMs, segment, offset, lengthBytes);
    if (words !== '') this.#addWords.run(lastSeq, words);
    for (const [field, found] of names) {
      for (const name of found) this.#addPosting.run(fieldNumber(field), this.#intern(name), lastSeq);
    }
  }

  #intern(name: string): number {
    const known = this.nameId(name);
    const id = known ?? Number(this.#addName.run(name).lastInsertRowid);
    if (this.#names.size >= namesMax) this.#names.clear();
    this.#names.set(name, id);
    return id;
  }
}

/** How a field is written in the table of names. */
export function fieldNumber(field: NameField): number {
  return nameFields.indexOf(field);
}
