// Texts that differ only in numbers, simple strings, the length of IN lists and comments, as clients without bound parameters send
// them, are judged once: what a SELECT does is the same whatever those are. Only texts that a scanner of a few rules reads beyond
// doubt take part, and only after two of them were judged in full with equal results; everything else is parsed as ever. Whoever
// makes the classifier look at the value of a constant in a plain read, or count a list, has to name it in `valueMatters`.

import type { ReadingMode } from '../../../src/core/action.ts';
import { withPlaceholders } from '../known-forms.ts';
import type { Literal, LiteralRules } from '../known-forms.ts';
import { problemOfMode } from './mode.ts';

/** Texts that are longer take so long at the server that parsing them does not matter. */
const textUnitsMax = 16 * 1024;
/** Digits of the largest bigint. */
const digitsMax = 19;
/** PostgreSQL's lexer makes an `Integer` of numbers up to this one and a `Float` of others: different nodes, and some places take only one of them. */
const integerMax = 2 ** 31 - 1;

/** Stand for what is masked, so that a masked text is itself one of the texts that it stands for. */
const integer = '0';
/** Integers that are larger, and decimals. */
const float = '9999999999';
const string = "'s'";
/** The parser's tree leaves empty texts out, so these are a form of their own. */
const emptyString = "''";
const comment = '/**/';

// What a character may be, outside quotes.
const refused = 0;
const delimiter = 1;
const letter = 2;
const digit = 3;
const quote = 4;

/** ASCII only. `$` begins parameters and dollar quotes, a backslash escapes. */
const classes = new Uint8Array(128);
for (const character of '\t\n\r !#%()*+,/:;<=>?@[]^`{|}~-&.') classes[character.charCodeAt(0)] = delimiter;
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_') classes[character.charCodeAt(0)] = letter;
for (const character of '0123456789') classes[character.charCodeAt(0)] = digit;
for (const character of '\'"') classes[character.charCodeAt(0)] = quote;

const space = 0x20;
const dot = 0x2e;
const comma = 0x2c;
const dash = 0x2d;
const slash = 0x2f;
const star = 0x2a;
const semicolon = 0x3b;
const opening = 0x28;
const closing = 0x29;
const ampersand = 0x26;
const singleQuote = 0x27;
const zero = 0x30;
const deleted = 0x7f;

/**
 * Where a value does matter: `float(24)` and `float(25)` are different types and `float(54)` is none, the one number that PostgreSQL's
 * grammar looks at; pg_input_is_valid and pg_input_error_info run the input code of the type that a string names.
 */
