// Answers a query from the index: walks the rarest of the given filters from the newest event down, checks the others, and
// stops after a bounded walk with a cursor, so that no combination of filters takes long. Shown events are read from the log.

import { closeSync, openSync, readSync } from 'node:fs';
import type { AuditEventView, Page } from '../api/contract.ts';
import { Fault } from '../core/errors.ts';
import { beforeOf } from '../store/cursor.ts';
import { unreadableLine, type AuditLine } from './line.ts';
import { auditPageMax, type AuditQuery } from './search.ts';
import { nameFields, type NameField, type SearchStore } from './search-store.ts';
import { segmentOf } from './segments.ts';

const auditPageDefault = 50;
/** Events looked at for one page; then the page ends early and its cursor goes on from there. */
export const auditWalkMax = 100_000;
/** Words of a text filter. */
const textWordsMax = 10;

interface Row {
  readonly seq: number;
  readonly at_ms: number;
  readonly type: number;
  readonly principal: number | null;
  readonly target: number | null;
  readonly session: number | null;
  readonly hold: number | null;
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
}

interface Wanted {
  readonly field: NameField;
  readonly id: number;
}

const noEvents: Page<AuditEventView> = { items: [], next: null };

/** A page of events, newest first. A page can have fewer than asked (even none) and still a next one. */
export function searchPage(dir: string, store: SearchStore, query: AuditQuery): Page<AuditEventView> {
  const limit = pageSize(query.limit);
  const wanted: Wanted[] = [];
  for (const field of nameFields) {
    const name = query[field];
    if (name === undefined) continue;
    const id = store.nameId(name);
    if (id === null) return noEvents;
    wanted.push({ field, id });
  }
  const words = ftsQuery(query.text);
  if (words === null && (query.text ?? '').trim() !== '') return noEvents;
  const span = spanOf(store, query);
  if (span === null) return noEvents;
  const found: Row[] = [];
  let walked = 0;
  let lastSeq = span.from;
  let more = false;
  for (const row of candidates(store, wanted, words, span)) {
    walked += 1;
    if (found.length === limit || walked > auditWalkMax) {
      more = true;
      break;
    }
    lastSeq = row.seq;
    const inTime = row.at_ms >= (query.fromMs ?? -Infinity) && row.at_ms < (query.toMs ?? Infinity);
    if (inTime && wanted.every(({ field, id }) => row[field] === id)) found.push(row);
  }
  return { items: readRows(dir, found), next: more ? String(lastSeq) : null };
}

/** Events after `seq`, oldest first. */
export function eventsSince(dir: string, store: SearchStore, seq: number, limit: number): AuditEventView[] {
  const rows = store.db.prepare('SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT ?').all(seq, pageSize(limit)) as Row[];
  return readRows(dir, rows);
}

function pageSize(limit: number | undefined): number {
  const size = limit ?? auditPageDefault;
  if (!Number.isInteger(size) || size < 1) throw new Fault('invalid-request', 'limit must be a whole number from 1');
  return Math.min(size, auditPageMax);
}

/** The numbers between which to look, both exclusive; null when no event can be in the time asked for. */
function spanOf(store: SearchStore, query: AuditQuery): { from: number; before: number } | null {
  const before = beforeOf(query.cursor);
  if (query.fromMs === undefined && query.toMs === undefined) return { from: 0, before };
  const minute = (ms: number | undefined, otherwise: number) => (ms === undefined ? otherwise : Math.floor(ms / 60_000));
  const span = store.db
    .prepare('SELECT min(first_seq) AS first, max(last_seq) AS last FROM minutes WHERE minute BETWEEN ? AND ?')
    .get(minute(query.fromMs, 0), minute(query.toMs, Number.MAX_SAFE_INTEGER)) as { first: number | null; last: number | null };
  if (span.first === null || span.last === null) return null;
  return { from: span.first - 1, before: Math.min(before, span.last + 1) };
}

function candidates(
  store: SearchStore,
  wanted: readonly Wanted[],
  words: string | null,
  span: { from: number; before: number },
): IterableIterator<Row> {
  const { db } = store;
  const { from, before } = span;
  if (words !== null) {
    const sql = `SELECT events.* FROM words JOIN events ON events.seq = words.rowid
      WHERE words MATCH ? AND words.rowid > ? AND words.rowid < ? ORDER BY words.rowid DESC`;
    return db.prepare(sql).iterate(words, from, before) as IterableIterator<Row>;
  }
  const rarest = wanted
    .map((it) => ({ ...it, count: store.count(it.field, it.id) ?? 0 }))
    .sort((a, b) => a.count - b.count)
    .at(0);
  if (rarest === undefined) {
    const sql = 'SELECT * FROM events WHERE seq > ? AND seq < ? ORDER BY seq DESC';
    return db.prepare(sql).iterate(from, before) as IterableIterator<Row>;
  }
  const sql = `SELECT * FROM events INDEXED BY events_${rarest.field} WHERE ${rarest.field} = ? AND seq > ? AND seq < ? ORDER BY seq DESC`;
  return db.prepare(sql).iterate(rarest.id, from, before) as IterableIterator<Row>;
}

/**
 * Every word quoted, so that nothing that is typed is syntax; a star after a word asks for beginnings. Whole words are the
 * rule because they are found by walking from the newest, while beginnings are gathered over the whole log first.
 * Null when there is no word to look for.
 */
function ftsQuery(text: string | undefined): string | null {
  const words = [...(text ?? '').matchAll(/([\p{L}\p{N}_]+)(\*?)/gu)].slice(0, textWordsMax);
  return words.length === 0 ? null : words.map(([, word, star]) => `"${word}"${star}`).join(' ');
}

function readRows(dir: string, rows: readonly Row[]): AuditEventView[] {
  const files = new Map<number, number>();
  try {
    return rows.map((row) => {
      const fd = files.get(row.segment) ?? openSync(segmentOf(dir, row.segment).path, 'r');
      files.set(row.segment, fd);
      return readRow(fd, row);
    });
  } finally {
    for (const fd of files.values()) closeSync(fd);
  }
}

function readRow(fd: number, row: Row): AuditEventView {
  const bytes = Buffer.alloc(row.length);
  readSync(fd, bytes, 0, row.length, row.offset);
  const line = lineOf(bytes, row.seq);
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

/** A line that somebody damaged is shown as such; verification says more. */
function lineOf(bytes: Buffer, seq: number): AuditLine {
  try {
    return JSON.parse(bytes.toString('utf8')) as AuditLine;
  } catch {
    return unreadableLine(seq);
  }
}
