// Refusals and hold notices as a person at ssh reads them: lines on stderr, and an exit status.

import type { HoldNotice, Refusal } from '../../src/core/ruling.ts';
import { holdWords, refusalWords } from '../../src/core/words.ts';

/** "Command invoked cannot execute": what a shell says when it may not run something. */
export const refusedStatus = 126;

const mark = 'sallyport: ';

export function holdLines(notice: HoldNotice, nowMs: number): string[] {
  return [...holdWords(notice, nowMs), 'Ctrl-C withdraws it.'].map((line) => mark + line);
}

export function refusalLines(refusal: Refusal): string[] {
  const words = refusal.reason === 'withdrawn' ? `withdrawn: ${refusalWords(refusal)}` : refusalWords(refusal);
  return [words, ...(refusal.hint === null ? [] : [refusal.hint])].map((line) => mark + line);
}

export function plainLines(...lines: string[]): string[] {
  return lines.map((line) => mark + line);
}

/**
 * Text that is safe on any terminal: a reason may hold what a person typed. A terminal in raw mode needs the carriage return.
 */
export function terminalText(lines: readonly string[], raw: boolean): string {
  const end = raw ? '\r\n' : '\n';
  return lines
    .map((line) => line.replaceAll(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\u00b7') + end)
    .join('');
}
