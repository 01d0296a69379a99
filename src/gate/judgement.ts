// What the gate answers, with what led to it.

import type { Classification } from '../core/classification.ts';
import type { Decision } from '../core/decision.ts';
import { Fault, messageOf } from '../core/errors.ts';
import type { HoldId } from '../core/ids.ts';
import type { Refusal, Ruling } from '../core/ruling.ts';
import { fault, noRoom } from './refusals.ts';

/** A ruling with what led to it, for the record. */
export interface Judgement {
  readonly ruling: Ruling;
  readonly decision: Decision | null;
  readonly classification: Classification | null;
  readonly holdId: HoldId | null;
  readonly approvedBy: readonly string[];
  /** As in Action; missing when no rule asked. */
  readonly estimatedRows?: number | null;
}

/** A release of another thread's gate, without its permit. */
export interface ReleasedElsewhere {
  readonly decision: Extract<Decision, { kind: 'allow' }>;
  readonly holdId: HoldId | null;
  readonly approvedBy: readonly string[];
}

export function judged(
  refusal: Refusal,
  decision: Decision | null,
  classification: Classification | null,
  holdId: HoldId | null,
): Judgement {
  return { ruling: { kind: 'refuse', refusal }, decision, classification, holdId, approvedBy: [] };
}

/** A fault of the gateway's refuses, and so does a limit. */
export function faulted(thrown: unknown): Judgement {
  if (thrown instanceof Fault && thrown.code === 'limit-reached') return judged(noRoom(thrown.message, thrown.hint), null, null, null);
  return judged(fault(messageOf(thrown), null), null, null, null);
}
