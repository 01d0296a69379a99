// Reads the catalogue of one database. From the second reading in a row its connection stays open for some seconds, as a migration
// has it read again after each of its statements; and when nothing that it is made of has changed, nothing is read. What is given is never older than the call.

import { createHash } from 'node:crypto';
import type { Catalogue } from '../../src/core/action.ts';
import type { Clock, Random } from '../../src/core/clock.ts';
import { beginningOf, marksQuery } from './catalogue-marks.ts';
import { catalogueQueries, type CatalogueQuery, type CatalogueRows } from './catalogue-queries.ts';
import { readCatalogue } from './catalogue.ts';
import { OwnConnection } from './own-connection.ts';
import type { Row } from './own-query.ts';
import type { Upstream } from './upstream.ts';

/** Shorter than the 5 s that PostgreSQL itself waits for others to leave a database that is dropped, renamed or copied. */
const idleMsMax = 2_000;
/** Signed in again from time to time: an account may have been locked or changed, and servers grow with use. */
const connectionAgeMsMax = 20_000;

interface Kept {
  readonly connection: OwnConnection;
  readonly openedMs: number;
  /** What it began with; null before the first answer. */
  beginning: string | null;
}

/** What was read last, and the marks from just before. Null marks: it may be read otherwise although nothing has changed. */
interface Known {
  readonly marks: string | null;
  readonly catalogue: Catalogue;
}

export class CatalogueSource {
  readonly #signIn: (signal: AbortSignal) => Promise<Upstream>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #marksQuery: string;
  /** Called once, when the server turns out to stand behind a pooler. */
  #onPooler: (() => void) | null;
  #kept: Kept | null = null;
  #idle: NodeJS.Timeout | null = null;
  #known: Known | null = null;
  #hasMarks = true;
  #loadedMs = Number.NEGATIVE_INFINITY;
  /** Another call came not long before this one: there will be more. */
  #isAsked = false;
  #closed = false;

  constructor(signIn: (signal: AbortSignal) => Promise<Upstream>, clock: Clock, random: Random, onPooler: () => void) {
    this.#signIn = signIn;
    this.#clock = clock;
    this.#random = random;
    this.#onPooler = onPooler;
    this.#marksQuery = marksQuery(random.bytes(8).readBigUInt64BE() >> 1n);
  }

  /** As it is now. One call at a time. Throws Fault target-*. */
  async load(signal: AbortSignal): Promise<Catalogue> {
    const nowMs = this.#clock.monotonicMs();
    this.#isAsked = nowMs - this.#loadedMs <= idleMsMax;
    this.#loadedMs = nowMs;
    const kept = this.#take();
    if (kept !== null) {
      const catalogue = await this.#over(kept, signal).catch(() => null); // a kept connection may have ended: then by a new one
      if (catalogue !== null) return catalogue;
    }
    const connection = new OwnConnection(await this.#signIn(signal), this.#random.bytes(6).toString('hex'));
    const fresh: Kept = { connection, openedMs: this.#clock.monotonicMs(), beginning: null };
    const catalogue = await this.#over(fresh, signal).catch(async (thrown: unknown) => {
      if (!this.#hasMarks || !isNotKnownThere(thrown)) throw thrown;
      this.#hasMarks = false;
      return this.load(signal);
    });
    if (catalogue === null) throw new Error('a connection that has just begun began otherwise');
    return catalogue;
  }

  close(): void {
    this.#closed = true;
    this.#take()?.connection.close();
  }

  /** Null when this connection can't know what holds now. Whatever fails closes it. */
  async #over(kept: Kept, signal: AbortSignal): Promise<Catalogue | null> {
    let isGood = false;
    try {
      const marks = this.#hasMarks ? (await kept.connection.ask([this.#marksQuery], signal))[0]?.[0] : undefined;
      if (marks !== undefined) {
        const beginning = beginningOf(marks);
        kept.beginning ??= beginning;
        if (kept.beginning !== beginning) return null;
      }
      const known = await this.#read(kept.connection, marks === undefined ? null : JSON.stringify(marks), signal);
      isGood = true;
      return known.catalogue;
    } finally {
      if (isGood) this.#keep(kept);
      else kept.connection.close();
    }
  }

  async #read(connection: OwnConnection, marks: string | null, signal: AbortSignal): Promise<Known> {
    const before = this.#known;
    if (before !== null && marks !== null && before.marks === marks) return before;
    const results = await connection.ask(Object.values(catalogueQueries), signal);
    if (connection.isPooled) this.#tellPooler();
    const version = createHash('sha256').update(JSON.stringify(results)).digest('hex').slice(0, 16);
    const rows = rowsOf(results);
    const catalogue = before?.catalogue.version === version ? before.catalogue : { version, content: readCatalogue(rows) };
    this.#known = { marks: hidesNothing(rows) ? marks : null, catalogue };
    return this.#known;
  }

  #tellPooler(): void {
    this.#onPooler?.();
    this.#onPooler = null;
  }

  #take(): Kept | null {
    const kept = this.#kept;
    this.#kept = null;
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    return kept?.connection.isOpen === true ? kept : null;
  }

  #keep(kept: Kept): void {
    const isOld = this.#clock.monotonicMs() - kept.openedMs > connectionAgeMsMax;
    // Without marks a connection would not learn of other settings of its role.
    if (this.#closed || isOld || !this.#hasMarks || !this.#isAsked) return kept.connection.close();
    this.#kept = kept;
    this.#idle = setTimeout(() => this.#take()?.connection.close(), idleMsMax);
    this.#idle.unref();
  }
}

function rowsOf(results: readonly Row[][]): CatalogueRows {
  const names = Object.keys(catalogueQueries) as CatalogueQuery[];
  return Object.fromEntries(names.map((name, index) => [name, results[index] ?? []])) as unknown as CatalogueRows;
}

/** The server does not know what marksQuery asks with (older than 11, or no PostgreSQL): it is read whole each time. */
function isNotKnownThere(thrown: unknown): boolean {
  const code = thrown instanceof Error ? (thrown.cause as { readonly code?: unknown } | undefined)?.code : undefined;
  return typeof code === 'string' && code.startsWith('42');
}

/** False when a view was locked: its definition was not read, and the end of a lock leaves no mark. */
function hidesNothing({ relations }: CatalogueRows): boolean {
  return relations.every(({ kind, definition }) => (kind !== 'v' && kind !== 'm') || definition !== null);
}
