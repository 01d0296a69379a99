// Whether an UPDATE or DELETE can reach every row: it has no WHERE at its own depth, or one that can't narrow anything
// (TRUE, 1=1, id=id), and no small LIMIT. A WHERE that this file can't see through counts as one that narrows.

import type { Token } from './lexer.ts';
import type { TableReference } from './tables.ts';
import { speaksOfColumn } from './where-columns.ts';

/** A LIMIT above this limits nothing that an approver would call few. */
const fewRowsMax = 1_000;

const clauseEnds = new Set(['ORDER', 'LIMIT', 'RETURNING', 'GROUP', 'HAVING', 'UNION', 'INTO', 'PROCEDURE', 'FOR']);

/** `tokens[from..to)` is one statement, with UPDATE or DELETE at depth 0 of it. */
export function reachesEveryRow(tokens: readonly Token[], from: number, to: number, pipesAsConcat: boolean): boolean {
  let depth = 0;
  let whereFrom = -1;
  let whereTo = to;
  let limit = -1;
  for (let at = from; at < to; at++) {
    const token = tokens[at] as Token;
    if (token.kind === 'op') {
      if (token.text === '(') depth += 1;
      else if (token.text === ')') depth -= 1;
    }
    if (depth !== 0 || token.kind !== 'word') continue;
    if (token.text === 'WHERE' && whereFrom === -1) whereFrom = at + 1;
    else if (clauseEnds.has(token.text) && whereFrom !== -1 && whereTo === to) whereTo = at;
    if (token.text === 'LIMIT') limit = at + 1;
  }
  if (limit !== -1 && isFewRows(tokens, limit, to)) return false;
  if (whereFrom === -1) return true;
  return isAlwaysTrue(tokens, whereFrom, whereTo, { pipesAsConcat, own: namesIn(tokens, from, whereFrom) });
}

/**
 * True when `tokens[from..to)`, the source of an INSERT or REPLACE, is the rows of its own table (`own`: where it names it), and nothing
 * leaves any out: with ON DUPLICATE KEY UPDATE, or REPLACE, that changes all of them.
 */
export function selectsEveryRow(
  tokens: readonly Token[],
  from: number,
  to: number,
  own: readonly TableReference[],
  pipesAsConcat: boolean,
): boolean {
  if (own.length === 0) return false;
  const reading = { pipesAsConcat, own: namesIn(tokens, from, to) };
  const narrows = (at: number): boolean => !isAlwaysTrue(tokens, at + 1, conditionEnd(tokens, at + 1, to), reading);
  const joins: Join[] = [];
  const keepsOwn = (): boolean => joins.some((it) => keepsAny(it, own));
  for (let at = from; at < to; at++) {
    const token = tokens[at] as Token;
    if (isWord(token, 'HAVING')) return false;
    if (isWord(token, 'LIMIT') && isFewRows(tokens, at + 1, to)) return false;
    if (isWord(token, 'WHERE') && narrows(at)) return false;
    if (isWord(token, 'JOIN') || isWord(token, 'STRAIGHT_JOIN')) {
      const join = joinAt(tokens, at, from);
      joins.push(join);
      if (join.natural) {
        if (!keepsOwn()) return false;
        joins.pop();
      }
    }
    const next = at + 1 < to ? tokens[at + 1] : undefined;
    if (joins.length === 0 || next === undefined) continue;
    if (isWord(token, 'USING') && isOp(next, '(')) {
      if (!keepsOwn()) return false;
      joins.pop();
    }
    if (isWord(token, 'ON') && !isWord(next, 'DUPLICATE')) {
      if (!keepsOwn() && narrows(at)) return false;
      joins.pop();
    }
  }
  return true;
}

/** A JOIN whose condition is still to come: behind those of the joins that it holds. */
interface Join {
  readonly at: number;
  /** The side of which an outer join leaves no row out, whatever its condition says. */
  readonly keeps: 'left' | 'right' | 'none';
  readonly natural: boolean;
}

function joinAt(tokens: readonly Token[], at: number, from: number): Join {
  let first = at - 1;
  const says = (word: string): boolean => first >= from && isWord(tokens[first] as Token, word) && first-- > 0;
  says('OUTER');
  const keeps = says('LEFT') ? 'left' : says('RIGHT') ? 'right' : 'none';
  says('INNER');
  return { at, keeps, natural: says('NATURAL') };
}

function keepsAny({ at, keeps }: Join, tables: readonly TableReference[]): boolean {
  return keeps !== 'none' && tables.some((it) => (keeps === 'left' ? it.at < at : it.at > at));
}

function conditionEnd(tokens: readonly Token[], from: number, to: number): number {
  let depth = 0;
  for (let at = from; at < to; at++) {
    const token = tokens[at] as Token;
    if (isOp(token, '(')) depth += 1;
    else if (isOp(token, ')') && --depth < 0) return at;
    if (depth === 0 && token.kind === 'word' && (clauseEnds.has(token.text) || token.text === 'ON')) return at;
  }
  return to;
}

