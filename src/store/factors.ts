// What people prove themselves with besides tokens and links: password hashes, public keys of passkeys, secrets of
// authenticator apps; and when somebody last proved a second factor.

import type { Db, Migration } from './database.ts';

export const factorMigrations: readonly Migration[] = [
  {
    id: 'factors-1',
    sql: `CREATE TABLE passwords (
            person TEXT PRIMARY KEY,
            hash TEXT NOT NULL,
            set_at_ms INTEGER NOT NULL
          ) STRICT, WITHOUT ROWID;
          CREATE TABLE passkeys (
            id TEXT PRIMARY KEY,
            person TEXT NOT NULL,
            name TEXT NOT NULL,
            rp_id TEXT NOT NULL,
            public_key BLOB NOT NULL,
            counter INTEGER NOT NULL,
            created_at_ms INTEGER NOT NULL,
            last_used_at_ms INTEGER
          ) STRICT, WITHOUT ROWID;
          CREATE INDEX passkeys_by_person ON passkeys (person);
          CREATE TABLE totp (
            person TEXT PRIMARY KEY,
            secret BLOB NOT NULL,
            last_step INTEGER NOT NULL,
            failures INTEGER NOT NULL,
            created_at_ms INTEGER NOT NULL
          ) STRICT, WITHOUT ROWID;
          CREATE TABLE second_factor_proofs (person TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  },
];

export interface PasskeyRow {
  /** Credential id, base64url. */
  readonly id: string;
  readonly person: string;
  readonly name: string;
  readonly rp_id: string;
  /** COSE_Key (RFC 9052). */
  readonly public_key: Buffer;
  readonly counter: number;
  readonly created_at_ms: number;
  readonly last_used_at_ms: number | null;
}

export interface TotpRow {
  readonly person: string;
  readonly secret: Buffer;
  /** The newest time step whose code was taken; that one and older ones are taken no more. */
  readonly last_step: number;
  /** Wrong codes since the last right one. */
  readonly failures: number;
  readonly created_at_ms: number;
}

export interface FactorStore {
  password(person: string): string | null;
  setPassword(person: string, hash: string, atMs: number): void;
  passkey(id: string): PasskeyRow | null;
  passkeys(person: string): PasskeyRow[];
  /** False when that credential is registered already. */
  addPasskey(row: PasskeyRow): boolean;
  passkeyUsed(id: string, counter: number, atMs: number): void;
  removePasskey(id: string): void;
  totp(person: string): TotpRow | null;
  setTotp(row: TotpRow): void;
  /** False when this step or a later one was taken before: the code is used up. */
  takeStep(person: string, step: number): boolean;
  totpFailed(person: string): void;
  removeTotp(person: string): boolean;
  provedAtMs(person: string): number | null;
  proved(person: string, atMs: number): void;
  /** Of whom there is anything. */
  people(): string[];
  /** Everything of a person. */
  removeAllOf(person: string): void;
}

export function openFactorStore(db: Db): FactorStore {
  const password = db.prepare('SELECT hash FROM passwords WHERE person = ?').pluck();
  const setPassword = db.prepare('INSERT OR REPLACE INTO passwords VALUES (?, ?, ?)');
  const passkey = db.prepare('SELECT * FROM passkeys WHERE id = ?');
  const passkeys = db.prepare('SELECT * FROM passkeys WHERE person = ? ORDER BY created_at_ms, id');
  const addPasskey = db.prepare(
    'INSERT OR IGNORE INTO passkeys VALUES (@id, @person, @name, @rp_id, @public_key, @counter, @created_at_ms, @last_used_at_ms)',
  );
  const passkeyUsed = db.prepare('UPDATE passkeys SET counter = ?, last_used_at_ms = ? WHERE id = ?');
  const removePasskey = db.prepare('DELETE FROM passkeys WHERE id = ?');
  const totp = db.prepare('SELECT * FROM totp WHERE person = ?');
  const setTotp = db.prepare('INSERT OR REPLACE INTO totp VALUES (@person, @secret, @last_step, @failures, @created_at_ms)');
  const takeStep = db.prepare('UPDATE totp SET last_step = @step, failures = 0 WHERE person = @person AND last_step < @step');
  const totpFailed = db.prepare('UPDATE totp SET failures = failures + 1 WHERE person = ?');
  const removeTotp = db.prepare('DELETE FROM totp WHERE person = ?');
  const provedAt = db.prepare('SELECT at_ms FROM second_factor_proofs WHERE person = ?').pluck();
  const proved = db.prepare('INSERT OR REPLACE INTO second_factor_proofs VALUES (?, ?)');
  const tables = ['passwords', 'passkeys', 'totp', 'second_factor_proofs'];
  const people = db.prepare(tables.map((table) => `SELECT person FROM ${table}`).join(' UNION ')).pluck();
  const removals = tables.map((table) => db.prepare(`DELETE FROM ${table} WHERE person = ?`));
  return {
    password: (person) => (password.get(person) as string | undefined) ?? null,
    setPassword: (person, hash, atMs) => void setPassword.run(person, hash, atMs),
    passkey: (id) => (passkey.get(id) as PasskeyRow | undefined) ?? null,
    passkeys: (person) => passkeys.all(person) as PasskeyRow[],
    addPasskey: (row) => addPasskey.run(row).changes === 1,
    passkeyUsed: (id, counter, atMs) => void passkeyUsed.run(counter, atMs, id),
    removePasskey: (id) => void removePasskey.run(id),
    totp: (person) => (totp.get(person) as TotpRow | undefined) ?? null,
    setTotp: (row) => void setTotp.run(row),
    takeStep: (person, step) => takeStep.run({ person, step }).changes === 1,
    totpFailed: (person) => void totpFailed.run(person),
    removeTotp: (person) => removeTotp.run(person).changes === 1,
    provedAtMs: (person) => (provedAt.get(person) as number | undefined) ?? null,
    proved: (person, atMs) => void proved.run(person, atMs),
    people: () => people.all() as string[],
    removeAllOf: db.transaction((person: string) => {
      for (const removal of removals) removal.run(person);
    }),
  };
}
