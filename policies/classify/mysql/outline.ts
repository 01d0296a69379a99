// What a preview needs of a text: the condition of an UPDATE or DELETE of one table as columns and literals, and its LIMIT.
// It judges nothing; what it can't read counts as true for every row.

import type { ReadingMode } from '../../../src/core/action.ts';
import type { ComparisonOperator, Condition, ConditionValue } from '../../../src/core/condition.ts';
import { conditionDepthMax } from '../../../src/core/condition.ts';
import type { StatementOutline } from '../../../src/core/preview.ts';
import type { Token } from './lexer.ts';
import { isProblem, sqlModeOf } from './reading-mode.ts';
import { opAt, wordAt } from './reading.ts';
import { readingsOf } from './readings.ts';

const plain: StatementOutline = { where: null, rowsMax: null, cascade: false, columnsDropped: [], concurrently: false };
const notRead: Condition = { kind: 'not-read' };
const clauseEnds: ReadonlySet<string> = new Set(['ORDER', 'LIMIT', 'RETURNING']);
const comparisons: Readonly<Record<string, ComparisonOperator>> = {
  '=': '=',
  '<>': '<>',
  '!=': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};

/** Null when the text has several readings, or its mode is not known. */
export function outlinesOf(text: string, mode: ReadingMode | null): readonly StatementOutline[] | null {
  if (mode === null) return null;
  const sqlMode = sqlModeOf(mode, text);
  if (isProblem(sqlMode)) return null;
  const read = readingsOf(text, sqlMode);
  const [tokens] = read.kind === 'read' ? read.readings : [];
  if (read.kind === 'problem' || tokens === undefined || read.readings.length > 1) return null;
  return statementsOf(tokens).map(outlineOf);
}

function statementsOf(tokens: readonly Token[]): Token[][] {
  const statements: Token[][] = [[]];
  for (const token of tokens) {
    if (token.kind === 'op' && token.text === ';') statements.push([]);
    else statements.at(-1)?.push(token);
  }
  return statements.filter((it) => it.length > 0);
}

function outlineOf(tokens: readonly Token[]): StatementOutline {
  const verb = wordAt(tokens, 0);
  if (verb !== 'UPDATE' && verb !== 'DELETE') return plain;
  const where = findWord(tokens, 'WHERE', 0);
  const limit = findWord(tokens, 'LIMIT', 0);
  const count = limit === -1 ? undefined : tokens[limit + 1];
  const rowsMax = count?.kind === 'number' && opAt(tokens, limit + 2) === null ? Number(count.text) : null;
  if (where === -1) return { ...plain, rowsMax };
  let end = where + 1;
  for (let depth = 0; end < tokens.length; end += 1) {
    const token = tokens[end] as Token;
    if (token.kind === 'op' && token.text === '(') depth += 1;
    if (token.kind === 'op' && token.text === ')') depth -= 1;
    if (depth === 0 && token.kind === 'word' && clauseEnds.has(token.text)) break;
  }
  // Beside other tables a bare column may be theirs.
  const joins = tokens.slice(0, where).some((it) => ['JOIN', 'USING'].includes(it.kind === 'word' ? it.text : ''));
  return { ...plain, rowsMax, where: joins ? notRead : condition(tokens.slice(where + 1, end), 0) };
}

/** At the outermost depth; -1 when it is not there. */
function findWord(tokens: readonly Token[], word: string, from: number): number {
  let depth = 0;
  for (let at = from; at < tokens.length; at += 1) {
    const token = tokens[at] as Token;
    if (token.kind === 'op' && token.text === '(') depth += 1;
    else if (token.kind === 'op' && token.text === ')') depth -= 1;
    else if (depth === 0 && token.kind === 'word' && token.text === word) return at;
  }
  return -1;
}

function condition(tokens: readonly Token[], depth: number): Condition {
  if (tokens.length === 0 || depth > conditionDepthMax) return notRead;
  // BETWEEN has an AND of its own, and XOR and || have other meanings by mode: not taken apart.
  const hard = tokens.some((it) => (it.kind === 'word' && ['BETWEEN', 'XOR', 'CASE', 'SELECT'].includes(it.text)) || isOp(it, '||'));
  if (hard) return notRead;
  const or = split(tokens, 'OR', '\u0000');
  if (or.length > 1) return { kind: 'or', parts: or.map((it) => condition(it, depth + 1)) };
  const and = split(tokens, 'AND', '&&');
  if (and.length > 1) return { kind: 'and', parts: and.map((it) => condition(it, depth + 1)) };
  if (wordAt(tokens, 0) === 'NOT') return { kind: 'not', part: condition(tokens.slice(1), depth + 1) };
  if (isWrapped(tokens)) return condition(tokens.slice(1, -1), depth + 1);
  return comparison(tokens);
}

function split(tokens: readonly Token[], word: string, operator: string): Token[][] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (isOp(token, '(')) depth += 1;
    if (isOp(token, ')')) depth -= 1;
    const parts0 = depth === 0 && ((token.kind === 'word' && token.text === word) || isOp(token, operator));
    if (parts0) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts;
}

/** One pair of parentheses around all of it. */
function isWrapped(tokens: readonly Token[]): boolean {
  let depth = 0;
  return (
    tokens.length > 2 &&
    isOp(tokens[0] as Token, '(') &&
    tokens.every((token, at) => {
      if (isOp(token, '(')) depth += 1;
      if (isOp(token, ')')) depth -= 1;
      return depth > 0 || at === tokens.length - 1;
    })
  );
}

function comparison(tokens: readonly Token[]): Condition {
  const [column, rest] = columnAt(tokens);
  if (column === null) return notRead;
  const words = rest.map((it) => (it.kind === 'word' ? it.text : '')).join(' ');
  if (words === 'IS NULL') return { kind: 'is-null', column };
  if (words === 'IS NOT NULL') return { kind: 'not', part: { kind: 'is-null', column } };
  const [operator, ...value] = rest;
  if (operator === undefined) return notRead;
  if (operator.kind === 'word' && operator.text === 'IN' && isWrapped(value)) {
    const values = value
      .slice(1, -1)
      .filter((_, at) => at % 2 === 0)
      .map((it) => valueOf([it]));
    return values.includes(null) ? notRead : { kind: 'in', column, values: values.filter((it) => it !== null) };
  }
  const compared = operator.kind === 'op' ? comparisons[operator.text] : undefined;
  const read = valueOf(value);
  return compared === undefined || read === null ? notRead : { kind: 'compare', column, operator: compared, value: read };
}

function columnAt(tokens: readonly Token[]): [string | null, readonly Token[]] {
  const [first, dot, second] = tokens;
  const isName = (it: Token | undefined): boolean => it?.kind === 'name' || it?.kind === 'word';
  if (first === undefined || !isName(first)) return [null, tokens];
  if (dot !== undefined && isOp(dot, '.') && second !== undefined && isName(second)) return [second.raw, tokens.slice(3)];
  return [first.raw, tokens.slice(1)];
}

function valueOf(tokens: readonly Token[]): ConditionValue | null {
  const [token, ...more] = tokens;
  if (token === undefined) return null;
  if (isOp(token, '-') && more.length === 1 && more[0]?.kind === 'number') return { kind: 'literal', text: `-${more[0].text}` };
  if (more.length > 0) return null;
  // Which of several `?` it is can't be told from here.
  return token.kind === 'string' || token.kind === 'number' ? { kind: 'literal', text: token.text } : null;
}

function isOp(token: Token, text: string): boolean {
  return token.kind === 'op' && token.text === text;
}
