// How one decision differs from another, and the words for it: shared by `policy diff` and `policy rehearse`.

import type { Decision } from '../core/decision.ts';
import { approverWords, duration, obligationWords } from '../core/words.ts';

export type Difference = 'newly-allowed' | 'newly-held' | 'newly-denied' | 'held-otherwise' | 'obliged-otherwise';

/** In the order in which a reviewer should read them. */
export const differences: Readonly<Record<Difference, string>> = {
  'newly-allowed': 'newly allowed',
  'newly-held': 'newly held',
  'newly-denied': 'newly denied',
  'held-otherwise': 'held on other terms',
  'obliged-otherwise': 'run or recorded otherwise',
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
  return `${people} of ${approverWords(approverGroups, alsoInGroups)}${reason}, ${duration(expiresMs)}, in a transaction ${duration(expiresInTransactionMs)}`;
}

function obligedWords({ obligations }: Exclude<Decision, { kind: 'deny' }>): string {
  const words = obligationWords(obligations);
  return words.length === 0 ? 'without conditions' : words.join(', ');
}
