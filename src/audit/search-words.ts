// Words of a text filter: as SQLite's full-text table asks for them, and as they are found in the texts of one event. Both see
// words the same way: letters, digits and underscores, in any case, without accents.

/** Words of a text filter. */
const textWordsMax = 10;
const wordPattern = /([\p{L}\p{N}_]+)(\*?)/gu;

const beyondAscii = /[^\p{ASCII}]/u;

interface Word {
  readonly text: string;
  readonly isBeginning: boolean;
}

/**
 * Every word quoted, so that nothing that is typed is syntax; a star after a word asks for beginnings. Null when there is no word
 * to look for.
 */
export function ftsQuery(text: string | undefined): string | null {
  const words = wordsOf(text ?? '');
  return words.length === 0 ? null : words.map((word) => `"${word.text}"${word.isBeginning ? '*' : ''}`).join(' ');
}

function wordsOf(text: string): Word[] {
  const found = [...text.normalize('NFC').matchAll(wordPattern)].slice(0, textWordsMax);
  return found.map(([, word = '', star]) => ({ text: word, isBeginning: star === '*' }));
}

/** True of an event whose texts have all the words. */
export class TextFilter {
  readonly #words: readonly Word[];

  constructor(text: string) {
    this.#words = wordsOf(text).map((word) => ({ ...word, text: folded(word.text) }));
  }

  get isEmpty(): boolean {
    return this.#words.length === 0;
  }

  /** A quick look at a whole line: false when it surely has not all the words. Accents are no part of a word, so only ASCII is sure. */
  passes(line: string): boolean {
    if (beyondAscii.test(line)) return true;
    const lower = line.toLowerCase();
    return this.#words.every(({ text }) => lower.includes(text));
  }

  matches(texts: readonly string[]): boolean {
    const has = new Set<string>();
    for (const text of texts) for (const [, word = ''] of text.normalize('NFC').matchAll(wordPattern)) has.add(folded(word));
    return this.#words.every(({ text, isBeginning }) => has.has(text) || (isBeginning && [...has].some((it) => it.startsWith(text))));
  }
}

function folded(word: string): string {
  return word.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}
