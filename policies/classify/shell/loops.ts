// Loops over plain words (`for s in nginx redis; do systemctl status $s; done`): the body is read once for each of them, with the
// word in place of the variable. That counts only where nothing else in the text can give the variable a value.

import type { For } from 'unbash';
import type { KnownValues } from './words.ts';

/** Words that no shell expands, splits or takes for an option. */
const plainWord = /^[A-Za-z0-9_/][A-Za-z0-9_.,@:+%/-]*$/;
/** Rounds of all loops together; with more the variables stay unknown. */
const roundsMax = 100;

export class Loops {
  readonly #values = new Map<string, string>();
  /** Variables that were known somewhere, and words that may name a variable to a builtin, however they were quoted. */
  readonly #variables = new Set<string>();
  readonly #named = new Set<string>();
  #rounds = 0;
  #withinTexts = false;

  get values(): KnownValues {
    return this.#values;
  }

  /** A word of a command, as the program gets it. */
  names(word: string): void {
    this.#named.add(/^\w*/.exec(word)?.[0] ?? '');
  }

  /** A text within the text was read: it may be run by the same shell. */
  entersText(): void {
    this.#withinTexts = true;
  }

  /** Reads the body for each word. False when they are not known, and nothing was read. */
  unroll({ name, wordlist }: For, text: string, readBody: () => void): boolean {
    const words = wordlist?.map((word) => (word.parts === undefined && word.text === word.value ? word.text : '$')) ?? ['$'];
    this.#rounds += words.length;
    if (this.#rounds > roundsMax || !words.every((word) => plainWord.test(word)) || !standsAlone(name.text, text)) return false;
    this.#variables.add(name.text);
    for (const word of words) {
      this.#values.set(name.text, word);
      readBody();
    }
    this.#values.delete(name.text);
    return true;
  }

  /** True when a variable was known, and nothing was met that could have given it another value. */
  get held(): boolean {
    return this.#variables.size > 0 && !this.#withinTexts && ![...this.#variables].some((name) => this.#named.has(name));
  }
}

/** True when the name stands in the text once, where the loop gives it, and else only as its plain value. */
function standsAlone(name: string, text: string): boolean {
  if (!/^[a-z]\w*$/.test(name) || /\\\n/.test(text)) return false;
  const others = text.replaceAll(new RegExp(`\\$${name}\\b|\\$\\{${name}\\}`, 'g'), '$');
  return others.match(new RegExp(`\\b${name}\\b`, 'g'))?.length === 1;
}
