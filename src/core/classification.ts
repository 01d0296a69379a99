// What a text means to its target: the classifier's answer and the policy's input.
// It is a plain immutable value, cached by exact text and mode, so nothing of one session may be in it.

import type { Effect } from './effect.ts';

/** Half-open range of UTF-16 code units in the action's text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A place in the text that an approver's eye should fall on, and why. */
export interface Risk extends Span {
  readonly why: string;
}

/**
 * Columns as the server names them, schema and table first as far as they are known: "public.users.ssn". A column `*` stands for any
 * column of its table, and "*" alone for any column at all: it can't be told which.
 */
export interface ColumnsTouched {
  /** Read in any way, down to the tables below a view. */
  readonly read: readonly string[];
  /** Those of them that something depends on besides what is returned: WHERE, JOIN, GROUP BY, ORDER BY, CASE. */
  readonly asked: readonly string[];
  /** Assigned to, loaded into, or changed themselves. */
  readonly written: readonly string[];
}

export interface StatementFacts {
  /** Lower-case statement kind as the field says it: "select", "drop table", "copy from", "alter role". */
  readonly kind: string;
  readonly span: Span;
  readonly effects: readonly Effect[];
  /** UPDATE or DELETE that reaches every row: no WHERE, or one that can't narrow it (WHERE true, 1=1). */
  readonly missingWhere: boolean;
  readonly risks: readonly Risk[];
  /** Missing: this classifier can't tell. */
  readonly columns?: ColumnsTouched;
  /** What later statements must know once the server has confirmed this one. */
  readonly changes: readonly SessionChange[];
}

/** How a confirmed statement changes the reading of later ones (SQL PREPARE, SET, DISCARD, …). */
export type SessionChange =
  | { readonly kind: 'prepare'; readonly name: string; readonly inner: StatementFacts }
  | { readonly kind: 'deallocate'; readonly name: string | null }
  | { readonly kind: 'set'; readonly setting: string; readonly value: string | null; readonly local: boolean }
  | { readonly kind: 'discard-all' }
  /** `names`: what it made or changed so that it may run other code or mean something else, without schemas. Missing: anything. */
  | { readonly kind: 'schema-changed'; readonly names?: readonly string[] };

/** Why a text was not understood. */
export interface Problem {
  readonly kind: 'syntax' | 'too-large' | 'encoding' | 'parser-gave-up' | 'unknown-construct' | 'ambiguous-mode' | 'unknown-statement';
  /** For people: what, where. The parser's own words for syntax errors ('syntax error at or near "SELEC"'). */
  readonly message: string;
  /** UTF-16 offset in the text, or null. */
  readonly offset: number | null;
}

export interface Classification {
  readonly understood: boolean;
  readonly problem: Problem | null;
  /** Every statement of the text in order; empty for an empty text and for one that was not understood. */
  readonly statements: readonly StatementFacts[];
  /** Unions over the statements, made once because policies ask for them at every action. */
  readonly summary: ClassificationSummary;
}

export interface ClassificationSummary {
  readonly kinds: readonly string[];
  readonly verbs: readonly string[];
  /** The strongest access of any effect: unknown > write > session > read. "read" for an empty text. */
  readonly access: 'read' | 'session' | 'write' | 'unknown';
  readonly effects: readonly Effect[];
  /** Every table or view named, read or written, normalised, without duplicates. */
  readonly tables: readonly string[];
  /** Those that a write-access effect names. */
  readonly tablesWritten: readonly string[];
  readonly functions: readonly string[];
  readonly missingWhere: boolean;
  /** Of all statements; missing when one of them, or the text, can't tell. */
  readonly columns?: ColumnsTouched;
}
