// A hold as the API, the console and webhooks show it.

import type { HoldView } from '../api/contract.ts';
import type { Principal } from '../core/principal.ts';
import type { HoldRecord } from '../store/hold-rows.ts';
import { notAllowed } from './answer.ts';

/** `viewer` is who looks at it; null for machines that only listen. */
export function holdView(hold: HoldRecord, viewer: Principal | null, lenders: readonly Principal[] = []): HoldView {
  const because = cannotAnswer(hold, viewer, lenders);
  return {
    id: hold.id,
    state: hold.state,
    action_id: hold.actionId,
    session_id: hold.sessionId,
    action_kind: hold.actionKind,
    principal: hold.principal,
    principal_name: hold.principalName,
    target: hold.target,
    target_protocol: hold.targetProtocol,
    target_labels: hold.targetLabels,
    client_address: hold.clientAddress,
    ...(hold.reason === null ? {} : { reason: hold.reason }),
    ...(hold.access.length === 0 ? {} : { access: hold.access.map(accessOf) }),
    text: hold.text,
    parameters: hold.parameters,
    digest: hold.digest,
    statement_kinds: hold.statementKinds,
    effects: hold.effects,
    risks: hold.risks,
    transaction: hold.transaction,
    rule: hold.ruleId,
    rule_title: hold.ruleTitle,
    policy_version: hold.policyVersion,
    approver_groups: hold.approverGroups,
    ...(hold.alsoInGroups.length === 0 ? {} : { also_in_groups: hold.alsoInGroups }),
    ...(hold.approverSets.length === 0 ? {} : { approver_sets: hold.approverSets }),
    approvals_needed: hold.approvalsNeeded,
    approvals: hold.approvals.map(({ by, reason, atMs, secondFactor, onBehalfOf, via }) => ({
      by,
      reason,
      at: iso(atMs),
      ...(via === undefined ? {} : { via }),
      ...(onBehalfOf === undefined ? {} : { on_behalf_of: onBehalfOf }),
      ...(secondFactor === undefined ? {} : { second_factor: secondFactor.kind }),
    })),
    ...(hold.escalation.length === 0 || hold.state !== 'pending'
      ? {}
      : { escalates: hold.escalation.map(({ afterMs, to }) => ({ at: iso(hold.createdAtMs + afterMs), to })) }),
    reason_required: hold.reasonRequired,
    ...(hold.secondFactor === null ? {} : { second_factor: hold.secondFactor }),
    created_at: iso(hold.createdAtMs),
    expires_at: iso(hold.expiresAtMs),
    settled_at: hold.settledAtMs === null ? null : iso(hold.settledAtMs),
    settled_by: hold.settledBy,
    settled_reason: hold.settledReason,
    ...(hold.settledVia === null ? {} : { settled_via: hold.settledVia }),
    can_answer: viewer !== null && because === null,
    cannot_answer_because: because,
  };
}

function accessOf({ grant, reason, isBreakGlass }: HoldRecord['access'][number]) {
  return { grant, reason, break_glass: isBreakGlass };
}

function cannotAnswer(hold: HoldRecord, viewer: Principal | null, lenders: readonly Principal[]): string | null {
  if (hold.state !== 'pending') return `it is ${hold.state} already`;
  if (viewer === null) return null;
  const denial = notAllowed(hold, viewer, lenders);
  if (denial !== null) return denial.why;
  return hold.approvals.some((it) => it.by === viewer.name) ? 'you have approved it; others must too' : null;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
