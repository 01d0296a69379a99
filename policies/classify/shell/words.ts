// Words as the shell would pass them on: what is known of each without running anything. A word with an expansion, a glob or a
// brace has no value here, but what it begins with may be known, and whether it can become several words or none.

import type { Span } from '../../../src/core/classification.ts';
import type { DoubleQuotedChild, Word, WordPart } from 'unbash';

export interface Argument {
  /** The value when nothing in the word depends on the machine; else null. */
  readonly text: string | null;
  /** What the word surely begins with; all of it when `text` is known. */
  readonly prefix: string;
  /** What it surely ends with, unless it splits; all of it when `text` is known. */
  readonly suffix: string;
  /** It can become several words, or none, that begin with anything. */
  readonly splits: boolean;
  /** It can become several words (a pattern and a brace as well): what follows it may stand in another place than here. */
  readonly several: boolean;
  readonly span: Span;
  /** `~/bin/x`: one file in the account's own home, wherever that is. */
  readonly inHome?: string;
}

/** A word that is known. */
export function literal(text: string, span: Span): Argument {
  return { text, prefix: text, suffix: text, splits: false, several: false, span };
}

/** A path found while running (`{}` of find, a line for xargs): unknown, and one word. */
export function unknownPath(prefix: string, span: Span): Argument {
  return { text: null, prefix, suffix: '', splits: prefix === '', several: prefix === '', span };
}

/** Variables whose value is known where a word stands: those of loops over plain words. */
export type KnownValues = ReadonlyMap<string, string>;
const nothingKnown: KnownValues = new Map();

export function argumentOf(word: Word, span: Span, values: KnownValues = nothingKnown): Argument {
  if (word.parts === undefined) {
    // "~" is expanded, and no expanded home begins with a dash, splits, or is a pattern.
    if (!word.text.startsWith('~')) return literal(word.value, span);
    const inHome = /^~\/.*[^/]$/s.test(word.text) ? { inHome: word.value } : {};
    return { text: null, prefix: '~', suffix: '', splits: false, several: false, span, ...inHome };
  }
  const first = word.parts[0];
  const home = first?.type === 'Literal' && first.text.startsWith('~');
  let prefix = '';
  let known = !home;
  let fixed = true;
  let suffix = '';
  for (const part of word.parts) {
    const value = valueOf(part, values);
    suffix = value === null ? '' : suffix + value;
    if (value === null) fixed = known = false;
    else if (fixed) prefix += value;
    if (value === null && part.type === 'DoubleQuoted') prefix += prefixOf(part.parts, prefix);
  }
  const splits = word.parts.some((part) => valueOf(part, values) === null && canSplit(part));
  return { text: known ? prefix : null, prefix, suffix, splits, several: splits || word.parts.some(isPattern), span };
}

/** True when the word may be an option: it begins with a dash, or nobody knows what it begins with. */
export function mayBeOption({ text, prefix, splits }: Argument): boolean {
  if (text !== null) return text.startsWith('-');
  return splits || prefix === '' || prefix.startsWith('-');
}

function valueOf(part: WordPart, values: KnownValues): string | null {
  switch (part.type) {
    case 'SimpleExpansion':
    case 'ParameterExpansion':
      return (
        values.get(
          /^\$(\w+)$|^\$\{(\w+)\}$/
            .exec(part.text)
            ?.slice(1)
            .find((name) => name !== undefined) ?? '',
        ) ?? null
      );
    case 'Literal':
    case 'SingleQuoted':
    case 'AnsiCQuoted':
      return part.value;
    case 'DoubleQuoted':
      return childrenValue(part.parts, values);
    default:
      return null;
  }
}

function childrenValue(children: readonly DoubleQuotedChild[], values: KnownValues): string | null {
  let text = '';
  for (const child of children) {
    const value = child.type === 'Literal' ? child.value : valueOf(child, values);
    if (value === null) return null;
    text += value;
  }
  return text;
}

/** The known beginning of a quoted part, when everything before it is known too. */
function prefixOf(children: readonly DoubleQuotedChild[], before: string): string {
  if (before !== '') return '';
  const first = children[0];
  return first?.type === 'Literal' ? first.value : '';
}

function isPattern({ type }: WordPart): boolean {
  return type === 'Glob' || type === 'BraceExpansion';
}

/** Numbers of the shell's own: never a path, an option or several words. */
const plainNumbers = new Set(['$?', '$#', '$$', '$!']);

function canSplit(part: WordPart): boolean {
  switch (part.type) {
    case 'SimpleExpansion':
      return !plainNumbers.has(part.text);
    case 'ParameterExpansion':
    case 'CommandExpansion':
    case 'ExtendedGlob':
    case 'LocaleString':
      return true;
    case 'BraceExpansion':
      return /[$`]/.test(part.text);
    case 'DoubleQuoted': // "$@" and "${a[@]}" become several words, or none
      return part.parts.some((child) => child.type !== 'Literal' && child.text.includes('@'));
    default:
      return false;
  }
}