function namesIn(tokens: readonly Token[], from: number, to: number): Set<string> {
  const names = new Set<string>();
  for (let at = from; at < to; at++) {
    const { kind, raw } = tokens[at] as Token;
    if (kind === 'word' || kind === 'name') names.add(raw.toLowerCase());
  }
  return names;
}

/** What a condition is read with. */
interface ConditionReading {
  readonly pipesAsConcat: boolean;
  /** Names and aliases of the statement's own tables, and more words that stand beside them. */
  readonly own: ReadonlySet<string>;
}

function isFewRows(tokens: readonly Token[], at: number, to: number): boolean {
  const count = tokens[at];
  if (count === undefined || at >= to || count.kind !== 'number') return false;
  const next = at + 1 < to ? tokens[at + 1] : undefined;
  // LIMIT offset, count does not exist for UPDATE and DELETE; anything after the number but RETURNING is not ours to judge.
  if (next?.kind === 'op') return false;
  return Number(count.text) <= fewRowsMax;
}

/** A condition that holds for every row as far as can be seen: an OR with one such side, an AND with only such sides. */
function isAlwaysTrue(tokens: readonly Token[], from: number, to: number, reading: ConditionReading): boolean {
  const inner = withoutParentheses(tokens, from, to);
  if (inner.from >= inner.to) return true;
  const or = (token: Token): boolean => isWord(token, 'OR') || (!reading.pipesAsConcat && isOp(token, '||'));
  const branches = split(tokens, inner.from, inner.to, or);
  if (branches.length > 1) return branches.some((it) => isAlwaysTrue(tokens, it.from, it.to, reading));
  const and = (token: Token): boolean => isWord(token, 'AND') || isOp(token, '&&');
  const terms = split(tokens, inner.from, inner.to, and);
  if (terms.length > 1) return terms.every((it) => isAlwaysTrue(tokens, it.from, it.to, reading));
  return isTrivial(tokens, inner.from, inner.to, reading.own);
}

function isTrivial(tokens: readonly Token[], from: number, to: number, own: ReadonlySet<string>): boolean {
  const part = tokens.slice(from, to);
  if (!speaksOfColumn(part, own)) return !isObviouslyFalse(part);
  // x = x, x <=> x, x >= x, x <= x, x LIKE x
  const middle = (to - from - 1) / 2;
  if (!Number.isInteger(middle)) return false;
  const operator = tokens[from + middle] as Token;
  const compares = ['=', '<=>', '>=', '<='].some((it) => isOp(operator, it)) || isWord(operator, 'LIKE');
  if (!compares) return false;
  for (let i = 0; i < middle; i++) {
    const left = tokens[from + i] as Token;
    const right = tokens[from + middle + 1 + i] as Token;
    if (left.raw.toLowerCase() !== right.raw.toLowerCase()) return false;
  }
  return true;
}

function isObviouslyFalse(part: readonly Token[]): boolean {
  if (part.length === 1)
    return isWord(part[0] as Token, 'FALSE') || isWord(part[0] as Token, 'NULL') || Number((part[0] as Token).text) === 0;
  if (part.length !== 3 || !isOp(part[1] as Token, '=')) return false;
  const [left, , right] = part as [Token, Token, Token];
  const literal = (it: Token): boolean => it.kind === 'number' || it.kind === 'string';
  return (
    literal(left) &&
    left.kind === right.kind &&
    left.text !== right.text &&
    (left.kind === 'string' || Number(left.text) !== Number(right.text))
  );
}

interface Range {
  readonly from: number;
  readonly to: number;
}

function withoutParentheses(tokens: readonly Token[], from: number, to: number): Range {
  while (to - from >= 2 && isOp(tokens[from] as Token, '(') && !isWord(tokens[from + 1] as Token, 'SELECT') && closes(tokens, from, to)) {
    from += 1;
    to -= 1;
  }
  return { from, to };
}

/** True when the parenthesis at `from` is closed by the last token. */
function closes(tokens: readonly Token[], from: number, to: number): boolean {
  let depth = 0;
  for (let at = from; at < to; at++) {
    if (isOp(tokens[at] as Token, '(')) depth += 1;
    else if (isOp(tokens[at] as Token, ')') && --depth === 0) return at === to - 1;
  }
  return false;
}

function split(tokens: readonly Token[], from: number, to: number, isSeparator: (token: Token) => boolean): Range[] {
  const parts: Range[] = [];
  let depth = 0;
  let begin = from;
  let betweens = 0;
  for (let at = from; at < to; at++) {
    const token = tokens[at] as Token;
    if (isOp(token, '(')) depth += 1;
    else if (isOp(token, ')')) depth -= 1;
    if (depth !== 0) continue;
    if (isWord(token, 'BETWEEN')) betweens += 1;
    else if (betweens > 0 && isWord(token, 'AND')) betweens -= 1;
    else if (isSeparator(token)) {
      parts.push({ from: begin, to: at });
      begin = at + 1;
    }
  }
  parts.push({ from: begin, to });
  return parts;
}

function isWord(token: Token, word: string): boolean {
  return token.kind === 'word' && token.text === word;
}

function isOp(token: Token, op: string): boolean {
  return token.kind === 'op' && token.text === op;
}
