// How people sign in to the console besides links and tokens: by an OpenID Connect issuer, by password, by passkey; and how
// command lines and CI jobs get tokens. What comes out is a console session or an access token of `Identity`.

import { appendNow } from '../core/append-now.ts';
import { eventWithoutSession, type AuditEventType, type AuditLog } from '../core/audit.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { Log } from '../core/driver.ts';
import { Fault } from '../core/errors.ts';
import type { MachineIssuer, OidcIssuer } from '../core/identity-config.ts';
import type { Db } from '../store/database.ts';
import { openFactorStore } from '../store/factors.ts';
import type { FactorStore } from '../store/factors.ts';
import { openProvisionedPeopleStore } from '../store/provisioned-people.ts';
import type { ProvisionedPeopleStore } from '../store/provisioned-people.ts';
import type { IssuedToken } from './access-tokens.ts';
import { CliLogins } from './cli-logins.ts';
import type { OpenedConsole } from './console-sessions.ts';
import type { Identity } from './identity.ts';
import { MachineTokens } from './machine-tokens.ts';
import { OidcSignIns } from './oidc-sign-ins.ts';
import type { BegunSignIn, EndedSignIn } from './oidc-sign-ins.ts';
import type { CredentialJson } from './passkeys.ts';
import { personNamePattern } from './oidc-claims.ts';
import { Passwords } from './passwords.ts';
import { SecondFactors } from './second-factors.ts';

export interface AccountsParts {
  readonly identity: Identity;
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: AuditLog;
  readonly log: Pick<Log, 'warn'>;
  readonly publicUrl: () => string;
  readonly oidc: readonly OidcIssuer[];
  readonly machines: readonly MachineIssuer[];
  /** Whether local accounts sign in by password. */
  readonly passwords: boolean;
  /** Of the audit log at the start: it was at least so late then. */
  readonly newestEventMs?: number;
}

/** What a command line's token may live: a working day, and not longer than tokens may. */
export const cliTokenTtlMs = 12 * 3_600_000;
/** ID tokens kept to sign out of their issuer with; the oldest go first. */
const idTokensMax = 10_000;

export type PasswordSignIn =
  | { readonly kind: 'opened'; readonly opened: OpenedConsole }
  | { readonly kind: 'wrong' }
  /** Name and password are right; this account also asks for the code of its authenticator app. */
  | { readonly kind: 'code-needed' }
  | { readonly kind: 'wait' };

export class Accounts {
  readonly factors: SecondFactors;
  readonly cliLogins: CliLogins;
  readonly oidc: OidcSignIns;
  readonly machines: MachineTokens;
  readonly #parts: AccountsParts;
  readonly #store: FactorStore;
  readonly #people: ProvisionedPeopleStore;
  readonly #passwords: Passwords;
  readonly #idTokens = new Map<string, { readonly issuer: string; readonly idToken: string }>();

