// The audit events that the gate writes. Built on the hot path: small, flat, no copies of the text but the bounded one.

import { createHash } from 'node:crypto';
import type { Action } from '../core/action.ts';
import { AlikeActions, type Likeness } from '../core/alike-actions.ts';
import type { AuditEvent } from '../core/audit.ts';
import type { Classification } from '../core/classification.ts';
import type { Approval, Decision } from '../core/decision.ts';
import type { HoldId, ShapeId } from '../core/ids.ts';
import type { Refusal } from '../core/ruling.ts';
import type { Allow } from './decided.ts';
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
  readonly detailJson: string | Uint8Array;
}

/** What was released last of actions that are alike. */
interface PlainRelease extends Likeness {
  text: string;
  release: Release;
  /** The JSON of what stands behind the text. */
  readonly tailJson: string;
}

const releases = new AlikeActions<PlainRelease>();
/** The JSON of longer texts is put into bytes each time. */
const keptTextCharsMax = 1024;

function plainRelease(action: Action, { summary }: Classification, decision: Allow): Release {
  const { kind, text } = action;
  const known = releases.find(summary, decision.rule, action);
  if (known !== undefined && known.text === text) {
    const { detail, detailJson } = known.release;
    if (typeof detailJson === 'string' && text.length <= keptTextCharsMax) known.release = { detail, detailJson: bytesOf(detailJson) };
    return known.release;
  }
  const { access } = summary;
  const { id: rule, version: policy } = decision.rule;
  const tailJson = known?.tailJson ?? `,${JSON.stringify({ access, rule, policy }).slice(1)}`;
  action.textJson ??= JSON.stringify(text);
  const release = { detail: { kind, text, access, rule, policy }, detailJson: `{"kind":"${kind}","text":${action.textJson}${tailJson}` };
  if (known === undefined) {
    releases.keep(summary, { rule: decision.rule, kind, transaction: action.transaction, text, release, tailJson });
  } else {
    known.text = text;
    known.release = release;
  }
  return release;
}

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
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