const valueMatters = /float|pg_input/i;
const ordering = /(?:order|group)\s+by|distinct\s+on/i;
const ordinal = /(?:by|,|\()\s*\d/i;

/** The text with a placeholder for each literal; null when it has none, or anything that could be read differently. */
export function withoutLiterals(text: string): string | null {
  const masked = withPlaceholders(text, literalsOf(text));
  return masked === null || valueMatters.test(masked) || mayBeOrdinal(masked) ? null : masked;
}

/** False of texts that are not understood in this mode, whatever their form. */
export function maskedIn(text: string, { settings }: ReadingMode): boolean {
  const isUsual = settings['client_encoding'] === 'UTF8' && settings['standard_conforming_strings'] === 'on';
  return isUsual || problemOfMode(text, settings) === null;
}

/** For texts that are compared with forms. */
export const postgresLiterals: LiteralRules = {
  literalsOf: (masked) => literalsOf(masked) ?? [],
  literalEnd: holeEnd,
  takesPart: ({ text, mode }) => text.length <= textUnitsMax && maskedIn(text, mode),
};

/** The literals and comments in their order; null when anything could be read differently. */
function literalsOf(text: string): Literal[] | null {
  if (text.length > textUnitsMax) return null;
  const found: Literal[] = [];
  let before = space;
  let isBegun = false;
  let isEnded = false;
  for (let at = 0; at < text.length;) {
    const code = text.charCodeAt(at);
    const its = code < 128 ? classes[code] : refused;
    if (its === delimiter) {
      if (code === dash && before === dash) return null; // a comment up to the end of the line
      if (code === slash && text.charCodeAt(at + 1) === star) {
        // The statement's place in the text begins with its first word and ends before its semicolon.
        const end = isBegun && !isEnded ? commentEnd(text, at) : -1;
        if (end < 0) return null;
        found.push({ start: at, end, placeholder: comment, isList: false });
        before = space;
        at = end;
        continue;
      }
      if (code === semicolon) isEnded = true;
      else if (code > space) isBegun = true;
      before = code;
      at += 1;
    } else if (its === letter) {
      isBegun = true;
      at = wordEnd(text, at);
      before = code; // any letter
    } else if (its === digit || code === singleQuote) {
      // E'…', U&'…' and the like: what a letter or & before a quote means is not looked into. Behind a dot a number is none.
      if (code === singleQuote ? before === ampersand || isWordPart(before) : before === dot) return null;
      isBegun = true;
      const literal = literalAt(text, at);
      if (literal === null) return null;
      found.push(literal);
      before = code === singleQuote ? code : zero;
      at = literal.end;
    } else if (its === quote) {
      const end = before === ampersand || isWordPart(before) ? -1 : quotedEnd(text, at, code);
      if (end < 0) return null;
      isBegun = true;
      before = code;
      at = end;
    } else return null;
  }
  return found;
}

/** The literal that begins there, or all of them when it is the first in an IN list of nothing but its like; null when it is not plain. */
function literalAt(text: string, start: number): Literal | null {
  const end = literalEnd(text, start);
  if (end < 0) return null;
  const placeholder = placeholderOf(text, start, end);
  const last = isFirstInList(text, start) ? listEnd(text, start, placeholder) : -1;
  return { start, end: last < 0 ? end : last, placeholder, isList: last >= 0 };
}

/** Where the literal ends, when it has that placeholder; else -1. */
function alikeEnd(text: string, start: number, placeholder: string): number {
  const end = literalEnd(text, start);
  return end >= 0 && placeholderOf(text, start, end) === placeholder ? end : -1;
}

/** Where ends what stands in a hole of a form; -1 when it is something else. */
function holeEnd(text: string, start: number, { placeholder, isList }: Pick<Literal, 'placeholder' | 'isList'>): number {
  if (placeholder === comment) return commentEnd(text, start);
  return isList ? listEnd(text, start, placeholder) : alikeEnd(text, start, placeholder);
}

/** Where the last literal ends of a list of literals with that placeholder, up to its closing parenthesis; else -1. */
function listEnd(text: string, start: number, placeholder: string): number {
  for (let at = start; ;) {
    const end = alikeEnd(text, at, placeholder);
    if (end < 0) return -1;
    const next = behindSpaces(text, end);
    const code = text.charCodeAt(next);
    if (code === closing) return end;
    if (code !== comma) return -1;
    at = behindSpaces(text, next + 1);
  }
}

/** Behind `IN (`, where that is no function of a schema: any word may be the name of one. */
function isFirstInList(text: string, start: number): boolean {
  const parenthesis = beforeSpaces(text, start);
  if (text.charCodeAt(parenthesis) !== opening) return false;
  const word = beforeSpaces(text, parenthesis);
  if (word < 2 || text.slice(word - 1, word + 1).toLowerCase() !== 'in' || !isSpace(text.charCodeAt(word - 2))) return false;
  const before = text.charCodeAt(beforeSpaces(text, word - 1));
  return before !== dot && before !== slash; // behind a comment there may be a dot
}

/** `ORDER BY 2`, `GROUP BY a, 3`, `DISTINCT ON (1)`: the number says which column of the result is meant. Comments are spaces there. */
function mayBeOrdinal(masked: string): boolean {
  const words = masked.replaceAll(comment, ' ');
  const clause = ordering.exec(words);
  return clause !== null && ordinal.test(words.slice(clause.index));
}

function literalEnd(text: string, start: number): number {
  const code = text.charCodeAt(start);
  if (code === singleQuote) return quotedEnd(text, start, code);
  return classes[code] === digit ? numberEnd(text, start) : -1;
}

function placeholderOf(text: string, start: number, end: number): string {
  if (text.charCodeAt(start) === singleQuote) return end - start === 2 ? emptyString : string;
  const number = text.slice(start, end);
  return number.includes('.') || (number.length > 9 && Number(number) > integerMax) ? float : integer;
}

/** Behind a number of digits, with or without a fraction; -1 for others, and for what only begins with digits. */
function numberEnd(text: string, from: number): number {
  const whole = digitsEnd(text, from);
  const hasFraction = text.charCodeAt(whole) === dot && classes[text.charCodeAt(whole + 1)] === digit;
  const end = hasFraction ? digitsEnd(text, whole + 1) : whole;
  const after = end < text.length ? text.charCodeAt(end) : space;
  const isTooLong = whole - from > digitsMax || end - whole > digitsMax + 1;
  return isTooLong || after === dot || after > 127 || classes[after] !== delimiter ? -1 : end;
}

/** Behind the closing quote; -1 when there is none, or a character inside that nobody writes there. */
function quotedEnd(text: string, from: number, mark: number): number {
  for (let at = from + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === deleted || (code < space && classes[code] !== delimiter)) return -1;
    if (code >= firstSurrogate && code <= lastSurrogate) {
      if (!isPair(code, text.charCodeAt(at + 1))) return -1;
      at += 1;
    } else if (code === mark) {
      if (text.charCodeAt(at + 1) !== mark) return at + 1;
      at += 1;
    }
  }
  return -1;
}

const firstSurrogate = 0xd800;
const firstLowSurrogate = 0xdc00;
const lastSurrogate = 0xdfff;

function isPair(high: number, low: number): boolean {
  return high < firstLowSurrogate && low >= firstLowSurrogate && low <= lastSurrogate;
}

/** Behind a comment on one line that has no other in it (the server's nest); -1 when none begins there. */
function commentEnd(text: string, from: number): number {
  if (text.charCodeAt(from) !== slash || text.charCodeAt(from + 1) !== star) return -1;
  for (let at = from + 2; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < space || code >= deleted) return -1;
    const next = text.charCodeAt(at + 1);
    if (code === star && next === slash) return at + 2;
    if (code === slash && next === star) return -1;
  }
  return -1;
}

function wordEnd(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && isWordPart(text.charCodeAt(at))) at += 1;
  return at;
}

function digitsEnd(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && classes[text.charCodeAt(at)] === digit) at += 1;
  return at;
}

function isWordPart(code: number): boolean {
  const its = classes[code];
  return its === letter || its === digit;
}

function isSpace(code: number): boolean {
  return code === space || (code < space && classes[code] === delimiter);
}

function behindSpaces(text: string, from: number): number {
  let at = from;
  while (isSpace(text.charCodeAt(at))) at += 1;
  return at;
}

/** The place of the last character before that one which is no space; -1 when there is none. */
function beforeSpaces(text: string, from: number): number {
  let at = from - 1;
  while (at >= 0 && isSpace(text.charCodeAt(at))) at -= 1;
  return at;
}
