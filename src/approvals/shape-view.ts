// Approved shapes as the API, the console and the command line show them.

import type { HoldShapeView, ShapeChoiceView, ShapeView } from '../api/contract.ts';
import type { Principal } from '../core/principal.ts';
import type { ShapeChoice, ShapeRecord } from '../store/shapes.ts';
import type { ShapeDesk } from './shape-desk.ts';
import { mayRevoke } from './shape-approvals.ts';

/** `viewer`: null for machines that only listen; `mayEndAny`: the viewer may end anybody's. */
export function shapeView(shape: ShapeRecord, viewer: Principal | null, mayEndAny: boolean): ShapeView {
  const { id, state, principal, target, database, words, hash, holes, effects, uses } = shape;
  return {
    ...{ id, state, principal, target, database, words, hash, holes, effects, uses },
    hold_id: shape.holdId,
    principal_name: shape.principalName,
    target_protocol: shape.targetProtocol,
    choices: shape.choices.map(choiceView),
    approved_by: shape.approvals.map(({ by }) => by),
    rule: shape.ruleId,
    rule_title: shape.ruleTitle,
    started_at: iso(shape.startedAtMs),
    ends_at: iso(shape.endsAtMs),
    uses_max: shape.usesMax,
    last_used_at: isoOrNull(shape.lastUsedAtMs),
    ended_at: isoOrNull(shape.endedAtMs),
    end_kind: shape.endKind,
    ended_by: shape.endedBy,
    end_reason: shape.endReason,
    can_revoke: state === 'active' && (mayEndAny || (viewer !== null && mayRevoke(shape, viewer))),
  };
}

export function holdShapeView(desk: ShapeDesk, holdId: string, viewer: Principal, mayEndAny: boolean): HoldShapeView {
  const offer = desk.offerOf(holdId);
  const shape = desk.shapeOfHold(holdId);
  const offered = offer === null || 'why' in offer ? null : offer;
  return {
    offer:
      offered === null
        ? null
        : {
            words: offered.words,
            holes: offered.holes.map(({ kind, value }) => ({ kind, value })),
            duration_ms_max: offered.durationMsMax,
            choices: offered.choices.map(choiceView),
          },
    no_shape_because: offer !== null && 'why' in offer ? offer.why : null,
    shape: shape === undefined ? null : shapeView(shape, viewer, mayEndAny),
  };
}

function choiceView({ by, durationMs, usesMax, conditions }: ShapeChoice): ShapeChoiceView {
  return { by, duration_ms: durationMs, uses_max: usesMax, conditions };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}
