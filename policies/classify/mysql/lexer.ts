// Cuts a text into tokens as the server's own lexer does, for one way of reading its executable comments.
// It knows quoting, comments and modes, not statements. Where the server's reading can't be known it gives a problem.
// Checked against a real server (test/unit/classify-mysql-server.test.ts).

import type { Problem } from '../../../src/core/classification.ts';

export type TokenKind =
  | 'word' // unquoted, may be a keyword; `text` is upper case
  | 'name' // quoted identifier, or a word straight after a dot: never a keyword; `text` is the name
  | 'string' // `text` is the value
  | 'number'
  | 'user-variable' // @x; `text` is the name, lower case
  | 'system-variable' // @@x; `text` is the name, lower case; `.name` follows as tokens of its own
  | 'parameter' // ?
  | 'op';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** A word as it was written; `text` of every other kind. */
  readonly raw: string;
  readonly start: number;
  readonly end: number;
}

/** What of the session changes how characters become tokens. */
export interface LexMode {
  readonly ansiQuotes: boolean;
  readonly noBackslashEscapes: boolean;
}

/** The condition of an executable comment: its version (0 when it has none) and whether only MariaDB would run it. */
export interface CommentCondition {
  readonly version: number;
  readonly mariadbOnly: boolean;
}

export interface LexResult {
  readonly tokens: readonly Token[];
  readonly problem: Problem | null;
  /** Conditions of the executable comments met in this reading. */
  readonly conditions: readonly CommentCondition[];
}

/** No server has this version: clients write it to hide text from every server ("enable the sandbox mode"). */
const versionOfNoServer = 999_999;

const tab = 9;
const carriageReturn = 13;
const space = 32;
const doubleQuote = 34;
const dollar = 36;
const singleQuote = 39;
const backslash = 92;
const backquote = 96;

function isSpace(unit: number): boolean {
  return unit === space || (unit >= tab && unit <= carriageReturn);
}

function isDigit(unit: number): boolean {
  return unit >= 48 && unit <= 57;
}

/** Identifier characters: letters, digits, _ $ and everything from 0x80. */
function isWordUnit(unit: number): boolean {
  return isDigit(unit) || (unit >= 65 && unit <= 90) || (unit >= 97 && unit <= 122) || unit === 95 || unit === 36 || unit >= 128;
}

/** Two- and three-character operators; longest first. */
const operators = ['<=>', '->>', ':=', '<=', '>=', '<>', '!=', '||', '&&', '<<', '>>', '->'] as const;

/** Reads the text with the executable comments that `executed` accepts taken as code and the others as comments. */
export function lex(text: string, mode: LexMode, executed: (condition: CommentCondition) => boolean): LexResult {
  const lexer = new Lexer(text, mode, executed);
  const problem = lexer.run();
  return { tokens: lexer.tokens, problem, conditions: lexer.conditions };
}

class Lexer {
  readonly tokens: Token[] = [];
  readonly conditions: CommentCondition[] = [];
  readonly #text: string;
  readonly #mode: LexMode;
  readonly #executed: (condition: CommentCondition) => boolean;
  #at = 0;
  #inExecuted = false;

  constructor(text: string, mode: LexMode, executed: (condition: CommentCondition) => boolean) {
    this.#text = text;
    this.#mode = mode;
    this.#executed = executed;
  }

  run(): Problem | null {
    const text = this.#text;
    while (this.#at < text.length) {
      const problem = this.#token(text.charCodeAt(this.#at));
      if (problem !== null) return problem;
    }
    return this.#inExecuted ? this.#fail('an executable comment is not closed', text.length) : null;
  }

