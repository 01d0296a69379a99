// Sessions that a list asks for, newest first. There may be very many, and the thread that looks relays sessions as well: a page ends after
// so many were looked at, whether or not something was found.

import type { SessionQuery } from '../core/session-query.ts';
import { beforeOf } from './cursor.ts';
import type { Db } from './database.ts';
import { lookedPage, lowered, type LookedRow } from './looked-page.ts';

/** A row of `sessions`. */
export interface SessionRow {
  readonly number: number;
  readonly id: string;
  readonly principal: string;
  readonly target: string;
  readonly protocol: string;
  readonly client_address: string;
  readonly tls: number;
  readonly method: string;
  readonly database: string | null;
  readonly started_at_ms: number;
  readonly ended_at_ms: number | null;
  readonly end_reason: string | null;
  readonly statements: number;
  readonly held: number;
  readonly denied: number;
}

/** Looked at for one page: some 20 ms. */
const lookedAtMax = 20_000;
/** More words than anybody seeks; each is a comparison with every session. */
const wordsMax = 8;

/** What people see of a session, and search for. */
const searched = ['id', 'principal', 'target', 'protocol', 'client_address', 'database', 'method', 'end_reason'];
const haystack = `lower(concat_ws(char(10), ${searched.join(', ')}))`;

/** Letters A to Z count the same in upper and lower case. */
export function foundSessions(
  db: Db,
  { state, principal, target, text, sinceMs, untilMs, cursor }: SessionQuery,
  rowsMax: number,
): { readonly rows: readonly SessionRow[]; readonly next: string | null } {
  const conditions = ['number < @before'];
  if (state !== undefined) conditions.push(state === 'open' ? 'ended_at_ms IS NULL' : 'ended_at_ms IS NOT NULL');
  if (principal !== undefined) conditions.push('principal = @principal');
  if (target !== undefined) conditions.push('target = @target');
  const found = ['1'];
  // Not LIKE: with a long text and a long pattern, both of the letter a, that takes seconds.
  const words = wordsOf(text ?? '');
  for (const index of words.keys()) found.push(`instr(${haystack}, @word${index}) > 0`);
  if (sinceMs !== undefined) found.push('(ended_at_ms IS NULL OR ended_at_ms >= @sinceMs)');
  if (untilMs !== undefined) found.push('started_at_ms < @untilMs');
  const asked = db.prepare(
    `SELECT number, ${found.join(' AND ')} AS found FROM sessions WHERE ${conditions.join(' AND ')} ORDER BY number DESC`,
  );
  const values = Object.fromEntries(words.map((word, index) => [`word${index}`, word]));
  const given = { before: beforeOf(cursor), principal, target, sinceMs, untilMs, ...values };
  const { numbers, next } = lookedPage(asked.iterate(given) as IterableIterator<LookedRow>, { rowsMax, lookedAtMax });
  const one = db.prepare('SELECT * FROM sessions WHERE number = ?');
  return { rows: numbers.map((number) => one.get(number) as SessionRow), next };
}

/** "alice orders": both must stand somewhere. */
function wordsOf(text: string): string[] {
  return lowered(text)
    .split(/\s+/)
    .filter((word) => word !== '')
    .slice(0, wordsMax);
}
