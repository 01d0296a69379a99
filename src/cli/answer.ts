// `sallyport approve`, `sallyport deny` and their like: one person's answer to one hold.

import type { AnswerBody, HoldView } from '../api/contract.ts';
import type { Command } from './command.ts';
import { printJson, segment } from './command.ts';
import type { ShapeFlags } from './shapes.ts';
import { approvedShapeWords, shapeBody } from './shapes.ts';
import { visible } from './visible.ts';

export interface AnswerOptions extends ShapeFlags {
  readonly reason?: string | undefined;
  /** Of the authenticator app, where the rule asks for a second factor. */
  readonly code?: string | undefined;
  readonly json?: boolean | undefined;
}

export async function answer(command: Command, id: string, verb: 'approve' | 'deny', options: AnswerOptions): Promise<void> {
  const body: AnswerBody = {
    ...(options.reason === undefined ? {} : { reason: options.reason }),
    ...(options.code === undefined ? {} : { totp: options.code }),
    ...shapeBody(options),
  };
  const hold = await command.client.post<HoldView>(`/holds/${segment(id)}/${verb}`, body);
  if (options.json === true) return printJson(command.terminal, hold);
  command.terminal.out(answerWords(hold));
  if (body.shape === undefined || hold.state !== 'approved') return;
  const shape = await approvedShapeWords(command, hold.id);
  if (shape === null) command.terminal.err('no shape was approved: not everybody who said yes agreed to one');
  else command.terminal.out(shape);
}

export async function requestChanges(
  command: Command,
  id: string,
  options: { readonly reason: string; readonly json?: boolean | undefined },
): Promise<void> {
  const hold = await command.client.post<HoldView>(`/holds/${segment(id)}/request-changes`, { reason: options.reason });
  if (options.json === true) return printJson(command.terminal, hold);
  command.terminal.out(answerWords(hold));
}

export async function takeBack(command: Command, id: string, options: { readonly json?: boolean | undefined }): Promise<void> {
  const hold = await command.client.post<HoldView>(`/holds/${segment(id)}/take-back`, {});
  if (options.json === true) return printJson(command.terminal, hold);
  command.terminal.out(answerWords(hold));
}

function answerWords(hold: HoldView): string {
  const what = `${visible(hold.id)} of ${visible(hold.principal)} on ${visible(hold.target)}`;
  if (hold.state !== 'pending') return `${hold.state.replace('_', ' ')}: ${what}`;
  return `counted: ${what}: ${hold.approvals.length} of ${hold.approvals_needed} approvals`;
}
