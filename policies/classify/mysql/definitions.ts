// CREATE, ALTER and DROP: what kind of object, which ones, and whether code is stored that runs later or elsewhere. Also how
// statements name their objects.

import type { EffectVerb, ObjectKind } from '../../../src/core/effect.ts';
import type { FactsBuilder } from './facts-builder.ts';
import { isName } from './tables.ts';
import { plainParts, readParts } from './query-parts.ts';
import { opAt, wordAt, type Judged, type Reading } from './reading.ts';
import type { Statement } from './statement.ts';
import { readStorage } from './table-storage.ts';

/** Words between the verb and the kind of object: OR REPLACE DEFINER = … SQL SECURITY … ALGORITHM = … */
const prefixTokensMax = 40;

interface DefinedKind {
  readonly objectKind: ObjectKind;
  /** Stores text that runs later. */
  readonly code?: true;
  readonly privilege?: true;
  /** What CREATE and ALTER of it do besides. */
  readonly reaches?: EffectVerb;
}

const definedKinds: Readonly<Record<string, DefinedKind>> = {
  TABLE: { objectKind: 'table' },
  TABLES: { objectKind: 'table' },
  VIEW: { objectKind: 'view' },
  DATABASE: { objectKind: 'database' },
  SCHEMA: { objectKind: 'database' },
  INDEX: { objectKind: 'other' },
  TRIGGER: { objectKind: 'other', code: true },
  EVENT: { objectKind: 'other', code: true },
  PROCEDURE: { objectKind: 'function', code: true },
  FUNCTION: { objectKind: 'function', code: true },
  PACKAGE: { objectKind: 'function', code: true },
  LIBRARY: { objectKind: 'function', code: true },
  SEQUENCE: { objectKind: 'sequence' },
  USER: { objectKind: 'role', privilege: true },
  ROLE: { objectKind: 'role', privilege: true },
  SERVER: { objectKind: 'other', reaches: 'network' },
  TABLESPACE: { objectKind: 'other', reaches: 'server-file' },
  LOGFILE: { objectKind: 'other', reaches: 'server-file' },
  UNDO: { objectKind: 'other', reaches: 'server-file' },
  RESOURCE: { objectKind: 'other', reaches: 'admin' },
  SPATIAL: { objectKind: 'other' },
  INSTANCE: { objectKind: 'other', reaches: 'admin' },
  CATALOG: { objectKind: 'database' },
};

/** CREATE, ALTER and DROP. */
export function judgeDefinition(statement: Statement): Judged {
  const { reading, verbAt: at, to, facts } = statement;
  const { tokens } = reading;
  const verb = wordAt(tokens, at) as 'CREATE' | 'ALTER' | 'DROP';
  const kindAt = findKind(reading, at + 1, to);
  if (kindAt === -1) return statement.unknown(`${verb} of an object that is not known here`);
  const word = wordAt(tokens, kindAt) as string;
  const kind = definedKinds[word] as DefinedKind;
  facts.kind = `${verb.toLowerCase()} ${word === 'SCHEMA' ? 'database' : word.toLowerCase()}`;
  const effect: EffectVerb = kind.privilege === true ? 'privilege' : (verb.toLowerCase() as 'create' | 'alter' | 'drop');
  const names = namesAfter(reading, kindAt + 1, to, word === 'INDEX');
  if (names.length === 0) facts.effect(effect, 'write', kind.objectKind);
  for (const name of names)
    facts.effect(effect, 'write', word === 'INDEX' ? 'table' : kind.objectKind, qualifies(kind) ? name.qualified : name.plain);
  const last = tokens[names.at(-1)?.end ?? kindAt] ?? tokens[kindAt];
  facts.risk({ start: tokens[at]?.start ?? 0, end: last?.end ?? 0 }, riskOf(verb, kind));
  if (kind.privilege !== true) facts.change({ kind: 'schema-changed' });
  const replaces = verb === 'CREATE' && wordAt(tokens, at + 1) === 'OR' && wordAt(tokens, at + 2) === 'REPLACE';
  if (replaces) for (const name of names) facts.effect('drop', 'write', kind.objectKind, qualifies(kind) ? name.qualified : name.plain);
  if (verb !== 'DROP') readRest(reading, kindAt, to, names[0]?.qualified ?? null, facts, kind);
  return statement.done();
}

