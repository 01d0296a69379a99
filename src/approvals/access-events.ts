// The audit events of access requests and grants.

import type { AnsweredVia } from '../core/answered-via.ts';
import { eventWithoutSession, type AuditEvent, type AuditEventType } from '../core/audit.ts';
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
  const detail = {
    request: request.id,
    requester: request.principal,
    rule: request.ruleId,
    ...(request.extendsGrant === null ? {} : { extends: request.extendsGrant }),
    ...more,
  };
  return eventWithoutSession(type, atMs, by, detail, request.target);
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
  const detail = {
    grant: grant.id,
    request: grant.requestId,
    person: grant.principal,
    ...(grant.isBreakGlass ? { break_glass: true } : {}),
    ...more,
  };
  return eventWithoutSession(type, atMs, by, detail, grant.target);
}

export function scopeDetail({ role, readOnly, tables }: GrantRecord['scope']): Record<string, unknown> {
  return { role, read_only: readOnly, tables };
}
