// Statements about tables as a whole: TRUNCATE, RENAME, LOCK, maintenance; and HANDLER, which reads one without a query.

import type { EffectVerb } from '../../../src/core/effect.ts';
import { nameAt, namesIn } from './definitions.ts';
import { readTable } from './query-parts.ts';
import { wordAt, type Judged } from './reading.ts';
import type { Statement } from './statement.ts';

const maintenanceWords = new Set(['TABLE', 'TABLES', 'VIEW', 'LOCAL', 'NO_WRITE_TO_BINLOG']);

export function judgeTruncate(statement: Statement): Judged {
  return changesListed(statement, statement.word(1) === 'TABLE' ? 2 : 1, 'truncate', 'empties the table');
}

export function judgeRename(statement: Statement): Judged {
  const what = statement.word(1);
  if (what === 'USER') return statement.whole('privilege', 'changes who may do what');
  if (what !== 'TABLE' && what !== 'TABLES') return statement.unknown('RENAME of something that is not known');
  statement.facts.kind = 'rename table';
  statement.facts.change({ kind: 'schema-changed' });
  return changesListed(statement, statement.word(2) === 'IF' ? 4 : 2, 'rename', 'gives the name of a table to another');
}

export function judgeLock(statement: Statement): Judged {
  const what = statement.word(1);
  if (what !== 'TABLE' && what !== 'TABLES') return statement.whole('lock', 'locks the whole server');
  statement.facts.kind = 'lock tables';
  return changesListed(statement, 2, 'lock', 'keeps others from the table, and commits what is open');
}

export function judgeUnlock(statement: Statement): Judged {
  const what = statement.word(1);
  if (what === 'TABLE' || what === 'TABLES') return statement.parts(statement.verbAt + 1, 'session');
  return statement.whole('admin', 'changes the whole server');
}

/** CHECK, OPTIMIZE, REPAIR and ANALYZE; TABLE or a word in front of it stands so many tokens after the verb. */
export function judgeMaintenance(statement: Statement, offset: number): Judged {
  let from = offset;
  while (maintenanceWords.has(statement.word(from) ?? '')) from += 1;
  statement.facts.kind = `${statement.facts.kind} table`;
  return changesListed(statement, from, 'maintenance', 'works on the whole table');
}

export function judgeHandler(statement: Statement): Judged {
  const { reading, verbAt, to, facts } = statement;
  const table = nameAt(reading, verbAt + 1, to);
  if (table === null) return statement.unknown('HANDLER without a table');
  const { start } = statement.span;
  readTable(reading, { database: table.database, name: table.name, alias: null, start, end: start, at: table.end, outermost: true }, facts);
  // It gives back whole rows; and READ names what OPEN called so, which need not be the table of that name.
  if (wordAt(reading.tokens, table.end + 1, to) !== 'CLOSE') facts.readsAnyColumn();
  return statement.parts(table.end + 1);
}

/** It changes the tables of the list that begins so many tokens after the verb. */
function changesListed(statement: Statement, offset: number, verb: EffectVerb, why: string): Judged {
  const { reading, verbAt, to, facts } = statement;
  const names = namesIn(reading, verbAt + offset, to);
  if (names.length === 0) facts.effect(verb, 'write');
  for (const name of names) facts.effect(verb, 'write', 'table', name);
  facts.risk(statement.span, why);
  return statement.done();
}
