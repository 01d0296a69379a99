// How much of one statement a recording keeps. What is cut says so in its place.

import type { StatementEntry } from '../core/recording.ts';

/** Statement text; what was held for approval is kept whole in the hold as well. */
export const recordedTextCharsMax = 1024 * 1024;
export const recordedParametersMax = 1000;
export const recordedParameterCharsMax = 16 * 1024;
/** Result rows, and the characters in them together. */
export const recordedRowsMax = 1000;
export const recordedResultCharsMax = 256 * 1024;
const recordedEffectsMax = 1000;
const recordedErrorCharsMax = 16 * 1024;

/** The entry with everything within its limits. */
export function bounded(entry: StatementEntry): StatementEntry {
  if (isSmall(entry)) return entry;
  const { judged, ...rest } = entry;
  return {
    ...rest,
    // Half of what was judged is worse than nothing: it would be judged again as something else.
    ...(judged === undefined || judged.effects.length > recordedEffectsMax ? {} : { judged }),
    text: cut(entry.text, recordedTextCharsMax),
    parameters: entry.parameters === null ? null : boundedParameters(entry.parameters),
    effects: entry.effects.slice(0, recordedEffectsMax),
    statementKinds: entry.statementKinds.slice(0, recordedEffectsMax),
    error: entry.error === null ? null : { code: entry.error.code, message: cut(entry.error.message, recordedErrorCharsMax) },
    results: entry.results === null ? null : boundedRows(entry.results),
  };
}

/** Nearly all are: they need no copy. */
function isSmall({ text, parameters, effects, statementKinds, error, results, judged }: StatementEntry): boolean {
  return (
    parameters === null &&
    error === null &&
    results === null &&
    text.length <= recordedTextCharsMax &&
    effects.length <= recordedEffectsMax &&
    statementKinds.length <= recordedEffectsMax &&
    (judged === undefined || judged.effects.length <= recordedEffectsMax)
  );
}

function boundedParameters(parameters: NonNullable<StatementEntry['parameters']>): NonNullable<StatementEntry['parameters']> {
  return parameters
    .slice(0, recordedParametersMax)
    .map(({ type, text }) => ({ type, text: text === null ? null : cut(text, recordedParameterCharsMax) }));
}

function boundedRows(rows: NonNullable<StatementEntry['results']>): (string | null)[][] {
  const kept: (string | null)[][] = [];
  let chars = 0;
  for (const row of rows.slice(0, recordedRowsMax)) {
    for (const cell of row) chars += cell?.length ?? 4;
    if (chars > recordedResultCharsMax) break;
    kept.push(row);
  }
  return kept;
}

function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max)}… (${text.length - max} more characters)`;
}
