// `sallyport holds`: what waits (or waited) for people, as a table or one by one as it happens.

import { setTimeout as sleep } from 'node:timers/promises';
import type { HoldState, HoldView, PreviewView } from '../api/contract.ts';
import type { Command, ListOptions } from './command.ts';
import { clockTime, printJson, segment, span } from './command.ts';
import { previewLines } from './hold-preview.ts';
import type { Column } from './table.ts';
import { printTable } from './table.ts';
import { visible, visibleJson, visibleLines } from './visible.ts';

/** Between two looks at the queue while watching. */
const watchEveryMs = 1_000;

export interface HoldsOptions extends ListOptions {
  readonly state: HoldState | 'all';
  readonly watch?: boolean | undefined;
}

export async function holds(command: Command, options: HoldsOptions, id?: string): Promise<void> {
  if (id !== undefined) return one(command, id, options);
  if (options.watch === true) return watch(command, options);
  const state = options.state === 'all' ? undefined : options.state;
  const items = await command.client.list<HoldView>('/holds', { state }, options.limit);
  if (options.json === true) return printJson(command.terminal, items);
  if (items.length === 0) return command.terminal.err(options.state === 'pending' ? 'nothing waits' : 'no such holds');
  printTable(command.terminal, columns(command.nowMs()), items);
}

/** One hold in full, with its preview where there is one for whoever asks. */
async function one(command: Command, id: string, options: HoldsOptions): Promise<void> {
  const { client, terminal } = command;
  const hold = await client.get<HoldView>(`/holds/${segment(id)}`);
  const preview = hold.state === 'pending' ? await client.get<PreviewView>(`/holds/${segment(id)}/preview`).catch(() => null) : null;
  if (options.json === true) return printJson(terminal, preview === null ? hold : { ...hold, preview });
  for (const line of [...holdLines(command, hold), ...recordLines(command, hold)]) terminal.out(line);
  if (preview !== null) for (const line of previewLines(terminal, preview)) terminal.out(line);
}

function columns(nowMs: number): Column<HoldView>[] {
  return [
    { title: 'HOLD', cell: (hold) => hold.id },
    { title: 'STATE', cell: (hold) => stateWords(hold, nowMs) },
    { title: 'WHO', cell: (hold) => hold.principal, shrinks: true },
    { title: 'TARGET', cell: (hold) => hold.target, shrinks: true },
    { title: 'RULE', cell: (hold) => hold.rule, shrinks: true },
    { title: 'WHAT', cell: (hold) => hold.text, shrinks: true },
  ];
}

function stateWords(hold: HoldView, nowMs: number): string {
  if (hold.state !== 'pending') return hold.state.replace('_', ' ');
  const given = hold.approvals_needed > 1 ? `, ${hold.approvals.length} of ${hold.approvals_needed}` : '';
  return `pending, ${span(Date.parse(hold.expires_at) - nowMs)} left${given}`;
}

/** Prints every hold when it appears and again when it ends, until Ctrl-C. */
async function watch(command: Command, options: HoldsOptions): Promise<void> {
  const { client, terminal, signal } = command;
  const waiting = new Set<string>();
  if (options.json !== true) terminal.err('watching; end with Ctrl-C');
  while (!signal.aborted) {
    const pending = await client.list<HoldView>('/holds', { state: 'pending' }, options.limit);
    for (const hold of pending.toReversed()) {
      if (waiting.has(hold.id)) continue;
      waiting.add(hold.id);
      show(command, hold, options);
    }
    const still = new Set(pending.map((hold) => hold.id));
    for (const id of [...waiting].filter((each) => !still.has(each))) {
      const hold = await client.get<HoldView>(`/holds/${encodeURIComponent(id)}`);
      // Still pending: it only fell off the end of the list.
      if (hold.state === 'pending') continue;
      waiting.delete(id);
      show(command, hold, options);
    }
    await sleep(watchEveryMs, undefined, { signal }).catch(() => undefined);
  }
}

function show(command: Command, hold: HoldView, options: HoldsOptions): void {
  if (options.json === true) return command.terminal.out(visibleJson(hold).replaceAll(/\n\s*/g, ''));
  for (const line of holdLines(command, hold)) command.terminal.out(line);
}

/** What `sallyport holds h-…` says beside that: who has answered and when, what an answer needs, and where the rest of the session is. */
function recordLines({ terminal }: Pick<Command, 'terminal'>, hold: HoldView): string[] {
  const ended = hold.settled_at === null ? '' : `, ended ${clockTime(hold.settled_at)}`;
  const session = hold.state === 'pending' ? 'the session so far' : 'the session';
  const asked = `asked ${clockTime(hold.created_at)}${ended}; ${session}: sallyport replay ${visible(hold.session_id)}`;
  return [
    ...(hold.state === 'pending' ? [] : bodyLines(terminal, hold)),
    ...hold.approvals.map((approval) => terminal.paint('green', `  approved by ${approvalWords(approval)}`)),
    ...(hold.outcome === undefined ? [] : [`  ran: ${outcomeWords(hold.outcome)}`]),
    ...(hold.state === 'pending' ? needs(hold).map((need) => terminal.paint('yellow', `  ${need}`)) : []),
    terminal.paint('dim', `  ${asked}`),
  ];
}

