// What the API needs of the directory that SCIM clients fill.

import type { GroupAttributes, UserAttributes } from './scim-messages.ts';

export interface Stored {
  readonly id: string;
  readonly client: string;
  readonly changedAtMs: number;
}

export type StoredUser = Stored & UserAttributes;
export type StoredGroup = Stored & GroupAttributes;

export interface ApiScim {
  clientOf(token: string): string | null;
  users(client: string): readonly StoredUser[];
  user(client: string, id: string): StoredUser | null;
  putUser(client: string, id: string | null, wanted: UserAttributes): StoredUser;
  removeUser(client: string, id: string): void;
  groups(client: string): readonly StoredGroup[];
  group(client: string, id: string): StoredGroup | null;
  putGroup(client: string, id: string | null, wanted: GroupAttributes): StoredGroup;
  removeGroup(client: string, id: string): void;
}
