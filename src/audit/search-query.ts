// Answers a query: the index names the blocks that can have a hit, newest first; their lines are read from the log and looked at
// one by one. After a bounded number of blocks the page ends with a cursor, so that no combination of filters takes long.

import { closeSync, openSync, readSync } from 'node:fs';
import type { AuditEventView, Page } from '../api/contract.ts';
import type { AuditQuery } from '../core/audit-query.ts';
import { Fault } from '../core/errors.ts';
import { beforeOf } from '../store/cursor.ts';
import { lineBytesMax, readLink, unreadableLine, type AuditLine } from './line.ts';
import { auditPageMax } from './search-messages.ts';
import {
  blockBytesMax,
  blockEventsMax,
  lineOf,
  nameFields,
  textsOf,
  type Block,
  type BlockContent,
  type NameField,
} from './search-block.ts';
import { blockOf, fieldNumber, type BlockRow, type SearchStore } from './search-store.ts';
import { listSegments } from './segments.ts';
import { assertType } from './search-types.ts';
import { ftsQuery, TextFilter } from './search-words.ts';

const auditPageDefault = 50;
const newline = 0x0a;
/** Blocks read for one page (about 50,000 events); then the page ends early and its cursor goes on from there. */
export const blocksReadMax = 100;

const noEvents: Page<AuditEventView> = { items: [], next: null };

/**
 * A page of events, newest first. A page can have fewer than asked (even none) and still a next one. `rest` is what the log has
 * behind the last block of the index. Throws Fault invalid-request.
 */
export function searchPage(dir: string, store: SearchStore, rest: BlockContent | null, query: AuditQuery): Page<AuditEventView> {
  if (query.type !== undefined) assertType(query.type, store, rest);
  const limit = pageSize(query.limit);
  const before = beforeOf(query.cursor);
  const filter = new LineFilter(query);
  if (filter.isEmpty) return noEvents;
  const files = new SegmentFiles(dir);
  const found: AuditLine[] = [];
  let read = 0;
  try {
    for (const block of candidates(store, rest, query, before)) {
      if (read === blocksReadMax) return { items: found.map(viewOf), next: String(block.lastSeq + 1) };
      read += 1;
      for (const line of newestFirst(files.read(block), block, before)) {
        if (!filter.passes(line.text)) continue;
        const event = lineOf(line.text, line.seq);
        if (!filter.matches(event)) continue;
        if (found.length === limit) return { items: found.map(viewOf), next: String((found.at(-1) as AuditLine).seq) };
        found.push(genuine(line, event));
      }
    }
    return { items: found.map(viewOf), next: null };
  } finally {
    files.close();
  }
}

/** Events after `seq`, oldest first. */
export function eventsSince(dir: string, store: SearchStore, rest: BlockContent | null, seq: number, limit: number): AuditEventView[] {
  const wanted = pageSize(limit);
  // Every block has an event at least: so many blocks hold the page.
  const rows = store.db.prepare('SELECT * FROM blocks WHERE id > ? ORDER BY id LIMIT ?').iterate(seq, wanted) as IterableIterator<BlockRow>;
  const files = new SegmentFiles(dir);
  const found: AuditEventView[] = [];
  const take = (block: Block) => {
    const lines = [...newestFirst(files.read(block), block, Infinity)].reverse();
    for (const line of lines) if (line.seq > seq && found.length < wanted) found.push(viewOf(genuine(line, lineOf(line.text, line.seq))));
  };
  try {
    for (const row of rows) {
      take(blockOf(row));
      if (found.length === wanted) break;
    }
    if (rest !== null && found.length < wanted) take(rest.block);
    return found;
  } finally {
    files.close();
  }
}

/** Blocks read for what was killed: a second or two. */
const blocksAboutMax = 1_000;

/**
 * The lines of blocks that have one of these names in that field, of events before `before`, where a block begins. A text for each
 * block, from the newest back, with one character for each byte; `rest` is what the log has behind the last block of the index. Throws
 * WrongIndex.
 */