function approvalWords({ by, on_behalf_of: lender, at, via, reason }: HoldView['approvals'][number]): string {
  const who = lender === undefined ? visible(by) : `${visible(by)} for ${visible(lender)}`;
  const how = via === undefined ? '' : ` (via ${visible(via)})`;
  return `${who}, ${clockTime(at)}${how}${reason === null ? '' : `: ${visible(reason)}`}`;
}

function outcomeWords({ kind, rows, duration_ms: durationMs }: NonNullable<HoldView['outcome']>): string {
  const touched = rows === null ? '' : `, ${rows} ${rows === 1 ? 'row' : 'rows'}`;
  return `${visible(kind)}${touched}, ${span(durationMs)}`;
}

/** What an approval of this hold must bring. */
function needs(hold: HoldView): string[] {
  const factor = { passkey: 'a passkey (in the console)', totp: 'a second factor (--code, or in the console)' } as const;
  return [
    ...(hold.reason_required ? ['an approval needs a reason (--reason)'] : []),
    ...(hold.second_factor === undefined ? [] : [`an approval needs ${factor[hold.second_factor]}`]),
  ];
}

/** Everything an approver needs to decide, or how it ended. */
export function holdLines({ terminal, nowMs }: Pick<Command, 'terminal' | 'nowMs'>, hold: HoldView): string[] {
  const head = `${terminal.paint('bold', visible(hold.id))} ${paintState(terminal, hold.state, stateWords(hold, nowMs()))}`;
  if (hold.state !== 'pending') {
    const by = hold.settled_by ?? hold.approvals.map((approval) => approval.by).join(', ');
    const reason = hold.settled_reason === null ? '' : `: ${visible(hold.settled_reason)}`;
    const through = hold.settled_via === undefined ? '' : terminal.paint('dim', ` (via ${visible(hold.settled_via)})`);
    return [`${head}${by === '' ? '' : ` by ${visible(by)}`}${reason}${through}`];
  }
  const [from, ...rest] = bodyLines(terminal, hold);
  const why =
    hold.can_answer || hold.cannot_answer_because === null ? [] : [terminal.paint('dim', `  ${visible(hold.cannot_answer_because)}`)];
  return [`${head}${from}`, ...rest, ...why];
}

/** Who asked for what, where, and by which rule it waits or waited. */
function bodyLines(terminal: Command['terminal'], hold: HoldView): string[] {
  const locks = terminal.paint('yellow', '  inside an open transaction: locks are held while it waits');
  const parameters = (hold.parameters ?? []).map((one, index) => `  $${index + 1} = ${one.text === null ? 'NULL' : visible(one.text)}`);
  return [
    `  ${visible(hold.principal_name)} (${visible(hold.principal)}) from ${visible(hold.client_address)} on ${visible(hold.target)}`,
    ...(hold.reason === undefined ? [] : [`  reason: ${visible(hold.reason)}`]),
    ...(hold.access ?? []).map(accessWords),
    `  ${visible(hold.rule_title)} (${visible(hold.rule)}); approvers: ${approversOf(hold)}`,
    ...(hold.state === 'pending' && hold.transaction === 'open' ? [locks] : []),
    ...visibleLines(hold.text).map((line) => terminal.paint('cyan', `  | ${line}`)),
    ...parameters,
    ...hold.risks.map((risk) => terminal.paint('red', `  ! ${visible(hold.text.slice(risk.start, risk.end))}: ${visible(risk.why)}`)),
  ];
}

/** What access for a while the person has, and what it was asked for. */
function accessWords({ grant, reason, break_glass: isBreakGlass }: NonNullable<HoldView['access']>[number]): string {
  return `  ${isBreakGlass ? 'BREAK-GLASS ' : ''}access ${visible(grant)}, asked for: ${visible(reason)}`;
}

/** "dba, sre; also in security": one group of each part. */
function approversOf(hold: HoldView): string {
  const sets = [hold.approver_groups, ...(hold.also_in_groups ?? [])];
  const each = hold.approver_sets?.map(({ groups, count }) => `${count} of ${groups.map(visible).join(' or ')}`).join(' and ');
  const now = (hold.on_call ?? []).map(
    ({ group, people }) => `on call for ${visible(group)}: ${people.map(visible).join(', ') || 'nobody'}`,
  );
  const later = (hold.escalates ?? []).map(({ at, to }) => `from ${clockTime(at)} also ${to.map(visible).join(', ')}`);
  return [each ?? sets.map((groups) => groups.map(visible).join(', ')).join('; also in '), ...now, ...later].join('; ');
}

function paintState(terminal: Command['terminal'], state: HoldState, words: string): string {
  switch (state) {
    case 'approved':
      return terminal.paint('green', words);
    case 'denied':
    case 'changes_requested':
      return terminal.paint('red', words);
    case 'pending':
      return terminal.paint('yellow', words);
    case 'expired':
    case 'withdrawn':
      return terminal.paint('dim', words);
  }
}
