// What the API asks of the desk of shapes, in the API's own words.

import type { Principal } from '../core/principal.ts';
import type { HoldShapeView, Page, ShapeApprovalBody, ShapeView } from './contract.ts';
import type { AnswerResult } from './hold-services.ts';

export type ShapeProblem = 'no-shape' | 'invalid-shape' | 'unknown' | 'not-allowed' | 'conflict' | 'failed';

export interface ShapeRefused {
  readonly kind: 'refused';
  readonly because: ShapeProblem;
  readonly why: string;
}

export interface ShapesQuery {
  readonly state?: 'active' | 'ended' | undefined;
  readonly principal?: string | undefined;
  readonly target?: string | undefined;
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
}

export interface ApiShapes {
  /** A yes to a hold and to its shape; `give` gives the yes itself. */
  approve(
    holdId: string,
    person: Principal,
    wanted: ShapeApprovalBody,
    give: () => Promise<AnswerResult>,
  ): Promise<AnswerResult | ShapeRefused>;
  ofHold(holdId: string, viewer: Principal): HoldShapeView;
  named(id: string, viewer: Principal): ShapeView | null;
  list(query: ShapesQuery, viewer: Principal): Page<ShapeView>;
  revoke(id: string, person: Principal, reason: string | null): ShapeRefused | { readonly kind: 'done'; readonly id: string };
}