/** Queries inside a definition (AS SELECT …), other tables of ALTER TABLE … RENAME TO, and code. */
function readRest(reading: Reading, kindAt: number, to: number, table: string | null, facts: FactsBuilder, kind: DefinedKind): void {
  const { tokens } = reading;
  if (kind.code === true) facts.effect('code', 'write', 'other');
  if (kind.objectKind === 'function') noteLibrary(reading, kindAt, to, facts);
  if (kind.reaches !== undefined) facts.effect(kind.reaches, 'write', 'other', table);
  const copies = kind.objectKind === 'table' || kind.objectKind === 'view';
  for (let at = kindAt + 1; at < to; at++) {
    const word = wordAt(tokens, at, to);
    if (kind.objectKind === 'table') {
      readTablePart(reading, at, to, table, facts);
      readStorage(reading, at, to, table, facts);
    }
    const isQuery = word === 'SELECT' || (word === 'WITH' && wordAt(tokens, at + 1, to) !== 'TABLE');
    if (!isQuery && !(copies && word === 'TABLE' && !namesTable.has(wordAt(tokens, at - 1) ?? ''))) continue;
    readParts(reading, at, to, facts, plainParts);
    if (wordAt(tokens, at + 1, to) !== 'PARSER') return; // an index WITH PARSER is no query
  }
}

/** CREATE FUNCTION … SONAME 'x.so': a library of the server's machine, which nothing confines. */
function noteLibrary({ tokens }: Reading, from: number, to: number, facts: FactsBuilder): void {
  for (let at = from; at < to; at++) {
    const library = tokens[at + 1];
    if (wordAt(tokens, at, to) === 'SONAME' && library?.kind === 'string') facts.effect('server-program', 'write', 'program', library.raw);
  }
}

/** Words before TABLE where it names another table of ALTER TABLE, not a query (`TABLE t` is short for SELECT * FROM t). */
const namesTable = new Set(['CONVERT', 'WITH', 'TO']);

