// The condition of a statement as columns of one table compared with literals. What it can't read counts as true for every row.

import type { ComparisonOperator, Condition, ConditionValue } from '../../../src/core/condition.ts';
import { conditionDepthMax } from '../../../src/core/condition.ts';
import type { Token } from './lexer.ts';
import { wordAt } from './reading.ts';

export const notRead: Condition = { kind: 'not-read' };
const clauseEnds: ReadonlySet<string> = new Set([
  'ORDER',
  'LIMIT',
  'RETURNING',
  'GROUP',
  'HAVING',
  'WINDOW',
  'FOR',
  'LOCK',
  'INTO',
  'ON',
  'PROCEDURE',
]);
const comparisons: Readonly<Record<string, ComparisonOperator>> = {
  '=': '=',
  '<>': '<>',
  '!=': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};

/** The number of each `?` of a text. */
export type ParameterNumbers = ReadonlyMap<Token, number>;

/** The condition behind WHERE; null when there is none. */
export function conditionOf(tokens: readonly Token[], numbers: ParameterNumbers): Condition | null {
  const where = findWord(tokens, 'WHERE', 0);
  if (where === -1) return null;
  let end = where + 1;
  for (let depth = 0; end < tokens.length; end += 1) {
    const token = tokens[end] as Token;
    if (isOp(token, '(')) depth += 1;
    if (isOp(token, ')')) depth -= 1;
    if (depth === 0 && token.kind === 'word' && clauseEnds.has(token.text)) break;
  }
  return condition(tokens.slice(where + 1, end), numbers, 0);
}

/** At the outermost depth; -1 when it is not there. */
export function findWord(tokens: readonly Token[], word: string, from: number): number {
  let depth = 0;
  for (let at = from; at < tokens.length; at += 1) {
    const token = tokens[at] as Token;
    if (token.kind === 'op' && token.text === '(') depth += 1;
    else if (token.kind === 'op' && token.text === ')') depth -= 1;
    else if (depth === 0 && token.kind === 'word' && token.text === word) return at;
  }
  return -1;
}

function condition(tokens: readonly Token[], numbers: ParameterNumbers, depth: number): Condition {
  if (tokens.length === 0 || depth > conditionDepthMax) return notRead;
  // XOR and || have other meanings by mode: not taken apart.
  const hard = tokens.some((it) => (it.kind === 'word' && ['XOR', 'CASE', 'SELECT'].includes(it.text)) || isOp(it, '||'));
  if (hard) return notRead;
  const or = split(tokens, 'OR', '\u0000');
  if (or.length > 1) return { kind: 'or', parts: or.map((it) => condition(it, numbers, depth + 1)) };
  const and = split(tokens, 'AND', '&&');
  if (and.length > 1) return { kind: 'and', parts: and.map((it) => condition(it, numbers, depth + 1)) };
  if (wordAt(tokens, 0) === 'NOT') return { kind: 'not', part: condition(tokens.slice(1), numbers, depth + 1) };
  if (isWrapped(tokens)) return condition(tokens.slice(1, -1), numbers, depth + 1);
  return comparison(tokens, numbers);
}

function split(tokens: readonly Token[], word: string, operator: string): Token[][] {
  const parts: Token[][] = [[]];
  let depth = 0;
  let between = false; // it has an AND of its own
  for (const token of tokens) {
    if (isOp(token, '(')) depth += 1;
    if (isOp(token, ')')) depth -= 1;
    if (depth === 0 && token.kind === 'word' && token.text === 'BETWEEN') between = true;
    const splits = depth === 0 && ((token.kind === 'word' && token.text === word) || isOp(token, operator));
    if (splits && between && word === 'AND' && token.kind === 'word') {
      between = false;
      parts.at(-1)?.push(token);
    } else if (splits) parts.push([]);
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

function comparison(tokens: readonly Token[], numbers: ParameterNumbers): Condition {
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
      .map((it) => valueOf([it], numbers));
    return values.includes(null) ? notRead : { kind: 'in', column, values: values.filter((it) => it !== null) };
  }
  if (operator.kind === 'word' && operator.text === 'BETWEEN') {
    const and = value.findIndex((it) => it.kind === 'word' && it.text === 'AND');
    const [low, high] = [valueOf(value.slice(0, and), numbers), valueOf(value.slice(and + 1), numbers)];
    if (and === -1 || low === null || high === null) return notRead;
    const bounds = [['>=', low] as const, ['<=', high] as const];
    return { kind: 'and', parts: bounds.map(([by, bound]) => ({ kind: 'compare', column, operator: by, value: bound })) };
  }
  const compared = operator.kind === 'op' ? comparisons[operator.text] : undefined;
  const read = valueOf(value, numbers);
  return compared === undefined || read === null ? notRead : { kind: 'compare', column, operator: compared, value: read };
}

function columnAt(tokens: readonly Token[]): [string | null, readonly Token[]] {
  const [first, dot, second] = tokens;
  const isName = (it: Token | undefined): boolean => it?.kind === 'name' || it?.kind === 'word';
  if (first === undefined || !isName(first)) return [null, tokens];
  if (dot !== undefined && isOp(dot, '.') && second !== undefined && isName(second)) return [second.raw, tokens.slice(3)];
  return [first.raw, tokens.slice(1)];
}

function valueOf(tokens: readonly Token[], numbers: ParameterNumbers): ConditionValue | null {
  const [token, ...more] = tokens;
  if (token === undefined) return null;
  if (isOp(token, '-') && more.length === 1 && more[0]?.kind === 'number') {
    return { kind: 'literal', text: `-${more[0].text}`, isNumber: true };
  }
  if (more.length > 0) return null;
  const number = numbers.get(token);
  if (number !== undefined) return { kind: 'parameter', number };
  if (token.kind === 'number') return { kind: 'literal', text: token.text, isNumber: true };
  return token.kind === 'string' ? { kind: 'literal', text: token.text, isNumber: false } : null;
}

export function isOp(token: Token, text: string): boolean {
  return token.kind === 'op' && token.text === text;
}
