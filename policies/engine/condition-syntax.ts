// Words for a condition that is not CEL: what stands there, and what people mean who know another language better.

import type { ParseError } from '@marcbachmann/cel-js';

const meant: Readonly<Record<string, string>> = {
  and: '&&',
  or: '||',
  not: '!',
  '&': '&&',
  '|': '||',
  '=': '==',
  '<>': '!=',
  is: '==',
  like: 'glob(text, "pattern")',
  contains: 'text.contains("part")',
};

/** Where it goes wrong, and how. */
export function syntaxProblem(text: string, error: ParseError): { readonly offset: number; readonly message: string } {
  const { start, end } = error.range ?? { start: 0, end: 0 };
  for (const [from, word] of candidates(text, start, end)) {
    const key = word.toLowerCase();
    if (Object.hasOwn(meant, key)) return { offset: from, message: `not a condition: write ${meant[key]} for "${word}"` };
  }
  const here = text.slice(start, end).trim();
  const isBare = error.code === 'unexpected_character' && here !== '';
  return { offset: start, message: `not a condition: ${isBare ? `"${here}" is not expected here` : (error.summary ?? error.message)}` };
}

/** What stands at the mistake, with the sign before it, and the word before it: `not x` goes wrong at x. */
function candidates(text: string, start: number, end: number): [from: number, word: string][] {
  const before = /(\w+)\s+$/.exec(text.slice(0, start));
  return [
    [start, text.slice(start, end)],
    [start - 1, text.slice(Math.max(0, start - 1), end)],
    ...(before === null ? [] : [[before.index, before[1]!] as [number, string]]),
  ];
}
