// People who are not (or not only) in the configuration: added by an operator, by SCIM, or at their first sign-in by OIDC; and
// which account of an issuer somebody is.

import type { Db, Migration } from './database.ts';

export const provisionedPeopleMigrations: readonly Migration[] = [
  {
    id: 'provisioned-people-1',
    sql: `CREATE TABLE provisioned_people (
            name TEXT PRIMARY KEY,
            source TEXT NOT NULL,
            display_name TEXT NOT NULL,
            kind TEXT NOT NULL,
            groups TEXT NOT NULL,
            active INTEGER NOT NULL
          ) STRICT, WITHOUT ROWID;
          CREATE TABLE linked_identities (
            issuer TEXT NOT NULL,
            sub TEXT NOT NULL,
            person TEXT NOT NULL UNIQUE,
            PRIMARY KEY (issuer, sub)
          ) STRICT, WITHOUT ROWID`,
  },
];

export interface ProvisionedPerson {
  readonly name: string;
  /** "operator", "scim:okta", "oidc:corp". */
  readonly source: string;
  readonly displayName: string;
  readonly kind: 'person' | 'machine' | 'ai-agent';
  readonly groups: readonly string[];
  readonly active: boolean;
}

export interface ProvisionedPeopleStore {
  all(): ProvisionedPerson[];
  put(person: ProvisionedPerson): void;
  remove(name: string): void;
  /** The person who is this account of an issuer. */
  linked(issuer: string, sub: string): string | null;
  /** The account that a person signs in with, or null. */
  linkOf(person: string): { readonly issuer: string; readonly sub: string } | null;
  link(issuer: string, sub: string, person: string): void;
  linkedPeople(): string[];
  /** False when there was none. */
  unlink(person: string): boolean;
}

interface Row {
  readonly name: string;
  readonly source: string;
  readonly display_name: string;
  readonly kind: ProvisionedPerson['kind'];
  readonly groups: string;
  readonly active: number;
}

export function openProvisionedPeopleStore(db: Db): ProvisionedPeopleStore {
  const all = db.prepare('SELECT * FROM provisioned_people ORDER BY name');
  const put = db.prepare('INSERT OR REPLACE INTO provisioned_people VALUES (@name, @source, @displayName, @kind, @groups, @active)');
  const remove = db.prepare('DELETE FROM provisioned_people WHERE name = ?');
  const linked = db.prepare('SELECT person FROM linked_identities WHERE issuer = ? AND sub = ?').pluck();
  const linkOf = db.prepare('SELECT issuer, sub FROM linked_identities WHERE person = ?');
  const link = db.prepare('INSERT INTO linked_identities VALUES (?, ?, ?)');
  const linkedPeople = db.prepare('SELECT person FROM linked_identities').pluck();
  const unlink = db.prepare('DELETE FROM linked_identities WHERE person = ?');
  return {
    all: () =>
      (all.all() as Row[]).map((row) => ({
        name: row.name,
        source: row.source,
        displayName: row.display_name,
        kind: row.kind,
        groups: JSON.parse(row.groups) as string[],
        active: row.active === 1,
      })),
    put: ({ name, source, displayName, kind, groups, active }) =>
      void put.run({ name, source, displayName, kind, groups: JSON.stringify(groups), active: active ? 1 : 0 }),
    remove: (name) => void remove.run(name),
    linked: (issuer, sub) => (linked.get(issuer, sub) as string | undefined) ?? null,
    linkOf: (person) => (linkOf.get(person) as { issuer: string; sub: string } | undefined) ?? null,
    link: (issuer, sub, person) => void link.run(issuer, sub, person),
    linkedPeople: () => linkedPeople.all() as string[],
    unlink: (person) => unlink.run(person).changes === 1,
  };
}
