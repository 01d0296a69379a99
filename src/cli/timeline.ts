// The timeline of a request and its grant, as lines.

import type { AccessStepView } from '../api/contract.ts';
import { accessStepWords } from '../api/contract-steps.ts';
import { clockTime } from './command.ts';
import type { Terminal } from './terminal.ts';
import { visible } from './visible.ts';

export function timelineLines(terminal: Terminal, steps: readonly AccessStepView[]): string[] {
  return steps.map(({ at, what, by, words, via }) => {
    const who = by === null ? '' : `${visible(by)} `;
    const through = via === undefined ? '' : terminal.paint('dim', ` (via ${visible(via)})`);
    const more = words === null || words === '' ? '' : `: ${visible(words)}`;
    return `${terminal.paint('dim', clockTime(at))}  ${who}${visible(accessStepWords(what, by))}${more}${through}`;
  });
}
