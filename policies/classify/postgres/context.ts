// What a text is read against: the session's settings as far as they are known, the target's objects, and the offsets.

import type { OwnChanges } from '../../../src/core/own-changes.ts';
import type { Classification, ColumnsTouched } from '../../../src/core/classification.ts';
import type { KnownObjects } from './known-objects.ts';
import type { Offsets } from './offsets.ts';
import type { Node } from './tree.ts';

export interface Context {
  readonly text: string;
  readonly offsets: Offsets;
  /** Settings at this statement; SETs earlier in the same text are in it. */
  readonly settings: Readonly<Record<string, string>>;
  /** Null when nothing is known of the target's objects. */
  readonly known: KnownObjects | null;
  /** What the open transaction has made or changed: the catalogue does not say it yet. */
  readonly changed: OwnChanges;
  /** search_path names pg_catalog, but not first: built-in names can be shadowed. */
  readonly shadowing: boolean;
  /** What a prepared name would do now, or null when it is not known. */
  readonly prepared: (name: string) => Classification | null;
  /** The columns that a statement touches. */
  readonly columns: (statement: Node) => ColumnsTouched;
  /** Start of the statement, UTF-16. */
  readonly start: number;
  readonly end: number;
}
