// Who is there and how they prove it: people, access tokens, sign-in in the browser, console sessions, decision links.
// Drivers see it as SignIns; the API sees the rest. Whoever is disabled stops everywhere at once, and listeners hear of it.

import { createSecretKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { appendNow } from '../core/append-now.ts';
import { eventWithoutSession, type AuditEventType, type AuditLog } from '../core/audit.ts';
import type { Clock, Random } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import type { BrowserSignIn, SignInMaterial, SignIns } from '../core/sign-in.ts';
import { openConsoleSessionStore } from '../store/console-sessions.ts';
import type { Db } from '../store/database.ts';
import { openDecisionLinkStore } from '../store/decision-links.ts';
import { openPeopleStore } from '../store/people.ts';
import { openProvisionedPeopleStore } from '../store/provisioned-people.ts';
import type { ProvisionedPeopleStore, ProvisionedPerson } from '../store/provisioned-people.ts';
import { serverSecret } from '../store/server-secrets.ts';
import { openTokenStore } from '../store/tokens.ts';
import { AccessTokens, tokenTtlMsMax } from './access-tokens.ts';
import type { IssuedToken, TokenInfo, WantedToken } from './access-tokens.ts';
import { BackOff } from './back-off.ts';
import { BrowserSignIns } from './browser-sign-ins.ts';
import type { WantedSignIn } from './browser-sign-ins.ts';
import { ConsoleSessions } from './console-sessions.ts';
import type { OpenedConsole } from './console-sessions.ts';
import { DecisionLinks } from './decision-links.ts';
import { FailureLog } from './failure-log.ts';
import { People } from './people.ts';
import type { PersonRecord, Right, RightsByGroup } from './people.ts';
import { scramIterations, scramSaltOf } from './verifiers.ts';

export type { IssuedToken, TokenInfo } from './access-tokens.ts';
export type { PersonRecord, Right, RightsByGroup } from './people.ts';

export interface IdentityParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: AuditLog;
  readonly people: readonly PersonRecord[];
  readonly rights: RightsByGroup;
  /** Where the console is, without a slash at the end. A function, because with port 0 it is known only when the gateway listens. */
  readonly publicUrl: () => string;
  readonly tokenTtlMsMax?: number;
  /** Of the audit log at the start: it was at least so late then, and what ended before has ended. */
  readonly newestEventMs?: number;
}

/** What happened to somebody, for whoever keeps something open in their name. */
export type IdentityChange =
  /** Disabled, enabled, removed, or with other groups or rights: ask `person(name)` what they are now. */
  { readonly kind: 'person'; readonly name: string } | { readonly kind: 'token-revoked'; readonly name: string; readonly tokenId: string };

/** Somebody signed in to the API, and by what. */
export interface SignedIn {
  readonly principal: Principal;
  readonly by: 'token' | 'cookie';
  readonly tokenId: string | null;
  readonly expiresAtMs: number;
}

/** Something that is kept of people by their names. It must not go to the next who is given the name. */
export interface KeptOfPeople {
  /** Of whom there is something; perhaps more than once. */
  people(): readonly string[];
  forget(person: string, by: string | null): void;
}

export class Identity implements SignIns {
  readonly browserSignIns: BrowserSignIns;
  readonly decisionLinks: DecisionLinks;
  readonly #clock: Clock;
  readonly #audit: AuditLog;
  readonly #decoyKey: KeyObject;
  readonly #people: People;
  readonly #provisioned: ProvisionedPeopleStore;
  readonly #tokens: AccessTokens;
  readonly #console: ConsoleSessions;
  readonly #backOff: BackOff;
  readonly #failures: FailureLog;
  readonly #listeners = new Set<(change: IdentityChange) => void>();
  readonly #kept: KeptOfPeople[];

