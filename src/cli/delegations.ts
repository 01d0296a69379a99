// `sallyport delegate` and `sallyport delegations`: lending one's right to answer holds, and ending that.

import type { DelegationView, Page } from '../api/contract.ts';
import type { Command } from './command.ts';
import { clockTime, printJson, segment } from './command.ts';
import { durationMs } from './duration.ts';
import { printTable } from './table.ts';
import { visible } from './visible.ts';

export interface DelegateOptions {
  readonly for: string;
  readonly reason?: string | undefined;
  readonly json?: boolean | undefined;
}

export async function delegate(command: Command, to: string, options: DelegateOptions): Promise<void> {
  const { for: time, reason, json } = options;
  const body = { to, for_ms: durationMs(time), ...(reason === undefined ? {} : { reason }) };
  const lent = await command.client.post<DelegationView>('/delegations', body);
  if (json === true) return printJson(command.terminal, lent);
  command.terminal.out(
    `${visible(lent.to)} answers in your right until ${clockTime(lent.ends_at)}; end it: sallyport delegations end ${visible(lent.id)}`,
  );
}

export async function delegations(command: Command, options: { readonly json?: boolean | undefined }): Promise<void> {
  const { items } = await command.client.get<Page<DelegationView>>('/delegations');
  if (options.json === true) return printJson(command.terminal, items);
  if (items.length === 0) return command.terminal.err('nobody answers for somebody else');
  printTable(
    command.terminal,
    [
      { title: 'DELEGATION', cell: (it) => it.id },
      { title: 'OF', cell: (it) => it.from, shrinks: true },
      { title: 'TO', cell: (it) => it.to, shrinks: true },
      { title: 'UNTIL', cell: (it) => clockTime(it.ends_at) },
      { title: 'REASON', cell: (it) => it.reason ?? '', shrinks: true },
    ],
    items,
  );
}

export async function endDelegation(command: Command, id: string): Promise<void> {
  const ended = await command.client.post<DelegationView>(`/delegations/${segment(id)}/end`, {});
  command.terminal.out(`ended: ${visible(ended.to)} no longer answers in the right of ${visible(ended.from)}`);
}
