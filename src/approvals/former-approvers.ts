// After a change of people: the approvals of those who may not answer any more (disabled, or out of the group) stop counting.

import type { Principal } from '../core/principal.ts';
import type { HoldRecord } from '../store/hold-rows.ts';
import { notAllowed } from './answer.ts';
import type { Rejudgement } from './hold-desk.ts';
import type { HoldRule } from './pending-hold.ts';

/** `person` gives the principal of a name while it may act. Approvals still needed may come from others. */
export function withoutFormerApprovers(hold: HoldRecord, request: HoldRule, person: (name: string) => Principal | null): Rejudgement {
  const approvals = hold.approvals.filter(({ by, onBehalfOf }) => {
    const approver = person(by);
    const lender = onBehalfOf === undefined ? null : person(onBehalfOf);
    return approver !== null && notAllowed({ ...hold, approvals: [] }, approver, lender === null ? [] : [lender]) === null;
  });
  if (approvals.length === hold.approvals.length) return { kind: 'keep' };
  return { kind: 'change', rule: request.rule, terms: request.terms, approvals };
}
