// What a waiting statement would do, as lines for an approver's terminal.

import type { PreviewStatementView, PreviewView } from '../api/contract.ts';
import { span } from './command.ts';
import type { Terminal } from './terminal.ts';
import { visible } from './visible.ts';

export function previewLines(terminal: Terminal, preview: PreviewView): string[] {
  if (preview.state === 'none') return [terminal.paint('dim', `  no preview: ${visible(preview.why ?? '')}`)];
  const tables = preview.tables.map(({ name, kind, rows, rows_from: from, bytes }) => {
    const guess = from === 'size' ? ' by its size (never analysed)' : '';
    const size = bytes === null ? '' : `, ${sizeWords(bytes)}`;
    return `  ${kind} ${visible(name)}: ${rows === null ? 'rows unknown' : `about ${count(rows)} rows${guess}`}${size}`;
  });
  const statements = preview.statements.flatMap((it) => statementLines(terminal, it));
  return [...tables, ...statements, ...preview.notes.map((note) => terminal.paint('dim', `  ${visible(note)}`))];
}

function statementLines(
  terminal: Terminal,
  { kind, rows, consequences, consequences_left_out: more, locks }: PreviewStatementView,
): string[] {
  const lines: string[] = [];
  if (rows !== null) {
    const bound = rows.bound === 'about' ? 'about' : 'at most';
    lines.push(terminal.paint('yellow', `  ${kind}: ${bound} ${count(rows.rows)} of ${count(rows.of)} rows of ${visible(rows.table)}`));
  }
  for (const { kind: how, what } of consequences) lines.push(`  ${consequenceWords(how)} ${visible(what)}`);
  if (more > 0) lines.push(`  and ${more} more`);
  for (const lock of locks) {
    const held = lock.held_by_others === 0 ? '' : `; ${lock.held_by_others} sessions hold locks that it would wait for`;
    const age = lock.oldest_holder_ms === null ? '' : `, the oldest for ${span(lock.oldest_holder_ms)}`;
    const waiting = lock.waiting === 0 ? '' : `; ${lock.waiting} wait already`;
    lines.push(`  lock ${lock.mode} on ${visible(lock.table)}: stops ${lock.stops}${held}${age}${waiting}`);
  }
  return lines;
}

function consequenceWords(kind: PreviewStatementView['consequences'][number]['kind']): string {
  switch (kind) {
    case 'dropped-too':
      return 'goes along:';
    case 'rows-too':
      return 'also:';
    case 'runs':
      return 'runs:';
    case 'prevents':
      return 'stands in the way:';
  }
}

function count(rows: number): string {
  return rows.toLocaleString('en');
}

/** "16 kB", "1.2 GB" */
function sizeWords(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 || size >= 10 ? Math.round(size) : size.toFixed(1)} ${units[unit] ?? ''}`;
}
