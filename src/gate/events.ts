// The audit events that the gate writes. Built on the hot path: small, flat, no copies of the text but the bounded one.

import { createHash } from 'node:crypto';
import type { Action } from '../core/action.ts';
import type { AuditEvent } from '../core/audit.ts';
import type { Classification } from '../core/classification.ts';
import type { Approval, Decision } from '../core/decision.ts';
import type { HoldId, ShapeId } from '../core/ids.ts';
import type { Refusal } from '../core/ruling.ts';
import type { Submitter } from './submitter.ts';

/** Longer texts are cut in the log and named by their SHA-256; the recording has the whole. */
export const auditTextCharsMax = 4096;

function textOf(action: Action): { text: string; text_sha256?: string } {
  if (action.text.length <= auditTextCharsMax) return { text: action.text };
  return { text: action.text.slice(0, auditTextCharsMax), text_sha256: createHash('sha256').update(action.text).digest('hex') };
}

/** The figure that the rules were given: null when it could not be known, missing when none asked. */
function estimateOf({ estimatedRows }: Action): { estimated_rows?: number | null } {
  return estimatedRows === undefined ? {} : { estimated_rows: estimatedRows };
}

type Allow = Extract<Decision, { kind: 'allow' }>;

export function releasedEvent(
  action: Action,
  classification: Classification,
  submitter: Submitter,
  decision: Allow,
  holdId: HoldId | null,
  approvals: readonly Approval[],
  atMs: number,
  shapeId: ShapeId | null = null,
): AuditEvent {
  const { detail, detailJson } =
    holdId === null &&
    shapeId === null &&
    decision.grants === undefined &&
    action.estimatedRows === undefined &&
    (action.reason ?? null) === null &&
    action.text.length <= auditTextCharsMax
      ? plainRelease(action, classification, decision)
      : heldRelease(action, classification, decision, holdId, approvals, shapeId);
  return {
    type: 'action.released',
    atMs,
    principal: submitter.principal.name,
    target: submitter.target.name,
    sessionId: submitter.sessionId,
    actionId: action.id,
    holdId,
    detail,
    detailJson,
  };
}

interface Release {
  readonly detail: Readonly<Record<string, unknown>>;
  readonly detailJson: string;
}

interface PlainRelease extends Release {
  readonly detail: {
    readonly kind: Action['kind'];
    readonly text: string;
    readonly access: string;
    readonly rule: string;
    readonly policy: string;
  };
  /** The JSON of what stands behind the text; the same for all of a kind, access and rule. */
  readonly tailJson: string;
}

/** What was released last under a decision: policies remember their decisions, and the same statement runs again and again. */
const releases = new WeakMap<Decision, PlainRelease>();

function plainRelease(action: Action, { summary: { access } }: Classification, decision: Allow): PlainRelease {
  const { kind, text } = action;
  const known = releases.get(decision);
  const isAlike = known !== undefined && known.detail.access === access && known.detail.kind === kind;
  if (isAlike && known.detail.text === text) return known;
  const { id: rule, version: policy } = decision.rule;
  const detail = { kind, text, access, rule, policy };
  const tailJson = isAlike ? known.tailJson : `,${JSON.stringify({ access, rule, policy }).slice(1)}`;
  action.textJson = JSON.stringify(text);
  const release = { detail, detailJson: `{"kind":"${kind}","text":${action.textJson}${tailJson}`, tailJson };
  releases.set(decision, release);
  return release;
}

function heldRelease(
  action: Action,
  classification: Classification,
  decision: Allow,
  holdId: HoldId | null,
  approvals: readonly Approval[],
  shapeId: ShapeId | null,
): Release {
  const { id: rule, version: policy } = decision.rule;
  const byShape = shapeId === null ? {} : { shape: shapeId };
  const held = holdId === null && shapeId === null ? {} : { digest: action.digest(), approved_by: approvals.map((it) => it.by) };
  const grants = decision.grants === undefined ? {} : { grants: decision.grants };
  const reason = (action.reason ?? null) === null ? {} : { reason: action.reason };
  const detail = {
    kind: action.kind,
    ...textOf(action),
    access: classification.summary.access,
    ...estimateOf(action),
    rule,
    policy,
    ...held,
    ...byShape,
    ...grants,
    ...reason,
  };
  return { detail, detailJson: JSON.stringify(detail) };
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
      ...estimateOf(action),
      rule: decision.rule?.id ?? null,
      policy: decision.rule?.version ?? null,
      message: refusal.message,
    },
  };
}