export function* linesAbout(
  dir: string,
  store: SearchStore,
  rest: BlockContent | null,
  field: NameField,
  names: readonly string[],
  before = Number.MAX_SAFE_INTEGER,
): IterableIterator<string> {
  const ids = names.map((name) => store.nameId(name)).filter((id) => id !== null);
  const sql = `SELECT * FROM blocks WHERE id < ? AND id IN
    (SELECT block FROM postings WHERE field = ? AND name IN (SELECT value FROM json_each(?))) ORDER BY id DESC LIMIT ?`;
  const asked = [before, fieldNumber(field), JSON.stringify(ids), blocksAboutMax];
  const files = new SegmentFiles(dir);
  try {
    if (rest !== null && rest.block.firstSeq < before) yield files.read(rest.block).toString('latin1');
    for (const row of store.db.prepare(sql).iterate(...asked) as IterableIterator<BlockRow>)
      yield files.read(blockOf(row)).toString('latin1');
  } finally {
    files.close();
  }
}

function pageSize(limit: number | undefined): number {
  const size = limit ?? auditPageDefault;
  if (!Number.isInteger(size) || size < 1) throw new Fault('invalid-request', 'limit must be a whole number from 1');
  return Math.min(size, auditPageMax);
}

/** Blocks that may have a hit, newest first. */
function* candidates(store: SearchStore, rest: BlockContent | null, query: AuditQuery, before: number): IterableIterator<Block> {
  if (rest !== null && rest.block.firstSeq < before) yield rest.block;
  const names: { field: NameField; id: number }[] = [];
  for (const field of namesByRarity) {
    const name = query[field];
    if (name === undefined) continue;
    const id = store.nameId(name);
    if (id === null) return;
    names.push({ field, id });
  }
  const words = ftsQuery(query.text);
  const asked: (string | number)[] = [];
  const where: string[] = [];
  const condition = (sql: string, ...values: (string | number)[]) => {
    where.push(sql);
    asked.push(...values);
  };
  let from = 'blocks';
  let order = 'blocks.id';
  const [rarest] = names;
  if (words !== null) {
    from = 'words JOIN blocks ON blocks.id = words.rowid';
    order = 'words.rowid';
    condition('words MATCH ?', words);
  } else if (rarest !== undefined) {
    names.shift();
    from = 'postings CROSS JOIN blocks ON blocks.id = postings.block';
    order = 'postings.block';
    condition('postings.field = ? AND postings.name = ?', fieldNumber(rarest.field), rarest.id);
  }
  // A block's number is its last event's.
  condition(`${order} < ? AND blocks.first_seq < ?`, Math.min(before + blockEventsMax, Number.MAX_SAFE_INTEGER), before);
  if (query.fromMs !== undefined) condition('blocks.to_ms >= ?', query.fromMs);
  if (query.toMs !== undefined) condition('blocks.from_ms < ?', query.toMs);
  for (const { field, id } of names) {
    condition(
      'EXISTS (SELECT 1 FROM postings AS other WHERE other.field = ? AND other.name = ? AND other.block = blocks.id)',
      fieldNumber(field),
      id,
    );
  }
  const sql = `SELECT blocks.* FROM ${from} WHERE ${where.join(' AND ')} ORDER BY ${order} DESC`;
  for (const row of store.db.prepare(sql).iterate(...asked) as IterableIterator<BlockRow>) yield blockOf(row);
}

/** A hold is in few blocks, a type in many: the first that is asked for is walked, the others are looked up. */
const namesByRarity: readonly NameField[] = ['hold', 'session', 'principal', 'target', 'type'];

/** Whether a line is what was asked for. */
class LineFilter {
  readonly #query: AuditQuery;
  readonly #text: TextFilter | null;
  readonly #needles: readonly string[];

