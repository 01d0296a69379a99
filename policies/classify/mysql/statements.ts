// One statement by its verb. The list of verbs is the whole of what is understood: any other verb is not, and therefore
// never harmless.

import { readDelete, readInsert, readLoad, readUpdate } from './changes.ts';
import { judgeDefinition, nameAt } from './definitions.ts';
import { judgeAnalyze, judgeExplain, judgeSetStatement, judgeWith } from './nested-statements.ts';
import { judgeDeallocate, judgeExecute, judgePrepare } from './prepared.ts';
import { opAt, unknownStatement, wordAt, type Judged, type Reading } from './reading.ts';
import { judgeSet, judgeStart, judgeTransaction, judgeUse, judgeXa } from './session-statements.ts';
import { readShow } from './show.ts';
import { Statement } from './statement.ts';
import { judgeHandler, judgeLock, judgeMaintenance, judgeRename, judgeTruncate, judgeUnlock } from './table-statements.ts';

/** A statement in a statement (EXPLAIN, ANALYZE, SET STATEMENT … FOR) nests no deeper. */
const nestingMax = 8;

/** Judges `tokens[from..to)`, one statement without its semicolon. */
export function judgeStatement(reading: Reading, from: number, to: number, nesting = 0): Judged {
  const { tokens } = reading;
  const offset = tokens[from]?.start ?? null;
  if (nesting > nestingMax) return unknownStatement('statements nested too deeply', offset);
  let at = from;
  while (opAt(tokens, at, to) === '(') at += 1;
  const verb = wordAt(tokens, at, to);
  if (verb === null) return unknownStatement('it does not begin with a word', offset);
  // Only queries may stand in parentheses.
  if (at > from && !queryVerbs.has(verb)) return unknownStatement(`${verb} in parentheses`, offset);
  return judgeVerb(verb, new Statement(reading, from, at, to, nesting));
}

const queryVerbs = new Set(['SELECT', 'WITH', 'VALUES', 'TABLE']);

function judgeVerb(verb: string, statement: Statement): Judged {
  const { reading, verbAt, to, facts } = statement;
  switch (verb) {
    case 'SELECT':
    case 'VALUES':
    case 'TABLE':
      return statement.parts(statement.from);
    case 'WITH':
      return judgeWith(statement, judgeStatement);
    case 'INSERT':
    case 'REPLACE':
      readInsert(reading, verbAt, to, facts);
      return statement.done();
    case 'UPDATE':
      readUpdate(reading, verbAt, to, facts);
      return statement.done();
    case 'DELETE':
      readDelete(reading, verbAt, to, facts);
      return statement.done();
    case 'LOAD':
      return judgeLoad(statement);
    case 'TRUNCATE':
      return judgeTruncate(statement);
    case 'CREATE':
    case 'ALTER':
      return judgeDefinition(statement);
    case 'DROP':
      return statement.word(1) === 'PREPARE' ? judgeDeallocate(statement) : judgeDefinition(statement);
    case 'RENAME':
      return judgeRename(statement);
    case 'GRANT':
    case 'REVOKE':
      return statement.whole('privilege', 'changes who may do what');
    case 'SHOW':
      readShow(reading, verbAt + 1, to, facts);
      return statement.parts(verbAt + 1);
    case 'DESCRIBE':
    case 'DESC':
    case 'EXPLAIN':
      return judgeExplain(statement, judgeStatement);
    case 'ANALYZE':
      return judgeAnalyze(statement, judgeStatement);
    case 'HELP':
    case 'DO':
    case 'CHECKSUM':
      return statement.parts(verbAt + 1);
    case 'USE':
      return judgeUse(statement);
    case 'SET':
      return statement.word(1) === 'STATEMENT' ? judgeSetStatement(statement, judgeStatement) : judgeSet(statement);
    case 'HANDLER':
      return judgeHandler(statement);
    case 'CALL':
      return judgeCall(statement);
    case 'PREPARE':
      return judgePrepare(statement);
    case 'EXECUTE':
      return judgeExecute(statement);
    case 'DEALLOCATE':
      return judgeDeallocate(statement);
    case 'BEGIN':
      return statement.word(1) === 'NOT' ? judgeCode(statement) : judgeTransaction(statement);
    case 'START':
      return judgeStart(statement);
    case 'COMMIT':
    case 'ROLLBACK':
    case 'SAVEPOINT':
    case 'RELEASE':
      return judgeTransaction(statement);
    case 'XA':
      return judgeXa(statement);
    case 'LOCK':
      return judgeLock(statement);
    case 'UNLOCK':
      return judgeUnlock(statement);
    case 'GET':
    case 'SIGNAL':
    case 'RESIGNAL':
      return statement.parts(verbAt + 1, 'session');
    case 'CHECK':
    case 'OPTIMIZE':
    case 'REPAIR':
      return judgeMaintenance(statement, 1);
    case 'IF':
    case 'CASE':
    case 'LOOP':
    case 'REPEAT':
    case 'WHILE':
    case 'FOR':
      return judgeCode(statement);
    case 'FLUSH':
      return judgeFlush(statement);
    case 'STOP':
    case 'CHANGE':
    case 'BINLOG':
    case 'PURGE':
      return statement.whole('replication', 'changes replication or its logs');
    case 'RESET':
      return /^(MASTER|SLAVE|REPLICA|BINARY)$/.test(statement.word(1) ?? '')
        ? statement.whole('replication', 'changes replication or its logs')
        : statement.whole('admin', 'resets a state of the server');
    case 'INSTALL':
      statement.facts.effect('server-program', 'write');
      return statement.whole('admin', 'loads a library into the server');
    case 'KILL':
    case 'SHUTDOWN':
    case 'RESTART':
    case 'UNINSTALL':
    case 'CACHE':
    case 'IMPORT':
    case 'CLONE':
    case 'BACKUP':
      return statement.whole('admin', 'acts on the whole server');
    case 'DELIMITER':
      return statement.unknown('DELIMITER is a command of the client and means nothing to the server');
    default:
      return statement.unknown(`the verb ${verb} is not known`);
  }
}

function judgeLoad(statement: Statement): Judged {
  const what = statement.word(1);
  if (what === 'INDEX') return statement.whole('maintenance', 'loads an index into memory');
  if (what !== 'DATA' && what !== 'XML') return statement.unknown('LOAD of something that is not known');
  readLoad(statement.reading, statement.verbAt, statement.to, statement.facts);
  return statement.done();
}

function judgeCall(statement: Statement): Judged {
  const { reading, verbAt, to, facts } = statement;
  const name = nameAt(reading, verbAt + 1, to);
  const lastAt = name?.end ?? verbAt;
  facts.effect('call', 'unknown', 'function', name === null ? null : reading.objects.qualify(name.database, name.name));
  const span = { start: statement.span.start, end: reading.tokens[lastAt]?.end ?? 0 };
  facts.risk(span, 'runs a stored procedure: what it does is not known');
  return statement.parts(lastAt + 1);
}

/** A block outside of a routine: its statements are judged, and loops and conditions are not followed. */
function judgeCode(statement: Statement): Judged {
  statement.facts.kind = 'compound statement';
  statement.facts.effect('code', 'unknown');
  statement.facts.risk(statement.span, 'a block of code');
  return statement.parts(statement.verbAt + 1);
}

function judgeFlush(statement: Statement): Judged {
  const { reading, verbAt, to, facts } = statement;
  for (let at = verbAt + 1; at < to; at++) if (wordAt(reading.tokens, at) === 'LOCK') facts.effect('lock', 'write');
  return statement.whole('admin', 'acts on the whole server');
}