  constructor(parts: IdentityParts) {
    const { db, clock, random, audit, publicUrl, newestEventMs } = parts;
    this.#clock = clock;
    this.#audit = audit;
    this.#decoyKey = createSecretKey(serverSecret(db, 'sign-in-decoys', random).reveal(), 'base64');
    this.#provisioned = openProvisionedPeopleStore(db);
    const provisioned = this.#provisioned.all().map(recordOf);
    this.#people = new People(openPeopleStore(db), clock, parts.people, parts.rights, provisioned);
    const saltOf = (name: string) => scramSaltOf(this.#decoyKey, name);
    this.#tokens = new AccessTokens(openTokenStore(db), clock, random, saltOf, parts.tokenTtlMsMax ?? tokenTtlMsMax, newestEventMs);
    this.#console = new ConsoleSessions(openConsoleSessionStore(db), clock, random, publicUrl, newestEventMs);
    this.browserSignIns = new BrowserSignIns(clock, random, publicUrl, (name) => this.person(name));
    const linkKey = serverSecret(db, 'decision-links', random).reveal();
    this.decisionLinks = new DecisionLinks(openDecisionLinkStore(db), clock, random, publicUrl, linkKey, newestEventMs);
    this.#backOff = new BackOff(clock);
    this.#failures = new FailureLog(audit, clock);
    this.#kept = [
      {
        people: () => this.#tokens.list(null).map(({ person }) => person),
        forget: (person, by) => this.#tokens.list(person).forEach(({ id }) => this.revokeToken(id, by)),
      },
      { people: () => this.#console.people(), forget: (person) => this.#console.endAllOf(person) },
      { people: () => this.#provisioned.linkedPeople(), forget: (person) => void this.#provisioned.unlink(person) },
    ];
  }

  // --- people ---

  /** The principal of that name while it may act; null for unknown and disabled ones. */
  person(name: string): Principal | null {
    return this.#people.active(name);
  }

  people(): PersonRecord[] {
    return this.#people.list();
  }

  rights(principal: Principal): Right[] {
    return this.#people.rights(principal);
  }

  /** Sets the groups that have members by the clock only, and who is in them now; whoever else had such a group loses it. */
  setOnCall(groups: readonly string[], members: ReadonlyMap<string, readonly string[]>): void {
    for (const name of this.#people.setOnCall(groups, members)) {
      this.#event('person.changed', null, { person: name, source: 'on-call', groups: [...(members.get(name) ?? [])] });
      this.#personChanged(name);
    }
  }

  /** Throws Fault not-found. */
  setDisabled(name: string, disabled: boolean, by: string | null): void {
    if (!this.#people.setDisabled(name, disabled, by)) return;
    this.#event(disabled ? 'person.disabled' : 'person.enabled', by, { person: name });
    this.#personChanged(name);
  }

  isKnown(name: string): boolean {
    return this.#people.isKnown(name);
  }

  isConfigured(name: string): boolean {
    return this.#people.isConfigured(name);
  }

  /**
   * Adds somebody who is not in the configuration, or more groups to somebody who is. Whoever was there keeps living sessions
   * unless it changed them. Throws Fault conflict when a name differs from another by case only.
   */
  provision(person: ProvisionedPerson, by: string | null): void {
    const twin = this.#people.lookAlike(person.name);
    if (twin !== null) throw new Fault('conflict', `there is a person "${twin}", who could not be told from "${person.name}"`);
    const isNew = !this.#people.isKnown(person.name);
    const wasActive = this.person(person.name) !== null;
    this.#provisioned.put(person);
    if (!this.#people.provision(person.name, recordOf(person))) return;
    const { name, source, groups, active } = person;
    this.#event(isNew ? 'person.added' : 'person.changed', by, { person: name, source, groups, active });
    if (wasActive && this.person(name) === null) this.#tokens.list(name).forEach(({ id }) => this.revokeToken(id, by));
    this.#personChanged(name);
  }

  /** Takes away what `provision` gave, with tokens and browsers of whoever is gone by it. Throws Fault not-found. */
  unprovision(name: string, by: string | null): void {
    if (!this.#provisioned.all().some((it) => it.name === name)) {
      const isConfigured = this.#people.isConfigured(name);
      if (isConfigured) throw new Fault('not-allowed', `${name} stands in the configuration: remove them there, or disable them`);
      throw new Fault('not-found', `there is no person "${name}"`);
    }
    this.#provisioned.remove(name);
    this.#provisioned.unlink(name);
    const changed = this.#people.provision(name, null);
    if (this.#people.isKnown(name)) this.#event('person.changed', by, { person: name });
    else this.#removed(name, by, {});
    if (changed) this.#personChanged(name);
  }

  /** Drops what is kept of people whom the configuration has no more. Call it once, when all who keep something have said so. */
  forgetStrangers(): void {
    const names = new Set(this.#kept.flatMap((kept) => kept.people()));
    for (const name of names) if (!this.#people.isKnown(name)) this.#removed(name, null, { source: 'configuration' });
  }

  /** What was provisioned at run time, in order of names. */
  provisioned(): ProvisionedPerson[] {
    return this.#provisioned.all();
  }

  /** Calls back after every change that live sessions and pending holds must be judged again for. Gives the way to stop it. */
  onChange(listener: (change: IdentityChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Somebody else keeps something of people: it goes when nobody has a name any more, whoever removed them. */
  keeps(kept: KeptOfPeople): void {
    this.#kept.push(kept);
  }

  // --- access tokens ---

  /** Makes an access token. Throws Faults not-found, invalid-request, limit-reached. `by` is the operator who asked, for the log. */
  issueToken(person: string, wanted: WantedToken, by: string | null = null): IssuedToken {
    this.#mustBeActive(person);
    const issued = this.#tokens.issue(person, wanted);
    const detail = { kind: 'access-token', token_id: issued.id, person, name: wanted.name, expires_at_ms: issued.expiresAtMs };
    this.#event('token.issued', by ?? person, detail);
    return issued;
  }

  get tokenTtlMsMax(): number {
    return this.#tokens.ttlMsMax;
  }

  /** Live tokens, oldest first; of one person, or of all with null. */
  tokens(person: string | null): TokenInfo[] {
    return this.#tokens.list(person);
  }

  token(id: string): TokenInfo | null {
    return this.#tokens.get(id);
  }

  /** Ends a token, the console sessions that came of it and the tokens that were made with it. False when there is none of that id. */
  revokeToken(id: string, by: string | null): boolean {
    const gone = this.#tokens.revoke(id);
    if (gone === null) return false;
    this.#console.endOfToken(id);
    this.#event('token.revoked', by, { token_id: id, person: gone.person, name: gone.name });
    this.#tell({ kind: 'token-revoked', name: gone.person, tokenId: id });
    for (const made of this.#tokens.list(gone.person)) if (made.madeWith === id) this.revokeToken(made.id, by);
    return true;
  }

  /** Whose token this is, while token and person are good. */
  authenticateBearer(token: string): SignedIn | null {
    const found = this.#tokens.find(token);
    const principal = found === null ? null : this.person(found.person);
    if (found === null || principal === null) return null;
    this.#tokens.used(found.id);
    return { principal, by: 'token', tokenId: found.id, expiresAtMs: found.expiresAtMs };
  }

  // --- sign-in for drivers ---

  material(name: string): SignInMaterial {
    const principal = this.person(name);
    const decoyKey = this.#decoyKey;
    return {
      principal,
      /** Only some protocols ask for it. */
      get scramSalt() {
        return scramSaltOf(decoyKey, name);
      },
      scramIterations,
      verifiers: principal === null ? [] : this.#tokens.verifiers(name),
    };
  }

  failed(name: string, clientAddress: string): boolean {
    const inARow = this.#backOff.failed(name, clientAddress);
    this.#failures.note(name, clientAddress, inARow);
    return this.blocked(name, clientAddress);
  }

  publicKeys(name: string): { readonly principal: Principal | null; readonly keys: readonly string[] } {
    return { principal: this.person(name), keys: this.#people.sshKeys(name) };
  }

  blocked(name: string, clientAddress: string): boolean {
    return this.#backOff.waitMs(name, clientAddress) > 0;
  }

  succeeded(principal: Principal, tokenId: string | null, clientAddress: string, protocol: string): void {
    this.#backOff.succeeded(principal.name, clientAddress);
    if (tokenId !== null) this.#tokens.used(tokenId);
    this.#signedIn(principal.name, { protocol, client_address: clientAddress, token_id: tokenId });
  }

  browser(wanted: WantedSignIn): BrowserSignIn {
    return this.browserSignIns.begin(wanted);
  }

  // --- console ---

  /** A link that signs `person` in to the console, once. Throws Faults not-found, invalid-request, limit-reached. */
  createLoginLink(person: string, ttlMs: number, by: string | null = null): string {
    this.#mustBeActive(person);
    const url = this.#console.createLink(person, ttlMs);
    this.#event('token.issued', by, { kind: 'login-link', person, expires_at_ms: this.#clock.nowMs() + ttlMs });
    return url;
  }

  /** Exchanges a login link's secret, or an access token, for a console session; null when it is not good. */
  signIn(proof: { readonly secret: string } | { readonly token: string }, clientAddress: string): OpenedConsole | null {
    const opened = 'secret' in proof ? this.#signInByLink(proof.secret, clientAddress) : this.#signInByToken(proof.token, clientAddress);
    if (opened === null) this.#consoleFailed(clientAddress);
    return opened;
  }

  /** Signs somebody in to the console who has proved who they are by `method`; null when they may not act. */
  openConsole(person: string, clientAddress: string, method: string, detail: Record<string, unknown> = {}): OpenedConsole | null {
    if (this.person(person) === null) return null;
    this.#backOff.succeeded(person, clientAddress);
    this.#signedIn(person, { protocol: 'console', method, client_address: clientAddress, ...detail });
    return this.#console.open(person, clientAddress, null);
  }

  /** Who the cookie's browser is signed in as, while session, token and person are good. */
  authenticateCookie(cookie: string): SignedIn | null {
    const session = this.#console.find(cookie);
    const principal = session === null ? null : this.person(session.person);
    if (session === null || principal === null) return null;
    return { principal, by: 'cookie', tokenId: session.tokenId, expiresAtMs: session.expiresAtMs };
  }

  signOut(cookie: string): void {
    this.#console.end(cookie);
  }

  signOutEverywhere(person: string): void {
    this.#console.endAllOf(person);
    this.#tell({ kind: 'person', name: person });
  }

  /** Ends what waits, and writes what is still to be written. */
  close(): void {
    this.browserSignIns.close();
    this.#tokens.close();
    this.#console.close();
  }

  #signInByLink(secret: string, clientAddress: string): OpenedConsole | null {
    const person = this.#console.takeLink(secret);
    if (person === null || this.person(person) === null) return null;
    this.#signedIn(person, { protocol: 'console', method: 'login-link', client_address: clientAddress });
    return this.#console.open(person, clientAddress, null);
  }

  #signInByToken(token: string, clientAddress: string): OpenedConsole | null {
    const signedIn = this.authenticateBearer(token);
    if (signedIn === null || signedIn.tokenId === null) return null;
    const { principal, tokenId, expiresAtMs } = signedIn;
    this.#signedIn(principal.name, {
      protocol: 'console',
      method: 'token',
      token_id: tokenId,
      client_address: clientAddress,
    });
    return this.#console.open(principal.name, clientAddress, { id: tokenId, expiresAtMs });
  }

  /** The API has no name to count by: a wrong token or link names nobody. */
  #consoleFailed(clientAddress: string): void {
    this.#failures.note('', clientAddress, this.#backOff.failed('', clientAddress), { protocol: 'console' });
  }

  #removed(name: string, by: string | null, detail: Record<string, unknown>): void {
    for (const kept of this.#kept) kept.forget(name, by);
    this.#event('person.removed', by, { person: name, ...detail });
  }

  #mustBeActive(person: string): void {
    if (!this.#people.isKnown(person)) throw new Fault('not-found', `there is no person "${person}"`);
    if (this.person(person) === null) throw new Fault('not-allowed', `${person} is disabled`);
  }

  #personChanged(name: string): void {
    if (this.person(name) === null) {
      this.#console.endAllOf(name);
      this.browserSignIns.refuseAllOf(name);
    }
    this.#tell({ kind: 'person', name });
  }

  #tell(change: IdentityChange): void {
    for (const listener of [...this.#listeners]) listener(change);
  }

  #signedIn(principal: string, detail: Record<string, unknown>): void {
    this.#audit.appendSoon(eventWithoutSession('sign-in.succeeded', this.#clock.nowMs(), principal, detail));
  }

  #event(type: AuditEventType, principal: string | null, detail: Record<string, unknown>): void {
    appendNow(this.#audit, eventWithoutSession(type, this.#clock.nowMs(), principal, detail));
  }
}

function recordOf({ name, displayName, kind, groups, active }: ProvisionedPerson): PersonRecord {
  return { name, displayName, kind, groups, disabled: !active };
}

/** Opens identity over the store; `identityMigrations` must have been applied to it. */
export function createIdentity(parts: IdentityParts): Identity {
  return new Identity(parts);
}