  constructor(query: AuditQuery) {
    this.#query = query;
    this.#text = (query.text ?? '').trim() === '' ? null : new TextFilter(query.text ?? '');
    this.#needles = nameFields.flatMap((field) => {
      const name = query[field];
      return name === undefined ? [] : [`"${field}":${JSON.stringify(name)}`];
    });
  }

  /** Text was asked for, and it has no word: nothing has it. */
  get isEmpty(): boolean {
    return this.#text?.isEmpty === true;
  }

  /** A quick look: false when the line surely is none. */
  passes(text: string): boolean {
    return this.#needles.every((needle) => text.includes(needle)) && (this.#text === null || this.#text.passes(text));
  }

  matches(line: AuditLine): boolean {
    const { fromMs = -Infinity, toMs = Infinity } = this.#query;
    if (line.at_ms < fromMs || line.at_ms >= toMs) return false;
    for (const field of nameFields) if (this.#query[field] !== undefined && this.#query[field] !== line[field]) return false;
    return this.#text === null || this.#text.matches(textsOf(line.detail));
  }
}

/** The event as it is shown: one whose own hash does not fit was changed in the file, and nothing that it says is repeated. */
function genuine({ seq, text }: { readonly seq: number; readonly text: string }, event: AuditLine): AuditLine {
  const link = readLink(Buffer.from(text));
  return 'why' in link || link.seq !== seq ? unreadableLine(seq) : event;
}

/** The lines of a block with a number below `before`, from the last to the first. */
function* newestFirst(bytes: Buffer, block: Block, before: number): IterableIterator<{ seq: number; text: string }> {
  let end = bytes.length - 1;
  for (let { lastSeq: seq } = block; seq >= block.firstSeq && end > 0; seq -= 1) {
    const start = bytes.lastIndexOf(newline, end - 1) + 1;
    if (seq < before) yield { seq, text: bytes.toString('utf8', start, end) };
    end = start - 1;
  }
}

/** The index says of a block what the log does not: somebody changed the index, or the log. It is built again. */
export class WrongIndex extends Fault {
  constructor() {
    super('store-failed', 'the index of the audit log did not fit the log and is built again; ask once more');
  }
}

/** Reads blocks, from the files of the log alone: those that verification reads. Every one is opened once for a query. */
class SegmentFiles {
  readonly #paths: ReadonlyMap<number, string>;
  readonly #files = new Map<number, number>();

  constructor(dir: string) {
    this.#paths = new Map(listSegments(dir).map(({ firstSeq, path }) => [firstSeq, path]));
  }

  /** Throws WrongIndex. */
  read(block: Block): Buffer {
    const path = this.#paths.get(block.segment);
    if (path === undefined || !(block.lengthBytes > 0 && block.lengthBytes <= blockBytesMax + lineBytesMax)) throw new WrongIndex();
    const fd = this.#files.get(block.segment) ?? openSync(path, 'r');
    this.#files.set(block.segment, fd);
    // With the line end before it: a block begins and ends with a line, and has one for each of its events.
    const ahead = block.offset > 0 ? 1 : 0;
    const bytes = Buffer.allocUnsafe(ahead + block.lengthBytes);
    const read = readSync(fd, bytes, 0, bytes.length, block.offset - ahead);
    const lines = bytes.subarray(ahead);
    if (read < bytes.length || (ahead > 0 && bytes[0] !== newline) || lineEnds(lines) !== block.lastSeq - block.firstSeq + 1)
      throw new WrongIndex();
    return lines;
  }

  close(): void {
    for (const fd of this.#files.values()) closeSync(fd);
  }
}

/** How many lines there are; -1 when the last one has no end. */
function lineEnds(bytes: Buffer): number {
  if (bytes.at(-1) !== newline) return -1;
  let count = 0;
  for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, end + 1)) count += 1;
  return count;
}

function viewOf(line: AuditLine): AuditEventView {
  return {
    seq: line.seq,
    at: new Date(line.at_ms).toISOString(),
    type: line.type,
    principal: line.principal,
    target: line.target,
    session_id: line.session,
    action_id: line.action,
    hold_id: line.hold,
    detail: line.detail,
    hash: line.hash,
  };
}
