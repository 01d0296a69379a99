// The reasons not to run, in words for the person who asked.

import type { Problem } from '../core/classification.ts';
import type { HoldId } from '../core/ids.ts';
import type { Refusal } from '../core/ruling.ts';

export function denied(message: string, holdId: HoldId | null): Refusal {
  return { reason: 'denied', message, hint: null, holdId, offset: null };
}

/** A syntax error keeps the parser's own words, so that a typing mistake reads as it would without a gateway. */
export function notUnderstood(ruleMessage: string, problem: Problem): Refusal {
  if (problem.kind === 'syntax') {
    return { reason: 'not-understood', message: problem.message, hint: null, holdId: null, offset: problem.offset };
  }
  return { reason: 'denied', message: `${ruleMessage} (${problem.message})`, hint: null, holdId: null, offset: problem.offset };
}

/** Refused for now: a hold was placed that is answered without the client. */
export function waits(holdId: HoldId, why: string, url: string | null): Refusal {
  const where = url === null ? '' : ` It can be answered at ${url}.`;
  return {
    reason: 'denied',
    message: `${why}; it waits for approval`,
    hint: `Run exactly the same again once it is approved.${where}`,
    holdId,
    offset: null,
  };
}

export function rejected(holdId: HoldId, by: string, reason: string | null): Refusal {
  const why = reason === null || reason === '' ? '' : `: ${reason}`;
  return { reason: 'rejected', message: `denied by ${by}${why}`, hint: null, holdId, offset: null };
}

export function expired(holdId: HoldId): Refusal {
  return {
    reason: 'expired',
    message: 'nobody answered in time',
    hint: 'Ask an approver and run it again.',
    holdId,
    offset: null,
  };
}

export function changesWanted(holdId: HoldId, by: string, words: string): Refusal {
  return { reason: 'rejected', message: `${by} asks for changes: ${words}`, hint: 'Change it and run it again.', holdId, offset: null };
}

/** Nobody has to answer any more. */
export function withdrawn(why: string, holdId: HoldId | null): Refusal {
  return { reason: 'withdrawn', message: why, hint: null, holdId, offset: null };
}

/** The target's own words: nobody is asked about what can only fail. */
export const transactionFailed: Refusal = {
  reason: 'transaction-failed',
  message: 'current transaction is aborted, commands ignored until end of transaction block',
  hint: null,
  holdId: null,
  offset: null,
};

/** Nothing failed, but there is no room for it to wait. `hint` says what makes room. */
export function noRoom(message: string, hint: string | null): Refusal {
  return { reason: 'fault', message: `refused: ${message}`, hint: hint ?? 'Nothing was run.', holdId: null, offset: null };
}

/** Something of the gateway failed. What exactly stands in its log; the client hears that it was closed, and why in short. */
export function fault(message: string, holdId: HoldId | null): Refusal {
  return {
    reason: 'fault',
    message: `refused because the gateway could not judge it: ${message}`,
    hint: 'Tell the operator of the gateway; nothing was run.',
    holdId,
    offset: null,
  };
}
