// The session's settings as the server confirmed them, as far as they change how a text is read. Follows ParameterStatus,
// SET, transactions and rollbacks; makes the ReadingMode that actions carry.

import type { Catalogue, ReadingMode } from '../../src/core/action.ts';
import type { SqlCatalogue } from '../../src/core/catalogue.ts';
import { ownChangesSetting, withOwnChanges } from '../../src/core/own-changes.ts';

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

/** Those that something unseen (a function, a DO block) may have changed for good, unless the server reports them itself. */
const doubtable = ['search_path', 'role', 'session_replication_role'];

/** What a setting reads as after something happened that can't be followed (ROLLBACK TO a savepoint). */
export const unknownSetting = '?';

/** What the open transaction changed, for a text that ends it and goes on. */
const unsettledSettings = 'unsettled';

type Values = Map<string, string>;

export class Settings {
  /** As at session start: what RESET and DISCARD ALL go back to. */
  readonly #initial: Values = new Map();
  /** What the server last said itself (ParameterStatus): complete and right at every ReadyForQuery. */
  readonly #reported: Values = new Map();
  #now: Values = new Map();
  #inTransaction = false;
  /** What ROLLBACK and COMMIT make of the settings; null until the transaction's first SET. */
  #onRollback: Values | null = null;
  #onCommit: Values | null = null;
  readonly #touched = new Set<string>();
  #catalogue: Catalogue | null = null;
  /** The account's search_path when this session's connection began, by the catalogue of then; undefined: not known, or the server tells itself. */
  #pathAtStart: string | undefined;
  /** What the open transaction has made or changed in the schema; undefined: nothing. */
  #ownChanges: string | undefined;
  #mode: ReadingMode | null = null;
  /** Something besides the server's word changed what holds now. */
  #followed = false;

  /** ParameterStatus: the server's word. */
  reported(name: string, value: string): void {
    const key = name.toLowerCase();
    if (!reading.has(key)) return;
    this.#reported.set(key, value);
    this.#put(this.#now, key, value);
  }

  /** ReadyForQuery: what the server has reported is what holds now, whatever was followed meanwhile. */
  ready(): void {
    if (!this.#followed) return;
    this.#followed = false;
    for (const [key, value] of this.#reported) this.#put(this.#now, key, value);
  }

  /** A SET that the server confirmed; null goes back to the initial value. */
  set(name: string, value: string | null, local: boolean): void {
    const key = name.toLowerCase();
    if (!reading.has(key)) return;
    this.#beforeChange();
    this.#touch(key);
    const wanted = value ?? this.#initial.get(key);
    this.#followed = true;
    this.#put(this.#now, key, wanted);
    if (!local && this.#onCommit !== null) this.#put(this.#onCommit, key, wanted);
  }

  /**
   * Everything that came with the sign-in is what RESET goes back to. `startup`: settings in the order in which the server
   * applies them, so that the last of a name counts.
   */
  signedIn(startup: readonly { readonly name: string; readonly value: string }[]): void {
    for (const { name, value } of startup) {
      const key = name.toLowerCase();
      if (reading.has(key) && !this.#reported.has(key)) this.#put(this.#now, key, value);
    }
    for (const [key, value] of this.#now) this.#initial.set(key, value);
  }

  /** Where the server does not report it (before 18): what the account's search_path was. Later ones are those of later connections. */
  pathAtStart(path: string): void {
    if (!this.#reported.has('search_path')) this.#pathAtStart = path;
  }

  discardAll(): void {
    for (const key of reading) if (key !== 'server_version') this.set(key, null, false);
  }

  /** A transaction (an implicit one too) may be open from now on. */
  transactionBegan(): void {
    this.#inTransaction = true;
  }

  /** The transaction is over. After a rollback its SETs are undone, after a commit only the LOCAL ones. */
  transactionEnded(committed: boolean): void {
    this.#inTransaction = false;
    if (this.#ownChanges !== undefined) {
      this.#ownChanges = undefined;
      this.#mode = null;
    }
    const after = committed ? this.#onCommit : this.#onRollback;
    this.#onRollback = null;
    this.#onCommit = null;
    if (after === null) return;
    this.#touched.clear();
    this.#followed = true;
    this.#now = after;
    this.#mode = null;
  }

  /** ROLLBACK TO: which of the transaction's SETs are undone is not known, so none of them is relied on. */
  rolledBackToSavepoint(): void {
    for (const key of this.#touched) this.#doubt(key);
  }

  /** Something ran whose effects nobody knows. */
  doubt(): void {
    for (const key of doubtable) if (!this.#reported.has(key)) this.#doubt(key);
  }

  /** A definition in the open transaction, which others don't see yet; undefined: nobody knows of what. A rollback to a savepoint keeps it. */
  changedSchema(names: readonly string[] | undefined): void {
    if (!this.#inTransaction) return;
    const before = this.#ownChanges;
    this.#ownChanges = withOwnChanges(before, names);
    if (this.#ownChanges !== before) this.#mode = null;
  }

  /** The end of the transaction may put settings back, and shows others what it made. */
  get changedInTransaction(): boolean {
    return this.#touched.size > 0 || this.#ownChanges !== undefined;
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
    this.#mode ??= makeMode(this.#values(), this.#touched, this.#ownChanges, this.#catalogue);
    return this.#mode;
  }

  /** The account's own path holds where none was set. When it is another one by now, this session may have either (ALTER ROLE, a reload). */
  #values(): Values {
    const path = (this.#catalogue?.content as SqlCatalogue | undefined)?.searchPath;
    if (this.#now.has('search_path') || this.#pathAtStart === undefined || path === undefined || path === this.#pathAtStart)
      return this.#now;
    return new Map([...this.#now, ['search_path', unknownSetting]]);
  }

  #touch(key: string): void {
    if (!this.#inTransaction || this.#touched.has(key)) return;
    this.#touched.add(key);
    this.#mode = null;
  }

  #beforeChange(): void {
    if (!this.#inTransaction) return;
    this.#onRollback ??= new Map(this.#now);
    this.#onCommit ??= new Map(this.#now);
  }

  #doubt(key: string): void {
    this.#beforeChange();
    this.#touch(key);
    this.#followed = true;
    this.#put(this.#now, key, unknownSetting);
    if (this.#onCommit !== null) this.#put(this.#onCommit, key, unknownSetting);
  }

  #put(where: Values, key: string, value: string | undefined): void {
    if (where.get(key) === value) return;
    if (value === undefined) where.delete(key);
    else where.set(key, value);
    if (where === this.#now) this.#mode = null;
  }
}

function makeMode(
  values: ReadonlyMap<string, string>,
  touched: ReadonlySet<string>,
  ownChanges: string | undefined,
  catalogue: Catalogue | null,
): ReadingMode {
  const all = [...values];
  if (touched.size > 0) all.push([unsettledSettings, [...touched].sort().join(' ')]);
  if (ownChanges !== undefined) all.push([ownChangesSetting, ownChanges]);
  const settings = Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)));
  return { key: `${catalogue?.version ?? '-'}|${JSON.stringify(settings)}`, settings, catalogue };
}
