// The statements that a text runs: its own, those that they carry (SET STATEMENT … FOR, ANALYZE), and those that EXECUTE names, where
// their text is known: a literal behind EXECUTE IMMEDIATE, or behind the PREPARE of its name, here or earlier in the session.

import type { Action } from '../../../src/core/action.ts';
import type { LexMode } from '../../classify/mysql/lexer.ts';
import { readingsOf } from '../../classify/mysql/readings.ts';
import { isOp, isWord, statementsOf, type Tokens } from './words.ts';

const verbs = ['SELECT', 'WITH', 'TABLE', 'VALUES', 'INSERT', 'REPLACE', 'UPDATE', 'DELETE', 'EXECUTE', 'CALL'];

/** The statements of the text; settings in front of one are a statement of their own, or none when they are plain values. */
export function ownStatements(tokens: Tokens): readonly Tokens[] {
  return statementsOf(tokens).flatMap((statement) => {
    if (!isWord(statement[0], 'SET') || !isWord(statement[1], 'STATEMENT')) return [statement];
    const end = statement.findIndex((token, at) => isWord(token, 'FOR') && isWord(statement[at + 1], ...verbs));
    if (end < 0) return [statement];
    const settings = statement.slice(0, end);
    const carried = statement.slice(end + 1);
    return settings.some((token) => isOp(token, '(')) ? [settings, carried] : [carried];
  });
}

/** What ANALYZE and EXPLAIN ANALYZE run. */
export function analyzed(statement: Tokens): readonly Tokens[] {
  if (!isWord(statement[0], 'ANALYZE') && !isWord(statement[1], 'ANALYZE')) return [];
  const from = statement.findIndex((token, at) => at > 0 && isWord(token, ...verbs));
  return from < 0 ? [] : [statement.slice(from)];
}

/** Every statement that EXECUTE runs in these, in each way in which it can be read; null: nobody can tell. */
export function executedBy(statements: readonly Tokens[], { prepared }: Pick<Action, 'prepared'>, mode: LexMode): readonly Tokens[] | null {
  const found: Tokens[] = [];
  for (const [at, statement] of statements.entries()) {
    // The procedure of the schema sys that runs any text.
    if (isWord(statement[0], 'CALL') && statement.some(({ text }) => text.toLowerCase() === 'execute_prepared_stmt')) return null;
    if (!isWord(statement[0], 'EXECUTE')) continue;
    const name = statement[1]?.raw.toLowerCase() ?? '';
    const text = isWord(statement[1], 'IMMEDIATE')
      ? literalAt(statement, 2)
      : (preparedIn(statements.slice(0, at), name) ?? earlier(prepared?.(name)?.text, name, mode));
    const inner = text === null ? null : statementsIn(text, mode);
    if (inner === null) return null;
    found.push(...inner);
  }
  return found;
}

function earlier(text: string | undefined, name: string, mode: LexMode): string | null {
  return preparedIn(text === undefined ? [] : (statementsIn(text, mode) ?? []), name);
}

/** The literal of the last PREPARE of this name. */
function preparedIn(statements: readonly Tokens[], name: string): string | null {
  const last = statements.findLast(
    ([verb, its, from]) => isWord(verb, 'PREPARE') && its?.raw.toLowerCase() === name && isWord(from, 'FROM'),
  );
  return last === undefined ? null : literalAt(last, 3);
}

function literalAt(statement: Tokens, at: number): string | null {
  const token = statement[at];
  const isAlone = at + 1 === statement.length || isWord(statement[at + 1], 'USING');
  return token?.kind === 'string' && isAlone ? token.text : null;
}

function statementsIn(text: string, mode: LexMode): readonly Tokens[] | null {
  const read = readingsOf(text, mode);
  return read.kind === 'problem' ? null : read.readings.flatMap(statementsOf);
}
