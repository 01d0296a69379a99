// INSERT, REPLACE, UPDATE, DELETE, LOAD: which tables change, through aliases and lists of several tables.

import type { EffectVerb } from '../../../src/core/effect.ts';
import type { FactsBuilder } from './facts-builder.ts';
import { nameAt } from './definitions.ts';
import { qualifiedName } from './objects.ts';
import { plainParts, readParts } from './query-parts.ts';
import { opAt, wordAt, type Reading } from './reading.ts';
import type { Token } from './lexer.ts';
import { isName, tablesIn, type TableReference } from './tables.ts';
import { reachesEveryRow, selectsEveryRow } from './where.ts';

/** Words that may stand between a verb and the tables. */
export const modifiers = {
  INSERT: new Set(['LOW_PRIORITY', 'DELAYED', 'HIGH_PRIORITY', 'IGNORE', 'INTO']),
  UPDATE: new Set(['LOW_PRIORITY', 'IGNORE']),
  DELETE: new Set(['LOW_PRIORITY', 'QUICK', 'IGNORE']),
} as const;

/**
 * Changes of one table or view, with those of the tables behind it, what triggers may do, functions that the view runs, and what foreign
 * keys change along. `columns`: what an UPDATE sets, in lower case; null when that is not known.
 */
function write(reading: Reading, verb: EffectVerb, table: string, facts: FactsBuilder, columns: readonly string[] | null = null): void {
  const { objects } = reading;
  facts.effect(verb, 'write', 'table', table);
  const through = { objectKind: 'table', object: table } as const;
  for (const object of objects.behind(table)) facts.add({ verb, access: 'write', objectKind: 'table', object, through });
  if (objects.isElsewhere(table)) facts.effect('network', 'write', 'table', table);
  if (objects.handsOn(table)) facts.effect('call', 'unknown', 'table', table);
  if (objects.reacts(table)) facts.effect('call', 'unknown', 'function', `triggers of ${table}`);
  for (const called of objects.functionsBehind(table)) facts.effect('call', 'unknown', 'function', called);
  if (verb !== 'delete' && verb !== 'update') return;
  for (const [follows, other] of objects.following(verb, table, columns)) facts.effect(follows, 'write', 'table', other);
}

/** INSERT and REPLACE; `at` is the verb. */
export function readInsert(reading: Reading, at: number, to: number, facts: FactsBuilder): void {
  const { tokens, objects } = reading;
  const replaces = wordAt(tokens, at) === 'REPLACE';
  let nameFrom = at + 1;
  while (modifiers.INSERT.has(wordAt(tokens, nameFrom, to) ?? '')) nameFrom += 1;
  const name = nameAt(reading, nameFrom, to);
  if (name === null) {
    facts.effect('unknown', 'unknown');
    return;
  }
  const table = objects.qualify(name.database, name.name);
  if (replaces) write(reading, 'delete', table, facts);
  write(reading, 'insert', table, facts);
  let updates = false;
  for (let i = name.end + 1; i + 3 < to; i++) {
    if (wordAt(tokens, i) === 'DUPLICATE' && wordAt(tokens, i + 1) === 'KEY' && wordAt(tokens, i + 2) === 'UPDATE') updates = true;
  }
  if (updates) write(reading, 'update', table, facts, assignedColumns(reading, name.end + 1, to));
  if (replaces || updates) {
    const own = tablesIn(tokens, name.end + 1, to, 'other').filter((it) => qualifiedName(objects, it) === table);
    if (selectsEveryRow(tokens, name.end + 1, to, own, reading.mode.pipesAsConcat)) facts.missingWhere = true;
  }
  facts.risk(
    { start: tokens[at]?.start ?? 0, end: tokens[name.end]?.end ?? 0 },
    replaces ? 'replaces rows: deletes and inserts' : 'inserts rows',
  );
  readParts(reading, name.end + 1, to, facts, plainParts);
}

