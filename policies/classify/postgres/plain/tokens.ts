// The tokens of a plain query. Reads the part of PostgreSQL's lexical rules that nobody can read in two ways (ASCII, no comments, no
// escapes, no prefixed strings) and gives up at the first character that is not of it.

import type { Tree } from '../tree.ts';
import {
  cast,
  dot,
  endOfText,
  firstWord,
  float,
  freeWord,
  greaterOrEqual,
  integer,
  kindOfWord,
  lessOrEqual,
  name,
  notEqual,
  otherWord,
  parameter,
  star,
  string,
  type Kind,
} from './kinds.ts';

/** Not a plain query, or not surely one. */
export class NotPlain extends Error {}

/** One for all: it is thrown for every text that is not plain, and its stack interests nobody. */
const notPlain = new NotPlain('not a plain query');

export function giveUp(): never {
  throw notPlain;
}

/** The server's lexer makes another token of these before some words (gram.y, "NOT_LA" and the like), which is never a name. */
const lookingAhead: ReadonlySet<string> = new Set(['not', 'nulls', 'with', 'without', 'format']);

// What a character may be.
const space = 1;
const letter = 2;
const digit = 3;
/** A token of its own, whatever stands beside it. */
const mark = 4;
/** Operators are made of these; two in a row are looked at. */
const operator = 5;

const classes = new Uint8Array(128);
for (const character of ' \t\n\r') classes[character.charCodeAt(0)] = space;
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_') classes[character.charCodeAt(0)] = letter;
for (const character of '0123456789') classes[character.charCodeAt(0)] = digit;
for (const character of '(),;') classes[character.charCodeAt(0)] = mark;
for (const character of '<>=+-*/') classes[character.charCodeAt(0)] = operator;
/** Operators may be made of these as well, and none of those is read. */
const otherOperators = '!~@#^&|`?%';
for (const character of otherOperators) classes[character.charCodeAt(0)] = operator;

const doubleQuote = 0x22;
const singleQuote = 0x27;
const backslash = 0x5c;
const dollar = 0x24;
const colon = 0x3a;
const exclamation = 0x21;
const less = 0x3c;
const equal = 0x3d;
const greater = 0x3e;

/** NAMEDATALEN - 1: longer names are cut by the server. */
const nameUnitsMax = 63;
/** Digits of a number; of more, reading it would round. */
const digitsMax = 15;
const integerMax = 2 ** 31 - 1;
/** V8 copies slices up to this length; longer ones keep the whole text alive. */
const copiedUnitsMax = 12;

interface Word {
  /** As it stands in the text, without quotes. */
  readonly raw: string;
  readonly isQuoted: boolean;
  readonly kind: Kind;
  readonly value: string;
  /** The name as a node of the tree: trees are never changed, so they share it. */
  readonly node: Tree;
}

/** Words that were read, each at one place: what comes again is found without making strings. */
const placesTotal = 2_048;
const nothing: Word = { raw: '', isQuoted: false, kind: otherWord, value: '', node: { String: { sval: '' } } };

export class Tokens {
  readonly #words: Word[] = new Array<Word>(placesTotal).fill(nothing);
  #text = '';
  #at = 0;
  /** Of the token at hand. */
  kind: Kind = endOfText;
  start = 0;
  /** A name, a key word in lower case, the value of a string, the digits of a float. */
  value = '';
  number = 0;
  #word = nothing;

  /** Begins with a text; its first token is at hand then. Throws NotPlain, as every method that reads on. */
  begin(text: string): void {
    this.#text = text;
    this.#at = 0;
    this.next();
  }

  /** Lets go of the text. */
  end(): void {
    this.#text = '';
  }

  /** The name at hand as a node. */
  get node(): Tree {
    return this.#word.node;
  }

