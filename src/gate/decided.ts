// What the gate reads out of decisions and what came with them, before it does anything.

import type { Action } from '../core/action.ts';
import type { Classification } from '../core/classification.ts';
import type { Decision, HoldTerms } from '../core/decision.ts';
import type { Refusal } from '../core/ruling.ts';
import type { ShapeAsked } from '../core/shape.ts';
import { denied, notUnderstood } from './refusals.ts';
import type { Submitter } from './submitter.ts';

export type Allow = Extract<Decision, { kind: 'allow' }>;
export type HoldDecision = Extract<Decision, { kind: 'hold' }>;

/** Allowed as it is: nobody has to be asked, and nothing is masked. */
export function isPlain(decision: Decision): decision is Allow {
  const { kind, needs } = decision;
  return kind === 'allow' && needs === undefined && decision.obligations.mask === undefined;
}

/** Statements that end a transaction may stand before others in the text: only without them is failing certain. */
export function canOnlyFail(action: Action, classification: Classification): boolean {
  return action.transaction === 'failed' && classification.understood && !classification.summary.verbs.includes('transaction');
}

export function waitMs(terms: HoldTerms, action: Action): number {
  return action.transaction === 'none' ? terms.expiresMs : Math.min(terms.expiresMs, terms.expiresInTransactionMs);
}

export function denialOf(decision: Extract<Decision, { kind: 'deny' }>, classification: Classification): Refusal {
  return classification.problem === null ? denied(decision.message, null) : notUnderstood(decision.message, classification.problem);
}

export function asked(
  action: Action,
  classification: Classification,
  { principal, target, facts }: Submitter,
  { rule, terms }: HoldDecision,
): ShapeAsked {
  return { action, classification, principal, target, database: facts.database, ruleId: rule.id, terms };
}

/** Why a wait was given up. */
export function wordsOf(signal: AbortSignal): string {
  return typeof signal.reason === 'string' ? signal.reason : 'cancelled by the client';
}
