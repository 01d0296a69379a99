// What is hidden in results: the rules as policies say them, and the plan that is made of them for one released action. The plan
// knows columns and words; how a value is written in a protocol is the driver's.

import type { Action } from './action.ts';
import type { Classification } from './classification.ts';
import type { Protocol } from './target.ts';

/** What stands in a value's place, from the loosest to the strictest. */
export const maskMethods = ['partial', 'hash', 'fixed', 'null'] as const;
export type MaskMethod = (typeof maskMethods)[number];

/** What is looked for in values, whatever their column is called. */
export const detectors = ['email', 'card', 'iban', 'phone', 'ssn', 'ip', 'jwt'] as const;
export type Detector = (typeof detectors)[number];

export interface MaskRule {
  /** Patterns of columns: "ssn", "customers.email", "public.customers.*"; empty for a detector. */
  readonly columns: readonly string[];
  readonly detector: Detector | null;
  readonly with: MaskMethod;
  /** Whether a statement may ask about these columns otherwise than by returning them (WHERE, ORDER BY, JOIN). */
  readonly predicates: 'allow' | 'deny';
}

/** A field of a result as the target describes it. */
export interface ResultField {
  readonly name: string;
  /** Where its values come from unchanged, as the target says it; null: an expression, or not said. */
  readonly origin:
    | { readonly kind: 'attribute'; readonly relationId: string; readonly attribute: number }
    | { readonly kind: 'column'; readonly schema: string; readonly table: string; readonly column: string }
    | null;
}

/** How the values of one field are masked. */
export interface FieldMask {
  /** Never shown whatever it holds; else only where something is found in it. */
  readonly whole: boolean;
  readonly method: MaskMethod;
  /** The text to show for this one; null shows NULL; the same text when there is nothing to hide. */
  text(value: string): string | null;
}

/** What one session has declared, and not forgotten: FETCH is masked as the query of its cursor. The planner's own; bounded. */
export type DeclaredCursors = Map<string, unknown>;

/** The masks of one released action. */
export interface Masking {
  /** Masks for the fields of a result of the statement at this place of the text; null where a field goes as it is. */
  fields(statement: number, fields: readonly ResultField[], cursors: DeclaredCursors): readonly (FieldMask | null)[];
  /** To be called when the action is sent: notes what it declares. */
  declare(cursors: DeclaredCursors): void;
  /** What the target says in an error or a notice, with what it may quote of hidden values taken out. */
  words(said: string): string;
  /** Code of the target runs in it, whose errors can say anything under any number. Missing: not, or told by the error itself. */
  readonly runsCode?: boolean;
}

export type MaskPlan =
  | { readonly kind: 'none' }
  | { readonly kind: 'mask'; readonly masking: Masking }
  /** It can't be masked, or asks what may not be asked; words for the person. */
  | { readonly kind: 'refuse'; readonly message: string; readonly hint: string | null };

/** Implemented in policies/masking. Throws for nothing: what can't be planned is refused. */
export interface Masker {
  plan(protocol: Protocol, action: Action, classification: Classification, rules: readonly MaskRule[]): MaskPlan;
}
