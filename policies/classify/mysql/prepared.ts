// PREPARE, EXECUTE and DEALLOCATE: what is prepared under which name, and what running it does, as far as its text is known.

import type { StatementFacts } from '../../../src/core/classification.ts';
import type { Judged } from './reading.ts';
import type { Statement } from './statement.ts';

/** PREPARE name FROM text */
export function judgePrepare(statement: Statement): Judged {
  const { reading, verbAt, to, facts } = statement;
  const name = reading.tokens[verbAt + 1];
  if (name === undefined || statement.word(2) !== 'FROM') return statement.unknown('PREPARE without FROM');
  facts.effect('prepare', 'session', 'none', name.raw);
  const text = reading.tokens[verbAt + 3];
  const known = text?.kind === 'string' && verbAt + 4 === to ? reading.inner(text.text) : null;
  if (known !== null) facts.change({ kind: 'prepare', name: name.raw.toLowerCase(), inner: known });
  else facts.change({ kind: 'deallocate', name: name.raw.toLowerCase() });
  return statement.parts(verbAt + 3);
}

/** EXECUTE name and EXECUTE IMMEDIATE text, with USING or without; behind its effects are those of the expressions. */
export function judgeExecute(statement: Statement): Judged {
  const { reading, verbAt } = statement;
  const name = reading.tokens[verbAt + 1];
  if (name === undefined) return statement.unknown('EXECUTE without a name');
  if (statement.word(1) === 'IMMEDIATE') return executeImmediate(statement);
  const known = reading.prepared(name.raw.toLowerCase());
  const inner = known?.classification.statements[0];
  if (known?.classification.understood !== true || inner === undefined)
    return unseenCode(statement, `what was prepared as ${name.raw} is not known here`);
  return runs(statement, inner, verbAt + 2);
}

function executeImmediate(statement: Statement): Judged {
  const { reading, verbAt, to } = statement;
  const text = reading.tokens[verbAt + 2];
  const only = verbAt + 3 === to || statement.word(3) === 'USING';
  const known = text?.kind === 'string' && only ? reading.inner(text.text) : null;
  if (known === null) return unseenCode(statement, 'its text is not known here');
  return runs(statement, known, verbAt + 2);
}

/** Its effects are those of the prepared statement, and of the expressions behind it. */
function runs(statement: Statement, inner: StatementFacts, from: number): Judged {
  statement.facts.absorb(inner);
  statement.changesReading = inner.changes.some(({ kind }) => kind === 'set');
  return statement.parts(from);
}

function unseenCode(statement: Statement, why: string): Judged {
  statement.facts.effect('code', 'unknown');
  statement.facts.risk(statement.span, why);
  return statement.parts(statement.verbAt + 1);
}

/** DEALLOCATE PREPARE name, DROP PREPARE name */
export function judgeDeallocate(statement: Statement): Judged {
  const { reading, verbAt, facts } = statement;
  const name = reading.tokens[verbAt + 2];
  facts.kind = 'deallocate';
  facts.effect('prepare', 'session', 'none', name?.raw ?? null);
  facts.change({ kind: 'deallocate', name: name?.raw.toLowerCase() ?? null });
  return statement.done();
}
