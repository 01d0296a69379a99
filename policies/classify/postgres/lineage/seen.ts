// What one statement was seen to touch while its tree is followed: what it names, what it asks about, what it writes where.

import type { Sources } from './sources.ts';

/** A value written into a column. */
export interface Copy {
  readonly schema: string | null;
  readonly table: string;
  /** Null when it isn't known which. */
  readonly column: string | null;
  readonly sources: Sources;
}

/** Deeper than any text of people; the stack bears ten times as much. */
const depthMax = 1_000;
/** Columns looked at for one statement: some hundredths of a second. WITH over WITH makes millions out of a line. */
const columnsMax = 300_000;
/** The server's own limit of a select list (MaxTupleAttributeNumber). */
export const listColumnsMax = 1664;

/** Nested too deeply, or of too many columns. */
export class TooDeep extends Error {}

export class Seen {
  /** What the statement asks about besides what it returns: WHERE, JOIN, GROUP BY, ORDER BY, CASE. */
  readonly #asked = new Set<string>();
  #mentioned = new Set<string>();
  readonly #written = new Set<string>();
  readonly copies: Copy[] = [];
  #depth = 0;
  #columns = 0;

  get asked(): Sources {
    return this.#asked;
  }

  /** Everything it names. */
  get mentioned(): Sources {
    return this.#mentioned;
  }

  /** The columns that it assigns to, those below a view included. */
  get written(): Sources {
    return this.#written;
  }

  mention(sources: Sources): void {
    this.#add(this.#mentioned, sources);
  }

  ask(sources: Sources): void {
    this.mention(sources);
    this.#add(this.#asked, sources);
  }

  write(sources: Sources): void {
    this.#add(this.#written, sources);
  }

  /** What it would write is not written: it is only planned. */
  writesNothing(): void {
    this.#written.clear();
  }

  #add(all: Set<string>, sources: Sources): void {
    this.look(sources.size);
    for (const key of sources) all.add(key);
  }

  /** Counts columns that are looked at or put together. Throws TooDeep. */
  look(columns: number): void {
    this.#columns += columns;
    if (this.#columns > columnsMax) throw new TooDeep();
  }

  /** Also gives everything that was named meanwhile. */
  collecting<Found>(work: () => Found): [Found, Sources] {
    const before = this.#mentioned;
    this.#mentioned = new Set();
    const found = work();
    const everything = this.#mentioned;
    this.#mentioned = before;
    this.#add(before, everything);
    return [found, everything];
  }

  /** Everything that was asked about meanwhile counts as asked, and so does what was named. */
  asking(work: () => Sources): Sources {
    const found = work();
    this.ask(found);
    return found;
  }

  /** One step further down the tree. Throws TooDeep. */
  deeper<Found>(work: () => Found): Found {
    if (++this.#depth > depthMax) throw new TooDeep();
    try {
      return work();
    } finally {
      this.#depth -= 1;
    }
  }
}
