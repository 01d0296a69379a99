// `sallyport approve` and `sallyport deny`: one person's answer to one hold.

import type { AnswerBody, HoldView } from '../api/contract.ts';
import type { Command } from './command.ts';
import { printJson, segment } from './command.ts';
import { visible } from './visible.ts';

export interface AnswerOptions {
  readonly reason?: string | undefined;
  /** Of the authenticator app, where the rule asks for a second factor. */
  readonly code?: string | undefined;
  readonly json?: boolean | undefined;
}

export async function answer(command: Command, id: string, verb: 'approve' | 'deny', options: AnswerOptions): Promise<void> {
  const body: AnswerBody = {
    ...(options.reason === undefined ? {} : { reason: options.reason }),
    ...(options.code === undefined ? {} : { totp: options.code }),
  };
  const hold = await command.client.post<HoldView>(`/holds/${segment(id)}/${verb}`, body);
  if (options.json === true) return printJson(command.terminal, hold);
  command.terminal.out(answerWords(hold));
}

function answerWords(hold: HoldView): string {
  const what = `${visible(hold.id)} of ${visible(hold.principal)} on ${visible(hold.target)}`;
  if (hold.state !== 'pending') return `${hold.state}: ${what}`;
  return `counted: ${what}: ${hold.approvals.length} of ${hold.approvals_needed} approvals`;
}
