// Tables that fit the terminal: columns are as wide as their content, and when that is too much the ones that may shrink do.
// Every cell is made visible here, so that no caller can forget it.

import { visible } from './visible.ts';
import type { Terminal } from './terminal.ts';

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  /** May be cut with "…" when the terminal is too narrow. */
  readonly shrinks?: boolean;
}

const gap = '  ';
const shrunkWidthMin = 8;
/** Where nothing limits a line (a pipe): a statement may have megabytes, and all of it is in `--json`. */
const unlimitedWidthMax = 500;

/** Prints a heading line and one line for each row. */
export function printTable<Row>(terminal: Terminal, columns: readonly Column<Row>[], rows: readonly Row[]): void {
  const cells = rows.map((row) => columns.map((column) => visible(column.cell(row))));
  const widths = fit(
    columns.map((column, index) => Math.max(column.title.length, ...cells.map((line) => textWidth(line[index] ?? '')))),
    columns.map((column) => column.shrinks === true),
    terminal.columns,
  );
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, index) => {
        const width = widths[index] ?? 0;
        const shown = cut(text, width);
        return index === texts.length - 1 ? shown : shown + ' '.repeat(Math.max(0, width - textWidth(shown)));
      })
      .join(gap)
      .trimEnd();
  terminal.out(terminal.paint('dim', line(columns.map((column) => column.title))));
  for (const texts of cells) terminal.out(line(texts));
}

/** Takes from the widest column that may shrink until the line fits or nothing more can be taken. */
function fit(natural: readonly number[], shrinks: readonly boolean[], columns: number): number[] {
  if (columns === Infinity) return natural.map((width, index) => (shrinks[index] === true ? Math.min(width, unlimitedWidthMax) : width));
  const widths = [...natural];
  let over = widths.reduce((sum, width) => sum + width, gap.length * (widths.length - 1)) - columns;
  while (over > 0) {
    const candidates = widths.map((width, index) => (shrinks[index] === true && width > shrunkWidthMin ? width : 0));
    const widest = Math.max(...candidates);
    if (widest === 0) break;
    const index = candidates.indexOf(widest);
    const next = Math.max(shrunkWidthMin, ...candidates.filter((width) => width < widest));
    const taken = Math.max(1, Math.min(over, widest - next));
    widths[index] = widest - taken;
    over -= taken;
  }
  return widths;
}

/** Cuts to a width, with "…" in the last place when something is missing. */
export function cut(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let shown = '';
  let taken = 0;
  for (const character of text) {
    const next = textWidth(character);
    if (taken + next > width - 1) break;
    shown += character;
    taken += next;
  }
  return `${shown}…`;
}

/** Terminal cells that a visible text takes: East Asian wide characters and emoji two, combining marks none. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{M}/u.test(character)) continue;
    width += wide.test(character) ? 2 : 1;
  }
  return width;
}

const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
