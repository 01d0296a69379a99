// SET sql_mode: free when its value is written out and the modes that change how texts are read are after it those that are on now.

import type { Token } from './lexer.ts';
import { readingModes, type SqlMode } from './reading-mode.ts';

/** Modes that are known by a bare word, too. Other words may be DEFAULT, TRUE, CURRENT_ROLE: values that the text does not have. */
const bareModes = new Set([
  'ERROR_FOR_DIVISION_BY_ZERO',
  'NO_AUTO_CREATE_USER',
  'NO_AUTO_VALUE_ON_ZERO',
  'NO_ENGINE_SUBSTITUTION',
  'NO_ZERO_DATE',
  'NO_ZERO_IN_DATE',
  'ONLY_FULL_GROUP_BY',
  'PAD_CHAR_TO_FULL_LENGTH',
  'STRICT_ALL_TABLES',
  'STRICT_TRANS_TABLES',
  'TRADITIONAL',
]);

/** Rails nests three. */
const depthMax = 8;

export function isFreeSqlMode(value: readonly Token[], mode: SqlMode): boolean {
  const read = readValue(value, 0, [...mode.sqlModes].join(','), 0);
  if (read === null || read.next !== value.length) return false;
  const modes = read.text.split(',').map((it) => it.trim().toUpperCase());
  // A number is a set of bits.
  if (modes.some((it) => /^\d/.test(it))) return false;
  const after = modes.filter((it) => readingModes.has(it));
  return after.length === 0 ? !hasReadingMode(mode) : sameModes(new Set(after), mode);
}

function hasReadingMode(mode: SqlMode): boolean {
  return [...mode.sqlModes].some((it) => readingModes.has(it));
}

function sameModes(after: ReadonlySet<string>, mode: SqlMode): boolean {
  return [...readingModes].every((it) => after.has(it) === mode.sqlModes.has(it));
}

interface ReadValue {
  readonly text: string;
  readonly next: number;
}

/** A string, the session's own sql_mode, or CONCAT and REPLACE of such; null for whatever else has a value that the text does not show. */
function readValue(tokens: readonly Token[], at: number, current: string, depth: number): ReadValue | null {
  const token = tokens[at];
  if (token === undefined || depth > depthMax) return null;
  switch (token.kind) {
    case 'string':
      return tokens[at + 1]?.kind === 'string' ? null : { text: token.text, next: at + 1 };
    case 'number':
      return token.raw === '0' ? { text: '', next: at + 1 } : null; // 0x414E5349 is a string
    case 'system-variable':
      if (token.text === 'sql_mode') return { text: current, next: at + 1 };
      return token.text === 'session' && isOp(tokens[at + 1], '.') && isSqlMode(tokens[at + 2]) ? { text: current, next: at + 3 } : null;
    case 'word':
    case 'name':
      if (isOp(tokens[at + 1], '(')) return readCall(tokens, at, current, depth);
      return bareModes.has(token.raw.toUpperCase()) ? { text: token.raw, next: at + 1 } : null;
    default:
      return null;
  }
}

function readCall(tokens: readonly Token[], at: number, current: string, depth: number): ReadValue | null {
  const given: string[] = [];
  let next = at + 1; // at the parenthesis, then at commas
  do {
    const argument = readValue(tokens, next + 1, current, depth + 1);
    if (argument === null) return null;
    given.push(argument.text);
    next = argument.next;
  } while (isOp(tokens[next], ','));
  if (!isOp(tokens[next], ')')) return null;
  const text = resultOf(tokens[at] as Token, given);
  return text === null ? null : { text, next: next + 1 };
}

/** The server's own functions: both are native, no stored function takes their place. */
function resultOf(name: Token, given: readonly string[]): string | null {
  if (name.kind !== 'word') return null;
  if (name.text === 'CONCAT') return given.join('');
  const [from, what, by] = given;
  if (name.text !== 'REPLACE' || given.length !== 3 || from === undefined || what === undefined || by !== '') return null;
  // With a comma on both sides two modes would become one word, and which ones depends on their order.
  return what === '' || /^,.*,$/.test(what) ? null : from.replaceAll(what, '');
}

function isSqlMode(token: Token | undefined): boolean {
  return (token?.kind === 'name' || token?.kind === 'word') && token.raw.toLowerCase() === 'sql_mode';
}

function isOp(token: Token | undefined, op: string): boolean {
  return token?.kind === 'op' && token.text === op;
}
