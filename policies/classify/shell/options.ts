// Looks for options that take the harmlessness from a program. It errs towards finding one: a word after "--", a value that
// looks like an option, and every abbreviation of a long option count.

import type { Argument } from './words.ts';
import { mayBeOption } from './words.ts';

export interface OptionRules {
  /** Options ("-o", "--output") that may not stand there. */
  readonly options: readonly string[];
  /** Short options that take a value: what follows in the same word is the value. */
  readonly values?: string;
  /** Single-dash long options, as find and ip have: no bundles. */
  readonly wordOptions?: boolean;
  /** The first operand ends the options (shell builtins, wrappers). */
  readonly stopsAtOperand?: boolean;
}

export interface FoundOption {
  readonly option: string;
  /** Its value in the same word, else null. */
  readonly value: string | null;
  /** Where it is among the arguments; its value may be the next one. */
  readonly index: number;
}

export type OptionSearch =
  | { readonly kind: 'none' }
  /** A word that nobody knows may be any option. */
  | { readonly kind: 'unsure'; readonly argument: Argument }
  | { readonly kind: 'found'; readonly found: readonly FoundOption[] };

export function searchOptions(args: readonly Argument[], rules: OptionRules): OptionSearch {
  const found: FoundOption[] = [];
  for (const [index, argument] of args.entries()) {
    const { text } = argument;
    if (text === null) {
      if (mayBeOption(argument)) return { kind: 'unsure', argument };
      if (rules.stopsAtOperand === true) break;
      continue;
    }
    if (!text.startsWith('-') || text === '-') {
      if (rules.stopsAtOperand === true) break;
      continue;
    }
    if (text === '--' && rules.stopsAtOperand === true) break;
    found.push(...inWord(text, index, rules));
  }
  return found.length === 0 ? { kind: 'none' } : { kind: 'found', found };
}

function inWord(text: string, index: number, rules: OptionRules): FoundOption[] {
  if (text.startsWith('--')) {
    const equals = text.indexOf('=');
    // kubectl takes an underscore for the dash.
    const name = (equals === -1 ? text : text.slice(0, equals)).replaceAll('_', '-');
    if (name === '--') return [];
    const option = rules.options.find((it) => it.startsWith('--') && it.startsWith(name));
    return option === undefined ? [] : [{ option, value: equals === -1 ? null : text.slice(equals + 1), index }];
  }
  if (rules.wordOptions === true) return rules.options.includes(text) ? [{ option: text, value: null, index }] : [];
  const found: FoundOption[] = [];
  for (let at = 1; at < text.length; at++) {
    const letter = text[at] as string;
    const rest = text.slice(at + 1);
    if (rules.options.includes(`-${letter}`)) found.push({ option: `-${letter}`, value: rest === '' ? null : rest, index });
    if (rules.values?.includes(letter) === true) break;
  }
  return found;
}

/** Words that are not options: after `--` none is. Values of options may be among them. */
export function operands(args: readonly Argument[]): Argument[] {
  const end = args.findIndex(({ text }) => text === '--');
  const plain = (it: Argument) => it.text === null || it.text === '-' || !it.text.startsWith('-');
  return end === -1 ? args.filter(plain) : [...args.slice(0, end).filter(plain), ...args.slice(end + 1)];
}

/** Takes a wrapper's own options off: what is left begins with the command, or null when an option is not one of these. */
export function afterOptions(args: readonly Argument[], flags: readonly string[], withValue: readonly string[]): Argument[] | null {
  let at = 0;
  for (; at < args.length; at++) {
    const text = args[at]?.text ?? null;
    if (text === null) return mayBeOption(args[at] as Argument) ? null : args.slice(at);
    if (text === '--') return args.slice(at + 1);
    if (!text.startsWith('-') || text === '-') return args.slice(at);
    if (flags.includes(text)) continue;
    if (withValue.includes(text)) {
      if (args[at + 1]?.text === undefined || (args[at + 1] as Argument).several) return null;
      at += 1;
      continue;
    }
    const joined = withValue.some((it) =>
      it.startsWith('--') ? text.startsWith(`${it}=`) : !text.startsWith('--') && text.startsWith(it),
    );
    const bundle = /^-[A-Za-z]{2,}$/.test(text) && [...text.slice(1)].every((letter) => flags.includes(`-${letter}`));
    if (!joined && !bundle) return null;
  }
  return [];
}
