// `sallyport request`, `requests`, and the answer to one: asking for access for a while, and saying yes or no to it.

import { setTimeout as sleep } from 'node:timers/promises';
import type { AccessAnswerBody, AccessRequestBody, AccessRequestState, AccessRequestView, AccessScope } from '../api/contract.ts';
import type { AnswerOptions } from './answer.ts';
import type { Command, ListOptions } from './command.ts';
import { clockTime, printJson, segment, span } from './command.ts';
import { durationMs } from './duration.ts';
import { CommandFailure, exitCode } from './exit-code.ts';
import { shapeBody } from './shapes.ts';
import type { Column } from './table.ts';
import { printTable } from './table.ts';
import type { Terminal } from './terminal.ts';
import { timelineLines } from './timeline.ts';
import { visible } from './visible.ts';

/** Between two looks while waiting for an answer. */
const waitEveryMs = 1_000;

export interface RequestOptions {
  readonly for: string;
  readonly reason: string;
  readonly role?: string | undefined;
  readonly readOnly?: boolean | undefined;
  readonly tables?: string | undefined;
  readonly breakGlass?: boolean | undefined;
  readonly wait?: boolean | undefined;
  readonly json?: boolean | undefined;
}

export async function request(command: Command, target: string, options: RequestOptions): Promise<void> {
  const body: AccessRequestBody = {
    target,
    for_ms: durationMs(options.for),
    reason: options.reason,
    ...(options.role === undefined ? {} : { role: options.role }),
    ...(options.readOnly === true ? { read_only: true } : {}),
    ...(options.tables === undefined ? {} : { tables: options.tables.split(',').map((table) => table.trim()) }),
    ...(options.breakGlass === true ? { break_glass: true } : {}),
  };
  await told(command, await command.client.post<AccessRequestView>('/access-requests', body), options);
}

/** How `--wait` ends when nothing was given. */
const endedBy = { denied: exitCode.denied, expired: exitCode.expired, withdrawn: exitCode.withdrawn, pending: exitCode.failed } as const;

/** Says what became of a request, after its answer where `wait` is set. */
export async function told(
  command: Command,
  asked: AccessRequestView,
  options: { readonly wait?: boolean | undefined; readonly json?: boolean | undefined },
): Promise<void> {
  let now = asked;
  if (options.wait === true && now.state === 'pending') {
    for (const line of requestWords(now)) command.terminal.err(line);
    now = await answered(command, now);
  }
  if (options.json === true) printJson(command.terminal, now);
  else for (const line of requestWords(now)) command.terminal.out(line);
  if (options.wait === true && now.state !== 'granted') throw new CommandFailure(endedBy[now.state], `not granted: ${now.state}`);
}

async function answered({ client, signal }: Command, asked: AccessRequestView): Promise<AccessRequestView> {
  let now = asked;
  while (now.state === 'pending' && !signal.aborted) {
    await sleep(waitEveryMs, undefined, { signal }).catch(() => undefined);
    now = await client.get<AccessRequestView>(`/access-requests/${segment(asked.id)}`);
  }
  return now;
}

function requestWords(request: AccessRequestView): string[] {
  const what = `${visible(request.id)} for ${visible(request.target)}, ${lasts(request)}, ${scopeWords(request.scope)}`;
  switch (request.state) {
    case 'pending':
      return [
        `asked: ${what}`,
        `waits for ${approverWords(request)}; until ${clockTime(request.expires_at)}`,
        `see: sallyport requests ${visible(request.id)}`,
      ];
    case 'granted':
      return [
        `granted: ${what}`,
        ...(request.grant_id === null ? [] : [`access ${visible(request.grant_id)}; see: sallyport grants ${visible(request.grant_id)}`]),
      ];
    case 'denied':
    case 'expired':
    case 'withdrawn':
      return [`${request.state}: ${what}${request.settled_reason === null ? '' : `: ${visible(request.settled_reason)}`}`];
  }
}

export interface RequestsOptions extends ListOptions {
  readonly state: AccessRequestState | 'all';
  readonly target?: string | undefined;
}

export async function requests(command: Command, id: string | undefined, options: RequestsOptions): Promise<void> {
  if (id !== undefined) return one(command, id, options);
  const state = options.state === 'all' ? undefined : options.state;
  const items = await command.client.list<AccessRequestView>('/access-requests', { state, target: options.target }, options.limit);
  if (options.json === true) return printJson(command.terminal, items);
  if (items.length === 0) return command.terminal.err(options.state === 'pending' ? 'nobody waits for access' : 'no such requests');
  printTable(command.terminal, columns(command.nowMs()), items);
}

