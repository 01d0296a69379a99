// The part of the contract about previews: what an approver is shown of an action before it runs.

/** GET /holds/{id}/preview */
export interface PreviewView {
  readonly state: 'ready' | 'none';
  /** With `none`: why there is no preview. */
  readonly why: string | null;
  readonly made_at: string | null;
  readonly tables: readonly {
    readonly name: string;
    readonly kind: string;
    readonly rows: number | null;
    /** `size`: the table was never analysed, so its rows are a guess from its size. */
    readonly rows_from: 'statistics' | 'size';
    readonly bytes: number | null;
  }[];
  readonly statements: readonly PreviewStatementView[];
  /** What is not known and why. */
  readonly notes: readonly string[];
}

export interface PreviewStatementView {
  readonly kind: string;
  /** `at-most`: part of the condition could not be estimated and counts as true for every row. */
  readonly rows: {
    readonly table: string;
    readonly rows: number;
    readonly bound: 'about' | 'at-most';
    readonly of: number;
  } | null;
  readonly consequences: readonly {
    readonly kind: 'dropped-too' | 'rows-too' | 'runs' | 'prevents';
    readonly what: string;
  }[];
  readonly consequences_left_out: number;
  readonly locks: readonly {
    readonly table: string;
    readonly mode: string;
    readonly stops: string;
    readonly held_by_others: number;
    readonly waiting: number;
    readonly oldest_holder_ms: number | null;
  }[];
}