  next(): void {
    const text = this.#text;
    let at = this.#at;
    let code = 0;
    for (; at < text.length; at += 1) {
      code = text.charCodeAt(at);
      if (code > 127 || classes[code] !== space) break;
    }
    this.start = at;
    if (at >= text.length) {
      this.kind = endOfText;
      this.#at = at;
      return;
    }
    if (code > 127) giveUp();
    switch (classes[code]) {
      case letter:
        return this.#plainWord(at);
      case digit:
        return this.#numeral(at);
      case mark:
        this.kind = code;
        this.#at = at + 1;
        return;
      case operator:
        return this.#operator(at, code);
    }
    switch (code) {
      case doubleQuote:
        return this.#quotedName(at);
      case singleQuote:
        return this.#string(at);
      case dot:
        // A number may begin with one.
        if (classes[text.charCodeAt(at + 1)] === digit || text.charCodeAt(at + 1) === dot) giveUp();
        this.kind = dot;
        this.#at = at + 1;
        return;
      case colon:
        if (text.charCodeAt(at + 1) !== colon || text.charCodeAt(at + 2) === colon || text.charCodeAt(at + 2) === equal) giveUp();
        this.kind = cast;
        this.#at = at + 2;
        return;
      case dollar:
        return this.#parameter(at);
      default:
        giveUp();
    }
  }

  /** Reads on to a name of which it does not matter whether it is a key word, as behind AS. */
  nextLabel(): void {
    const text = this.#text;
    let at = this.#at;
    while (at < text.length && classes[text.charCodeAt(at)] === space) at += 1;
    this.start = at;
    const code = text.charCodeAt(at);
    const isQuoted = code === doubleQuote;
    const from = isQuoted ? at + 1 : at;
    const end = isQuoted ? this.#closing(from) : classes[code] === letter ? this.#wordEnd(at) : giveUp();
    this.#found(from, end, isQuoted);
    if (this.kind >= firstWord && lookingAhead.has(this.value)) giveUp();
    this.kind = name;
    this.#at = isQuoted ? end + 1 : end;
    if (isQuoted) this.#nothingBeside(this.#at);
  }

  /** Reads on to a name behind a dot, where key words are names, too. */
  nextAttribute(): void {
    this.next();
    const { kind } = this;
    if (kind === name || kind === freeWord || kind === otherWord) return;
    if (kind < firstWord || lookingAhead.has(this.value)) giveUp();
  }

  /** Whether a star is what comes behind the token at hand. */
  isStarNext(): boolean {
    const text = this.#text;
    let at = this.#at;
    while (at < text.length && classes[text.charCodeAt(at)] === space) at += 1;
    return text.charCodeAt(at) === star;
  }

