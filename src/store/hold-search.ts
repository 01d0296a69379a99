// Holds in which a text stands, newest first. There may be very many, and the thread that looks relays sessions as well: a page ends after
// so much was looked at, whether or not something was found.

import { beforeOf } from './cursor.ts';
import type { Db } from './database.ts';
import type { HoldRow } from './hold-rows.ts';
import { lookedPage, lowered, type LookedRow } from './looked-page.ts';

/** Looked at for one page: some 20 ms. */
const lookedAtMax = 5_000;
const lookedAtBytesMax = 4 * 1024 * 1024;

/** What people see of a hold, and search for. */
const searched = [
  ...['id', 'principal', 'target', 'text', 'parameters', 'settled_by', 'settled_reason'],
  ...["json_extract(asked, '$.principalName')", "json_extract(terms, '$.ruleId')", "json_extract(terms, '$.ruleTitle')"],
];
// Not LIKE: with a long text and a long pattern, both of the letter a, that takes seconds.
const has = (words: string) => `instr(lower(${words}), @wanted) > 0`;
const found = [...searched.map(has), `EXISTS (SELECT 1 FROM hold_approvals WHERE hold_id = id AND ${has('person')})`].join(' OR ');

interface Wanted {
  readonly text: string;
  readonly state?: string | undefined;
  readonly principal?: string | undefined;
  readonly cursor?: string | undefined;
}

/** Letters A to Z count the same in upper and lower case. */
export function foundHolds(
  db: Db,
  { text, state, principal, cursor }: Wanted,
  rowsMax: number,
): { readonly rows: readonly HoldRow[]; readonly next: string | null } {
  const conditions = ['number < @before'];
  if (state !== undefined) conditions.push('state = @state');
  if (principal !== undefined) conditions.push('principal = @principal');
  const asked = db.prepare(
    `SELECT number, octet_length(text) AS bytes, ${found} AS found FROM holds WHERE ${conditions.join(' AND ')} ORDER BY number DESC`,
  );
  const values = { before: beforeOf(cursor), state, principal, wanted: lowered(text) };
  const limits = { rowsMax, lookedAtMax, lookedAtBytesMax };
  const { numbers, next } = lookedPage(asked.iterate(values) as IterableIterator<LookedRow>, limits);
  const one = db.prepare('SELECT * FROM holds WHERE number = ?');
  return { rows: numbers.map((number) => one.get(number) as HoldRow), next };
}
