// Statements about the session itself: its database, its settings, its transactions.

import { wordAt, type Judged } from './reading.ts';
import { readSet } from './settings.ts';
import type { Statement } from './statement.ts';

const replicationWords = new Set(['SLAVE', 'REPLICA', 'ALL', 'GROUP_REPLICATION']);

export function judgeUse(statement: Statement): Judged {
  const { reading, verbAt, facts } = statement;
  const database = reading.tokens[verbAt + 1];
  if (database === undefined) return statement.unknown('USE without a database');
  facts.effect('session', 'session', 'database', database.raw);
  facts.change({ kind: 'set', setting: 'database', value: database.raw, local: false });
  // A later statement of the same text names tables of another database.
  statement.changesReading = true;
  return statement.done();
}

/** SET of variables, of the next transaction, of roles and passwords; SET STATEMENT is none of it. */
export function judgeSet(statement: Statement): Judged {
  const { reading, verbAt, to, facts } = statement;
  const { tokens, mode } = reading;
  if (statement.word(1) === 'RESOURCE') return statement.whole('admin', 'moves the session to another resource group');
  statement.changesReading = readSet(tokens, verbAt + 1, to, mode, facts).changesReading;
  for (let at = verbAt + 1; at < to; at++) {
    if (wordAt(tokens, at, to) !== 'SELECT') continue;
    facts.effect('code', 'unknown');
    facts.risk(tokens[at] ?? { start: 0, end: 0 }, 'a query inside SET: its rows can become text that is run later');
    break;
  }
  return statement.parts(verbAt + 1);
}

/** START TRANSACTION, or a part of replication. */
export function judgeStart(statement: Statement): Judged {
  const { reading, verbAt, to, facts } = statement;
  const what = statement.word(1);
  if (what !== 'TRANSACTION') return statement.whole(replicationWords.has(what ?? '') ? 'replication' : 'admin', 'changes replication');
  facts.kind = 'start transaction';
  for (let at = verbAt + 2; at < to; at++)
    if (wordAt(reading.tokens, at) === 'WRITE') facts.effect('guard', 'write', 'setting', 'transaction');
  return judgeTransaction(statement);
}

export function judgeTransaction(statement: Statement): Judged {
  statement.facts.effect('transaction', 'session');
  return statement.done();
}

/** XA COMMIT and ROLLBACK settle work of another session. */
export function judgeXa(statement: Statement): Judged {
  const what = statement.word(1);
  statement.facts.kind = `xa ${what?.toLowerCase() ?? ''}`;
  if (what === 'RECOVER') return statement.parts(statement.verbAt + 1, 'transaction');
  if (what === 'START' || what === 'BEGIN' || what === 'END') return judgeTransaction(statement);
  statement.facts.effect('transaction', 'write');
  return statement.done();
}
