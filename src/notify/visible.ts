// Makes hidden characters visible in what is shown outside the console: the text is written by whoever wants it approved, and
// bidirectional controls, zero-width characters and odd spaces would let an approver read something else.

import { escapeLookAlikes } from '../api/contract-letters.ts';

const hidden =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\u2028\u2029\u00a0\u034f\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200a\u202f\u205f\u2800\u3000\u3164\ufe00-\ufe0f\uffa0\u{e0100}-\u{e01ef}]/gu;

/** Marks beyond this many on one letter climb over the lines above and below. */
const stackedMarks = /(?<=\p{M}{4})\p{M}/gu;

/** The text with every hidden character escaped ("\u202e"); newlines and tabs stay. */
export function visibleText(text: string): string {
  // Letters first: escapes are letters, too.
  return escapeLookAlikes(text.replaceAll('\r\n', '\n'), escaped)
    .replace(hidden, (character) => (character === '\n' || character === '\t' ? character : escaped(character)))
    .replace(stackedMarks, escaped);
}

/** The same on one line, at most that long. */
export function visibleLine(text: string, charsMax = 200): string {
  return shortened(visibleText(text).replace(/\s+/g, ' ').trim(), charsMax);
}

/** Cut with "…" when it is longer; never in the middle of a character. */
export function shortened(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  const cut = text.slice(0, charsMax - 1);
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\u{${code.toString(16)}}`;
}
