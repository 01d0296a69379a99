// Users and groups as SCIM clients have sent them (RFC 7643): what they read back, under ids that never change.

import type { Db, Migration } from './database.ts';

export const scimMigrations: readonly Migration[] = [
  {
    id: 'scim-1',
    sql: `CREATE TABLE scim_users (
            id TEXT PRIMARY KEY,
            client TEXT NOT NULL,
            user_name TEXT NOT NULL UNIQUE COLLATE NOCASE,
            external_id TEXT,
            display_name TEXT NOT NULL,
            active INTEGER NOT NULL,
            changed_at_ms INTEGER NOT NULL
          ) STRICT, WITHOUT ROWID;
          CREATE TABLE scim_groups (
            id TEXT PRIMARY KEY,
            client TEXT NOT NULL,
            display_name TEXT NOT NULL COLLATE NOCASE,
            external_id TEXT,
            members TEXT NOT NULL,
            changed_at_ms INTEGER NOT NULL,
            UNIQUE (client, display_name)
          ) STRICT, WITHOUT ROWID`,
  },
  { id: 'scim-2', sql: `ALTER TABLE scim_users ADD COLUMN kept TEXT NOT NULL DEFAULT '{"name":{},"emails":[]}'` },
];

/** What the client wrote and reads back; it means nothing here. */
export interface KeptByClient {
  readonly name: Readonly<Record<string, string>>;
  readonly emails: readonly { readonly value: string }[];
}

export interface ScimUser extends KeptByClient {
  readonly id: string;
  readonly client: string;
  readonly userName: string;
  readonly externalId: string | null;
  readonly displayName: string;
  readonly active: boolean;
  readonly changedAtMs: number;
}

export interface ScimGroup {
  readonly id: string;
  readonly client: string;
  readonly displayName: string;
  readonly externalId: string | null;
  /** Ids of users. */
  readonly members: readonly string[];
  readonly changedAtMs: number;
}

export interface ScimStore {
  users(client: string): ScimUser[];
  putUser(user: ScimUser): void;
  removeUser(id: string): void;
  groups(client: string): ScimGroup[];
  putGroup(group: ScimGroup): void;
  removeGroup(id: string): void;
}

interface Row {
  readonly id: string;
  readonly client: string;
  readonly user_name: string;
  readonly external_id: string | null;
  readonly display_name: string;
  readonly active: number;
  readonly kept: string;
  readonly members: string;
  readonly changed_at_ms: number;
}

export function openScimStore(db: Db): ScimStore {
  const users = db.prepare('SELECT * FROM scim_users WHERE client = ? ORDER BY user_name');
  const putUser = db.prepare(
    'INSERT OR REPLACE INTO scim_users VALUES (@id, @client, @userName, @externalId, @displayName, @active, @changedAtMs, @kept)',
  );
  const removeUser = db.prepare('DELETE FROM scim_users WHERE id = ?');
  const groups = db.prepare('SELECT * FROM scim_groups WHERE client = ? ORDER BY display_name');
  const putGroup = db.prepare(
    'INSERT OR REPLACE INTO scim_groups VALUES (@id, @client, @displayName, @externalId, @members, @changedAtMs)',
  );
  const removeGroup = db.prepare('DELETE FROM scim_groups WHERE id = ?');
  const shared = (row: Row) => ({
    id: row.id,
    client: row.client,
    externalId: row.external_id,
    displayName: row.display_name,
    changedAtMs: row.changed_at_ms,
  });
  return {
    users: (client) =>
      (users.all(client) as Row[]).map((row) => ({
        ...shared(row),
        ...(JSON.parse(row.kept) as KeptByClient),
        userName: row.user_name,
        active: row.active === 1,
      })),
    putUser: ({ name, emails, ...plain }) =>
      void putUser.run({ ...plain, active: plain.active ? 1 : 0, kept: JSON.stringify({ name, emails }) }),
    removeUser: (id) => void removeUser.run(id),
    groups: (client) => (groups.all(client) as Row[]).map((row) => ({ ...shared(row), members: JSON.parse(row.members) as string[] })),
    putGroup: (group) => void putGroup.run({ ...group, members: JSON.stringify(group.members) }),
    removeGroup: (id) => void removeGroup.run(id),
  };
}
