// `sallyport grants`: who has access for a while; ending it, asking for more time, and reviewing what was done in an emergency.

import type { AccessRequestView, GrantView } from '../api/contract.ts';
import type { Command, ListOptions } from './command.ts';
import { clockTime, printJson, segment, span } from './command.ts';
import { durationMs } from './duration.ts';
import { scopeWords, told } from './requests.ts';
import type { Column } from './table.ts';
import { printTable } from './table.ts';
import type { Terminal } from './terminal.ts';
import { timelineLines } from './timeline.ts';
import { visible } from './visible.ts';

export interface GrantsOptions extends ListOptions {
  readonly all?: boolean | undefined;
  readonly toReview?: boolean | undefined;
  readonly person?: string | undefined;
  readonly target?: string | undefined;
}

export async function grants(command: Command, id: string | undefined, options: GrantsOptions): Promise<void> {
  const { client, terminal } = command;
  if (id !== undefined) {
    const grant = await client.get<GrantView>(`/grants/${segment(id)}`);
    if (options.json === true) return printJson(terminal, grant);
    for (const line of grantLines(terminal, grant, command.nowMs())) terminal.out(line);
    return;
  }
  const which = options.toReview === true ? { review: 'open', state: 'ended' } : options.all === true ? {} : { state: 'active' };
  const items = await client.list<GrantView>('/grants', { ...which, principal: options.person, target: options.target }, options.limit);
  if (options.json === true) return printJson(terminal, items);
  if (items.length === 0)
    return terminal.err(
      options.toReview === true
        ? 'nothing is to be reviewed'
        : options.all === true
          ? 'nobody had access for a while'
          : 'nobody has access for a while: sallyport request asks for some',
    );
  printTable(terminal, columns(command.nowMs()), items);
}

export async function revokeGrant(command: Command, id: string, options: { readonly reason?: string | undefined }): Promise<void> {
  const body = options.reason === undefined ? {} : { reason: options.reason };
  const grant = await command.client.post<GrantView>(`/grants/${segment(id)}/revoke`, body);
  command.terminal.out(`ended: ${visible(grant.id)} of ${visible(grant.principal)} for ${visible(grant.target)}`);
}

export async function extendGrant(
  command: Command,
  id: string,
  options: { readonly for: string; readonly reason: string; readonly wait?: boolean | undefined; readonly json?: boolean | undefined },
): Promise<void> {
  const body = { for_ms: durationMs(options.for), reason: options.reason };
  await told(command, await command.client.post<AccessRequestView>(`/grants/${segment(id)}/extend`, body), options);
}

export async function reviewGrant(command: Command, id: string, options: { readonly words: string }): Promise<void> {
  const grant = await command.client.post<GrantView>(`/grants/${segment(id)}/review`, { words: options.words });
  command.terminal.out(`reviewed: ${visible(grant.id)} of ${visible(grant.principal)} for ${visible(grant.target)}`);
}

function columns(nowMs: number): Column<GrantView>[] {
  return [
    { title: 'ACCESS', cell: (grant) => grant.id },
    { title: 'STATE', cell: (grant) => stateWords(grant, nowMs) },
    { title: 'WHO', cell: (grant) => grant.principal, shrinks: true },
    { title: 'TARGET', cell: (grant) => grant.target, shrinks: true },
    { title: 'WHAT', cell: (grant) => `${grant.break_glass ? 'BREAK-GLASS, ' : ''}${scopeWords(grant.scope)}`, shrinks: true },
    { title: 'SESSIONS', cell: (grant) => String(grant.sessions) },
    { title: 'WHY', cell: (grant) => grant.reason, shrinks: true },
  ];
}

function stateWords(grant: GrantView, nowMs: number): string {
  if (grant.state === 'active') return `${span(Date.parse(grant.ends_at) - nowMs)} left`;
  return grant.review === 'open' ? 'ended, to review' : `ended, ${grant.end_kind ?? 'over'}`;
}

function grantLines(terminal: Terminal, grant: GrantView, nowMs: number): string[] {
  const approved = grant.approved_by.length === 0 ? 'the policies, without asking' : grant.approved_by.map(visible).join(', ');
  return [
    `${terminal.paint('bold', visible(grant.id))} ${stateWords(grant, nowMs)}${grant.break_glass ? ' BREAK-GLASS' : ''}`,
    `who        ${visible(grant.principal_name)} (${visible(grant.principal)})`,
    `target     ${visible(grant.target)}`,
    `what       ${scopeWords(grant.scope)}`,
    `why        ${visible(grant.reason)}`,
    `granted by ${approved}; rule ${visible(grant.rule)}`,
    `from       ${clockTime(grant.started_at)}`,
    `until      ${clockTime(grant.ended_at ?? grant.ends_at)}${grant.end_reason === null ? '' : `: ${visible(grant.end_reason)}`}`,
    ...(grant.idle_ms === null ? [] : [`idle       ends when no session is open for ${span(grant.idle_ms)}`]),
    ...(grant.review === 'none' ? [] : [`review     ${reviewWords(grant)}`]),
    ...timelineLines(terminal, grant.timeline),
  ];
}

function reviewWords(grant: GrantView): string {
  if (grant.review === 'done') return `by ${visible(grant.reviewed_by ?? '')}: ${visible(grant.review_words ?? '')}`;
  return `open, by ${grant.reviewers.map(visible).join(' or ')}${grant.can_review ? `: sallyport grants review ${visible(grant.id)} --words "…"` : ''}`;
}
