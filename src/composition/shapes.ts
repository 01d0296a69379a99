// Joins the desk of shapes to the rest: holds tell it how they ended, and the API asks in its own words.

import type { ApiShapes } from '../api/shape-services.ts';
import { createShapeDesk } from '../approvals/shape-approvals.ts';
import type { HoldDesk } from '../approvals/hold-desk.ts';
import type { ShapeDesk, ShapeParts } from '../approvals/shape-desk.ts';
import { holdShapeView, shapeView } from '../approvals/shape-view.ts';

/** The desk, which hears of every hold that ends. */
export function openShapes(parts: Omit<ShapeParts, 'holdNamed'> & { readonly holds: HoldDesk }): ShapeDesk {
  const { holds, ...others } = parts;
  const desk = createShapeDesk({ ...others, holdNamed: (id) => holds.get(id) });
  holds.on(({ kind, hold }) => {
    if (kind === 'settled') desk.settled(hold);
  });
  desk.recover();
  return desk;
}

export function apiShapes(desk: ShapeDesk, mayEndAny: (person: string) => boolean): ApiShapes {
  return {
    approve: (holdId, person, { for_ms: durationMs, uses_max: usesMax = null, parameters = [] }, give) =>
      desk.approve(holdId, person, { durationMs, usesMax, conditions: parameters }, give),
    ofHold: (holdId, viewer) => holdShapeView(desk, holdId, viewer, mayEndAny(viewer.name)),
    named: (id, viewer) => {
      const shape = desk.shapeOf(id);
      return shape === undefined ? null : shapeView(shape, viewer, mayEndAny(viewer.name));
    },
    list: (query, viewer) => {
      const { items, next } = desk.list(query);
      return { items: items.map((it) => shapeView(it, viewer, mayEndAny(viewer.name))), next };
    },
    revoke: (id, person, reason) => {
      const result = desk.revoke(id, person, mayEndAny(person.name), reason);
      return result.kind === 'done' ? { kind: 'done', id: result.shape.id } : result;
    },
  };
}
