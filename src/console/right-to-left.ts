// Where a text runs from right to left. Browsers show what stands between two such runs in their order, not in that of the text:
// f('א', 100, 1, 'ב') is read as f('ב', 1, 100, 'א'), without any hidden character. Each run is therefore shown by itself.

const letters = '\\u0590-\\u08ff\\ufb1d-\\ufdff\\ufe70-\\ufefc\\u{10800}-\\u{10fff}\\u{1e800}-\\u{1efff}';
/** Words of one phrase stay together; anything else ends it. */
const runs = new RegExp(`[${letters}](?:[${letters}\\p{M}]| (?=[${letters}]))*`, 'gu');
const any = new RegExp(`[${letters}]`, 'u');

export interface Run {
  /** UTF-16 offsets in the text. */
  readonly start: number;
  readonly end: number;
}

export function rightToLeftRuns(text: string): readonly Run[] {
  if (!any.test(text)) return [];
  return [...text.matchAll(runs)].map(({ 0: run, index }) => ({ start: index, end: index + run.length }));
}
