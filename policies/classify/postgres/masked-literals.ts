// Texts that differ only in whole numbers and simple strings, as clients without bound parameters send them, are judged once: what
// a SELECT does is the same whatever those are. Only texts that a scanner of a few rules reads beyond doubt take part, and only
// after two of them were judged in full with equal results; everything else is parsed as ever. Whoever makes the classifier
// look at the value of a constant in a plain read has to name it in `valueMatters`.

import type { LiteralRules } from '../known-forms.ts';

/** Texts that are longer take so long at the server that parsing them does not matter. */
const textUnitsMax = 16 * 1024;
/** Digits of the largest bigint. */
const digitsMax = 19;
/** PostgreSQL's lexer makes an `Integer` of numbers up to this one and a `Float` of others: different nodes, and some places take only one of them. */
const integerMax = 2 ** 31 - 1;

/** Stand for what is masked, so that a masked text is itself one of the texts that it stands for. */
const number = '0';
const largeNumber = '9999999999';
const string = "'s'";
/** The parser's tree leaves empty texts out, so these are a form of their own. */
const emptyString = "''";

// What a character may be, outside quotes.
const refused = 0;
const delimiter = 1;
const letter = 2;
const digit = 3;
const quote = 4;

/** ASCII only. `$` begins parameters and dollar quotes, a backslash escapes, a dot makes numbers that are not whole. */
const classes = new Uint8Array(128);
for (const character of '\t\n\r !#%()*+,/:;<=>?@[]^`{|}~-&.') classes[character.charCodeAt(0)] = delimiter;
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_') classes[character.charCodeAt(0)] = letter;
for (const character of '0123456789') classes[character.charCodeAt(0)] = digit;
for (const character of '\'"') classes[character.charCodeAt(0)] = quote;

const dot = 0x2e;
const dash = 0x2d;
const slash = 0x2f;
const star = 0x2a;
const ampersand = 0x26;
const backslash = 0x5c;
const singleQuote = 0x27;

/**
 * Where a value does matter: `float(24)` and `float(25)` are different types and `float(54)` is none, the one number that PostgreSQL's
 * grammar looks at; pg_input_is_valid and pg_input_error_info run the input code of the type that a string names.
 */
const valueMatters = /float|pg_input/i;

/** The text with a placeholder for each whole number and string; null when it has none, or anything that could be read differently. */
export function withoutLiterals(text: string): string | null {
  const places = placesOf(text);
  if (places === null || places.length === 0 || valueMatters.test(text) || mayBeOrdinal(text)) return null;
  let masked = '';
  let kept = 0;
  for (let index = 0; index < places.length; index += 2) {
    const start = places[index] as number;
    const end = places[index + 1] as number;
    masked += text.slice(kept, start) + placeholderFor(text, start, end);
    kept = end;
  }
  return masked + text.slice(kept);
}

/** For texts that are compared with forms. */
export const postgresLiterals: LiteralRules = {
  placesOf: (masked) => placesOf(masked) ?? [],
  literalEnd,
  asksWhole: (masked) => masked.includes("'") && ordering.test(masked),
  isPlain: (text) => !mayBeOrdinal(text),
  textUnitsMax,
};

/** Where the literals begin and end, in turn; null when anything could be read differently. */
function placesOf(text: string): number[] | null {
  if (text.length > textUnitsMax) return null;
  const places: number[] = [];
  let before = 0x20;
  for (let at = 0; at < text.length;) {
    const code = text.charCodeAt(at);
    switch (code < 128 ? classes[code] : refused) {
      case delimiter:
        if (code === dash && before === dash) return null; // a comment
        if (code === star && before === slash) return null;
        before = code;
        at += 1;
        break;
      case letter: {
        at = wordEnd(text, at);
        before = code; // any letter
        break;
      }
      case digit: {
        const end = before === dot ? -1 : numberEnd(text, at);
        if (end < 0) return null;
        places.push(at, end);
        before = 0x30;
        at = end;
        break;
      }
      case quote: {
        // E'…', U&"…" and the like: what a letter or & before a quote means is not looked into.
        if (before === ampersand || isWordPart(before)) return null;
        const end = quotedEnd(text, at, code);
        if (end === null) return null;
        if (code === singleQuote) places.push(at, end);
        before = code;
        at = end;
        break;
      }
      default:
        return null;
    }
  }
  return places;
}

/** As the scanner goes on where all before is the same, so it takes what stands there as the same kind of literal; else -1. */
function literalEnd(text: string, start: number, placeholder: string): number {
  const code = text.charCodeAt(start);
  if (code !== singleQuote) {
    const end = classes[code] === digit ? numberEnd(text, start) : -1;
    return end >= 0 && placeholder === numberFor(text, start, end) ? end : -1;
  }
  const end = quotedEnd(text, start, code) ?? -1;
  if (end < 0 || placeholder !== stringFor(start, end)) return -1;
  return placeholder !== emptyString && valueOrOrdering.test(text.slice(start, end)) ? -1 : end;
}

/** `ORDER BY 2`, `GROUP BY a, 3`, `DISTINCT ON (1)`: the number says which column of the result is meant. */
function mayBeOrdinal(text: string): boolean {
  const clause = ordering.exec(text);
  return clause !== null && ordinal.test(text.slice(clause.index));
}

const ordering = /(?:order|group)\s+by|distinct\s+on/i;
const ordinal = /(?:by|,|\()\s*\d/i;
/** In a string: a text with it is not told by its form. */
const valueOrOrdering = new RegExp(`${valueMatters.source}|${ordering.source}`, 'i');

/** Behind a whole number; -1 for another, or what only begins with digits. */
function numberEnd(text: string, from: number): number {
  const end = digitsEnd(text, from);
  const after = end < text.length ? text.charCodeAt(end) : 0x20;
  return end - from > digitsMax || after === dot || after > 127 || classes[after] !== delimiter ? -1 : end;
}

function placeholderFor(text: string, from: number, to: number): string {
  return text.charCodeAt(from) === singleQuote ? stringFor(from, to) : numberFor(text, from, to);
}

function stringFor(from: number, to: number): string {
  return to - from === 2 ? emptyString : string;
}

function numberFor(text: string, from: number, to: number): string {
  return to - from > 9 && Number(text.slice(from, to)) > integerMax ? largeNumber : number;
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
    if (code === backslash || code > 126 || (code < 32 && classes[code] !== delimiter)) return null;
    if (code !== mark) continue;
    if (text.charCodeAt(at + 1) !== mark) return at + 1;
    at += 1;
  }
  return null;
}
