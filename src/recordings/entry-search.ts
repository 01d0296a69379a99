// Finds text in the entries of a statement log: in what was asked, what it touched, how it ended and what it gave back.

import type { StatementEntry } from '../core/recording.ts';

/** Whether it stands in an entry. Letters count the same in upper and lower case. */
export function entriesWith(text: string): (entry: StatementEntry) => boolean {
  const wanted = text.toLowerCase();
  const has = (words: string | null | undefined): boolean => words?.toLowerCase().includes(wanted) ?? false;
  return ({ text: asked, parameters, effects, rule, holdId, approvedBy, outcome, error, results }) =>
    [asked, rule, holdId, outcome, error?.code, error?.message].some(has) ||
    effects.some(has) ||
    approvedBy.some(has) ||
    (parameters?.some((parameter) => has(parameter.text)) ?? false) ||
    (results?.some((row) => row.some(has)) ?? false);
}
