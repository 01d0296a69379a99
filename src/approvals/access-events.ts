// The audit events of access requests and grants.

import type { AnsweredVia } from '../core/answered-via.ts';
import type { AuditEvent, AuditEventType } from '../core/audit.ts';
import type { Approval } from '../core/decision.ts';
import type { AccessRequestRecord } from '../store/access-requests.ts';
import type { GrantRecord } from '../store/grants.ts';
import { requestDigest } from './access-record.ts';

/** An event of a request; `by` is who caused it, null for the gateway itself. */
export function requestEvent(
  type: AuditEventType,
  request: AccessRequestRecord,
  atMs: number,
  by: string | null,
  more: Readonly<Record<string, unknown>> = {},
): AuditEvent {
  return event(type, atMs, by, request.target, {
    request: request.id,
    requester: request.principal,
    rule: request.ruleId,
    ...(request.extendsGrant === null ? {} : { extends: request.extendsGrant }),
    ...more,
  });
}

/** What was asked, in full: the other events name only the request. */
export function askedDetail(request: AccessRequestRecord): Record<string, unknown> {
  return {
    reason: request.reason,
    duration_ms: request.durationMs,
    ...scopeDetail(request.scope),
    ...(request.isBreakGlass ? { break_glass: true } : {}),
    ...termsDetail(request),
    expires_at_ms: request.createdAtMs + request.waitMs,
  };
}

/** What is asked of approvers by the policies of now. */
export function termsDetail({ policyVersion, approvers, secondFactor }: AccessRequestRecord): Record<string, unknown> {
  return { policy: policyVersion, approvers, ...(secondFactor === undefined ? {} : { second_factor: secondFactor }) };
}

export function approvalDetail(request: AccessRequestRecord, approval: Approval, missing: number): Record<string, unknown> {
  const { reason, groups, secondFactor, via = null } = approval;
  const proof = secondFactor === undefined ? {} : { digest: requestDigest(request), second_factor: secondFactor };
  return { reason, groups, missing, ...viaDetail(via), ...proof };
}

export function viaDetail(via: AnsweredVia | null): { readonly via?: AnsweredVia } {
  return via === null ? {} : { via };
}

export function grantEvent(
  type: AuditEventType,
  grant: GrantRecord,
  atMs: number,
  by: string | null,
  more: Readonly<Record<string, unknown>> = {},
): AuditEvent {
  return event(type, atMs, by, grant.target, {
    grant: grant.id,
    request: grant.requestId,
    person: grant.principal,
    ...(grant.isBreakGlass ? { break_glass: true } : {}),
    ...more,
  });
}

export function scopeDetail({ role, readOnly, tables }: GrantRecord['scope']): Record<string, unknown> {
  return { role, read_only: readOnly, tables };
}

function event(type: AuditEventType, atMs: number, principal: string | null, target: string, detail: Record<string, unknown>): AuditEvent {
  return { type, atMs, principal, target, sessionId: null, actionId: null, holdId: null, detail };
}
