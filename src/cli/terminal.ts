// Where a command prints: lines on stdout for what was asked for, lines on stderr for everything else. Colours only where a
// person looks and has not said no (https://no-color.org).

import { styleText } from 'node:util';

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'bold' | 'dim';

export interface Terminal {
  /** A line of the answer. Text from outside has gone through `visible` before. */
  out(line: string): void;
  /** A line about what happens. */
  err(line: string): void;
  /** Width to fit tables into; Infinity when nobody looks. */
  readonly columns: number;
  /** Whether a person looks at stdout. */
  readonly interactive: boolean;
  paint(colour: Colour, text: string): string;
}

const columnsMin = 40;

/** Ends the process quietly when the reader went away (`sallyport audit | head`). */
export function processTerminal(): Terminal {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  const interactive = process.stdout.isTTY === true;
  const colours = wantsColour(interactive, process.env);
  return {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    columns: interactive ? Math.max(columnsMin, process.stdout.columns ?? 80) : Infinity,
    interactive,
    paint: (colour, text) => (colours ? styleText(colour, text, { validateStream: false }) : text),
  };
}

export function wantsColour(interactive: boolean, environment: Readonly<Record<string, string | undefined>>): boolean {
  if ((environment['NO_COLOR'] ?? '') !== '') return false;
  if ((environment['FORCE_COLOR'] ?? '') !== '') return environment['FORCE_COLOR'] !== '0';
  return interactive && environment['TERM'] !== 'dumb';
}
