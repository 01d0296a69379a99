// Where the rows of a SELECT or an INSERT come from, as far as the tokens say how many they are at most. Whatever is not plain
// (parentheses in FROM, WITH, hints) is not read: then nothing is known, and that is never a small number.

import type { Condition } from '../../../src/core/condition.ts';
import type { RowSource } from '../../../src/core/preview.ts';
import type { Token } from './lexer.ts';
import { conditionOf, findWord, isOp, notRead, type ParameterNumbers } from './outline-condition.ts';
import { wordAt } from './reading.ts';

const unread: RowSource = { kind: 'not-read' };
const clauses = ['WHERE', 'GROUP', 'HAVING', 'ORDER', 'LIMIT', 'WINDOW', 'FOR', 'LOCK', 'INTO', 'PROCEDURE', 'OFFSET', 'FETCH', 'ON'];
const aggregates = new Set(['COUNT', 'SUM', 'AVG', 'MIN', 'MAX', 'GROUP_CONCAT', 'BIT_AND', 'BIT_OR', 'STD', 'STDDEV', 'VARIANCE']);
const joinWords = new Set(['LEFT', 'RIGHT', 'INNER', 'OUTER', 'CROSS', 'NATURAL', 'STRAIGHT_JOIN']);

/** The rows of a query that begins with SELECT. */
export function rowsOfSelect(tokens: readonly Token[], numbers: ParameterNumbers): RowSource {
  if (['EXCEPT', 'INTERSECT', 'MINUS'].some((it) => findWord(tokens, it, 0) !== -1)) return unread;
  const parts = splitAt(tokens, (it) => it.kind === 'word' && it.text === 'UNION');
  if (parts.length === 1) return oneSelect(tokens, numbers);
  return {
    kind: 'sum',
    parts: parts.map((it) =>
      oneSelect(
        it.filter((token, at) => at > 0 || !isQuantifier(token)),
        numbers,
      ),
    ),
  };
}

function isQuantifier({ kind, text }: Token): boolean {
  return kind === 'word' && (text === 'ALL' || text === 'DISTINCT');
}

function oneSelect(tokens: readonly Token[], numbers: ParameterNumbers): RowSource {
  if (wordAt(tokens, 0) !== 'SELECT') return unread;
  const limit = rowLimitOf(tokens);
  const rows = unlimited(tokens, numbers);
  return limit === null ? rows : { kind: 'first', rowsMax: limit, of: rows };
}

function unlimited(tokens: readonly Token[], numbers: ParameterNumbers): RowSource {
  const from = findWord(tokens, 'FROM', 0);
  if (from === -1) return { kind: 'rows', rows: 1 };
  if (findWord(tokens, 'GROUP', 0) === -1 && isAggregate(tokens.slice(1, from))) return { kind: 'rows', rows: 1 };
  const ends = clauses.map((it) => findWord(tokens, it, from + 1)).filter((it) => it !== -1);
  // ON of a join stands among the tables; each part is cut at its own.
  const stops = clauses.filter((it) => it !== 'ON').map((it) => findWord(tokens, it, from + 1));
  const tables = tokens.slice(from + 1, Math.min(tokens.length, ...stops.filter((it) => it !== -1)));
  const parts = splitAt(tables, (it) => isOp(it, ',') || (it.kind === 'word' && (it.text === 'JOIN' || it.text === 'STRAIGHT_JOIN')));
  if (parts.length === 1) {
    const single = tokens.slice(from + 1, Math.min(tokens.length, ...ends));
    return table(single, conditionOf(tokens, numbers));
  }
  const isOuter = tables.some((it) => it.kind === 'word' && (it.text === 'LEFT' || it.text === 'RIGHT'));
  return { kind: 'product', parts: parts.map((it) => table(it, notRead)), outer: isOuter };
}

/** "shop.orders AS o": a name, and perhaps another for it. */
function table(tokens: readonly Token[], where: Condition | null): RowSource {
  const cut = tokens.findIndex((it) => it.kind === 'word' && (it.text === 'ON' || it.text === 'USING'));
  const named = (cut === -1 ? [...tokens] : tokens.slice(0, cut)).filter((it) => !(it.kind === 'word' && joinWords.has(it.text)));
  const isName = (it: Token | undefined): it is Token => it !== undefined && (it.kind === 'name' || it.kind === 'word');
  const [first, dot, second] = named;
  if (!isName(first)) return unread;
  const isQualified = dot !== undefined && isOp(dot, '.') && isName(second);
  const alias = named.slice(isQualified ? 3 : 1).filter((it) => !(it.kind === 'word' && it.text === 'AS'));
  if (alias.length > 1 || (alias.length === 1 && !isName(alias[0]))) return unread;
  return isQualified
    ? { kind: 'table', schema: first.raw, name: second.raw, where }
    : { kind: 'table', schema: null, name: first.raw, where };
}

/** The whole list is one aggregate: without GROUP BY there is one row. */
function isAggregate(list: readonly Token[]): boolean {
  const [name, opening] = list;
  if (name?.kind !== 'word' || !aggregates.has(name.text) || opening === undefined || !isOp(opening, '(')) return false;
  return !list.some((it) => it.kind === 'word' && it.text === 'OVER');
}

/** LIMIT of the outermost query as a literal; null when it has none, or a parameter. */
export function rowLimitOf(tokens: readonly Token[]): number | null {
  const limit = findWord(tokens, 'LIMIT', 0);
  if (limit === -1) return null;
  const [first, comma, second] = tokens.slice(limit + 1);
  if (first?.kind !== 'number') return null;
  if (comma === undefined || !isOp(comma, ',')) return Number(first.text);
  return second?.kind === 'number' ? Number(second.text) : null;
}

/** The rows that an INSERT or REPLACE adds. */
export function rowsOfInsert(tokens: readonly Token[], numbers: ParameterNumbers): RowSource {
  const values = ['VALUES', 'VALUE'].map((it) => findWord(tokens, it, 0)).find((it) => it !== -1);
  const select = findWord(tokens, 'SELECT', 0);
  if (select !== -1 && (values === undefined || select < values)) return rowsOfSelect(tokens.slice(select), numbers);
  if (values === undefined) return findWord(tokens, 'SET', 0) === -1 ? unread : { kind: 'rows', rows: 1 };
  let depth = 0;
  let rows = 0;
  for (const token of tokens.slice(values + 1)) {
    if (isOp(token, '(')) rows += depth++ === 0 ? 1 : 0;
    else if (isOp(token, ')')) depth -= 1;
    else if (depth === 0 && !isOp(token, ',')) break; // ON DUPLICATE KEY, an alias
  }
  return { kind: 'rows', rows };
}

function splitAt(tokens: readonly Token[], isBorder: (token: Token) => boolean): Token[][] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (isOp(token, '(')) depth += 1;
    if (isOp(token, ')')) depth -= 1;
    if (depth === 0 && isBorder(token)) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts;
}
