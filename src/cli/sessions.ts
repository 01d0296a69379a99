// `sallyport sessions`: who is or was connected to what; one of them in full; or ends one.

import type { SessionView } from '../api/contract.ts';
import type { Command, ListOptions } from './command.ts';
import { clockTime, printJson, segment, span } from './command.ts';
import type { Column } from './table.ts';
import { printTable } from './table.ts';
import { visible } from './visible.ts';

export interface SessionsOptions extends ListOptions {
  readonly state?: string | undefined;
  readonly principal?: string | undefined;
  readonly target?: string | undefined;
  readonly text?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly kill?: boolean | undefined;
}

export async function sessions(command: Command, id: string | undefined, options: SessionsOptions): Promise<void> {
  if (id !== undefined) return one(command, id, options);
  const { state, principal, target, text, from: since, to: until } = options;
  const items = await command.client.list<SessionView>('/sessions', { state, principal, target, text, since, until }, options.limit);
  if (options.json === true) return printJson(command.terminal, items);
  if (items.length === 0) return command.terminal.err('no sessions');
  printTable(command.terminal, columns(command.nowMs()), items);
}

async function one(command: Command, id: string, options: SessionsOptions): Promise<void> {
  const path = `/sessions/${segment(id)}`;
  if (options.kill === true) {
    await command.client.post<unknown>(`${path}/kill`, {});
    command.terminal.err(`session ${visible(id)} was told to end`);
    return;
  }
  const session = await command.client.get<SessionView>(path);
  if (options.json === true) return printJson(command.terminal, session);
  for (const line of sessionLines(session, command.nowMs())) command.terminal.out(line);
}

function columns(nowMs: number): Column<SessionView>[] {
  return [
    { title: 'SESSION', cell: (session) => session.id },
    { title: 'STATE', cell: (session) => session.state },
    { title: 'WHO', cell: (session) => session.principal, shrinks: true },
    { title: 'TARGET', cell: (session) => session.target, shrinks: true },
    { title: 'FROM', cell: (session) => session.client_address, shrinks: true },
    { title: 'STARTED', cell: (session) => clockTime(session.started_at) },
    { title: 'LASTED', cell: (session) => span(lastedMs(session, nowMs)) },
    { title: 'STATEMENTS', cell: (session) => String(session.statements) },
    { title: 'HELD', cell: (session) => String(session.held) },
    { title: 'DENIED', cell: (session) => String(session.denied) },
  ];
}

function lastedMs(session: SessionView, nowMs: number): number {
  return (session.ended_at === null ? nowMs : Date.parse(session.ended_at)) - Date.parse(session.started_at);
}

export function sessionLines(session: SessionView, nowMs: number): string[] {
  const database = session.database === null ? '' : `, database ${visible(session.database)}`;
  const ended =
    session.ended_at === null ? [] : [`ended      ${clockTime(session.ended_at)}: ${visible(session.end_reason ?? 'no reason given')}`];
  return [
    `session    ${visible(session.id)} (${session.state})`,
    `who        ${visible(session.principal)}, signed in by ${visible(session.method)}`,
    `target     ${visible(session.target)} (${visible(session.protocol)}${database})`,
    `from       ${visible(session.client_address)}, ${session.tls ? 'with TLS' : 'without TLS'}`,
    `started    ${clockTime(session.started_at)}, ${span(lastedMs(session, nowMs))} long`,
    ...ended,
    `statements ${session.statements} (${session.held} held, ${session.denied} denied)`,
  ];
}
