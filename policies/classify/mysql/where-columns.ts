// Does a part of a condition speak of a column of the statement's own tables? Words of the grammar, types, character sets, functions
// and constants with names of their own (CURRENT_DATE) are none, and what a subquery names is its own unless a table outside qualifies it.

import type { Token } from './lexer.ts';
import { reservedWords } from './reserved-words.ts';

const subqueryWords = new Set(['SELECT', 'WITH', 'VALUES', 'TABLE']);
/** Words that say what a name behind them is: a character set, a type, a table. */
const namesOther = new Set(['COLLATE', 'AS', 'USING', 'FROM', 'JOIN', 'TABLE']);
const units = new Set('MICROSECOND SECOND MINUTE HOUR DAY WEEK MONTH QUARTER YEAR'.split(' '));
const takesUnit = new Set(['INTERVAL', 'EXTRACT', 'TIMESTAMPADD', 'TIMESTAMPDIFF']);
/** What CONVERT(x, …) turns into and is no reserved word. */
const convertTypes = new Set('SIGNED DATE DATETIME TIME JSON YEAR NCHAR'.split(' '));

/** `own`: names and aliases of the statement's tables, in small letters. */
export function speaksOfColumn(part: readonly Token[], own: ReadonlySet<string>): boolean {
  const words = new Set(part.map((token) => (token.kind === 'word' ? token.text : '')));
  /** For each open parenthesis: does it stand in a subquery? */
  const inside: boolean[] = [isSubquery(part[0])];
  for (const [at, token] of part.entries()) {
    if (isOp(token, '(')) inside.push(inside.at(-1) === true || isSubquery(part[at + 1]));
    else if (isOp(token, ')')) inside.pop();
    if (inside.at(-1) === true ? qualifies(part, at, own) : isColumn(part, at, words)) return true;
  }
  return false;
}

/** `payments.` in a subquery, but not where tables are listed. */
function qualifies(part: readonly Token[], at: number, own: ReadonlySet<string>): boolean {
  const token = part[at] as Token;
  const before = part[at - 1];
  return (
    isName(token) &&
    isOp(part[at + 1], '.') &&
    own.has(token.raw.toLowerCase()) &&
    !(before?.kind === 'word' && namesOther.has(before.text))
  );
}

function isColumn(part: readonly Token[], at: number, words: ReadonlySet<string>): boolean {
  const token = part[at] as Token;
  const before = part[at - 1];
  const next = part[at + 1];
  // Of `a.b.c` the last counts; of `a.f(…)`, `@@global.x` and `_utf8mb4'…'` none does.
  if (!isName(token) || isOp(next, '.') || isOp(next, '(') || next?.kind === 'string') return false;
  if (isOp(before, '.') && part[at - 2]?.kind === 'system-variable') return false;
  if (before?.kind === 'word' && namesOther.has(before.text)) return false;
  return token.kind === 'name' || !isPartOfGrammar(token.text, next, before, words);
}

function isPartOfGrammar(word: string, next: Token | undefined, before: Token | undefined, words: ReadonlySet<string>): boolean {
  if (reservedWords.has(word)) return true;
  switch (word) {
    case 'CURRENT_ROLE':
      return true;
    case 'UNKNOWN':
      return before?.kind === 'word' && (before.text === 'IS' || before.text === 'NOT');
    case 'SOUNDS':
      return next?.kind === 'word' && next.text === 'LIKE';
    case 'END':
      return words.has('CASE');
    default:
      if (units.has(word) && [...takesUnit].some((it) => words.has(it))) return true;
      return convertTypes.has(word) && words.has('CONVERT') && isOp(before, ',') && isOp(next, ')');
  }
}

function isSubquery(token: Token | undefined): boolean {
  return token?.kind === 'word' && subqueryWords.has(token.text);
}

function isName({ kind }: Token): boolean {
  return kind === 'word' || kind === 'name';
}

function isOp(token: Token | undefined, op: string): boolean {
  return token?.kind === 'op' && token.text === op;
}
