// The part of the contract about shapes of statements that are approved for a while. Console and command line read it through
// contract.ts.

/** What may stand in a hole, besides that its kind stays the same. `equal`: what stands there now. */
export type HoleConditionBody =
  | { readonly kind: 'equal' }
  | { readonly kind: 'any' }
  /** Whole numbers in decimal digits, both ends included. */
  | { readonly kind: 'range'; readonly least: string; readonly most: string }
  | { readonly kind: 'one-of'; readonly values: readonly string[] };

/** `shape` of POST /holds/{id}/approve: also every statement of this shape, by this person on this target, for a while. */
export interface ShapeApprovalBody {
  readonly for_ms: number;
  readonly uses_max?: number | undefined;
  /** Holes by number from 1. Those that are not named must stay equal. */
  readonly parameters?: readonly { readonly hole: number; readonly condition: HoleConditionBody }[] | undefined;
}

export type HoleConditionView = Exclude<HoleConditionBody, { kind: 'equal' }> | { readonly kind: 'equal'; readonly value: string };

export interface ShapeChoiceView {
  readonly by: string;
  readonly duration_ms: number;
  readonly uses_max: number | null;
  /** One for each hole. */
  readonly conditions: readonly HoleConditionView[];
}

export interface HoleView {
  /** integer, large-integer, decimal, string, parameter or quoted. */
  readonly kind: string;
  readonly value: string;
}

/** GET /holds/{id}/shape */
export interface HoldShapeView {
  /** The shape that can be approved with the hold; null: none can. */
  readonly offer: {
    readonly words: string;
    readonly holes: readonly HoleView[];
    readonly duration_ms_max: number;
    readonly choices: readonly ShapeChoiceView[];
  } | null;
  /** Why its rule would let a shape be approved but this text has none. */
  readonly no_shape_because: string | null;
  /** What was approved with it. */
  readonly shape: ShapeView | null;
}

export interface ShapeView {
  readonly id: string;
  readonly hold_id: string;
  readonly state: 'active' | 'ended';
  readonly principal: string;
  readonly principal_name: string;
  readonly target: string;
  readonly target_protocol: string;
  readonly database: string | null;
  /** The text with ‹1›, ‹2› … where the literals stand. */
  readonly words: string;
  readonly hash: string;
  readonly holes: readonly HoleView[];
  readonly effects: readonly string[];
  /** All of them must be met. */
  readonly choices: readonly ShapeChoiceView[];
  readonly approved_by: readonly string[];
  readonly rule: string;
  readonly rule_title: string;
  readonly started_at: string;
  readonly ends_at: string;
  readonly uses: number;
  readonly uses_max: number | null;
  readonly last_used_at: string | null;
  readonly ended_at: string | null;
  /** over, revoked, used-up, people or clock. */
  readonly end_kind: string | null;
  readonly ended_by: string | null;
  readonly end_reason: string | null;
  readonly can_revoke: boolean;
}
