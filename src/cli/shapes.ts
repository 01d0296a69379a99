// `sallyport shapes`: statements approved by their shape for a while; and the flags that approve one.

import type { AnswerBody, HoldShapeView, HoleConditionBody, HoleConditionView, ShapeApprovalBody, ShapeView } from '../api/contract.ts';
import type { Command, ListOptions } from './command.ts';
import { clockTime, printJson, segment, span } from './command.ts';
import { durationMs } from './duration.ts';
import { CommandFailure, exitCode } from './exit-code.ts';
import type { Column } from './table.ts';
import { printTable } from './table.ts';
import type { Terminal } from './terminal.ts';
import { visible } from './visible.ts';

export interface ShapesOptions extends ListOptions {
  readonly all?: boolean | undefined;
  readonly person?: string | undefined;
  readonly target?: string | undefined;
}

/** The flags of `sallyport approve` that make a yes count for a shape. */
export interface ShapeFlags {
  readonly shapeFor?: string | undefined;
  readonly shapeUses?: string | undefined;
  readonly parameter?: readonly string[] | undefined;
}

export async function shapes(command: Command, id: string | undefined, options: ShapesOptions): Promise<void> {
  const { client, terminal } = command;
  if (id !== undefined) {
    const shape = await client.get<ShapeView>(`/shapes/${segment(id)}`);
    if (options.json === true) return printJson(terminal, shape);
    for (const line of shapeLines(terminal, shape, command.nowMs())) terminal.out(line);
    return;
  }
  const query = { ...(options.all === true ? {} : { state: 'active' }), principal: options.person, target: options.target };
  const items = await client.list<ShapeView>('/shapes', query, options.limit);
  if (options.json === true) return printJson(terminal, items);
  if (items.length === 0) return terminal.err('no shape is approved');
  printTable(terminal, columns(command.nowMs()), items);
}

/** `sallyport shapes offer h-…`: what an approver can choose. */
export async function shapeOffer(command: Command, holdId: string, options: { readonly json?: boolean | undefined }): Promise<void> {
  const { client, terminal } = command;
  const it = await client.get<HoldShapeView>(`/holds/${segment(holdId)}/shape`);
  if (options.json === true) return printJson(terminal, it);
  if (it.offer === null) {
    return terminal.out(
      it.no_shape_because === null ? 'no shape can be approved with it' : `no shape can be approved: ${visible(it.no_shape_because)}`,
    );
  }
  terminal.out(`${terminal.paint('bold', 'shape')}      ${visible(it.offer.words)}`);
  it.offer.holes.forEach(({ kind, value }, index) => terminal.out(`parameter ${index + 1}: ${kind} ${visible(value)}`));
  terminal.out(`at most    ${span(it.offer.duration_ms_max)}`);
  for (const { by, duration_ms: ms } of it.offer.choices) terminal.out(`so far     ${visible(by)} for ${span(ms)}`);
  terminal.out(
    `approve it: sallyport approve ${visible(holdId)} --shape-for 30m${it.offer.holes.length === 0 ? '' : ' --parameter 1=any'}`,
  );
}

export async function revokeShape(command: Command, id: string, options: { readonly reason?: string | undefined }): Promise<void> {
  const body = options.reason === undefined ? {} : { reason: options.reason };
  const shape = await command.client.post<ShapeView>(`/shapes/${segment(id)}/revoke`, body);
  command.terminal.out(`ended: ${visible(shape.id)} of ${visible(shape.principal)} on ${visible(shape.target)}`);
}

/** The part of an approval's body that the flags make. Throws CommandFailure in words. */
export function shapeBody({ shapeFor, shapeUses, parameter = [] }: ShapeFlags): Pick<AnswerBody, 'shape'> {
  if (shapeFor === undefined) {
    if (shapeUses === undefined && parameter.length === 0) return {};
    throw new CommandFailure(exitCode.usage, 'say for how long the shape is approved: --shape-for 30m');
  }
  const uses = shapeUses === undefined ? {} : { uses_max: wholeNumber(shapeUses) };
  const shape: ShapeApprovalBody = { for_ms: durationMs(shapeFor), ...uses, parameters: parameter.map(parameterOf) };
  return { shape };
}

