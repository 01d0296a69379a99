// What an approver is shown of an action before it runs: how many rows, how large, what goes along, which locks. A preview is
// made from the target's catalogue and statistics alone: nothing of the asked text is ever sent to the target for it, because
// planning a text (and so EXPLAIN) can run functions.

import type { Parameter, ReadingMode, TransactionState } from './action.ts';
import type { Classification } from './classification.ts';
import type { Condition } from './condition.ts';
import type { Target } from './target.ts';

/** What a classifier reads of one statement for its preview: names and literals. */
export interface StatementOutline {
  /** The condition of an UPDATE or DELETE; null when it has none. */
  readonly where: Condition | null;
  /** At most so many rows (LIMIT); null when nothing says so. */
  readonly rowsMax: number | null;
  /** DROP or TRUNCATE … CASCADE. */
  readonly cascade: boolean;
  /** Columns that ALTER TABLE drops. */
  readonly columnsDropped: readonly string[];
  /** Stays clear of the strong lock: CREATE INDEX CONCURRENTLY and the like. */
  readonly concurrently: boolean;
  /** What its rows come from, where that was read; missing: it was not, or `where` and `rowsMax` say it (UPDATE, DELETE). */
  readonly source?: RowSource;
}

/** Where the rows of a SELECT, an INSERT or a COPY come from, as far as it says how many they are at most. */
export type RowSource =
  /** So many, whatever the target holds: VALUES, an aggregate over everything. */
  | { readonly kind: 'rows'; readonly rows: number }
  /** Rows of a table, as the text names it, that meet the condition. */
  | { readonly kind: 'table'; readonly schema: string | null; readonly name: string; readonly where: Condition | null }
  /** Every row of one with every row of the other; `outer`: a side without a partner counts too. */
  | { readonly kind: 'product'; readonly parts: readonly RowSource[]; readonly outer: boolean }
  /** All rows of each. */
  | { readonly kind: 'sum'; readonly parts: readonly RowSource[] }
  /** No more than so many of them. */
  | { readonly kind: 'first'; readonly rowsMax: number; readonly of: RowSource }
  | { readonly kind: 'not-read' };

export interface PreviewQuestion {
  readonly target: Target;
  /** The session's database; null: the target's own. */
  readonly database: string | null;
  readonly classification: Classification;
  /** One for each statement of the classification, in order; null when the text was not read for it. */
  readonly outlines: readonly StatementOutline[] | null;
  readonly parameters: readonly Parameter[] | null;
  readonly transaction: TransactionState;
  readonly mode: ReadingMode | null;
}

export interface Preview {
  /** Tables that are named, without those that could not be found. */
  readonly tables: readonly TablePreview[];
  readonly statements: readonly StatementPreview[];
  /** What is not known and why, for people. */
  readonly notes: readonly string[];
}

export interface TablePreview {
  readonly name: string;
  /** "table", "view", … */
  readonly kind: string;
  readonly rows: number | null;
  /** From the statistics that the target's planner uses, or (never analysed) only from the table's size. */
  readonly rowsFrom: 'statistics' | 'size';
  /** With indexes and what is stored apart. */
  readonly bytes: number | null;
}

export interface StatementPreview {
  /** As the classification says it: "delete", "drop table". */
  readonly kind: string;
  /** Rows that it would change; null where that makes no sense or can't be known. */
  readonly rows: RowsPreview | null;
  readonly consequences: readonly Consequence[];
  /** Consequences beyond the limit of the list. */
  readonly consequencesLeftOut: number;
  readonly locks: readonly LockPreview[];
}

export interface RowsPreview {
  readonly table: string;
  readonly rows: number;
  /** `at-most`: part of the condition could not be estimated, and counts as true for every row. */
  readonly bound: 'about' | 'at-most';
  /** Rows of the table. */
  readonly of: number;
}

/** Something else that is changed, dropped or run, or that stops the statement. */
export interface Consequence {
  readonly kind: 'dropped-too' | 'rows-too' | 'runs' | 'prevents';
  /** "view public.recent_orders" */
  readonly what: string;
}

export interface LockPreview {
  readonly table: string;
  /** The target's own word: "ACCESS EXCLUSIVE". */
  readonly mode: string;
  /** What others can't do with the table meanwhile, for people. */
  readonly stops: string;
  /** Sessions that now hold a lock against which this one would wait. */
  readonly heldByOthers: number;
  /** Sessions that wait for a lock on this table now. */
  readonly waiting: number;
  /** How long the oldest of the holders' transactions is open, milliseconds; null when it is not known. */
  readonly oldestHolderMs: number | null;
}

/** Makes previews of one protocol's targets, over connections of its own. */
export interface Previewer {
  /** How many rows the text would change, remove or give back; null: it can't be known. Rejects with a Fault. */
  estimateRows(question: PreviewQuestion, signal: AbortSignal): Promise<number | null>;
  /** Rejects with a Fault whose words say why there is none. */
  preview(question: PreviewQuestion, signal: AbortSignal): Promise<Preview>;
}
