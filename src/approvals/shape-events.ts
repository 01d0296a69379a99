// The audit events of approved shapes.

import type { AuditEvent, AuditEventType } from '../core/audit.ts';
import type { ShapeEnd, ShapeRecord } from '../store/shapes.ts';

export function shapeApprovedEvent(shape: ShapeRecord, by: string | null): AuditEvent {
  return event('shape.approved', shape, shape.startedAtMs, by, {
    shape_hash: shape.hash,
    text: shape.words,
    database: shape.database,
    rule: shape.ruleId,
    duration_ms: shape.durationMs,
    uses_max: shape.usesMax,
    choices: shape.choices.map(({ by: approver, durationMs, usesMax, conditions }) => ({
      by: approver,
      duration_ms: durationMs,
      uses_max: usesMax,
      conditions,
    })),
  });
}

export function shapeEndedEvent(shape: ShapeRecord, end: ShapeEnd): AuditEvent {
  const type = end.kind === 'revoked' ? 'shape.revoked' : 'shape.ended';
  return event(type, shape, end.atMs, end.by, { why: end.kind, reason: end.reason, uses: shape.uses });
}

function event(
  type: AuditEventType,
  { id, holdId, principal: person, target }: ShapeRecord,
  atMs: number,
  principal: string | null,
  more: Readonly<Record<string, unknown>>,
): AuditEvent {
  return { type, atMs, principal, target, sessionId: null, actionId: null, holdId, detail: { shape: id, person, ...more } };
}