  constructor(parts: AccountsParts) {
    const { db, clock, random, audit, identity } = parts;
    this.#parts = parts;
    this.#store = openFactorStore(db);
    this.#people = openProvisionedPeopleStore(db);
    this.#passwords = new Passwords(random);
    this.factors = new SecondFactors(this.#store, clock, random, audit, parts.newestEventMs);
    identity.keeps({ people: () => this.#store.people(), forget: (person) => this.factors.forget(person) });
    this.cliLogins = new CliLogins(clock, random);
    this.oidc = new OidcSignIns(parts.oidc, clock, random, parts.publicUrl);
    this.machines = new MachineTokens(parts.machines, identity, clock);
  }

  get hasPasswords(): boolean {
    return this.#parts.passwords;
  }

  // --- OpenID Connect ---

  beginOidc(issuer: string, wayBack: string, browserSecret: string | null): Promise<BegunSignIn> {
    return this.oidc.begin(issuer, wayBack, browserSecret);
  }

  /** Ends a sign-in by an issuer with a console session. Throws Fault sign-in-failed in words for the person; those are logged. */
  async endOidc(
    query: Readonly<Record<string, string | undefined>>,
    browserSecret: string | null,
    clientAddress: string,
  ): Promise<{ readonly opened: OpenedConsole; readonly wayBack: string }> {
    try {
      const ended = await this.oidc.end(query, browserSecret);
      const name = this.#personOf(ended);
      this.#warnWithoutGroups(ended, name);
      const detail = { issuer: ended.issuer.issuer };
      const opened = this.#parts.identity.openConsole(name, clientAddress, `oidc:${ended.issuer.name}`, detail);
      if (opened === null) throw new Fault('sign-in-failed', `${name} may not sign in: the account is disabled`);
      if (ended.person.hasSecondFactor) this.factors.noteProof(name, `oidc:${ended.issuer.name}`);
      this.#idTokens.set(opened.cookie, { issuer: ended.issuer.name, idToken: ended.idToken });
      if (this.#idTokens.size > idTokensMax) this.#idTokens.delete(this.#idTokens.keys().next().value ?? '');
      return { opened, wayBack: ended.wayBack };
    } catch (thrown) {
      const why = thrown instanceof Fault ? thrown.message : 'a fault of the gateway';
      this.#event('sign-in.failed', null, { protocol: 'console', method: 'oidc', client_address: clientAddress, why });
      throw thrown;
    }
  }

  /** Where this browser signs out of the issuer that signed it in; null: nowhere else. Asked once, before signing out here. */
  async endSessionUrl(cookie: string): Promise<string | null> {
    const kept = this.#idTokens.get(cookie);
    this.#idTokens.delete(cookie);
    return kept === undefined ? null : this.oidc.endSessionUrl(kept.issuer, kept.idToken);
  }

  /**
   * Who an issuer's account is here. One account of one issuer is one person for good: the first who comes by a name has it, and
   * neither another account nor another issuer takes it over.
   */
  #personOf({ issuer, person }: EndedSignIn): string {
    const { identity } = this.#parts;
    const linked = this.#people.linked(issuer.issuer, person.sub);
    const name = linked ?? person.name;
    if (linked === null) {
      if (this.#people.linkOf(name) !== null) {
        throw new Fault(
          'sign-in-failed',
          `the name ${name} belongs to another account; an operator can unlink it (sallyport people unlink)`,
        );
      }
      if (!identity.isKnown(name) && !issuer.createPeople) {
        throw new Fault('sign-in-failed', `${issuer.displayName} knows you as ${name}, who has no account here; ask an operator`);
      }
    }
    const before = identity.provisioned().find((it) => it.name === name);
    // Somebody whom SCIM or an operator provisions keeps what they say; the issuer only proves who it is.
    const source = `oidc:${issuer.name}`;
    if (before === undefined || before.source === source) {
      identity.provision({ name, source, displayName: person.displayName, kind: 'person', groups: person.groups, active: true }, null);
    }
    if (linked === null) this.#people.link(issuer.issuer, person.sub, name);
    return name;
  }

  /** A scope that was not asked for, or more groups than an issuer writes into a token: the person is let in and may do nothing. */
  #warnWithoutGroups({ issuer, person }: EndedSignIn, name: string): void {
    if (person.groupsSent || Object.keys(issuer.groups).length === 0) return;
    const words = `the issuer sent no claim "${issuer.groupsClaim}", so this sign-in brings no groups: ask for the scope that has it, under scopes`;
    this.#parts.log.warn({ issuer: issuer.name, person: name }, words);
  }

  // --- local accounts ---

  /** Adds somebody, or changes groups and display name of somebody added so. Throws Faults invalid-request and conflict. */
  addPerson(person: { readonly name: string; readonly displayName: string; readonly groups: readonly string[] }, by: string): void {
    const { identity } = this.#parts;
    if (!personNamePattern.test(person.name)) {
      throw new Fault('invalid-request', 'a name has 1 to 63 letters, digits and . _ @ + -, and begins with a letter or digit');
    }
    if (identity.isConfigured(person.name)) throw new Fault('conflict', `${person.name} stands in the configuration: change them there`);
    const before = identity.provisioned().find((it) => it.name === person.name);
    if (before !== undefined && before.source !== 'operator') {
      throw new Fault('conflict', `${person.name} came by ${before.source}: change them there`);
    }
    identity.provision({ ...person, source: 'operator', kind: 'person', active: true }, by);
  }

  removePerson(name: string, by: string): void {
    this.#parts.identity.unprovision(name, by);
  }

  /** Forgets which account of an issuer somebody is; the next sign-in by that name links again. False when there was none. */
  unlink(name: string, by: string): boolean {
    const link = this.#people.linkOf(name);
    if (link === null || !this.#people.unlink(name)) return false;
    this.#event('person.changed', by, { person: name, unlinked_from: link.issuer });
    return true;
  }

  /** Sets a password; browsers that are signed in stay so only when the person did it. Throws Faults invalid-request and not-found. */
  async setPassword(person: string, password: string, by: string): Promise<void> {
    const { identity, clock } = this.#parts;
    if (!this.#parts.passwords) throw new Fault('not-allowed', 'sign-in by password is off here (sign_in.passwords)');
    if (!identity.isKnown(person)) throw new Fault('not-found', `there is no person "${person}"`);
    this.#store.setPassword(person, await this.#passwords.hash(password), clock.nowMs());
    this.#event('password.set', by, { person });
    if (by !== person) identity.signOutEverywhere(person);
  }

  /**
   * Changes one's own password; false when the old one is wrong. Whoever has none proves a second factor in this browser first,
   * where they have one: a stolen cookie makes itself no way back in.
   */
  async changePassword(
    person: string,
    old: string,
    password: string,
    { address: clientAddress, browser }: { readonly address: string; readonly browser: string },
  ): Promise<boolean> {
    const { identity } = this.#parts;
    const stored = this.#store.password(person);
    if (stored === null) this.factors.mustBeFresh(person, browser);
    else {
      if (identity.blocked(person, clientAddress)) throw new Fault('limit-reached', 'too many wrong passwords; wait half a minute');
      if (!(await this.#passwords.isRight(old, stored))) {
        identity.failed(person, clientAddress);
        return false;
      }
    }
    await this.setPassword(person, password, person);
    return true;
  }

  hasPassword(person: string): boolean {
    return this.#store.password(person) !== null;
  }

  /** A console session for name and password, and the code where the account has an app. Throws Faults limit-reached. */
  async signInByPassword(name: string, password: string, code: string | null, clientAddress: string): Promise<PasswordSignIn> {
    const { identity } = this.#parts;
    if (!this.#parts.passwords) return { kind: 'wrong' };
    if (identity.blocked(name, clientAddress)) return { kind: 'wait' };
    const isRight = await this.#passwords.isRight(password, this.#store.password(name));
    if (!isRight || identity.person(name) === null) {
      return identity.failed(name, clientAddress) ? { kind: 'wait' } : { kind: 'wrong' };
    }
    const { hasTotp } = this.factors.view(name);
    if (hasTotp && code === null) return { kind: 'code-needed' };
    if (hasTotp) this.factors.checkTotp(name, code ?? '');
    const opened = identity.openConsole(name, clientAddress, hasTotp ? 'password+totp' : 'password');
    return opened === null ? { kind: 'wrong' } : { kind: 'opened', opened };
  }

  /** A console session for a passkey; null when it is not good. */
  async signInByPasskey(answer: CredentialJson, origin: string, clientAddress: string): Promise<OpenedConsole | null> {
    const row = await this.factors.passkeys.check(answer, origin, null);
    const opened = row === null ? null : this.#parts.identity.openConsole(row.person, clientAddress, 'passkey', { credential_id: row.id });
    if (row === null || opened === null) {
      this.#event('sign-in.failed', null, { protocol: 'console', method: 'passkey', client_address: clientAddress });
      return null;
    }
    this.factors.noteProof(row.person, 'passkey', { credential_id: row.id });
    return opened;
  }

  // --- command lines ---

  /** What became of a command line's sign-in; its token when it was confirmed, once. */
  pollCliLogin(
    pollSecret: string,
    machine: string,
  ): { readonly kind: 'waiting' | 'refused' | 'gone' } | { readonly kind: 'token'; readonly issued: IssuedToken } {
    const { identity } = this.#parts;
    const state = this.cliLogins.poll(pollSecret);
    if (state.kind !== 'confirmed') return state;
    const ttlMs = Math.min(cliTokenTtlMs, identity.tokenTtlMsMax);
    return {
      kind: 'token',
      issued: identity.issueToken(state.person, { name: `sallyport login${machine === '' ? '' : ` on ${machine}`}`, ttlMs }),
    };
  }

  #event(type: AuditEventType, principal: string | null, detail: Record<string, unknown>): void {
    appendNow(this.#parts.audit, eventWithoutSession(type, this.#parts.clock.nowMs(), principal, detail));
  }
}
