// Parts of a statement by its tokens: the select list, its items, the names in them. Every word counts as a name that could be a
// column, keywords too: what is thought hidden and isn't costs comfort only.

import type { Token } from '../../classify/mysql/lexer.ts';
import type { ColumnMask, MaskedColumns } from '../columns.ts';
import { stricter } from '../methods.ts';
import type { Reach } from './reach.ts';

export type Tokens = readonly Token[];

export function isWord(token: Token | undefined, ...words: readonly string[]): boolean {
  return token?.kind === 'word' && words.includes(token.text);
}

export function isOp(token: Token | undefined, text: string): boolean {
  return token?.kind === 'op' && token.text === text;
}

export function stricterMask(one: ColumnMask | null, other: ColumnMask | null): ColumnMask | null {
  if (one === null || other === null) return one ?? other;
  const isComputed = one.isComputed === true || other.isComputed === true;
  return {
    method: stricter(one.method, other.method),
    mayBeAsked: one.mayBeAsked && other.mayBeAsked,
    ...(isComputed ? { isComputed } : {}),
  };
}

/** The strictest mask of any name among these tokens; null when none is hidden. */
export function hiddenIn(tokens: Tokens, columns: MaskedColumns, { tables, views }: Reach): ColumnMask | null {
  let mask: ColumnMask | null = null;
  for (const { kind, text } of tokens) {
    if (kind !== 'word' && kind !== 'name') continue;
    const name = text.toLowerCase();
    mask = stricterMask(mask, columns.inTables(tables, name));
    for (const view of views) mask = stricterMask(mask, view === null ? columns.unknown : (view.get(name) ?? null));
  }
  return mask;
}

/** Split at the semicolons. */
export function statementsOf(tokens: Tokens): Tokens[] {
  const statements: Tokens[] = [];
  let from = 0;
  for (let at = 0; at <= tokens.length; at++) {
    if (at < tokens.length && !isOp(tokens[at], ';')) continue;
    if (at > from) statements.push(tokens.slice(from, at));
    from = at + 1;
  }
  return statements;
}

/** Queries in the text. */
export function selectsIn(tokens: Tokens): number {
  return tokens.filter((token, at) => isWord(token, 'SELECT', 'TABLE', 'VALUES', 'HANDLER') && !isOp(tokens[at - 1], '.')).length;
}

/** Tokens between SELECT and FROM (or the end), or after RETURNING; null when there is none. */
export function selectList(tokens: Tokens): Tokens | null {
  const returning = tokens.findIndex((token) => isWord(token, 'RETURNING'));
  const start = returning >= 0 ? returning : tokens.findIndex((token) => isWord(token, 'SELECT'));
  if (start < 0) return null;
  let depth = 0;
  let from = start + 1;
  while (isWord(tokens[from], 'DISTINCT', 'ALL', 'DISTINCTROW', 'HIGH_PRIORITY', 'STRAIGHT_JOIN', 'SQL_NO_CACHE', 'SQL_CALC_FOUND_ROWS'))
    from += 1;
  for (let at = from; at < tokens.length; at++) {
    const token = tokens[at];
    if (isOp(token, '(')) depth += 1;
    if (isOp(token, ')') && --depth < 0) return tokens.slice(from, at);
    if (depth === 0 && isWord(token, 'FROM', 'INTO', 'WHERE', 'LIMIT', 'UNION', 'ORDER', 'PROCEDURE', 'FOR')) return tokens.slice(from, at);
  }
  return tokens.slice(from);
}

/** Split at the commas that are in no parentheses. */
export function itemsOf(list: Tokens): readonly Tokens[] {
  const items: Token[][] = [[]];
  let depth = 0;
  for (const token of list) {
    if (isOp(token, '(')) depth += 1;
    if (isOp(token, ')')) depth -= 1;
    if (depth === 0 && isOp(token, ',')) items.push([]);
    else items.at(-1)?.push(token);
  }
  return items;
}

/** `*` or `t.*`. */
export function isStar(item: Tokens): boolean {
  return isOp(item.at(-1), '*') && (item.length === 1 || isOp(item.at(-2), '.'));
}

/** A star that stands for columns anywhere in the text; that of count(*) and of products does not. */
export function hasStar(tokens: Tokens): boolean {
  return tokens.some((token, at) => {
    if (isWord(token, 'TABLE')) return true;
    if (!isOp(token, '*')) return false;
    const before = tokens[at - 1];
    return isOp(before, '.') || isOp(before, ',') || isWord(before, 'SELECT', 'DISTINCT', 'ALL', 'DISTINCTROW', 'RETURNING', 'HIGH_PRIORITY', 'STRAIGHT_JOIN', 'SQL_NO_CACHE', 'SQL_CALC_FOUND_ROWS'); // prettier-ignore
  });
}

/** COUNT(…) and nothing more: how many there are says nothing of what they are. */
export function isCount(item: Tokens): boolean {
  if (!isWord(item[0], 'COUNT') || !isOp(item[1], '(')) return false;
  let depth = 0;
  const end = item.findIndex((token) => (isOp(token, '(') ? ((depth += 1), false) : isOp(token, ')') && --depth === 0));
  const rest = item.slice(end + 1);
  // An expression that is sometimes NULL is a question about what it compares.
  const counted = item.slice(2, end);
  if (!counted.every((token) => token.kind === 'name' || token.kind === 'word' || isOp(token, '.') || isOp(token, '*'))) return false;
  if (counted.some((token) => isWord(token, 'CASE', 'DISTINCT', 'NOT', 'IS', 'AND', 'OR', 'XOR', 'LIKE', 'IN', 'DIV', 'MOD', 'BINARY')))
    return false;
  return (
    !isWord(rest[0], 'OVER') && rest.every(({ kind, text }) => kind === 'word' || kind === 'name' || (kind === 'string' && text !== ''))
  );
}
