// Which calls a statement makes: built-ins of the server by list, everything else is a stored or loaded function whose
// body nobody here has seen. Native functions win over stored ones of the same name; quoting, a database in front, or (for
// some) a space before the parenthesis turn the same name into a stored function.

import { isBuiltin, isKeyword, isOfComponent } from './built-in-names.ts';
import builtins from './builtins.json' with { type: 'json' };
import type { Token } from './lexer.ts';
import type { SqlMode } from './reading-mode.ts';

export type CallMeaning =
  | { readonly kind: 'harmless' }
  | { readonly kind: 'session' } // makes this session wait, or changes only it
  | { readonly kind: 'lock' }
  | { readonly kind: 'server-file' }
  | { readonly kind: 'sequence' }
  | { readonly kind: 'component'; readonly name: string } // harmless, unless somebody has stored one of the name
  | { readonly kind: 'stored'; readonly name: string };

export interface Call {
  readonly meaning: Exclude<CallMeaning, { kind: 'harmless' }>;
  readonly start: number;
  readonly end: number;
}

/** Built-ins only without a space before the parenthesis, unless sql_mode says IGNORE_SPACE. */
const storedWhenSpaced: ReadonlySet<string> = new Set(builtins.storedWhenSpaced);

const waits = new Set(
  words(
    'SLEEP BENCHMARK MASTER_POS_WAIT MASTER_GTID_WAIT SOURCE_POS_WAIT WAIT_FOR_EXECUTED_GTID_SET ' +
      'WSREP_SYNC_WAIT_UPTO_GTID RELEASE_LOCK RELEASE_ALL_LOCKS LAST_INSERT_ID',
  ),
);
/** Unreserved words that a parenthesis follows by grammar, by the word before them. */
const afterWord: Readonly<Record<string, readonly string[]>> = { OF: ['MEMBER'], OVER: ['NULLS', 'FIRST', 'LAST'], THAN: ['LESS'] };

function words(list: string): string[] {
  return list.split(' ');
}

/** Calls in `tokens[from..to)`, harmless built-ins left out. `names` are indexes of names known not to be called (`INSERT INTO t (a)`). */
export function callsIn(tokens: readonly Token[], from: number, to: number, mode: SqlMode, names: ReadonlySet<number>): Call[] {
  const calls: Call[] = [];
  for (let at = from; at + 1 < to; at++) {
    const open = tokens[at + 1] as Token;
    if (open.kind !== 'op' || open.text !== '(') continue;
    const token = tokens[at] as Token;
    if ((token.kind !== 'word' && token.kind !== 'name') || names.has(at)) continue;
    const meaning = meaningOf(tokens, at, from, mode, open.start > token.end);
    if (meaning.kind !== 'harmless') calls.push({ meaning, start: token.start, end: token.end });
  }
  return calls;
}

function meaningOf(tokens: readonly Token[], at: number, from: number, mode: SqlMode, spaced: boolean): CallMeaning {
  const token = tokens[at] as Token;
  const before = at > from ? tokens[at - 1] : undefined;
  if (before?.kind === 'op' && before.text === '.') {
    const database = at - 2 >= from ? tokens[at - 2] : undefined;
    const prefix = database === undefined || database.kind === 'op' ? '' : `${database.raw}.`;
    return { kind: 'stored', name: `${prefix}${token.raw}` };
  }
  // `AS name (a, b)` gives columns names; after `)` or a string no call can come: `MATCH (a) AGAINST (…)`, `'$[*]' COLUMNS (…)`.
  if (before?.kind === 'word' && before.text === 'AS') return harmless;
  if (before?.kind === 'string' || before?.kind === 'parameter' || (before?.kind === 'op' && before.text === ')')) return harmless;
  if (token.kind === 'name') return { kind: 'stored', name: token.raw };
  const word = token.text;
  if (afterWord[word] !== undefined && before?.kind === 'word' && afterWord[word].includes(before.text)) return harmless;
  if (definesName(tokens, at)) return harmless;
  const builtin = isBuiltin(word, mode);
  if (builtin && spaced && storedWhenSpaced.has(word) && !mode.ignoreSpace) return { kind: 'stored', name: token.raw };
  if (builtin) return builtinMeaning(word);
  if (isOfComponent(word, mode)) return { kind: 'component', name: token.raw };
  return isKeyword(word, tokens[at + 2], mode) ? harmless : { kind: 'stored', name: token.raw };
}

const harmless: CallMeaning = { kind: 'harmless' };

function builtinMeaning(word: string): CallMeaning {
  if (waits.has(word)) return { kind: 'session' };
  if (word === 'GET_LOCK') return { kind: 'lock' };
  if (word === 'LOAD_FILE') return { kind: 'server-file' };
  if (word === 'NEXTVAL' || word === 'SETVAL') return { kind: 'sequence' };
  return harmless;
}

/** Tokens of a column list in WITH; a longer parenthesis is taken for arguments. */
const columnListTokensMax = 4_096;

/** `name (…) AS (`: a WITH list defines it. */
function definesName(tokens: readonly Token[], at: number): boolean {
  let depth = 0;
  for (let i = at + 1; i < Math.min(tokens.length, at + columnListTokensMax); i++) {
    const token = tokens[i] as Token;
    if (token.kind !== 'op') continue;
    if (token.text === '(') depth += 1;
    else if (token.text === ')' && --depth === 0) {
      const as = tokens[i + 1];
      const open = tokens[i + 2];
      return as?.kind === 'word' && as.text === 'AS' && open?.kind === 'op' && open.text === '(';
    }
  }
  return false;
}
