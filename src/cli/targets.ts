// `sallyport targets`: what can be reached, and the line to reach it with.

import type { TargetView } from '../api/contract.ts';
import type { Command, ListOptions } from './command.ts';
import { printJson } from './command.ts';
import { printTable } from './table.ts';
import type { Column } from './table.ts';

export async function targets(command: Command, options: ListOptions): Promise<void> {
  const items = await command.client.list<TargetView>('/targets', {}, options.limit);
  if (options.json === true) return printJson(command.terminal, items);
  if (items.length === 0) return command.terminal.err('no targets');
  printTable(command.terminal, columns, items);
}

const columns: readonly Column<TargetView>[] = [
  { title: 'TARGET', cell: (target) => target.name },
  { title: 'PROTOCOL', cell: (target) => target.protocol },
  { title: 'LABELS', cell: (target) => labelWords(target.labels), shrinks: true },
  { title: 'CONNECT WITH', cell: (target) => target.connect },
];

function labelWords(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}
