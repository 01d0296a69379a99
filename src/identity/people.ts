// Who there is: people and machines from the configuration and those provisioned at run time, minus those that an operator
// disabled. Principals keep their object identity while nothing about them changes, because policies cache by it.

import type { Clock } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { PersonName } from '../core/ids.ts';
import type { Principal, PrincipalKind } from '../core/principal.ts';
import type { PeopleStore } from '../store/people.ts';

export interface PersonRecord {
  readonly name: string;
  readonly displayName: string;
  readonly kind: PrincipalKind;
  readonly groups: readonly string[];
  readonly disabled: boolean;
  /** SSH public keys that sign this person in. */
  readonly sshKeys?: readonly string[];
}

/** What a person may do in the API and console; the words are the contract's. */
export type Right = 'approve' | 'audit' | 'operate';

/** Which groups have which right. */
export type RightsByGroup = Readonly<Record<Right, readonly string[]>>;

const allRights: readonly Right[] = ['approve', 'audit', 'operate'];

export class People {
  readonly #store: PeopleStore;
  readonly #clock: Clock;
  readonly #rights: RightsByGroup;
  readonly #configured: readonly PersonRecord[];
  readonly #provisioned = new Map<string, PersonRecord>();
  /** Groups that have members by the clock only, and who is in them. */
  #onCallGroups: readonly string[] = [];
  #onCall: ReadonlyMap<string, readonly string[]> = new Map();
  #records = new Map<string, PersonRecord>();
  #principals = new Map<string, Principal>();
  readonly #disabled: Set<string>;

  constructor(
    store: PeopleStore,
    clock: Clock,
    people: readonly PersonRecord[],
    rights: RightsByGroup,
    provisioned: readonly PersonRecord[] = [],
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#rights = rights;
    this.#disabled = new Set(store.disabled());
    for (const record of provisioned) this.#provisioned.set(record.name, record);
    this.#configured = people;
    this.#rebuild();
  }

  /** The principal of that name while it may act; null for unknown and disabled ones. */
  active(name: string): Principal | null {
    const record = this.#records.get(name);
    if (record === undefined || record.disabled || this.#disabled.has(name)) return null;
    return this.#principals.get(name) ?? null;
  }

  /** SSH public keys of a person who may act; none for anybody else. */
  sshKeys(name: string): readonly string[] {
    return this.active(name) === null ? [] : (this.#records.get(name)?.sshKeys ?? []);
  }

  isKnown(name: string): boolean {
    return this.#records.has(name);
  }

  list(): PersonRecord[] {
    return [...this.#records.values()].map((record) => ({ ...record, disabled: record.disabled || this.#disabled.has(record.name) }));
  }

  rights(principal: Principal): Right[] {
    return allRights.filter((right) => this.#rights[right].some((group) => principal.groups.includes(group)));
  }

  /** Sets the groups that have members by the clock only, and who is in them now. Gives the names of those who changed by it. */
  setOnCall(groups: readonly string[], members: ReadonlyMap<string, readonly string[]>): string[] {
    const before = this.#records;
    this.#onCallGroups = groups;
    this.#onCall = members;
    this.#rebuild();
    return [...this.#records].filter(([name, record]) => JSON.stringify(before.get(name)) !== JSON.stringify(record)).map(([name]) => name);
  }

  isConfigured(name: string): boolean {
    return this.#configured.some((record) => record.name === name);
  }

  /** Another name that differs by its case only, or null: nobody would tell the two apart. */
  lookAlike(name: string): string | null {
    const folded = name.toLowerCase();
    return [...this.#records.keys()].find((other) => other !== name && other.toLowerCase() === folded) ?? null;
  }

  /** Adds or changes what is known of somebody from elsewhere; null takes it away. True when that changed who there is. */
  provision(name: string, record: PersonRecord | null): boolean {
    const before = JSON.stringify(this.#records.get(name));
    if (record === null) this.#provisioned.delete(name);
    else this.#provisioned.set(name, record);
    this.#rebuild();
    return before !== JSON.stringify(this.#records.get(name));
  }

  /**
   * Disables or enables somebody at once, by word of an operator; it stays so across restarts. False when nothing changed; the
   * caller tells whoever has to hear of it. Throws Fault not-found.
   */
  setDisabled(name: string, disabled: boolean, by: string | null): boolean {
    if (!this.#records.has(name)) throw new Fault('not-found', `there is no person "${name}"`);
    if (disabled === this.#disabled.has(name)) return false;
    if (disabled) {
      this.#store.disable(name, this.#clock.nowMs(), by);
      this.#disabled.add(name);
    } else {
      this.#store.enable(name);
      this.#disabled.delete(name);
    }
    return true;
  }

  /** Somebody in both has the groups of both, and is disabled when either says so. */
  #rebuild(): void {
    const configured = this.#configured.map((record): PersonRecord => {
      const more = this.#provisioned.get(record.name);
      if (more === undefined) return record;
      return { ...record, groups: [...new Set([...record.groups, ...more.groups])], disabled: record.disabled || more.disabled };
    });
    const names = new Set(configured.map(({ name }) => name));
    const everybody = [...configured, ...[...this.#provisioned.values()].filter(({ name }) => !names.has(name))];
    this.#take(everybody.map((record) => this.#withOnCall(record)));
  }

  #withOnCall(record: PersonRecord): PersonRecord {
    if (this.#onCallGroups.length === 0) return record;
    const others = record.groups.filter((group) => !this.#onCallGroups.includes(group));
    const onCall = record.kind === 'person' ? (this.#onCall.get(record.name) ?? []) : [];
    return { ...record, groups: [...others, ...onCall] };
  }

  #take(people: readonly PersonRecord[]): void {
    const records = new Map<string, PersonRecord>();
    const principals = new Map<string, Principal>();
    for (const { name, displayName, kind, groups, disabled, sshKeys = [] } of people) {
      if (records.has(name)) throw new Fault('config-invalid', `there are two people named "${name}"`);
      const record = { name, displayName, kind, groups: [...groups], disabled, sshKeys: [...sshKeys] };
      const same = JSON.stringify(this.#records.get(name)) === JSON.stringify(record) ? this.#principals.get(name) : undefined;
      records.set(name, record);
      principals.set(name, same ?? Object.freeze({ name: name as PersonName, displayName, kind, groups: Object.freeze([...groups]) }));
    }
    this.#records = records;
    this.#principals = principals;
  }
}