/** UPDATE; `at` is the verb. */
export function readUpdate(reading: Reading, at: number, to: number, facts: FactsBuilder): void {
  const { tokens } = reading;
  let from = at + 1;
  while (modifiers.UPDATE.has(wordAt(tokens, from, to) ?? '')) from += 1;
  const set = atDepthZero(reading, from, to, 'SET');
  const listTo = set === -1 ? to : set;
  const tables = tablesIn(tokens, from, listTo, 'want').filter((it) => it.outermost);
  const written = set === -1 ? tables : assigned(reading, set + 1, to, tables);
  const columns = set === -1 ? null : assignedColumns(reading, set + 1, to);
  for (const table of written) write(reading, 'update', qualifiedName(reading.objects, table), facts, columns);
  if (tables.length === 0) facts.effect('unknown', 'unknown');
  const targets = tables.length === 1 ? new Set(tables.map((it) => it.at)) : new Set<number>();
  readParts(reading, from, to, facts, { ...plainParts, beginsInTables: true, targets });
  facts.missingWhere = reachesEveryRow(tokens, at, to, reading.mode.pipesAsConcat);
  facts.risk(
    { start: tokens[at]?.start ?? 0, end: tokens[listTo - 1]?.end ?? 0 },
    facts.missingWhere ? 'changes every row' : 'changes rows',
  );
}

/** The tables that SET assigns to. A column without a table may be of any of them, and so may one that is not read as a column. */
function assigned(reading: Reading, from: number, to: number, tables: readonly TableReference[]): readonly TableReference[] {
  if (tables.length <= 1) return tables;
  const { tokens } = reading;
  const written = new Set<TableReference>();
  let depth = 0;
  let startsAssignment = true;
  for (let at = from; at < to; at++) {
    const op = opAt(tokens, at, to);
    if (op === '(') depth += 1;
    else if (op === ')') depth -= 1;
    if (depth === 0 && wordAt(tokens, at, to) === 'WHERE') break;
    if (startsAssignment) {
      // `.t.a`: of this database.
      if (op === '.' && isName(tokens[at + 1])) at += 1;
      const qualifier = qualifierAt(reading, at, to);
      const hit = qualifier === null ? [] : tables.filter((it) => matches(it, qualifier));
      for (const table of hit.length === 0 ? tables : hit) written.add(table);
    }
    startsAssignment = depth === 0 && op === ',';
  }
  return [...written];
}

/** Every name that an equals sign follows, up to WHERE: those of the columns that are set, and rather some more. */
function assignedColumns({ tokens }: Reading, from: number, to: number): readonly string[] {
  const columns: string[] = [];
  let depth = 0;
  for (let at = from; at < to; at++) {
    const op = opAt(tokens, at, to);
    if (op === '(') depth += 1;
    else if (op === ')') depth -= 1;
    if (depth === 0 && wordAt(tokens, at, to) === 'WHERE') break;
    if ((op === '=' || op === ':=') && isName(tokens[at - 1])) columns.push((tokens[at - 1] as Token).raw.toLowerCase());
  }
  return columns;
}

/** The table before the column's dot: `v` of `v.note`, of `db.v.note`. */
function qualifierAt(reading: Reading, at: number, to: number): string | null {
  const { tokens } = reading;
  if (!isName(tokens[at])) return null;
  if (opAt(tokens, at + 1, to) !== '.') return null;
  if (opAt(tokens, at + 3, to) === '.') return tokens[at + 2]?.raw ?? null;
  return tokens[at]?.raw ?? null;
}

function matches(table: TableReference, name: string): boolean {
  return (table.alias ?? table.name).toLowerCase() === name.toLowerCase();
}

/** DELETE in its three spellings; `at` is the verb. */
export function readDelete(reading: Reading, at: number, to: number, facts: FactsBuilder): void {
  const { tokens, mode } = reading;
  let from = at + 1;
  while (modifiers.DELETE.has(wordAt(tokens, from, to) ?? '')) from += 1;
  facts.missingWhere = reachesEveryRow(tokens, at, to, mode.pipesAsConcat);
  // DELETE HISTORY FROM t is MariaDB's; to MySQL it is a table of the name, and its rows are deleted.
  const saysHistory = wordAt(tokens, from, to) === 'HISTORY' && wordAt(tokens, from + 1, to) === 'FROM';
  if (saysHistory && mode.flavour !== 'mysql') readSingleDelete(reading, from + 2, to, facts);
  const end = saysHistory && mode.flavour === 'mariadb' ? from + 2 : readTargets(reading, from, to, facts);
  facts.risk(
    { start: tokens[at]?.start ?? 0, end: tokens[Math.min(end, to - 1)]?.end ?? 0 },
    facts.missingWhere ? 'deletes every row' : 'deletes rows',
  );
}

