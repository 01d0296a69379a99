// What one statement was seen to touch while its tree is followed: what it names, what it asks about, what it writes where.

import { noSources, union, type Sources } from './sources.ts';

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

export class TooDeep extends Error {}

export class Seen {
  /** What the statement asks about besides what it returns: WHERE, JOIN, GROUP BY, ORDER BY, CASE. */
  asked: Sources = noSources;
  /** Everything it names. */
  mentioned: Sources = noSources;
  /** The columns that it assigns to, those below a view included. */
  written: Sources = noSources;
  readonly copies: Copy[] = [];
  #depth = 0;

  mention(sources: Sources): void {
    this.mentioned = union(this.mentioned, sources);
  }

  ask(sources: Sources): void {
    this.mention(sources);
    this.asked = union(this.asked, sources);
  }

  write(sources: Sources): void {
    this.written = union(this.written, sources);
  }

  /** Also gives everything that was named meanwhile. */
  collecting<Found>(work: () => Found): [Found, Sources] {
    const before = this.mentioned;
    this.mentioned = noSources;
    const found = work();
    const everything = this.mentioned;
    this.mentioned = union(before, everything);
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
