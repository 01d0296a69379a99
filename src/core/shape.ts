// The shape of a statement or command: its tree with the literals taken out. People can approve a shape for a while, with a
// condition for each literal; what classifiers, the gate and the desk of shapes say to each other about that stands here.

import type { Action } from './action.ts';
import type { Classification, Span } from './classification.ts';
import type { Approval, HoldTerms } from './decision.ts';
import type { HoldId, ShapeId } from './ids.ts';
import type { Principal } from './principal.ts';
import type { Target } from './target.ts';

/** What kind of literal stands in a hole. It is part of the shape: a server picks operators and functions by it. */
export type HoleKind = 'integer' | 'large-integer' | 'decimal' | 'string' | 'parameter' | 'quoted';

/** A place of a shape where a literal stands, in the order of the text. */
export interface Hole {
  readonly kind: HoleKind;
  /** What stands there now: the string's value, the number as the server reads it. */
  readonly value: string;
  readonly span: Span;
}

export interface Shape {
  /** SHA-256, hex, over the tree without the literals, what it would do, and everything that says what its names mean. */
  readonly hash: string;
  /** For people: the text with `‹1›`, `‹2›` … where the literals stand. */
  readonly words: string;
  readonly holes: readonly Hole[];
}

/** A text that has no shape that could be approved, and why: one sentence. */
export interface NoShape {
  readonly why: string;
}

/** What may stand in a hole, besides that its kind stays the same. */
export type HoleCondition =
  | { readonly kind: 'equal'; readonly value: string }
  | { readonly kind: 'any' }
  /** Whole numbers, both ends included; decimal digits, so that no size is lost. */
  | { readonly kind: 'range'; readonly least: string; readonly most: string }
  | { readonly kind: 'one-of'; readonly values: readonly string[] };

/** An action that a rule holds, as the desk of shapes is asked about it. */
export interface ShapeAsked {
  readonly action: Action;
  readonly classification: Classification;
  readonly principal: Principal;
  readonly target: Pick<Target, 'name' | 'protocol'>;
  readonly database: string | null;
  /** The rules that hold it now, as the decision names them, and their terms. */
  readonly ruleId: string;
  readonly terms: HoldTerms;
}

/** A shape in force that an action has. */
export interface ShapeMatch {
  readonly id: ShapeId;
  /** The yeses to the hold that the shape was approved with, as facts for another decision. */
  readonly approvals: readonly Approval[];
  /** Counts one use, in writing. False when it is over or used up: nothing may run by it then. */
  take(): boolean;
}

export interface Shapes {
  /** The shape in force that this action has, or null. Throws nothing that lets something run. */
  match(asked: ShapeAsked): ShapeMatch | null;
  /** An action waits for people: its shape may be approved with it. */
  offer(holdId: HoldId, asked: ShapeAsked): void;
}

export function isShape(read: Shape | NoShape): read is Shape {
  return 'hash' in read;
}
