// `sallyport on-call`: whose turn it is, until when, and who comes then.

import type { OnCallView, Page } from '../api/contract.ts';
import type { Command } from './command.ts';
import { clockTime, printJson } from './command.ts';
import { printTable } from './table.ts';

export async function onCall(command: Command, options: { readonly json?: boolean | undefined }): Promise<void> {
  const { items } = await command.client.get<Page<OnCallView>>('/on-call');
  if (options.json === true) return printJson(command.terminal, items);
  if (items.length === 0) return command.terminal.err('no on-call schedule is configured');
  printTable(
    command.terminal,
    [
      { title: 'GROUP', cell: (it) => it.group },
      { title: 'ON CALL', cell: (it) => (it.person === null ? 'nobody yet' : it.may_act ? it.person : `${it.person} (can not answer)`) },
      { title: 'UNTIL', cell: (it) => clockTime(it.until) },
      { title: 'THEN', cell: (it) => it.next.person ?? 'nobody' },
      { title: 'ZONE', cell: (it) => it.zone, shrinks: true },
    ],
    items,
  );
}