/** What one part of ALTER or CREATE TABLE does to other tables, or to the rows of this one. */
function readTablePart(reading: Reading, at: number, to: number, table: string | null, facts: FactsBuilder): void {
  const { tokens, objects } = reading;
  const span = tokens[at] ?? { start: 0, end: 0 };
  const next = wordAt(tokens, at + 1, to);
  const other = (verb: EffectVerb, nameFrom: number): void => {
    const name = nameAt(reading, nameFrom, to);
    if (name !== null) facts.effect(verb, 'write', 'table', objects.qualify(name.database, name.name));
  };
  switch (wordAt(tokens, at, to)) {
    case 'TRUNCATE':
      if (next !== 'PARTITION') return;
      facts.effect('truncate', 'write', 'table', table);
      return facts.risk(span, 'empties a partition');
    case 'DROP':
      if (next !== 'DEFAULT') facts.effect('drop', 'write', 'table', table);
      return facts.risk(span, 'drops a part of the table');
    case 'DISCARD':
    case 'CONVERT':
      if (next !== 'PARTITION' && next !== (wordAt(tokens, at, to) === 'DISCARD' ? 'TABLESPACE' : null)) return;
      facts.effect('drop', 'write', 'table', table);
      return facts.risk(span, 'takes rows out of the table');
    case 'RENAME': // RENAME [TO | AS | =] name
      if (next === 'COLUMN' || next === 'INDEX' || next === 'KEY') return;
      return other('rename', at + (next === 'TO' || next === 'AS' || opAt(tokens, at + 1, to) === '=' ? 2 : 1));
    case 'TABLE': {
      // EXCHANGE PARTITION p WITH TABLE t, CONVERT TABLE t TO PARTITION p, CONVERT PARTITION p TO TABLE t
      const before = wordAt(tokens, at - 1) ?? '';
      if (namesTable.has(before)) other(before === 'TO' ? 'create' : before === 'WITH' ? 'alter' : 'rename', at + 1);
      return;
    }
    case 'UNION': {
      // The tables behind one of the MERGE engine are read and written through it.
      let name = at + (opAt(tokens, at + 1, to) === '=' ? 3 : 2);
      if (opAt(tokens, name - 1, to) !== '(') return;
      for (; name < to && opAt(tokens, name, to) !== ')'; name++) if (/^[(,]$/.test(opAt(tokens, name - 1, to) ?? '')) other('alter', name);
      return;
    }
  }
}

function qualifies(kind: DefinedKind): boolean {
  return kind.objectKind !== 'role' && kind.objectKind !== 'database';
}

function riskOf(verb: 'CREATE' | 'ALTER' | 'DROP', kind: DefinedKind): string {
  if (kind.privilege === true) return 'changes who may do what';
  if (kind.code === true && verb !== 'DROP') return 'stores code that runs later';
  return verb === 'DROP' ? 'removes it with everything in it' : `${verb === 'CREATE' ? 'creates' : 'changes'} an object of the database`;
}

function findKind(reading: Reading, from: number, to: number): number {
  const end = Math.min(to, from + prefixTokensMax);
  for (let at = from; at < end; at++) {
    const word = wordAt(reading.tokens, at, to);
    // A definer may be called like anything: DEFINER = user @host, CURRENT_USER, role
    if (word === 'DEFINER' && opAt(reading.tokens, at + 1, to) === '=') {
      at += 2;
      if (opAt(reading.tokens, at + 1, to) === '(') at += 2;
      continue;
    }
    if (word === 'SPATIAL' && wordAt(reading.tokens, at + 1, to) === 'INDEX') continue;
    if (word === 'UNDO' && wordAt(reading.tokens, at + 1, to) === 'TABLESPACE') continue;
    if (word !== null && Object.hasOwn(definedKinds, word)) return at;
  }
  return -1;
}

interface DefinedName {
  readonly plain: string;
  readonly qualified: string;
  /** Index of its last token. */
  readonly end: number;
}

/** The names after the kind: one, or a list (DROP TABLE a, b); of an index the table after ON. */
function namesAfter(reading: Reading, from: number, to: number, isIndex: boolean): DefinedName[] {
  const { tokens, objects } = reading;
  let at = from;
  if (isIndex) {
    while (at < to && wordAt(tokens, at, to) !== 'ON') at += 1;
    at += 1;
  }
  if (wordAt(tokens, at, to) === 'BODY') at += 1;
  if (wordAt(tokens, at, to) === 'IF') at += wordAt(tokens, at + 1, to) === 'NOT' ? 3 : 2;
  const names: DefinedName[] = [];
  for (;;) {
    const name = nameAt(reading, at, to);
    if (name === null) return names;
    names.push({ plain: name.name, qualified: objects.qualify(name.database, name.name), end: name.end });
    at = name.end + 1;
    const host = tokens[at]?.kind === 'user-variable' && at < to; // 'user'@'host' of accounts
    if (host) at += 1;
    if (opAt(tokens, at, to) !== ',') return names;
    at += 1;
  }
}

export function nameAt(reading: Reading, at: number, to: number): { database: string | null; name: string; end: number } | null {
  const { tokens } = reading;
  if (opAt(tokens, at, to) === '.') {
    const only = at + 1 < to ? tokens[at + 1] : undefined;
    return isName(only) ? { database: null, name: only.raw, end: at + 1 } : null;
  }
  const first = at < to ? tokens[at] : undefined;
  if (!isName(first) && first?.kind !== 'string') return null;
  const second = at + 2 < to ? tokens[at + 2] : undefined;
  if (opAt(tokens, at + 1, to) === '.' && isName(second)) return { database: first.raw, name: second.raw, end: at + 2 };
  return { database: null, name: first.raw, end: at };
}

/** Every `name` or `db.name` of a list up to the end: TRUNCATE, LOCK TABLES, RENAME TABLE a TO b, c TO d. */
export function namesIn(reading: Reading, from: number, to: number): string[] {
  const names: string[] = [];
  for (let at = from; at < to;) {
    const name = nameAt(reading, at, to);
    if (name === null) {
      at += 1;
      continue;
    }
    names.push(reading.objects.qualify(name.database, name.name));
    at = name.end + 1;
    while (at < to && opAt(reading.tokens, at, to) !== ',' && wordAt(reading.tokens, at, to) !== 'TO') at += 1;
    at += 1;
  }
  return names;
}
