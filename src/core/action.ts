// Anything that is judged, as it was asked. A driver makes it from wire messages and submits it; it never classifies.

import type { Classification } from './classification.ts';
import type { ActionId } from './ids.ts';

export type ActionKind =
  'connect' | 'statement' | 'function-call' | 'replication' | 'command' | 'shell' | 'subsystem' | 'file' | 'forward' | 'environment';

export type TransactionState = 'none' | 'open' | 'failed';

/** A bound parameter as the client sent it. Text is decoded for people; the bytes are what an approval binds to. */
export interface Parameter {
  /** Type name where it is known ("int4"), else null. */
  readonly type: string | null;
  /** For people: decoded text, `\x…` for bytes that have no text form, null for SQL NULL. */
  readonly text: string | null;
}

/**
 * What changes how a text is read, beyond the text: server-confirmed settings and names.
 * `key` is equal exactly when all of the rest is equal; classifiers use it as cache key.
 */
export interface ReadingMode {
  readonly key: string;
  /** Lower-case setting names to values as the server reported or confirmed them. */
  readonly settings: Readonly<Record<string, string>>;
  /** What is known of the target's own objects; null when nothing is. */
  readonly catalogue: Catalogue | null;
}

/** The target's own objects, as far as judging needs them. Looked up by the classifier, filled by the driver. */
export interface Catalogue {
  /** Changes whenever the content does. */
  readonly version: string;
  /** Protocol-specific content; its shape is an agreement of one driver and one classifier, written in `policies/classify/<name>`. */
  readonly content: unknown;
}

/** A statement that the server has confirmed under a name. */
export interface PreparedStatement {
  readonly text: string;
  /** What running it would do; for SQL PREPARE this is the inner statement. */
  readonly classification: Classification;
}

export interface Action {
  readonly id: ActionId;
  readonly kind: ActionKind;
  /** Exactly what the client asked, decoded; never trimmed or normalised. */
  readonly text: string;
  /** The text as JSON, left by whoever made it first: the audit log and the recording both write it. */
  textJson?: string;
  /** Null where parameters make no sense (simple query). */
  readonly parameters: readonly Parameter[] | null;
  /** SHA-256 over the exact bytes judged (text and parameters), hex. Only made when a hold needs it. */
  readonly digest: () => string;
  readonly mode: ReadingMode;
  readonly transaction: TransactionState;
  /** Set when the text was classified before (a prepared statement at Bind): the classification to use. */
  readonly classified: Classification | null;
  /** What the session says that it is for (SET sallyport.reason; over SSH a variable of the channel); missing or null: nothing. */
  readonly reason?: string | null;
  /**
   * Rows that it would change, remove or give back, as the target's statistics say. Missing: nobody asked; null: it can't be known.
   * The gate fills it in when a rule reads it.
   */
  readonly estimatedRows?: number | null;
  /** Looks up a name of SQL EXECUTE among what the server confirmed; undefined means unknown. */
  readonly prepared: ((name: string) => PreparedStatement | undefined) | null;
}
