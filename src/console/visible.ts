// Makes hidden characters visible. Statement text is written by the person who wants it approved: bidirectional controls can
// reorder what an approver reads, zero-width ones can split a word, odd spaces can look like ordinary ones.

import { lookAlikesIn } from '../api/contract-letters.ts';

/** Why a character is boxed. */
export type Oddity = 'control' | 'direction' | 'invisible' | 'space' | 'stacked' | 'look-alike';

export interface OddCharacter {
  /** UTF-16 offsets in the text. */
  readonly start: number;
  readonly end: number;
  readonly oddity: Oddity;
  /** "\u202e", "\x1b", "\u{e0041}". */
  readonly escaped: string;
}

const direction = '\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069';
// Format characters, private use and unassigned ones, and what counts as a letter or mark and shows nothing: fillers, joiners, variation selectors.
const invisible =
  '\\p{Cf}\\p{Co}\\p{Cn}\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u3164\\ufe00-\\ufe0f\\uffa0\\u{e0100}-\\u{e01ef}';
const space = '\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u2800\\u3000';
// Newline and tab are ordinary; a carriage return is only in front of a newline. Lone surrogates stand for broken text.
const control = '\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\ud800-\\udfff';

/** Marks beyond four on one letter climb over the lines above and below. */
const stacked = '(?<=\\p{M}{4})\\p{M}';

const odd = new RegExp(`[${direction}]|[${invisible}]|[${space}]|[${control}]|\\r(?!\\n)|${stacked}`, 'gu');
const isDirection = new RegExp(`[${direction}]`, 'u');
const isInvisible = new RegExp(`[${invisible}]`, 'u');
const isSpace = new RegExp(`[${space}]`, 'u');
const isMark = /\p{M}/u;

/** Every character of the text that a reader would not see, or would misread. */
export function oddCharacters(text: string): OddCharacter[] {
  const found: OddCharacter[] = [];
  for (const match of text.matchAll(odd)) {
    const character = match[0];
    found.push({ start: match.index, end: match.index + character.length, oddity: oddityOf(character), escaped: escapeOf(character) });
  }
  const alike = lookAlikesIn(text).map(({ start, end }): OddCharacter => {
    return { start, end, oddity: 'look-alike', escaped: escapeOf(text.slice(start, end)) };
  });
  return alike.length === 0 ? found : [...found, ...alike].sort((a, b) => a.start - b.start);
}

/** The text on one line with every hidden character escaped: for previews, titles and notifications. */
export function visibleLine(text: string): string {
  return visibleText(text).replace(/\s+/gu, ' ').trim();
}

/** The text with every hidden character escaped, newlines kept: for names, reasons and errors. */
export function visibleText(text: string): string {
  let out = '';
  let at = 0;
  for (const character of oddCharacters(text)) {
    out += text.slice(at, character.start) + character.escaped;
    at = character.end;
  }
  return out + text.slice(at);
}

function oddityOf(character: string): Oddity {
  if (isDirection.test(character)) return 'direction';
  if (isInvisible.test(character)) return 'invisible';
  if (isMark.test(character)) return 'stacked';
  return isSpace.test(character) ? 'space' : 'control';
}

function escapeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\u{${hex}}`;
}
