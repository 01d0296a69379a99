// Texts that differ only in whole numbers and simple strings, as clients without bound parameters send them, are judged once: the
// classifier looks at the kind of a literal's token and, in a plain read, never at its value. Only texts that a scanner of a few rules
// cuts as the server's lexer does in every mode take part; everything else is read as ever. Whoever makes the classifier look at the
// value of a literal in a plain read has to name that here.

import { withPlaceholders } from '../known-forms.ts';
import type { Literal, LiteralRules } from '../known-forms.ts';

/** Texts that are longer take so long at the server that reading them does not matter. */
const textUnitsMax = 16 * 1024;

/** Stand for what is masked, so that a masked text is itself one of the texts that it stands for. */
const number = '0';
const string = "'s'";

// What a character may be, outside quotes.
const refused = 0;
const delimiter = 1;
const letter = 2;
const digit = 3;
const quote = 4;

/**
 * ASCII only. `#` begins a comment, `@` and `$` names that quotes and digits can be part of, a backslash escapes where the mode says so,
 * braces are ODBC's. A dot makes numbers that are not whole, or names that begin with a digit.
 */
const classes = new Uint8Array(128);
for (const character of '\t\n\r !%()*+,/:;<=>?[]^|~-&.') classes[character.charCodeAt(0)] = delimiter;
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_') classes[character.charCodeAt(0)] = letter;
for (const character of '0123456789') classes[character.charCodeAt(0)] = digit;
for (const character of '\'"`') classes[character.charCodeAt(0)] = quote;

const space = 0x20;
const dot = 0x2e;
const dash = 0x2d;
const slash = 0x2f;
const star = 0x2a;
const backslash = 0x5c;
const singleQuote = 0x27;
const doubleQuote = 0x22;
const zero = 0x30;

/** The text with a placeholder for each whole number and string; null when it has none, or anything that could be read differently. */
export function withoutLiterals(text: string): string | null {
  return withPlaceholders(text, literalsOf(text));
}

/** For texts that are compared with forms. */
export const mysqlLiterals: LiteralRules = {
  literalsOf: (masked) => literalsOf(masked) ?? [],
  literalEnd,
  takesPart: ({ text }) => text.length <= textUnitsMax,
};

/** The literals in their order; null when anything could be read differently. */
function literalsOf(text: string): Literal[] | null {
  if (text.length > textUnitsMax) return null;
  const found: Literal[] = [];
  let before = space;
  for (let at = 0; at < text.length;) {
    const code = text.charCodeAt(at);
    switch (code < 128 ? classes[code] : refused) {
      case delimiter:
        // A comment, perhaps: --, /* of any kind, or the end of one that a server executes.
        if ((code === dash && before === dash) || (code === star && before === slash) || (code === slash && before === star)) return null;
        before = code;
        at += 1;
        break;
      case letter:
        at = wordEnd(text, at);
        before = code; // any letter
        break;
      case digit: {
        const end = before === dot ? -1 : numberEnd(text, at);
        if (end < 0) return null;
        found.push({ start: at, end, placeholder: number, isList: false });
        before = zero;
        at = end;
        break;
      }
      case quote: {
        // N'…', X'…', _latin1'…': what a letter before a quote means is not looked into.
        if (isWordPart(before)) return null;
        const end = quotedEnd(text, at, code);
        if (end === null) return null;
        // Whether "…" is a string or a name depends on the mode, so it stays as it is.
        if (code === singleQuote) found.push({ start: at, end, placeholder: string, isList: false });
        before = code;
        at = end;
        break;
      }
      default:
        return null;
    }
  }
  return found;
}

/** As the scanner goes on where all before is the same, so it takes what stands there as the same kind of literal; else -1. */
function literalEnd(text: string, start: number, { placeholder }: Pick<Literal, 'placeholder'>): number {
  const code = text.charCodeAt(start);
  if (placeholder === string) return code === singleQuote ? (quotedEnd(text, start, code) ?? -1) : -1;
  return classes[code] === digit ? numberEnd(text, start) : -1;
}

/** Behind a whole number; -1 for 1.5, 1e5, 0x1f, and names such as 1a. */
function numberEnd(text: string, from: number): number {
  const end = digitsEnd(text, from);
  const after = end < text.length ? text.charCodeAt(end) : space;
  return after === dot || after > 127 || classes[after] !== delimiter ? -1 : end;
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

/** Behind the closing quote; null when there is none, or a character inside that an escape or an encoding could be about. */
function quotedEnd(text: string, from: number, mark: number): number | null {
  for (let at = from + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === backslash || code > 126 || (code < space && classes[code] !== delimiter)) return null;
    // Where the mode is not known, a text with such a quote anywhere is not understood.
    if (code === doubleQuote && mark === singleQuote) return null;
    if (code !== mark) continue;
    if (text.charCodeAt(at + 1) !== mark) return at + 1;
    at += 1;
  }
  return null;
}