  #token(unit: number): Problem | null {
    const text = this.#text;
    const at = this.#at;
    if (isSpace(unit)) {
      this.#at += 1;
      return null;
    }
    if (unit === 0) return this.#nul(at);
    if (isWordUnit(unit)) return this.#word(at);
    switch (unit) {
      case 35: // #
        this.#at = lineEnd(text, at);
        return null;
      case 45: // -
        if (text.charCodeAt(at + 1) === 45 && endsDashes(text, at + 2)) {
          this.#at = lineEnd(text, at);
          return null;
        }
        return this.#operator(at);
      case 47: // /
        return text.charCodeAt(at + 1) === 42 ? this.#comment(at) : this.#operator(at);
      case 42: // *
        if (this.#inExecuted && text.charCodeAt(at + 1) === 47) {
          this.#inExecuted = false;
          this.#at += 2;
          return null;
        }
        return this.#operator(at);
      case singleQuote:
        return this.#quoted(at, 'string');
      case doubleQuote:
        return this.#quoted(at, this.#mode.ansiQuotes ? 'name' : 'string');
      case backquote:
        return this.#quoted(at, 'name');
      case 64: // @
        return this.#variable(at);
      case 46: // .
        return this.#dot(at);
      case 63: // ?
        return this.#push('parameter', '?', at, at + 1);
      case backslash:
        if (text[at + 1] === 'N') return this.#push('word', 'NULL', at, at + 2);
        return this.#fail('a backslash outside of a string', at);
      default:
        return unit < space || unit === 127 ? this.#fail('a control character', at) : this.#operator(at);
    }
  }

  /** Some clients send the closing NUL of their own strings; with text behind it, servers differ in what they read. */
  #nul(at: number): Problem | null {
    if (/[^\0]/.test(this.#text.slice(at))) return this.#fail('a NUL character: what follows it would be read by nobody', at, 'encoding');
    this.#at = this.#text.length;
    return null;
  }

  #push(kind: TokenKind, text: string, start: number, end: number): null {
    if (kind === 'word') this.tokens.push({ kind, text: text.toUpperCase(), raw: text, start, end });
    else this.tokens.push({ kind, text, raw: text, start, end });
    this.#at = end;
    return null;
  }

  #operator(at: number): null {
    for (const operator of operators) {
      if (this.#text.startsWith(operator, at)) return this.#push('op', operator, at, at + operator.length);
    }
    return this.#push('op', this.#text[at] as string, at, at + 1);
  }

  #word(at: number): Problem | null {
    const text = this.#text;
    let end = at + 1;
    while (end < text.length && isWordUnit(text.charCodeAt(end))) end += 1;
    if (isDigit(text.charCodeAt(at))) return this.#numberOrWord(at, end);
    if (text.charCodeAt(at) === dollar && text.indexOf('$', at + 1) < end && text.indexOf('$', at + 1) !== -1) {
      return this.#fail('$…$: MySQL 9 begins a string with it, other servers a name', at, 'unknown-construct');
    }
    return this.#push('word', text.slice(at, end), at, end);
  }

  /** A run that begins with a digit is a number (`1`, `1.5`, `1e5`, `0x1F`) or a name (`1a`). */
  #numberOrWord(at: number, wordEnd: number): null {
    const text = this.#text;
    const run = text.slice(at, wordEnd);
    if (/^(0x[0-9a-fA-F]+|0b[01]+|\d+[eE]\d+)$/.test(run)) return this.#push('number', run, at, wordEnd);
    if (/^\d+[eE]$/.test(run) && /^[+-]\d/.test(text.slice(wordEnd, wordEnd + 2))) {
      return this.#push('number', run, at, digitsEnd(text, wordEnd + 1));
    }
    if (!/^\d+$/.test(run)) return this.#push('word', run, at, wordEnd);
    if (text.charCodeAt(wordEnd) !== 46) return this.#push('number', run, at, wordEnd);
    return this.#fraction(at, wordEnd + 1);
  }

  /** After the dot: digits and an exponent. `1.INTO` is the number `1.` and the word INTO. */
  #fraction(at: number, afterDot: number): null {
    const text = this.#text;
    let end = digitsEnd(text, afterDot);
    const exponent = /^[eE][+-]?\d/.exec(text.slice(end, end + 3));
    if (exponent !== null) end = digitsEnd(text, end + exponent[0].length - 1);
    return this.#push('number', text.slice(at, end), at, end);
  }

  #dot(at: number): null {
    const text = this.#text;
    const next = text.charCodeAt(at + 1);
    const last = this.tokens.at(-1);
    const qualifies = last !== undefined && last.end === at && (last.kind !== 'number' || last.text.endsWith('.'));
    if (isDigit(next) && !qualifies) return this.#fraction(at, at + 1);
    this.#push('op', '.', at, at + 1);
    if (!isWordUnit(next)) return null;
    let end = at + 2;
    while (end < text.length && isWordUnit(text.charCodeAt(end))) end += 1;
    return this.#push('name', text.slice(at + 1, end), at + 1, end);
  }

  #variable(at: number): Problem | null {
    const text = this.#text;
    const system = text.charCodeAt(at + 1) === 64;
    const from = at + (system ? 2 : 1);
    const unit = text.charCodeAt(from);
    if (unit === backquote || (!system && (unit === singleQuote || unit === doubleQuote))) {
      const end = this.#quoteEnd(from, unit);
      if (end === -1) return this.#fail('a quote is not closed', from);
      return this.#push(system ? 'system-variable' : 'user-variable', unquote(text.slice(from + 1, end - 1), unit), at, end);
    }
    let end = from;
    // A user variable's name may hold dots; a system variable's are separate.
    while (end < text.length && (isWordUnit(text.charCodeAt(end)) || (!system && text.charCodeAt(end) === 46))) end += 1;
    return this.#push(system ? 'system-variable' : 'user-variable', text.slice(from, end).toLowerCase(), at, end);
  }

  #quoted(at: number, kind: 'string' | 'name'): Problem | null {
    const text = this.#text;
    const quote = text.charCodeAt(at);
    const end = this.#quoteEnd(at, quote, kind === 'string' && !this.#mode.noBackslashEscapes);
    if (end === -1) return this.#fail('a quote is not closed', at);
    const inner = text.slice(at + 1, end - 1);
    const value = kind === 'string' && !this.#mode.noBackslashEscapes ? unescape(inner, quote) : unquote(inner, quote);
    return this.#push(kind, value, at, end);
  }

  /** Offset after the closing quote, or -1. */
  #quoteEnd(at: number, quote: number, escapes = quote !== backquote && !this.#mode.noBackslashEscapes): number {
    const text = this.#text;
    for (let i = at + 1; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit === backslash && escapes) i += 1;
      else if (unit === quote) {
        if (text.charCodeAt(i + 1) !== quote) return i + 1;
        i += 1;
      }
    }
    return -1;
  }

  #comment(at: number): Problem | null {
    const text = this.#text;
    const mariadbOnly = text.charCodeAt(at + 2) === 77 && text.charCodeAt(at + 3) === 33;
    if (!mariadbOnly && text.charCodeAt(at + 2) !== 33) return this.#skipComment(at + 2, at) ?? this.#hintProblem(at);
    if (this.#inExecuted) return this.#fail('an executable comment inside another', at, 'unknown-construct');
    const from = at + (mariadbOnly ? 4 : 3);
    const digits = /^(\d{6}|\d{5})/.exec(text.slice(from, from + 6))?.[0] ?? '';
    if (!mariadbOnly && isReadTwice(digits, text.charCodeAt(from + 6))) {
      return this.#fail(
        'servers take five or six digits of this executable comment as its version: a space must follow',
        at,
        'unknown-construct',
      );
    }
    const condition = { version: digits === '' ? 0 : Number(digits), mariadbOnly };
    if (condition.version < versionOfNoServer) {
      this.conditions.push(condition);
      if (this.#executed(condition)) {
        this.#inExecuted = true;
        this.#at = from + digits.length;
        return null;
      }
    }
    return this.#skipUnexecuted(from + digits.length, at);
  }

  #skipComment(from: number, start: number): Problem | null {
    const end = this.#text.indexOf('*/', from);
    if (end === -1) return this.#fail('a comment is not closed', start);
    this.#at = end + 2;
    return null;
  }

  /** An optimizer hint is a comment, but MySQL looks for the end of a name in quotes in it before it looks for the end of the comment. */
  #hintProblem(start: number): Problem | null {
    const text = this.#text;
    if (text.charCodeAt(start + 2) !== 43) return null;
    const hint = text.slice(start, this.#at);
    const unclosed = ['`', '"', "'"].some((quote) => hint.split(quote).length % 2 === 0);
    return unclosed ? this.#fail('an optimizer hint with a quote that is not closed', start, 'unknown-construct') : null;
  }

  /** An executable comment that isn't executed may hold one level of plain comments. */
  #skipUnexecuted(from: number, start: number): Problem | null {
    const text = this.#text;
    const end = text.indexOf('*/', from);
    if (end === -1) return this.#fail('a comment is not closed', start);
    const nested = text.indexOf('/*', from);
    if (nested === -1 || nested >= end) {
      this.#at = end + 2;
      return null;
    }
    if (text.charCodeAt(nested + 2) === 33 || text.startsWith('M!', nested + 2)) {
      return this.#fail('an executable comment inside another', nested, 'unknown-construct');
    }
    const nestedEnd = text.indexOf('*/', nested + 2);
    if (nestedEnd === -1) return this.#fail('a comment is not closed', nested);
    return this.#skipUnexecuted(nestedEnd + 2, start);
  }

  #fail(message: string, offset: number, kind: Problem['kind'] = 'syntax'): Problem {
    return { kind, message, offset };
  }
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end + 1;
}

