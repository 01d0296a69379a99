// After a change of people, or at a start with another configuration: what somebody asks who may not sign in any more ends, and
// approvals of those who may not answer any more (disabled, or out of the group) stop counting.

import type { Approval } from '../core/decision.ts';
import type { Principal } from '../core/principal.ts';
import type { HoldRecord } from '../store/hold-rows.ts';
import { notAllowed } from './answer.ts';
import type { Rejudgement } from './hold-desk.ts';
import type { HoldRule } from './pending-hold.ts';

/** `person` gives the principal of a name while it may act. Approvals still needed may come from others. */
export function withoutFormerPeople(hold: HoldRecord, request: HoldRule, person: (name: string) => Principal | null): Rejudgement {
  if (person(hold.principal) === null) return { kind: 'withdraw', why: 'the account that asked may no longer sign in' };
  const approvals = hold.approvals.filter((it) => stillCounts(hold, it, person));
  if (approvals.length === hold.approvals.length) return { kind: 'keep' };
  return { kind: 'change', rule: request.rule, terms: request.terms, approvals };
}

function stillCounts(hold: HoldRecord, { by, onBehalfOf, groups }: Approval, person: (name: string) => Principal | null): boolean {
  const approver = person(by);
  const lender = onBehalfOf === undefined ? null : person(onBehalfOf);
  const lenders = lender === null ? [] : [lender];
  if (approver === null || notAllowed({ ...hold, approvals: [] }, approver, lenders) !== null) return false;
  // A yes sits in one of several sets by the groups that it was given with: all of them have to be true still.
  const now = [approver, ...lenders].flatMap((it) => it.groups);
  return !hold.approverSets.some((set) => set.groups.some((group) => groups.includes(group) && !now.includes(group)));
}