/** FROM t …; a, b FROM refs …; FROM a, b USING refs …: answers where the targets end. */
function readTargets(reading: Reading, from: number, to: number, facts: FactsBuilder): number {
  const { tokens } = reading;
  const single = wordAt(tokens, from, to) === 'FROM';
  const listFrom = single ? from + 1 : from;
  const second = single ? atDepthZero(reading, listFrom, to, 'USING') : atDepthZero(reading, listFrom, to, 'FROM');
  if (second === -1) readSingleDelete(reading, listFrom, to, facts);
  else readMultiDelete(reading, listFrom, second, to, facts);
  return second === -1 ? listFrom : second;
}

function readSingleDelete(reading: Reading, from: number, to: number, facts: FactsBuilder): void {
  const name = nameAt(reading, from, to);
  if (name === null) {
    facts.effect('unknown', 'unknown');
    return;
  }
  write(reading, 'delete', reading.objects.qualify(name.database, name.name), facts);
  readParts(reading, name.end + 1, to, facts, plainParts);
}

/** DELETE a, b FROM refs … and DELETE FROM a, b USING refs …: targets by name or alias of the list. */
function readMultiDelete(reading: Reading, from: number, second: number, to: number, facts: FactsBuilder): void {
  const { tokens, objects } = reading;
  const named = tablesIn(tokens, from, second, 'want');
  const listed = tablesIn(tokens, second + 1, to, 'want');
  for (const target of named) {
    const hits = listed.filter((it) => it.outermost && isMeant(reading, target, it));
    for (const table of hits.length === 0 ? [target] : hits) write(reading, 'delete', qualifiedName(objects, table), facts);
  }
  if (named.length === 0) facts.effect('unknown', 'unknown');
  readParts(reading, second + 1, to, facts, { ...plainParts, beginsInTables: true });
}

/** A target without a database is an alias of the list, or a table of the database in use: never one of another database. */
function isMeant({ objects }: Reading, target: TableReference, listed: TableReference): boolean {
  if (target.database !== null || !matches(listed, target.name)) return false;
  return listed.alias !== null || qualifiedName(objects, listed).toLowerCase() === qualifiedName(objects, target).toLowerCase();
}

/** LOAD DATA | XML [LOCAL] INFILE 'file' INTO TABLE t; `at` is LOAD. */
export function readLoad(reading: Reading, at: number, to: number, facts: FactsBuilder): void {
  const { tokens, objects } = reading;
  let local = false;
  let file: string | null = null;
  for (let i = at + 1; i < to; i++) {
    const word = wordAt(tokens, i, to);
    if (word === 'LOCAL') local = true;
    if (word === 'INFILE') file = tokens[i + 1]?.raw ?? null;
    if (word === 'TABLE') {
      const name = nameAt(reading, i + 1, to);
      if (name !== null) write(reading, 'bulk-load', objects.qualify(name.database, name.name), facts);
      break;
    }
  }
  const what = wordAt(tokens, at + 1) === 'XML' ? 'xml' : 'data';
  facts.kind = local ? `load ${what} local` : `load ${what}`;
  facts.effect(local ? 'file-read' : 'server-file', 'write', 'file', file);
  facts.risk(
    { start: tokens[at]?.start ?? 0, end: tokens[to - 1]?.end ?? 0 },
    local ? "reads a file of the client's machine" : "reads a file of the server's machine",
  );
  readParts(reading, at + 1, to, facts, plainParts);
}

function atDepthZero(reading: Reading, from: number, to: number, word: string): number {
  let depth = 0;
  for (let at = from; at < to; at++) {
    const op = opAt(reading.tokens, at, to);
    if (op === '(') depth += 1;
    else if (op === ')') depth -= 1;
    else if (depth === 0 && wordAt(reading.tokens, at, to) === word) return at;
  }
  return -1;
}
