// The read-only fence: what was judged to only read runs in a READ ONLY transaction of the gateway's own, so that the server itself
// refuses writes (error 1792). MySQL has no read-only part of an open transaction: there, a statement runs only when the
// catalogue, read anew, still says that it reads. This file knows what can be fenced how; the machine does it.

import type { Classification } from '../../src/core/classification.ts';
import type { Obligations } from '../../src/core/decision.ts';
import { framed } from './codec.ts';
import { query, status } from './messages.ts';

/** ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION */
export const readOnlyError = 1792;

/** A function of the client can't end it: COMMIT and settings of transactions are errors there, or change the next one only. */
export const raiseQuery = framed(query('START TRANSACTION READ ONLY'), 0);
/** Whatever completion_type says: neither a new transaction nor the end of the connection. */
export const lowerQuery = framed(query('COMMIT AND NO CHAIN NO RELEASE'), 0);

/** What the server says of the gateway's transaction, and the client must not believe to be its own. */
export const hiddenFlags = status.inTransaction | status.readOnlyTransaction;

/**
 * Queries, which mean the same inside a transaction. What else reads (SET, DO, HANDLER) is proved instead; EXPLAIN too, because a
 * read-only transaction has an error even for the plan of a DELETE.
 */
const fencedKinds = new Set(['select', 'values', 'table', 'execute']);
/** They run nothing of what they show. */
const shows = new Set(['describe', 'show']);

/** One that is harmless as long as nobody has stored another of its name. */
function readsFunction({ effects }: Classification['summary']): boolean {
  return effects.some(({ verb, objectKind }) => verb === 'read' && objectKind === 'function');
}

/** none: nothing to do. transaction: it runs in one. proof: none can be had, so that it runs only when proved to read. */
export type FenceNeed = 'none' | 'transaction' | 'proof';

export class Fence {
  /** LOCK TABLES holds until it is undone; a new transaction would undo it. */
  #tablesLocked = false;

  /** Without a table, a view or a function that is looked up only built-in ones can run, which the classifier knows by name. */
  need({ fence }: Obligations, { understood, summary }: Classification, statusFlags: number): FenceNeed {
    if (fence === undefined || !understood || (summary.tables.length === 0 && !readsFunction(summary))) return 'none';
    if (summary.access !== 'read' && summary.access !== 'session') return 'none'; // allowed for what it changes
    if (summary.kinds.every((kind) => shows.has(kind))) return 'none';
    const between = (statusFlags & (status.inTransaction | status.autocommit)) === status.autocommit && !this.#tablesLocked;
    return between && summary.kinds.every((kind) => fencedKinds.has(kind)) ? 'transaction' : 'proof';
  }

  /** The target has confirmed it. */
  completed({ statements }: Classification): void {
    for (const { kind, effects } of statements) {
      if (kind === 'unlock' || effects.some(({ verb }) => verb === 'transaction')) this.#tablesLocked = false;
      if (effects.some(({ verb, objectKind }) => verb === 'lock' && objectKind === 'table')) this.#tablesLocked = true;
    }
  }

  reset(): void {
    this.#tablesLocked = false;
  }
}
