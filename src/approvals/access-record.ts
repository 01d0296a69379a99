// Requests and grants as records: what is written down when somebody asks and when somebody gives, and what can't be asked at all.

import { accessDigest } from '../core/approval-challenge.ts';
import type { Approval } from '../core/decision.ts';
import type { AccessDecision } from '../core/grant.ts';
import type { AccessRequestId, GrantId } from '../core/ids.ts';
import type { Principal } from '../core/principal.ts';
import type { Target } from '../core/target.ts';
import type { AccessRequestRecord } from '../store/access-requests.ts';
import type { GrantRecord } from '../store/grants.ts';
import { accessLimits } from './access-desk.ts';
import type { AccessAnswerResult, AccessWanted } from './access-desk.ts';
import { plainReason } from './answer.ts';

/** What a rule asks of a wish that it serves. */
export type Terms = Exclude<AccessDecision, { kind: 'refuse' }>;

/** A name as classifiers give it; patterns are for rules, not for wishes. */
const tableNamePattern = /^[^\s,*?"'`;\\]{1,200}$/;

interface Asked {
  readonly person: Principal;
  readonly wanted: AccessWanted;
  readonly terms: Terms;
  readonly extendsGrant: GrantId | null;
  readonly target: Pick<Target, 'protocol' | 'labels'> | undefined;
  readonly atMs: number;
}

/** A request that begins to wait now. */
export function newRequest(id: AccessRequestId, { person, wanted, terms, extendsGrant, target, atMs }: Asked): AccessRequestRecord {
  return {
    id,
    state: 'pending',
    principal: person.name,
    principalName: person.displayName,
    target: wanted.target,
    targetProtocol: target?.protocol ?? '',
    targetLabels: target?.labels ?? {},
    scope: wanted.scope,
    durationMs: wanted.durationMs,
    isBreakGlass: wanted.isBreakGlass,
    reason: plainReason(wanted.reason) ?? '',
    extendsGrant,
    ...termsOf(terms),
    approvals: [],
    createdAtMs: atMs,
    elapsedMs: 0,
    seenAtMs: atMs,
    ...{ settledAtMs: null, settledBy: null, settledReason: null, grantId: null },
  };
}

/** The grant that a request comes to; `approval` is the last yes, null when none was needed. */
export function newGrant(id: GrantId, request: AccessRequestRecord, approval: Approval | null, atMs: number): GrantRecord {
  const { principal, principalName, target, targetProtocol, targetLabels, scope, durationMs, isBreakGlass, reason } = request;
  return {
    id,
    requestId: request.id,
    state: 'active',
    ...{ principal, principalName, target, targetProtocol, targetLabels, scope, durationMs, isBreakGlass, reason },
    ruleId: request.ruleId,
    ruleTitle: request.ruleTitle,
    approvedBy: [...request.approvals, ...(approval === null ? [] : [approval])].map(({ by }) => by),
    approverGroups: [...new Set(request.approvers.flatMap(({ groups }) => groups))],
    reviewers: request.reviewers,
    idleMs: request.idleMs,
    startedAtMs: atMs,
    endsAtMs: atMs + durationMs,
    elapsedMs: 0,
    seenAtMs: atMs,
    ...{ firstUsedAtMs: null, lastUsedAtMs: null, sessions: 0, endedAtMs: null, endKind: null, endedBy: null, endReason: null },
    review: isBreakGlass ? 'open' : 'none',
    ...{ reviewedBy: null, reviewedAtMs: null, reviewWords: null, remindedAtMs: null },
  };
}

/** The part of a request that a rule decides. */
export function termsOf(terms: Terms | AccessRequestRecord) {
  const { policyVersion, approvers, reviewers, reasonRequired, idleMs, waitMs, secondFactor } = terms;
  const rule = 'rule' in terms ? { ruleId: terms.rule, ruleTitle: terms.title } : { ruleId: terms.ruleId, ruleTitle: terms.ruleTitle };
  const factor = secondFactor === undefined ? {} : { secondFactor };
  return { ...rule, policyVersion, approvers, reviewers, reasonRequired, idleMs, waitMs, ...factor };
}

/** Why this can't be asked of any policy; null when it can. */
export function wantedProblem({ durationMs, scope, reason }: AccessWanted): string | null {
  const { tablesMax, reasonCharsMax } = accessLimits;
  if (!Number.isSafeInteger(durationMs) || durationMs < 1000) return 'say for how long';
  if (plainReason(reason) === null) return 'say why: a reason is needed';
  if (reason.length > reasonCharsMax) return `a reason has at most ${reasonCharsMax} characters`;
  if (scope.tables !== null && (scope.tables.length === 0 || scope.tables.length > tablesMax)) return `name 1 to ${tablesMax} tables`;
  const wrong = scope.tables?.find((table) => !tableNamePattern.test(table));
  if (wrong !== undefined) return `"${plainReason(wrong) ?? ''}" is no name of a table: write schema.table, without wildcards`;
  return null;
}

/** Why this role can't be asked for on this target; null when it can. */
export function roleProblem({ name, protocol, ssh, roles }: Pick<Target, 'name' | 'protocol' | 'ssh' | 'roles'>, role: string | null) {
  if (role === null) return null;
  if (protocol === 'ssh') return ssh?.logins.includes(role) === true ? null : `${name} has no account ${role} to ask for`;
  return roles === undefined || roles.includes(role) ? null : `${name} has no role ${role} to ask for; it has ${roles.join(', ')}`;
}

/** What an answer to a request that has ended comes to: a repeated click is no error. */
export function answeredBefore(request: AccessRequestRecord, person: Principal, answer: 'approve' | 'deny'): AccessAnswerResult {
  const approvedIt = request.approvals.some(({ by }) => by === person.name);
  if (request.state === 'granted' && answer === 'approve' && approvedIt) return { kind: 'granted', request, already: true };
  if (request.state === 'denied' && answer === 'deny' && request.settledBy === person.name)
    return { kind: 'denied', request, already: true };
  return { kind: 'not-pending', request };
}

/** Hex SHA-256 over what a yes to a request gives: what an approver's passkey signs. */
export function requestDigest({ id, target, scope, durationMs, isBreakGlass, reason, extendsGrant }: AccessRequestRecord): string {
  return accessDigest({ request: id, target, ...scope, durationMs, isBreakGlass, reason, extendsGrant });
}
