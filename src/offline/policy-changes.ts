// How one decision differs from another, and the words for it: shared by `policy diff` and `policy rehearse`.

import type { Decision } from '../core/decision.ts';
import type { MaskRule } from '../core/masking.ts';
import { approverWords, duration, obligationWords } from '../core/words.ts';

export type Difference =
  | 'newly-allowed'
  | 'newly-held'
  | 'newly-denied'
  | 'held-otherwise'
  | 'obliged-otherwise'
  | 'access-opened'
  | 'access-closed'
  | 'access-otherwise';

/** In the order in which a reviewer should read them. */
export const differences: Readonly<Record<Difference, string>> = {
  'newly-allowed': 'newly allowed',
  'newly-held': 'newly held',
  'newly-denied': 'newly denied',
  'held-otherwise': 'held on other terms',
  'obliged-otherwise': 'run or recorded otherwise',
  'access-opened': 'access that may newly be asked for',
  'access-closed': 'access that may no longer be asked for',
  'access-otherwise': 'access given on other terms',
};

export const differenceKinds = Object.keys(differences) as Difference[];

/** Null when both come to the same; another rule that says the same is no difference. */
export function differenceOf(before: Decision, after: Decision): Difference | null {
  if (before.kind !== after.kind) return newly[after.kind];
  if (before.kind === 'hold' && after.kind === 'hold' && termsWords(before) !== termsWords(after)) return 'held-otherwise';
  if (before.kind !== 'deny' && after.kind !== 'deny' && obligedWords(before) !== obligedWords(after)) return 'obliged-otherwise';
  return null;
}

export const newly: Readonly<Record<Decision['kind'], Difference>> = { allow: 'newly-allowed', hold: 'newly-held', deny: 'newly-denied' };

/** "hold by p/drops (one person of dba, 15 min)" */
export function decisionWords(decision: Decision, difference: Difference | null = null): string {
  const rule = decision.rule === null ? '' : ` by ${decision.rule.id}`;
  switch (decision.kind) {
    case 'deny':
      return decision.rule === null ? 'deny, as nothing allows it' : `deny${rule}`;
    case 'allow':
      return `allow${rule}${difference === 'obliged-otherwise' ? ` (${obligedWords(decision)})` : ''}`;
    case 'hold': {
      const more = difference === 'obliged-otherwise' ? `, ${obligedWords(decision)}` : '';
      return `hold${rule} (${termsWords(decision)}${more})`;
    }
  }
}

function termsWords({ terms }: Extract<Decision, { kind: 'hold' }>): string {
  const { approverGroups, alsoInGroups = [], approvalsNeeded, expiresMs, expiresInTransactionMs, reasonRequired, wait } = terms;
  const people = approvalsNeeded === 1 ? 'one person' : `${approvalsNeeded} people`;
  const reason = `${reasonRequired ? ', with a reason' : ''}${wait === 'error' ? ', to be run again' : ''}`;
  const factor = terms.secondFactor === undefined ? '' : `, with a ${terms.secondFactor}`;
  const later = (terms.escalate ?? []).map(({ afterMs, to }) => `, after ${duration(afterMs)} also ${to.join(' or ')}`).join('');
  const shape = terms.shapeMsMax === undefined ? '' : `, its shape for ${duration(terms.shapeMsMax)}`;
  return `${people} of ${approverWords(approverGroups, alsoInGroups)}${reason}${factor}${later}${shape}, ${duration(expiresMs)}, in a transaction ${duration(expiresInTransactionMs)}`;
}

function obligedWords({ obligations }: Exclude<Decision, { kind: 'deny' }>): string {
  const words = [...obligationWords(obligations), ...maskWords(obligations.mask ?? [])];
  return words.length === 0 ? 'without conditions' : words.join(', ');
}

/** "masking ssn, email (partial)", in an order of their own: that of the rules means nothing. */
function maskWords(masks: readonly MaskRule[]): string[] {
  const words = masks.map(({ columns, detector, with: method, predicates }) => {
    const what = detector === null ? columns.toSorted().join(' + ') : `any ${detector}`;
    return `masking ${what} (${method}${predicates === 'deny' ? ', no questions' : ''})`;
  });
  return words.toSorted();
}
