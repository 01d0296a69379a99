// What can't be masked because the value leaves the result: into a table, a variable, a file, or a condition that the rule denies.

import type { MaskedColumns } from '../columns.ts';
import type { Reach } from './reach.ts';
import { hasStar, hiddenIn, isOp, isWord, itemsOf, selectList, selectsIn, type Tokens } from './words.ts';

const copies = 'it would copy masked values to where they are not masked';

/** Why not, or null. */
export function refusalOf(tokens: Tokens, columns: MaskedColumns, reach: Reach): string | null {
  const hidden = (part: Tokens) => hiddenIn(part, columns, reach);
  const reads = (part: Tokens): boolean => hidden(part) !== null || (hasStar(part) && columns.mayBeIn(reach.tables));
  const select = tokens.findIndex((token) => isWord(token, 'SELECT', 'TABLE'));
  const [first] = tokens;
  if (isWord(first, 'GET')) return 'it would keep words of the target that may quote masked values';
  if (keepsHidden(tokens, reads)) return copies;
  if (isBlock(tokens)) return 'it is a block of code, of which nobody can tell what it copies or says';
  if (isWord(first, 'INSERT', 'REPLACE')) {
    if (select >= 0 && reads(tokens.slice(select))) return copies;
    const again = tokens.findIndex((token, at) => isWord(token, 'UPDATE') && isWord(tokens[at - 1], 'KEY'));
    if (again >= 0 && assigns(tokens.slice(again + 1), columns, reach)) return copies;
  } else if (isWord(first, 'CREATE', 'ALTER')) {
    const kind = tokens.find((token) => isWord(token, 'TABLE', 'VIEW', 'FUNCTION', 'PROCEDURE', 'TRIGGER', 'EVENT'));
    const query = tokens.findIndex((token) => token !== kind && isWord(token, 'SELECT', 'TABLE'));
    if (isWord(kind, 'TABLE') && query >= 0 && reads(tokens.slice(query))) return copies;
  } else if (isWord(first, 'UPDATE') || (isWord(first, 'WITH') && tokens.some((token) => isWord(token, 'SET')))) {
    const set = tokens.findIndex((token) => isWord(token, 'SET'));
    const end = tokens.findIndex((token, at) => at > set && isWord(token, 'WHERE', 'ORDER', 'LIMIT'));
    if (assigns(tokens.slice(set + 1, end < 0 ? undefined : end), columns, reach) || nestedReads(tokens, reads)) return copies;
    if (end >= 0 && hidden(tokens.slice(end))?.mayBeAsked === false) return asks;
    return null;
  } else if (isWord(first, 'SET', 'DO')) {
    if (select >= 0 && reads(tokens)) return copies;
  } else if (tokens.some((token) => isWord(token, 'INTO') || isOp(token, ':=')) && reads(tokens)) return copies;
  return asksHidden(tokens, columns, reach) ? asks : null;
}

/** What these are given, another statement can read: LAST_INSERT_ID(), the sequence, the name of the lock. */
const keeping = ['LAST_INSERT_ID', 'SETVAL', 'GET_LOCK'];

function keepsHidden(tokens: Tokens, reads: (part: Tokens) => boolean): boolean {
  return tokens.some((token, at) => {
    if (!isWord(token, ...keeping) || !isOp(tokens[at + 1], '(')) return false;
    const kept = argumentsAt(tokens, at + 1);
    // A subquery may call a hidden column by another name.
    return kept.length > 0 && reads(selectsIn(tokens) > 1 ? tokens : kept);
  });
}

/** The tokens between the parenthesis at `open` and the one that closes it. */
function argumentsAt(tokens: Tokens, open: number): Tokens {
  let depth = 0;
  for (let at = open; at < tokens.length; at++) {
    if (isOp(tokens[at], '(')) depth += 1;
    else if (isOp(tokens[at], ')') && --depth === 0) return tokens.slice(open + 1, at);
  }
  return tokens.slice(open + 1);
}

/** MariaDB runs blocks and loops that are in no procedure. */
function isBlock([first, second]: Tokens): boolean {
  if (isOp(second, ':') || isWord(first, 'IF', 'CASE', 'LOOP', 'WHILE', 'REPEAT', 'FOR', 'DECLARE')) return true;
  return isWord(first, 'BEGIN') && isWord(second, 'NOT');
}

export const asks = 'it asks about masked columns (WHERE, JOIN, GROUP BY, ORDER BY), which this rule denies';

/** `a = expression, …`: does an expression read something hidden for a column that is not? */
function assigns(list: Tokens, columns: MaskedColumns, reach: Reach): boolean {
  return itemsOf(list).some((item) => {
    const equals = item.findIndex((token) => isOp(token, '='));
    const target = item[equals - 1];
    return (
      hiddenIn(item.slice(equals + 1), columns, reach) !== null && (target === undefined || hiddenIn([target], columns, reach) === null)
    );
  });
}

/** A subquery among the tables or the assignments may call a hidden column by another name. */
function nestedReads(tokens: Tokens, reads: (part: Tokens) => boolean): boolean {
  const select = tokens.findIndex((token) => isWord(token, 'SELECT', 'TABLE'));
  return select >= 0 && reads(tokens.slice(select));
}

function asksHidden(tokens: Tokens, columns: MaskedColumns, reach: Reach): boolean {
  const queries = selectsIn(tokens);
  const list = selectList(tokens);
  if (queries === 0 && list === null && !isWord(tokens[0], 'DELETE')) return false;
  const distinct = tokens.some((token) => isWord(token, 'DISTINCT', 'DISTINCTROW', 'UNION', 'NATURAL'));
  const part = queries > 1 || list === null || distinct ? tokens : tokens.filter((token) => !list.includes(token));
  return hiddenIn(part, columns, reach)?.mayBeAsked === false;
}
