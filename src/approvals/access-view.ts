// Access requests and grants as the API, the console and webhooks show them.

import type { AccessRequestView, AccessScope, AccessStepView, GrantView } from '../api/contract.ts';
import type { Principal } from '../core/principal.ts';
import type { AccessRequestRecord, AccessStep } from '../store/access-requests.ts';
import type { GrantRecord } from '../store/grants.ts';
import { requestDigest } from './access-record.ts';
import { mayEnd, mayNotAnswer } from './access-answer.ts';
import { yesesMissing } from '../core/quorum.ts';

/** `viewer` is who looks at it; null for machines that only listen. */
export function accessRequestView(
  request: AccessRequestRecord,
  viewer: Principal | null,
  steps: readonly AccessStep[] = [],
): AccessRequestView {
  const because = cannotAnswer(request, viewer);
  return {
    id: request.id,
    state: request.state,
    principal: request.principal,
    principal_name: request.principalName,
    target: request.target,
    target_protocol: request.targetProtocol,
    target_labels: request.targetLabels,
    scope: scopeView(request.scope),
    duration_ms: request.durationMs,
    break_glass: request.isBreakGlass,
    reason: request.reason,
    extends_grant: request.extendsGrant,
    rule: request.ruleId,
    rule_title: request.ruleTitle,
    approvers: request.approvers,
    approvals: request.approvals.map(({ by, reason, atMs }) => ({ by, reason, at: iso(atMs) })),
    approvals_missing: yesesMissing(request.approvers, request.approvals),
    reason_required: request.reasonRequired,
    ...(request.secondFactor === undefined ? {} : { second_factor: request.secondFactor, digest: requestDigest(request) }),
    created_at: iso(request.createdAtMs),
    expires_at: iso(request.createdAtMs + request.waitMs),
    settled_at: isoOrNull(request.settledAtMs),
    settled_by: request.settledBy,
    settled_reason: request.settledReason,
    grant_id: request.grantId,
    can_answer: viewer !== null && because === null,
    cannot_answer_because: because,
    timeline: steps.map(stepView),
  };
}

/** `mayEndAny`: the viewer may end anybody's grant. */
export function grantView(grant: GrantRecord, viewer: Principal | null, mayEndAny: boolean, steps: readonly AccessStep[] = []): GrantView {
  const isIn = (groups: readonly string[]) =>
    viewer !== null && viewer.kind !== 'ai-agent' && groups.some((it) => viewer.groups.includes(it));
  const isOwn = viewer?.name === grant.principal;
  return {
    id: grant.id,
    state: grant.state,
    request_id: grant.requestId,
    principal: grant.principal,
    principal_name: grant.principalName,
    target: grant.target,
    target_protocol: grant.targetProtocol,
    target_labels: grant.targetLabels,
    scope: scopeView(grant.scope),
    break_glass: grant.isBreakGlass,
    reason: grant.reason,
    rule: grant.ruleId,
    rule_title: grant.ruleTitle,
    approved_by: grant.approvedBy,
    started_at: iso(grant.startedAtMs),
    ends_at: iso(grant.endsAtMs),
    idle_ms: grant.idleMs,
    sessions: grant.sessions,
    last_used_at: isoOrNull(grant.lastUsedAtMs),
    ended_at: isoOrNull(grant.endedAtMs),
    end_kind: grant.endKind,
    ended_by: grant.endedBy,
    end_reason: grant.endReason,
    review: grant.review,
    reviewers: grant.reviewers,
    reviewed_by: grant.reviewedBy,
    reviewed_at: isoOrNull(grant.reviewedAtMs),
    review_words: grant.reviewWords,
    can_revoke: grant.state === 'active' && (mayEndAny || (viewer !== null && mayEnd(grant, viewer))),
    can_review: grant.state === 'ended' && grant.review === 'open' && !isOwn && isIn(grant.reviewers),
    timeline: steps.map(stepView),
  };
}

function cannotAnswer(request: AccessRequestRecord, viewer: Principal | null): string | null {
  if (request.state !== 'pending') return `it is ${request.state} already`;
  if (viewer === null) return null;
  const denial = mayNotAnswer(request, viewer);
  if (denial !== null) return denial.why;
  return request.approvals.some(({ by }) => by === viewer.name) ? 'you have approved it; others must too' : null;
}

function scopeView({ role, readOnly, tables }: GrantRecord['scope']): AccessScope {
  return { role, read_only: readOnly, tables };
}

function stepView({ atMs, what, by, words, via }: AccessStep): AccessStepView {
  return { at: iso(atMs), what, by, words, ...(via === undefined ? {} : { via }) };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}
