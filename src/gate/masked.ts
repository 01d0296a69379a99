// What a rule hides in results is planned before anything is released: what can't be masked is not run.

import type { Action } from '../core/action.ts';
import type { Classification } from '../core/classification.ts';
import type { Decision } from '../core/decision.ts';
import type { Masker, Masking } from '../core/masking.ts';
import type { Refusal } from '../core/ruling.ts';
import type { Submitter } from './submitter.ts';

const unmasked = { refusal: null, masking: null };

/** The masks of what is about to run, or why it can't. Throws only when the planner is broken; the gate refuses then. */
export function maskingOf(
  masker: Masker | undefined,
  action: Action,
  classification: Classification,
  { target }: Submitter,
  { obligations, rule }: Exclude<Decision, { kind: 'deny' }>,
): { readonly refusal: Refusal | null; readonly masking: Masking | null } {
  const { mask } = obligations;
  if (mask === undefined || mask.length === 0 || action.kind === 'connect') return unmasked;
  if (masker === undefined)
    return { refusal: refusalOf(`${rule.id} masks results, which this gateway was built without`, null), masking: null };
  const plan = masker.plan(target.protocol, action, classification, mask);
  switch (plan.kind) {
    case 'none':
      return unmasked;
    case 'mask':
      return { refusal: null, masking: plan.masking };
    case 'refuse':
      return { refusal: refusalOf(`${plan.message} (masked by ${rule.id})`, plan.hint), masking: null };
  }
}

function refusalOf(message: string, hint: string | null): Refusal {
  return { reason: 'denied', message, hint, holdId: null, offset: null };
}