/** What was approved with a hold, one line; null when nothing was. */
export async function approvedShapeWords(command: Command, holdId: string): Promise<string | null> {
  const { shape } = await command.client.get<HoldShapeView>(`/holds/${segment(holdId)}/shape`);
  if (shape === null) return null;
  return `approved by shape: ${visible(shape.id)} until ${clockTime(shape.ends_at)}: ${visible(shape.words)}`;
}

function wholeNumber(text: string): number {
  const uses = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (uses > 0) return uses;
  throw new CommandFailure(exitCode.usage, `"${visible(text)}" is not a number of uses`, 'as in --shape-uses 20');
}

/** "1=any", "2=equal", "3=1..100", "4=one-of:a,b". */
function parameterOf(text: string): { hole: number; condition: HoleConditionBody } {
  const [, number, words] = /^(\d{1,4})=(.+)$/s.exec(text) ?? [];
  if (number === undefined || words === undefined) throw notParameter(text);
  const range = /^(-?\d{1,39})\.\.(-?\d{1,39})$/.exec(words);
  if (range !== null) return { hole: Number(number), condition: { kind: 'range', least: range[1] ?? '', most: range[2] ?? '' } };
  if (words === 'any' || words === 'equal') return { hole: Number(number), condition: { kind: words } };
  if (words.startsWith('one-of:')) return { hole: Number(number), condition: { kind: 'one-of', values: words.slice(7).split(',') } };
  throw notParameter(text);
}

function notParameter(text: string): CommandFailure {
  const hint = 'as in --parameter 1=any, 1=equal, 1=1..100 or 1=one-of:new,open';
  return new CommandFailure(exitCode.usage, `"${visible(text)}" does not say what a parameter may be`, hint);
}

function columns(nowMs: number): Column<ShapeView>[] {
  return [
    { title: 'SHAPE', cell: (shape) => shape.id },
    { title: 'STATE', cell: (shape) => stateWords(shape, nowMs) },
    { title: 'WHO', cell: (shape) => shape.principal, shrinks: true },
    { title: 'TARGET', cell: (shape) => shape.target, shrinks: true },
    { title: 'USES', cell: (shape) => usesWords(shape) },
    { title: 'WHAT', cell: (shape) => shape.words.replaceAll(/\s+/g, ' '), shrinks: true },
  ];
}

function shapeLines(terminal: Terminal, shape: ShapeView, nowMs: number): string[] {
  return [
    `${terminal.paint('bold', visible(shape.id))} ${stateWords(shape, nowMs)}`,
    `who        ${visible(shape.principal_name)} (${visible(shape.principal)})`,
    `target     ${visible(shape.target)}${shape.database === null ? '' : `, database ${visible(shape.database)}`}`,
    `shape      ${visible(shape.words)}`,
    ...shape.choices.flatMap(({ by, conditions }) => [
      `approved   by ${visible(by)}`,
      ...conditions.map((condition, index) => `  ${index + 1} ${conditionWords(condition)}`),
    ]),
    `by hold    ${visible(shape.hold_id)}; rule ${visible(shape.rule)}`,
    `until      ${clockTime(shape.ended_at ?? shape.ends_at)}${shape.end_reason === null ? '' : `: ${visible(shape.end_reason)}`}`,
    `uses       ${usesWords(shape)}`,
  ];
}

function conditionWords(condition: HoleConditionView): string {
  switch (condition.kind) {
    case 'any':
      return 'any value';
    case 'equal':
      return `= ${visible(condition.value)}`;
    case 'range':
      return `${condition.least} to ${condition.most}`;
    case 'one-of':
      return `one of ${condition.values.map(visible).join(', ')}`;
  }
}

function usesWords({ uses, uses_max: most }: ShapeView): string {
  return most === null ? String(uses) : `${uses} of ${most}`;
}

function stateWords(shape: ShapeView, nowMs: number): string {
  if (shape.state === 'active') return `${span(Date.parse(shape.ends_at) - nowMs)} left`;
  return `ended, ${shape.end_kind ?? 'over'}${shape.ended_by === null ? '' : ` by ${visible(shape.ended_by)}`}`;
}
