// People whom other systems provision by SCIM 2.0 (RFC 7643, RFC 7644). Each client sees its own users and groups only; what
// its groups mean here stands in the configuration. Whoever is made inactive or deleted stops everywhere at once.

import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { ScimClient } from '../core/identity-config.ts';
import type { KeptByClient, ScimGroup, ScimStore, ScimUser } from '../store/scim.ts';
import type { Identity } from './identity.ts';
import { personNamePattern } from './oidc-claims.ts';

export const scimUsersMax = 20_000;
export const scimGroupsMax = 5000;

export interface WantedUser extends KeptByClient {
  readonly userName: string;
  readonly externalId: string | null;
  readonly displayName: string;
  readonly active: boolean;
}

export interface WantedGroup {
  readonly displayName: string;
  readonly externalId: string | null;
  readonly members: readonly string[];
}

export class ScimDirectory {
  readonly #clients: readonly ScimClient[];
  readonly #store: ScimStore;
  readonly #identity: Identity;
  readonly #clock: Clock;

  constructor(clients: readonly ScimClient[], store: ScimStore, identity: Identity, clock: Clock) {
    this.#clients = clients;
    this.#store = store;
    this.#identity = identity;
    this.#clock = clock;
    // The mapping of groups may have changed in the configuration.
    for (const { name } of clients) for (const user of store.users(name)) this.#provision(user);
  }

  /** The client of that bearer token, or null. Every token is compared whole, so that time tells nothing. */
  clientOf(token: string): string | null {
    const given = hashOf(token);
    let found: string | null = null;
    for (const client of this.#clients) if (timingSafeEqual(given, hashOf(client.token.reveal()))) found = client.name;
    return found;
  }

  users(client: string): ScimUser[] {
    return this.#store.users(client);
  }

  user(client: string, id: string): ScimUser | null {
    return this.#store.users(client).find((user) => user.id === id) ?? null;
  }

  /** Adds (`id` null) or replaces. Throws Faults not-found, invalid-request, conflict (the name is taken) and limit-reached. */
  putUser(client: string, id: string | null, wanted: WantedUser): ScimUser {
    if (!personNamePattern.test(wanted.userName)) {
      throw new Fault('invalid-request', 'userName has 1 to 63 letters, digits and . _ @ + -, and begins with a letter or digit');
    }
    const users = this.#store.users(client);
    const before = id === null ? null : (users.find((user) => user.id === id) ?? null);
    if (id !== null && before === null) throw new Fault('not-found', `there is no user ${id}`);
    if (id === null && users.length >= scimUsersMax) throw new Fault('limit-reached', `there are ${scimUsersMax} users, the limit`);
    const renamed = before?.userName !== wanted.userName;
    if (renamed) this.#mustBeFree(client, id, wanted.userName);
    const user: ScimUser = { ...wanted, id: id ?? randomUUID(), client, changedAtMs: this.#clock.nowMs() };
    if (before !== null && renamed) this.#withdraw(before);
    this.#store.putUser(user);
    this.#provision(user);
    return user;
  }

  removeUser(client: string, id: string): void {
    const user = this.user(client, id);
    if (user === null) throw new Fault('not-found', `there is no user ${id}`);
    for (const group of this.#store.groups(client)) {
      if (group.members.includes(id)) this.#store.putGroup({ ...group, members: group.members.filter((member) => member !== id) });
    }
    this.#store.removeUser(id);
    this.#withdraw(user);
  }

  groups(client: string): ScimGroup[] {
    return this.#store.groups(client);
  }

  group(client: string, id: string): ScimGroup | null {
    return this.#store.groups(client).find((group) => group.id === id) ?? null;
  }

  /** Adds (`id` null) or replaces. Throws Faults not-found, conflict, invalid-request (a member that is no user) and limit-reached. */
  putGroup(client: string, id: string | null, wanted: WantedGroup): ScimGroup {
    const groups = this.#store.groups(client);
    const before = id === null ? null : (groups.find((group) => group.id === id) ?? null);
    if (id !== null && before === null) throw new Fault('not-found', `there is no group ${id}`);
    if (id === null && groups.length >= scimGroupsMax) throw new Fault('limit-reached', `there are ${scimGroupsMax} groups, the limit`);
    const folded = wanted.displayName.toLowerCase();
    if (groups.some((group) => group.id !== id && group.displayName.toLowerCase() === folded)) {
      throw new Fault('conflict', `there is a group "${wanted.displayName}"`);
    }
    const users = new Map(this.#store.users(client).map((user) => [user.id, user]));
    const members = [...new Set(wanted.members)];
    const stranger = members.find((member) => !users.has(member));
    if (stranger !== undefined) throw new Fault('invalid-request', `member ${stranger} is no user`);
    const group: ScimGroup = { ...wanted, members, id: id ?? randomUUID(), client, changedAtMs: this.#clock.nowMs() };
    this.#store.putGroup(group);
    this.#provisionAll(client, [...(before?.members ?? []), ...members]);
    return group;
  }

  removeGroup(client: string, id: string): void {
    const group = this.group(client, id);
    if (group === null) throw new Fault('not-found', `there is no group ${id}`);
    this.#store.removeGroup(id);
    this.#provisionAll(client, group.members);
  }

  #provisionAll(client: string, ids: readonly string[]): void {
    const wanted = new Set(ids);
    for (const user of this.#store.users(client)) if (wanted.has(user.id)) this.#provision(user);
  }

  #provision({ client, id, userName, displayName, active }: ScimUser): void {
    const mapping = this.#clients.find(({ name }) => name === client)?.groups ?? {};
    const theirs = this.#store.groups(client).filter(({ members }) => members.includes(id));
    const groups = theirs.flatMap(({ displayName: group }) => (Object.hasOwn(mapping, group) ? (mapping[group] ?? []) : []));
    const source = sourceOf(client);
    this.#identity.provision({ name: userName, source, displayName, kind: 'person', groups: [...new Set(groups)], active }, source);
  }

  /** Somebody who stands in the configuration too stays, and may not act: deleting them elsewhere must not let them in here. */
  #withdraw({ client, userName, displayName }: ScimUser): void {
    const source = sourceOf(client);
    if (!this.#identity.isConfigured(userName)) return this.#identity.unprovision(userName, source);
    this.#identity.provision({ name: userName, source, displayName, kind: 'person', groups: [], active: false }, source);
  }

  /** RFC 7644, 3.3: 409 uniqueness. Somebody in the configuration may be taken up; somebody who came otherwise may not. */
  #mustBeFree(client: string, id: string | null, userName: string): void {
    const folded = userName.toLowerCase();
    const taken = this.#store.users(client).some((user) => user.id !== id && user.userName.toLowerCase() === folded);
    const other = this.#identity.provisioned().find(({ name }) => name.toLowerCase() === folded);
    const isElsewhere = other !== undefined && other.source !== sourceOf(client) && !other.source.startsWith('oidc:');
    if (taken || isElsewhere) throw new Fault('conflict', `there is a user "${userName}"`);
  }
}

function sourceOf(client: string): string {
  return `scim:${client}`;
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