export async function withdrawRequest(command: Command, id: string): Promise<void> {
  const request = await command.client.post<AccessRequestView>(`/access-requests/${segment(id)}/withdraw`, {});
  command.terminal.out(`${request.state}: ${visible(request.id)}`);
}

/** `sallyport approve r-…` and `deny r-…`. */
export async function answerRequest(command: Command, id: string, verb: 'approve' | 'deny', options: AnswerOptions): Promise<void> {
  if (shapeBody(options).shape !== undefined)
    throw new CommandFailure(exitCode.usage, `${visible(id)} is a request for access: it has no shape`);
  const body: AccessAnswerBody = {
    ...(options.reason === undefined ? {} : { reason: options.reason }),
    ...(options.code === undefined ? {} : { totp: options.code }),
  };
  const request = await command.client.post<AccessRequestView>(`/access-requests/${segment(id)}/${verb}`, body);
  if (options.json === true) return printJson(command.terminal, request);
  const what = `${visible(request.id)} of ${visible(request.principal)} for ${visible(request.target)}`;
  const missing = request.state === 'pending' ? `: ${request.approvals_missing} more must approve it` : '';
  command.terminal.out(`${request.state === 'pending' ? 'counted' : request.state}: ${what}${missing}`);
}

async function one({ client, terminal }: Command, id: string, options: RequestsOptions): Promise<void> {
  const request = await client.get<AccessRequestView>(`/access-requests/${segment(id)}`);
  if (options.json === true) return printJson(terminal, request);
  for (const line of requestLines(terminal, request)) terminal.out(line);
}

function requestLines(terminal: Terminal, request: AccessRequestView): string[] {
  const cannot = request.can_answer || request.cannot_answer_because === null ? [] : [visible(request.cannot_answer_because)];
  return [
    `${terminal.paint('bold', visible(request.id))} ${request.state}${request.break_glass ? ' BREAK-GLASS' : ''}`,
    `who        ${visible(request.principal_name)} (${visible(request.principal)})`,
    `target     ${visible(request.target)}`,
    `what       ${scopeWords(request.scope)}, ${lasts(request)}`,
    `why        ${visible(request.reason)}`,
    `rule       ${visible(request.rule)}: ${visible(request.rule_title)}`,
    `approvers  ${approverWords(request)}`,
    ...request.approvals.map((it) => `approved   ${visible(it.by)}${it.reason === null ? '' : `: ${visible(it.reason)}`}`),
    ...(request.grant_id === null ? [] : [`access     ${visible(request.grant_id)}`]),
    ...timelineLines(terminal, request.timeline),
    ...cannot.map((line) => terminal.paint('dim', line)),
  ];
}

function columns(nowMs: number): Column<AccessRequestView>[] {
  return [
    { title: 'REQUEST', cell: (request) => request.id },
    { title: 'STATE', cell: (request) => stateWords(request, nowMs) },
    { title: 'WHO', cell: (request) => request.principal, shrinks: true },
    { title: 'TARGET', cell: (request) => request.target, shrinks: true },
    { title: 'FOR', cell: lasts },
    { title: 'WHAT', cell: (request) => `${request.break_glass ? 'BREAK-GLASS, ' : ''}${scopeWords(request.scope)}`, shrinks: true },
    { title: 'WHY', cell: (request) => request.reason, shrinks: true },
  ];
}

function stateWords(request: AccessRequestView, nowMs: number): string {
  if (request.state !== 'pending') return request.state;
  return `pending, ${request.approvals_missing} missing, ${span(Date.parse(request.expires_at) - nowMs)} left`;
}

function lasts(request: AccessRequestView): string {
  const time = span(request.duration_ms);
  return request.extends_grant === null ? time : `${time} more of ${visible(request.extends_grant)}`;
}

function approverWords({ approvers }: AccessRequestView): string {
  if (approvers.length === 0) return 'nobody: it is granted at once';
  return approvers.map(({ groups, count }) => `${count} of ${groups.map(visible).join(' or ')}`).join(' and ');
}

/** "read-only, as deploy, tables public.orders" */
export function scopeWords({ role, read_only: readOnly, tables }: AccessScope): string {
  const parts = [
    readOnly ? 'read-only' : '',
    role === null ? '' : `as ${visible(role)}`,
    tables === null ? '' : `tables ${tables.map(visible).join(', ')}`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'not limited' : parts.join(', ');
}
