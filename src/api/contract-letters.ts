// Letters that look like others, for whoever shows text to people: console, command line, chat and mail mark the same ones.

export interface LookAlike {
  /** UTF-16 offsets in the text. */
  readonly start: number;
  readonly end: number;
}

const word = /[\p{L}\p{M}\p{N}_]+/gu;
const latin = /\p{Script=Latin}/u;
const lookAlikes =
  '\\p{Script=Cyrillic}\\p{Script=Greek}\\p{Script=Armenian}\\p{Script=Cherokee}\\uff21-\\uff3a\\uff41-\\uff5a\\u{1d400}-\\u{1d7ff}';
const anyLookAlike = new RegExp(`[${lookAlikes}]`, 'u');
const everyLookAlike = new RegExp(`[${lookAlikes}]`, 'gu');

/** Foreign letters in words that also have Latin ones: "оrders" with a Cyrillic о is another table. Pure Greek or Cyrillic is fine. */
export function lookAlikesIn(text: string): LookAlike[] {
  if (!anyLookAlike.test(text)) return [];
  const found: LookAlike[] = [];
  for (const match of text.matchAll(word)) {
    if (!latin.test(match[0])) continue;
    for (const letter of match[0].matchAll(everyLookAlike)) {
      const start = match.index + letter.index;
      found.push({ start, end: start + letter[0].length });
    }
  }
  return found;
}

/** The text with each of them as `escaped` writes it. */
export function escapeLookAlikes(text: string, escaped: (letter: string) => string): string {
  let out = '';
  let at = 0;
  for (const { start, end } of lookAlikesIn(text)) {
    out += text.slice(at, start) + escaped(text.slice(start, end));
    at = end;
  }
  return out + text.slice(at);
}
