// What a preview needs of a text: the condition of an UPDATE or DELETE of one table as columns and literals, its LIMIT, and what the
// rows of a query come from. It judges nothing; what it can't read counts as true for every row.

import type { ReadingMode } from '../../../src/core/action.ts';
import type { StatementOutline } from '../../../src/core/preview.ts';
import type { Token } from './lexer.ts';
import { conditionOf, findWord, isOp, notRead, type ParameterNumbers } from './outline-condition.ts';
import { isProblem, sqlModeOf } from './reading-mode.ts';
import { wordAt } from './reading.ts';
import { readingsOf } from './readings.ts';
import { rowLimitOf, rowsOfInsert, rowsOfSelect } from './row-source.ts';

const plain: StatementOutline = { where: null, rowsMax: null, cascade: false, columnsDropped: [], concurrently: false };

/** Null when the text has several readings, or its mode is not known. */
export function outlinesOf(text: string, mode: ReadingMode | null): readonly StatementOutline[] | null {
  if (mode === null) return null;
  const sqlMode = sqlModeOf(mode, text);
  if (isProblem(sqlMode)) return null;
  const read = readingsOf(text, sqlMode);
  const [tokens] = read.kind === 'read' ? read.readings : [];
  if (read.kind === 'problem' || tokens === undefined || read.readings.length > 1) return null;
  const parameters = tokens.filter(({ kind }) => kind === 'parameter');
  const numbers = new Map(parameters.map((token, at) => [token, at + 1]));
  return statementsOf(tokens).map((it) => outlineOf(it, numbers));
}

function statementsOf(tokens: readonly Token[]): Token[][] {
  const statements: Token[][] = [[]];
  for (const token of tokens) {
    if (token.kind === 'op' && token.text === ';') statements.push([]);
    else statements.at(-1)?.push(token);
  }
  return statements.filter((it) => it.length > 0);
}

function outlineOf(tokens: readonly Token[], numbers: ParameterNumbers): StatementOutline {
  switch (wordAt(tokens, 0)) {
    case 'UPDATE':
    case 'DELETE': {
      const where = conditionOf(tokens, numbers);
      return { ...plain, rowsMax: rowLimitOf(tokens), where: where !== null && namesSeveral(tokens) ? notRead : where };
    }
    case 'SELECT':
      return { ...plain, source: rowsOfSelect(tokens, numbers) };
    case 'INSERT':
    case 'REPLACE':
      return { ...plain, source: rowsOfInsert(tokens, numbers) };
    default:
      return plain;
  }
}

/** Beside other tables a bare column may be theirs. */
function namesSeveral(tokens: readonly Token[]): boolean {
  const ends = ['SET', 'WHERE'].map((it) => findWord(tokens, it, 0)).filter((it) => it !== -1);
  const tables = tokens.slice(0, Math.min(tokens.length, ...ends));
  const words = ['JOIN', 'USING'];
  let depth = 0;
  return tables.some((it) => {
    if (isOp(it, '(')) depth += 1;
    if (isOp(it, ')')) depth -= 1;
    return depth === 0 && (isOp(it, ',') || (it.kind === 'word' && words.includes(it.text)));
  });
}
