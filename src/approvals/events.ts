// The audit events of holds.

import type { AuditEvent, AuditEventType } from '../core/audit.ts';
import type { Approval } from '../core/decision.ts';
import type { HoldRecord } from '../store/hold-rows.ts';
import type { HoldEnd } from '../store/holds.ts';

function holdEvent(
  hold: HoldRecord,
  type: AuditEventType,
  atMs: number,
  principal: string | null,
  detail: Record<string, unknown>,
): AuditEvent {
  return { type, atMs, principal, target: hold.target, sessionId: hold.sessionId, actionId: hold.actionId, holdId: hold.id, detail };
}

/** `estimatedRows`: as the rules were given it; undefined when none asked. */
export function heldEvent(hold: HoldRecord, estimatedRows?: number | null): AuditEvent {
  return holdEvent(hold, 'action.held', hold.createdAtMs, hold.principal, {
    kind: hold.actionKind,
    text: hold.text,
    digest: hold.digest,
    effects: hold.effects,
    ...(estimatedRows === undefined ? {} : { estimated_rows: estimatedRows }),
    transaction: hold.transaction,
    client_address: hold.clientAddress,
    ...(hold.reason === null ? {} : { reason: hold.reason }),
    ...(hold.access.length === 0 ? {} : { access: hold.access.map(({ grant }) => grant) }),
    rule: hold.ruleId,
    policy: hold.policyVersion,
    approver_groups: hold.approverGroups,
    ...(hold.alsoInGroups.length === 0 ? {} : { also_in_groups: hold.alsoInGroups }),
    ...(hold.approverSets.length === 0 ? {} : { approver_sets: hold.approverSets }),
    approvals_needed: hold.approvalsNeeded,
    ...(hold.secondFactor === null ? {} : { second_factor: hold.secondFactor }),
    expires_at_ms: hold.expiresAtMs,
  });
}

export function approvalGivenEvent(hold: HoldRecord, approval: Approval): AuditEvent {
  return holdEvent(hold, 'hold.approval-given', approval.atMs, approval.by, {
    requester: hold.principal,
    digest: hold.digest,
    reason: approval.reason,
    groups: approval.groups,
    ...(approval.onBehalfOf === undefined ? {} : { on_behalf_of: approval.onBehalfOf }),
    ...(approval.via === undefined ? {} : { via: approval.via }),
    given: hold.approvals.length,
    needed: hold.approvalsNeeded,
    ...(approval.secondFactor === undefined ? {} : { second_factor: approval.secondFactor }),
  });
}

export function escalatedEvent(hold: HoldRecord, atMs: number, to: readonly string[]): AuditEvent {
  return holdEvent(hold, 'hold.escalated', atMs, null, {
    requester: hold.principal,
    rule: hold.ruleId,
    to,
    approver_groups: hold.approverGroups,
    ...(hold.alsoInGroups.length === 0 ? {} : { also_in_groups: hold.alsoInGroups }),
  });
}

export function takenBackEvent(hold: HoldRecord, by: string, atMs: number): AuditEvent {
  return holdEvent(hold, 'hold.approval-taken-back', atMs, by, {
    requester: hold.principal,
    digest: hold.digest,
    given: hold.approvals.length,
    needed: hold.approvalsNeeded,
  });
}

/** `by` of the end is who caused it: the last approver, who said no, or nobody. */
export function endedEvent(hold: HoldRecord, end: HoldEnd): AuditEvent {
  const approvedBy = hold.approvals.map((it) => it.by);
  const type = end.state === 'changes_requested' ? 'hold.changes-requested' : (`hold.${end.state}` as const);
  return holdEvent(hold, type, end.atMs, end.by, {
    requester: hold.principal,
    rule: hold.ruleId,
    digest: hold.digest,
    reason: end.reason,
    ...(end.via === null ? {} : { via: end.via }),
    ...(approvedBy.length === 0 ? {} : { approved_by: approvedBy }),
  });
}

export function changedEvent(hold: HoldRecord, atMs: number, dropped: readonly string[]): AuditEvent {
  return holdEvent(hold, 'hold.changed', atMs, null, {
    requester: hold.principal,
    rule: hold.ruleId,
    policy: hold.policyVersion,
    approver_groups: hold.approverGroups,
    ...(hold.alsoInGroups.length === 0 ? {} : { also_in_groups: hold.alsoInGroups }),
    ...(hold.approverSets.length === 0 ? {} : { approver_sets: hold.approverSets }),
    approvals_needed: hold.approvalsNeeded,
    ...(hold.secondFactor === null ? {} : { second_factor: hold.secondFactor }),
    ...(dropped.length === 0 ? {} : { approvals_no_longer_counted: dropped }),
  });
}
