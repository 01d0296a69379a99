// Makes hostile text safe for a terminal. Statement text, reasons and names come from people who may want to hide what they
// ask for: an escape sequence can repaint the screen, a bidirectional control can reverse a WHERE, a zero-width or foreign
// space can make two names look alike, and so can a letter of another alphabet. Whatever is not plainly visible is shown as its escape.

import { escapeLookAlikes } from '../api/contract-letters.ts';

/**
 * Control characters (C0, DEL, C1), format characters (bidirectional and zero-width ones, tags, soft hyphen), lone surrogates,
 * private use and unassigned code points, line and paragraph separators, and spaces other than U+0020.
 */
const invisible = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

/** Shown as nothing or as blanks though they count as letters or marks: fillers, the joiner, variation selectors. */
const blank = /[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe00-\ufe0f]|[\u{e0100}-\u{e01ef}]/gu;

/** Marks beyond this many on one letter climb over the lines above and below. */
const stackedMarks = /(?<=\p{M}{4})\p{M}/gu;

/** One line: line ends and tabs are shown as `\n` and `\t`. */
export function visible(text: string): string {
  // Letters first: escapes are letters, too.
  return escapeLookAlikes(text, escaped).replace(invisible, escaped).replace(blank, escaped).replace(stackedMarks, escaped);
}

/** Several lines: each made visible by itself; a tab is four blanks. */
export function visibleLines(text: string): string[] {
  return text.split('\n').map((line) => visible(line.replaceAll('\t', '    ')));
}

/** JSON that is safe to print: the same characters as `\uXXXX`, so that it still parses to the very same value. */
export function visibleJson(value: unknown): string {
  const json = JSON.stringify(value, null, 2);
  const escape = (character: string): string =>
    Array.from({ length: character.length }, (_, index) => `\\u${hex(character.charCodeAt(index), 4)}`).join('');
  // JSON.stringify has escaped C0 already; its own line ends are the layout and stay.
  return json.replace(invisible, (character) => (character === '\n' ? character : escape(character))).replace(blank, escape);
}

function escaped(character: string): string {
  switch (character) {
    case '\n':
      return '\\n';
    case '\r':
      return '\\r';
    case '\t':
      return '\\t';
    default: {
      const code = character.codePointAt(0) ?? 0;
      if (code <= 0xff) return `\\x${hex(code, 2)}`;
      return code <= 0xffff ? `\\u${hex(code, 4)}` : `\\u{${hex(code, 5)}}`;
    }
  }
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}
