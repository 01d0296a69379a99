// The audit events that the gate writes. Built on the hot path: small, flat, no copies of the text but the bounded one.

import { createHash } from 'node:crypto';
import type { Action } from '../core/action.ts';
import type { AuditEvent } from '../core/audit.ts';
import type { Classification } from '../core/classification.ts';
import type { Approval, Decision } from '../core/decision.ts';
import type { HoldId } from '../core/ids.ts';
import type { Refusal } from '../core/ruling.ts';
import type { Submitter } from './submitter.ts';

/** Longer texts are cut in the log and named by their SHA-256; the recording has the whole. */
export const auditTextCharsMax = 4096;

function textOf(action: Action): { text: string; text_sha256?: string } {
  if (action.text.length <= auditTextCharsMax) return { text: action.text };
  return { text: action.text.slice(0, auditTextCharsMax), text_sha256: createHash('sha256').update(action.text).digest('hex') };
}

export function releasedEvent(
  action: Action,
  classification: Classification,
  submitter: Submitter,
  decision: Extract<Decision, { kind: 'allow' }>,
  holdId: HoldId | null,
  approvals: readonly Approval[],
  atMs: number,
): AuditEvent {
  return {
    type: 'action.released',
    atMs,
    principal: submitter.principal.name,
    target: submitter.target.name,
    sessionId: submitter.sessionId,
    actionId: action.id,
    holdId,
    detail: releasedDetail(action, classification, decision, holdId, approvals),
  };
}

/** Nearly every release is short and was not held: that one is made without copies. */
function releasedDetail(
  action: Action,
  classification: Classification,
  decision: Extract<Decision, { kind: 'allow' }>,
  holdId: HoldId | null,
  approvals: readonly Approval[],
): AuditEvent['detail'] {
  const { kind, text } = action;
  const { access } = classification.summary;
  const { id: rule, version: policy } = decision.rule;
  if (holdId === null && text.length <= auditTextCharsMax && decision.grants === undefined) return { kind, text, access, rule, policy };
  const held = holdId === null ? {} : { digest: action.digest(), approved_by: approvals.map((it) => it.by) };
  return { kind, ...textOf(action), access, rule, policy, ...held, ...(decision.grants === undefined ? {} : { grants: decision.grants }) };
}

export function deniedEvent(
  action: Action,
  classification: Classification,
  submitter: Submitter,
  decision: Decision,
  refusal: Refusal,
  atMs: number,
): AuditEvent {
  return {
    type: 'action.denied',
    atMs,
    principal: submitter.principal.name,
    target: submitter.target.name,
    sessionId: submitter.sessionId,
    actionId: action.id,
    holdId: refusal.holdId,
    detail: {
      kind: action.kind,
      ...textOf(action),
      access: classification.summary.access,
      understood: classification.understood,
      rule: decision.rule?.id ?? null,
      policy: decision.rule?.version ?? null,
      message: refusal.message,
    },
  };
}
