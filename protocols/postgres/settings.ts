// The session's settings as the server confirmed them, as far as they change how a text is read. Follows ParameterStatus,
// SET, transactions and rollbacks; makes the ReadingMode that actions carry.

import type { Catalogue, ReadingMode } from '../../src/core/action.ts';

/** Settings that change what a text means or who runs it. The others are followed by nobody. */
const reading = new Set([
  'standard_conforming_strings',
  'client_encoding',
  'server_version',
  'search_path',
  'role',
  'session_authorization',
  'default_transaction_read_only',
  'transaction_read_only',
  'backslash_quote',
  'transform_null_equals',
  'session_replication_role',
  'row_security',
]);

/** What a setting reads as after something happened that can't be followed (ROLLBACK TO a savepoint). */
export const unknownSetting = '?';

export class Settings {
  /** As at session start: what RESET and DISCARD ALL go back to. */
  readonly #initial = new Map<string, string>();
  #now = new Map<string, string>();
  #inTransaction = false;
  /** Copy from before the open transaction's first SET; null until there is one. */
  #before: Map<string, string> | null = null;
  #changedInTransaction = new Set<string>();
  #catalogue: Catalogue | null = null;
  #mode: ReadingMode | null = null;

  /** ParameterStatus: the server's word, always right. */
  reported(name: string, value: string): void {
    this.#put(this.#now, name.toLowerCase(), value);
  }

  /** A SET that the server confirmed; null goes back to the initial value. */
  set(name: string, value: string | null, local: boolean): void {
    const key = name.toLowerCase();
    if (!reading.has(key)) return;
    if (this.#inTransaction) this.#before ??= new Map(this.#now);
    const wanted = value ?? this.#initial.get(key);
    if (wanted === undefined) {
      this.#now.delete(key);
      this.#mode = null;
    } else {
      this.#put(this.#now, key, wanted);
    }
    if (this.#before === null) return;
    this.#changedInTransaction.add(key);
    // A committed SET stays; SET LOCAL ends with the transaction whatever becomes of it.
    if (!local) this.#changedInTransaction.delete(`local:${key}`);
    else this.#changedInTransaction.add(`local:${key}`);
  }

  /** Everything that came with the sign-in is what RESET goes back to. */
  signedIn(startup: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(startup)) {
      const key = name.toLowerCase();
      if (reading.has(key) && !this.#now.has(key)) this.#put(this.#now, key, value);
    }
    for (const [key, value] of this.#now) this.#initial.set(key, value);
  }

  discardAll(): void {
    for (const key of reading) {
      if (key === 'server_version') continue;
      const initial = this.#initial.get(key);
      if (initial === undefined) this.#now.delete(key);
      else this.#now.set(key, initial);
    }
    this.#mode = null;
  }

  /** A transaction (an implicit one too) may be open from now on. */
  transactionBegan(): void {
    this.#inTransaction = true;
  }

  /** The transaction is over. After a rollback its SETs are undone, after a commit only the LOCAL ones. */
  transactionEnded(committed: boolean): void {
    this.#inTransaction = false;
    if (this.#before === null) return;
    for (const key of this.#changedInTransaction) {
      if (key.startsWith('local:')) continue;
      if (committed && !this.#changedInTransaction.has(`local:${key}`)) continue;
      const earlier = this.#before.get(key);
      if (earlier === undefined) this.#now.delete(key);
      else this.#now.set(key, earlier);
    }
    this.#before = null;
    this.#changedInTransaction.clear();
    this.#mode = null;
  }

  /** ROLLBACK TO: which of the transaction's SETs are undone is not known, so none of them is relied on. */
  rolledBackToSavepoint(): void {
    for (const key of this.#changedInTransaction) if (!key.startsWith('local:')) this.#put(this.#now, key, unknownSetting);
  }

  catalogue(catalogue: Catalogue | null): void {
    if (catalogue === this.#catalogue) return;
    this.#catalogue = catalogue;
    this.#mode = null;
  }

  get(name: string): string | undefined {
    return this.#now.get(name);
  }

  /** The mode now; the same object until something changes. */
  get mode(): ReadingMode {
    this.#mode ??= makeMode(this.#now, this.#catalogue);
    return this.#mode;
  }

  #put(where: Map<string, string>, key: string, value: string): void {
    if (!reading.has(key) || where.get(key) === value) return;
    where.set(key, value);
    this.#mode = null;
  }
}

function makeMode(values: ReadonlyMap<string, string>, catalogue: Catalogue | null): ReadingMode {
  const settings = Object.fromEntries([...values].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { key: `${catalogue?.version ?? '-'}|${JSON.stringify(settings)}`, settings, catalogue };
}