/** `--` is a comment only before white space, a control character or the end. */
function endsDashes(text: string, at: number): boolean {
  if (at >= text.length) return true;
  const unit = text.charCodeAt(at);
  return unit <= space || unit === 127;
}

/** MySQL takes six digits as a version only before white space (seen with 9.7); without it, five, and the sixth as text. Others always take six. */
function isReadTwice(digits: string, following: number): boolean {
  return digits.length === 6 && !(following === 0x20 || (following >= 0x09 && following <= 0x0d)) && !digits.startsWith('99999');
}

function digitsEnd(text: string, from: number): number {
  let end = from;
  while (end < text.length && isDigit(text.charCodeAt(end))) end += 1;
  return end;
}

function unquote(inner: string, quote: number): string {
  const mark = String.fromCharCode(quote);
  return inner.includes(mark) ? inner.replaceAll(mark + mark, mark) : inner;
}

const escaped: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', 0: '\0', Z: '\x1a' };

function unescape(inner: string, quote: number): string {
  if (!inner.includes('\\')) return unquote(inner, quote);
  let value = '';
  for (let i = 0; i < inner.length; i++) {
    const unit = inner.charCodeAt(i);
    if (unit === backslash && i + 1 < inner.length) {
      i += 1;
      const next = inner[i] as string;
      // A backslash before these two stays: it is for LIKE.
      value += escaped[next] ?? (next === '%' || next === '_' ? `\\${next}` : next);
    } else {
      value += inner[i];
      if (unit === quote) i += 1; // doubled
    }
  }
  return value;
}
