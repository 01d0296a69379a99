// `sallyport audit`: what was decided and done, newest first.

import type { AuditEventView } from '../api/contract.ts';
import type { Command, ListOptions } from './command.ts';
import { clockTime, printJson } from './command.ts';
import { printTable } from './table.ts';
import type { Column } from './table.ts';

export interface AuditOptions extends ListOptions {
  readonly type?: string | undefined;
  readonly principal?: string | undefined;
  readonly target?: string | undefined;
  readonly session?: string | undefined;
  readonly hold?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly text?: string | undefined;
}

export async function audit(command: Command, options: AuditOptions): Promise<void> {
  const { type, principal, target, session, hold, from, to, text } = options;
  const items = await command.client.list<AuditEventView>(
    '/audit',
    { type, principal, target, session, hold, from, to, text },
    options.limit,
  );
  if (options.json === true) return printJson(command.terminal, items);
  if (items.length === 0) return command.terminal.err('no such events');
  printTable(command.terminal, columns, items);
}

const columns: readonly Column<AuditEventView>[] = [
  { title: 'SEQ', cell: (event) => String(event.seq) },
  { title: 'AT', cell: (event) => clockTime(event.at) },
  { title: 'EVENT', cell: (event) => event.type },
  { title: 'WHO', cell: (event) => event.principal ?? '-', shrinks: true },
  { title: 'TARGET', cell: (event) => event.target ?? '-', shrinks: true },
  { title: 'DETAIL', cell: (event) => detailWords(event), shrinks: true },
];

function detailWords(event: AuditEventView): string {
  const hold = event.hold_id === null ? [] : [`hold=${event.hold_id}`];
  const rest = Object.entries(event.detail)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return [...hold, ...rest].join(' ');
}