  #plainWord(from: number): void {
    const end = this.#wordEnd(from);
    this.#found(from, end, false);
    this.#at = end;
  }

  #quotedName(from: number): void {
    const end = this.#closing(from + 1);
    this.#found(from + 1, end, true);
    this.#at = end + 1;
    this.#nothingBeside(end + 1);
  }

  /** Behind a quote a letter, digit or quote would be read by other rules, or never written. */
  #nothingBeside(at: number): void {
    if (at >= this.#text.length) return;
    const code = this.#text.charCodeAt(at);
    if (code > 127 || classes[code] === letter || classes[code] === digit || code === doubleQuote || code === singleQuote) giveUp();
  }

  #found(from: number, end: number, isQuoted: boolean): void {
    const text = this.#text;
    const length = end - from;
    if (length > nameUnitsMax) giveUp();
    let hash = isQuoted ? 7 : length;
    for (let at = from; at < end; at += 1) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
    const place = (hash ^ (hash >>> 11)) & (placesTotal - 1);
    let found = this.#words[place] as Word;
    if (found.isQuoted !== isQuoted || !isAt(text, from, length, found.raw)) {
      found = wordOf(flat(text, from, end), isQuoted);
      this.#words[place] = found;
    }
    this.#word = found;
    this.kind = found.kind;
    this.value = found.value;
  }

  #wordEnd(from: number): number {
    const text = this.#text;
    let at = from + 1;
    let code = 0;
    for (; at < text.length; at += 1) {
      code = text.charCodeAt(at);
      if (code > 127) giveUp();
      const its = classes[code];
      if (its !== letter && its !== digit) break;
    }
    // E'…', U&"…", "$" in names.
    if (at < text.length && (code === dollar || code === singleQuote || code === doubleQuote || code === backslash)) giveUp();
    return at;
  }

  /** The place of the closing double quote. */
  #closing(from: number): number {
    const text = this.#text;
    for (let at = from; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code === doubleQuote) return at === from ? giveUp() : at;
      if (code < 32 || code > 126 || code === backslash) giveUp();
    }
    giveUp();
  }

  #string(from: number): void {
    const text = this.#text;
    let doubled = false;
    for (let at = from + 1; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code === singleQuote) {
        if (text.charCodeAt(at + 1) === singleQuote) {
          doubled = true;
          at += 1;
          continue;
        }
        const raw = flat(text, from + 1, at);
        this.kind = string;
        this.value = doubled ? raw.replaceAll("''", "'") : raw;
        this.#at = at + 1;
        return this.#nothingBeside(at + 1);
      }
      if (code < 32 || code > 126 || code === backslash) giveUp();
    }
    giveUp();
  }

  #numeral(from: number): void {
    const text = this.#text;
    const whole = this.#digitsEnd(from);
    let end = whole;
    if (text.charCodeAt(whole) === dot) {
      end = this.#digitsEnd(whole + 1);
      if (end === whole + 1) giveUp();
    }
    this.#nothingOfNumber(end);
    if (end - from > digitsMax) giveUp();
    this.#at = end;
    this.number = end === whole ? this.#valueOf(from, end) : Infinity;
    this.kind = this.number <= integerMax ? integer : float;
    if (this.kind === float) this.value = flat(text, from, end);
  }

  /** 1a, 1.5.2, 0x1f, 1_000, 1e5, 1$2: what goes on behind digits is read by other rules. */
  #nothingOfNumber(end: number): void {
    if (end >= this.#text.length) return;
    const code = this.#text.charCodeAt(end);
    if (code > 127 || classes[code] === letter || code === dot || code === dollar || code === singleQuote || code === doubleQuote) giveUp();
  }

  #parameter(from: number): void {
    const end = this.#digitsEnd(from + 1);
    const length = end - from - 1;
    if (length < 1 || length > 5 || this.#text.charCodeAt(from + 1) === 0x30) giveUp();
    this.#nothingOfNumber(end);
    this.kind = parameter;
    this.number = this.#valueOf(from + 1, end);
    this.#at = end;
  }

  #valueOf(from: number, end: number): number {
    let value = 0;
    for (let at = from; at < end; at += 1) value = 10 * value + (this.#text.charCodeAt(at) - 0x30);
    return value;
  }

  #digitsEnd(from: number): number {
    let at = from;
    while (at < this.#text.length && classes[this.#text.charCodeAt(at)] === digit) at += 1;
    return at;
  }

  /** One of a few operators that stands alone: longer ones, and comments, begin alike. */
  #operator(from: number, code: number): void {
    const second = this.#operatorAt(from + 1);
    if (second === 0) {
      if (otherOperators.includes(String.fromCharCode(code))) giveUp();
      this.kind = code;
      this.#at = from + 1;
      return;
    }
    if (this.#operatorAt(from + 2) !== 0) giveUp();
    if (second === equal && code === less) this.kind = lessOrEqual;
    else if (second === equal && code === greater) this.kind = greaterOrEqual;
    else if ((second === greater && code === less) || (second === equal && code === exclamation)) this.kind = notEqual;
    else giveUp();
    this.#at = from + 2;
  }

  /** The character there when operators are made of it, or 0. */
  #operatorAt(at: number): number {
    if (at >= this.#text.length) return 0;
    const code = this.#text.charCodeAt(at);
    return code < 128 && classes[code] === operator ? code : 0;
  }
}

function isAt(text: string, from: number, length: number, raw: string): boolean {
  if (raw.length !== length) return false;
  for (let index = 0; index < length; index += 1) if (raw.charCodeAt(index) !== text.charCodeAt(from + index)) return false;
  return true;
}

function wordOf(raw: string, isQuoted: boolean): Word {
  const value = isQuoted ? raw : raw.toLowerCase();
  return { raw, isQuoted, kind: isQuoted ? name : (kindOfWord.get(value) ?? name), value, node: { String: { sval: value } } };
}

/** A copy that does not keep the text alive. */
function flat(text: string, from: number, end: number): string {
  const slice = text.slice(from, end);
  return slice.length <= copiedUnitsMax ? slice : Buffer.from(slice, 'latin1').toString('latin1');
}
