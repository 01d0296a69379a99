// The kinds of tokens of a plain query.

import { freeKeywords, otherKeywords } from './keywords.ts';

/** Of a token. A punctuation mark's kind is its character; the others are outside ASCII. */
export type Kind = number;

export const opening: Kind = 0x28;
export const closing: Kind = 0x29;
export const star: Kind = 0x2a;
export const plus: Kind = 0x2b;
export const comma: Kind = 0x2c;
export const minus: Kind = 0x2d;
export const dot: Kind = 0x2e;
export const slash: Kind = 0x2f;
export const semicolon: Kind = 0x3b;

export const endOfText: Kind = 128;
/** A name: quoted, or no key word at all. `value` is the name. */
export const name: Kind = 129;
/** A key word that may name columns and tables. */
export const freeWord: Kind = 130;
/** A key word that is not read here. */
export const otherWord: Kind = 131;
export const integer: Kind = 132;
export const float: Kind = 133;
export const string: Kind = 134;
export const parameter: Kind = 135;
export const lessOrEqual: Kind = 136;
export const greaterOrEqual: Kind = 137;
export const notEqual: Kind = 138;
export const cast: Kind = 139;

/** Key words that mean something here have a kind each. */
export const firstWord = 160;
const words = (
  'select distinct as from where group having order limit offset on join inner left right full outer cross and or not is null in like ' +
  'ilike between exists case when then else end coalesce true false asc desc int integer bigint smallint boolean with without nulls format'
).split(' ');
export const word: Readonly<Record<string, Kind>> = Object.fromEntries(words.map((text, index) => [text, firstWord + index]));

/** Of key words, by their text in lower case. */
export const kindOfWord: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ...freeKeywords.map((text) => [text, word[text] ?? freeWord] as const),
  ...otherKeywords.map((text) => [text, word[text] ?? otherWord] as const),
]);
