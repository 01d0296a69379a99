// A listening API over real parts: identity, the desk of holds, the session table, all in a store in memory.

import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { listenApi } from '../../src/api/listen.ts';
import { createApi } from '../../src/api/server.ts';
import type { ApiServices } from '../../src/api/services.ts';
import type { SessionView } from '../../src/api/contract.ts';
import { createAccessDesk } from '../../src/approvals/access-requests.ts';
import { createHolds, holdView } from '../../src/approvals/holds.ts';
import type { HoldDesk } from '../../src/approvals/holds.ts';
import { apiAccess } from '../../src/composition/access.ts';
import { apiShapes, openShapes } from '../../src/composition/shapes.ts';
import type { AuditEvent, AuditLog } from '../../src/core/audit.ts';
import type { Clock, Random } from '../../src/core/clock.ts';
import type { HoldRequest, PlacedHold } from '../../src/core/hold.ts';
import type { Principal } from '../../src/core/principal.ts';
import { Accounts, type AccountsParts } from '../../src/identity/accounts.ts';
import { answerTimes } from '../../src/composition/answer-times.ts';
import { createIdentity } from '../../src/identity/identity.ts';
import { identityMigrations } from '../../src/identity/tables.ts';
import type { Identity, PersonRecord } from '../../src/identity/identity.ts';
import { accessRequestMigrations } from '../../src/store/access-requests.ts';
import { ScimDirectory } from '../../src/identity/scim-directory.ts';
import { openScimStore } from '../../src/store/scim.ts';
import { openDatabase } from '../../src/store/database.ts';
import { shapeMigrations } from '../../src/store/shapes.ts';
import { grantMigrations } from '../../src/store/grants.ts';
import { holdMigrations } from '../../src/store/hold-tables.ts';
import { createSessionStore, sessionMigrations } from '../../src/store/sessions.ts';
import { inTurnBy } from './audit-fixtures/in-turn.ts';

/** A clock that tests move by hand. */
export class HandClock implements Clock {
  wallMs = Date.UTC(2026, 10, 21);
  passedMs = 0;
  nowMs(): number {
    return this.wallMs + this.passedMs;
  }
  monotonicMs(): number {
    return this.passedMs;
  }
  advance(ms: number): void {
    this.passedMs += ms;
  }
}

export const random: Random = { bytes: (count) => randomBytes(count) };

/** Keeps events, so that tests can look at them. */
export class KeptAudit implements AuditLog {
  readonly events: AuditEvent[] = [];
  append(event: AuditEvent): undefined {
    this.events.push(event);
  }
  appendSoon(event: AuditEvent): void {
    this.events.push(event);
  }
  readonly appendInTurn = inTurnBy((event) => this.append(event));
}

const person = (name: string, groups: readonly string[], kind: PersonRecord['kind'] = 'person'): PersonRecord => ({
  name,
  displayName: name.toUpperCase(),
  kind,
  groups,
  disabled: false,
});

export const people: readonly PersonRecord[] = [
  person('alice', ['engineers']),
  person('bob', ['dba']),
  person('dana', ['dba']),
  person('carol', ['auditors']),
  person('erin', ['operators']),
  person('frank', ['engineers']),
  /** Policy names her group, the configuration gives it no right to approve. */
  person('gina', ['auditors', 'release']),
];
export const rights = { approve: ['dba'], audit: ['auditors'], operate: ['operators'] };

export interface Fixture {
  readonly app: FastifyInstance;
  readonly url: string;
  readonly identity: Identity;
  readonly holds: HoldDesk;
  readonly audit: KeptAudit;
  readonly clock: HandClock;
  readonly killed: string[];
  token(name: string): string;
  /** A console session's cookie, as the browser sends it. */
  cookie(name: string): string;
  place(by: string, text?: string, reasonRequired?: boolean): PlacedHold;
  openSession(id: string, by: string): SessionView;
  close(): Promise<void>;
}

/** Accounts with passwords, and without issuers and machines. */
export function accountsOf(parts: Pick<AccountsParts, 'identity' | 'db' | 'clock' | 'audit' | 'publicUrl'>): Accounts {
  return new Accounts({ ...parts, random, log: { warn: () => undefined }, oidc: [], machines: [], passwords: true });
}

/** With `publicUrl` the API believes to be behind that name; it listens on loopback all the same. */
export async function startApi(consoleDir = '/nonexistent', publicUrl?: string): Promise<Fixture> {
  const db = openDatabase(':memory:', [
    ...identityMigrations,
    ...holdMigrations,
    ...sessionMigrations,
    ...accessRequestMigrations,
    ...grantMigrations,
    ...shapeMigrations,
  ]);
  const clock = new HandClock();
  const audit = new KeptAudit();
  let url = 'http://127.0.0.1:1';
  const base = () => publicUrl ?? url;
  const identity = createIdentity({ db, clock, random, audit, people, rights, publicUrl: base });
  const holds = createHolds({ db, clock, random, audit, consoleUrl: url });
  const sessions = createSessionStore(db);
  const sessionListeners = new Set<(session: () => SessionView) => void>();
  const killed: string[] = [];
  const access = createAccessDesk({
    ...{ db, clock, random, audit, log: { error: () => undefined, warn: () => undefined } },
    policies: () => ({ version: 'none', decide: () => ({ kind: 'deny', rule: null, message: 'no policies here' }) }),
    person: (name) => identity.person(name),
    targetNamed: () => undefined,
    isSessionOpen: () => false,
  });
  const shapes = openShapes({
    ...{ db, clock, random, audit, holds, newestEventMs: 0, log: { error: () => undefined } },
    person: (name) => identity.person(name),
    classifierOf: () => {
      throw new Error('nothing is classified here');
    },
  });
  const services: ApiServices = {
    identity,
    access: apiAccess(access, () => false),
    shapes: apiShapes(shapes, () => false),
    accounts: accountsOf({ identity, db, clock, audit, publicUrl: base }),
    scim: new ScimDirectory([], openScimStore(db), identity, clock),
    tokenActivity: () => ({ sessions: 0, denied: 0, holdIds: [] }),
    answerTimes: (sinceMs) => answerTimes(db, sinceMs),
    holds: {
      get: (id, viewer) => {
        const hold = holds.get(id);
        return hold === undefined ? null : holdView(hold, viewer);
      },
      list: (query, viewer) => {
        const page = holds.list(query);
        return { items: page.items.map((hold) => holdView(hold, viewer)), next: page.next };
      },
      waitsFor: () => false,
      takeBack: (id, person) => holds.takeBack(id, person),
      answer: (id, who, answer, reason, proof, via) => holds.answer(id, who, answer, reason, proof, via),
      on: (listener) => holds.on(({ hold }) => listener(hold.id)),
    },
    sessions: {
      get: (id) => sessions.get(id) ?? null,
      list: (query) => sessions.list(query),
      kill: (id) => sessions.get(id)?.state === 'open' && killed.push(id) > 0,
      on: (listener) => {
        sessionListeners.add(listener);
        return () => void sessionListeners.delete(listener);
      },
    },
    recordings: {
      read: async () => ({ entries: [], complete: false, next: 0 }),
      terminals: {
        count: () => 0,
        index: async () => undefined,
        read: async () => undefined,
        search: async () => undefined,
        follow: () => undefined,
      },
      noteLook: async () => undefined,
    },
    audit: {
      search: (query) => ({
        items: audit.events
          .map((event, index) => ({
            seq: index + 1,
            at: new Date(event.atMs).toISOString(),
            type: event.type,
            principal: event.principal,
            target: event.target,
            session_id: event.sessionId,
            action_id: event.actionId,
            hold_id: event.holdId,
            detail: event.detail,
            hash: '',
          }))
          .filter((event) => query.principal === undefined || event.principal === query.principal)
          .filter((event) => query.type === undefined || event.type === query.type)
          .filter((event) => query.hold === undefined || event.hold_id === query.hold),
        next: null,
      }),
      verify: async () => ({ ok: false, seq: 7, problem: 'event 7 (a.jsonl, line 7): the hash is wrong' }),
    },
    policies: {
      current: () => ({ version: 'v1', loaded_at: new Date(0).toISOString(), files: [], rejected: [] }),
      versions: () => [],
      version: () => null,
    },
    targets: { list: () => [{ name: 'orders' as never, protocol: 'postgres', labels: { env: 'production' }, host: 'db', port: 5432 }] },
    agents: {
      list: () => [],
      createToken: () => ({ token: 'spe_test', expiresAtMs: clock.nowMs() }),
      revoke: () => 0,
      tokens: () => [],
      revokeToken: () => false,
    },
    credentials: {
      list: () => [],
      set: async (target) => ({ target, version: 1 }),
      remove: () => ({ removed: 0 }),
      check: async (target) => ({ target, version: 'version 1', user: 'u' }),
      rewrap: async () => ({ rewrapped: 0 }),
    },
    webhooks: { deliveries: () => ({ items: [], next: null }) },
    gateway: {
      version: '0.0.0',
      publicUrl: base,
      addressOf: (protocol) => (protocol === 'postgres' ? { host: '127.0.0.1', port: 6432 } : null),
      tls: null,
      consoleDir,
    },
    clock,
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: (fields) => console.error(fields) },
  };
  const app = await createApi(services);
  await listenApi(app, { host: '127.0.0.1', port: 0, tls: false });
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const token = (name: string) => identity.issueToken(name, { name: 'test', ttlMs: 3_600_000 }).token;
  return {
    app,
    url,
    identity,
    holds,
    audit,
    clock,
    killed,
    token,
    cookie: (name) => `sallyport=${identity.signIn({ token: token(name) }, '127.0.0.1')?.cookie ?? ''}`,
    place: (by, text = 'DROP TABLE orders', reasonRequired = false) =>
      holds.place(request(identity.person(by) as Principal, text, reasonRequired)),
    openSession: (id, by) => {
      const facts = { clientAddress: '127.0.0.1', tls: false, method: 'token', database: 'orders' };
      const counts = { statements: 0, held: 0, denied: 0 };
      sessions.opened({ id, principal: { name: by }, target: { name: 'orders', protocol: 'postgres' }, facts, counts }, clock.nowMs());
      const view = sessions.get(id) as SessionView;
      for (const listener of sessionListeners) listener(() => view);
      return view;
    },
    close: async () => {
      await app.close();
      await holds.close('the test is over');
      identity.close();
      db.close();
    },
  };
}

function request(principal: Principal, text: string, reasonRequired: boolean): HoldRequest {
  const empty = {
    kinds: ['drop table'],
    verbs: ['drop'],
    access: 'write',
    effects: [],
    tables: [],
    tablesWritten: [],
    functions: [],
  } as const;
  return {
    actionId: 'a-1' as never,
    sessionId: `s-${principal.name}` as never,
    actionKind: 'statement',
    principal,
    target: { name: 'orders' as never, protocol: 'postgres', labels: { env: 'production' } },
    clientAddress: '127.0.0.1',
    text,
    parameters: null,
    digest: 'd'.repeat(64),
    classification: { understood: true, problem: null, statements: [], summary: { ...empty, missingWhere: false } },
    transaction: 'none',
    rule: { id: 'production/hold-destructive', title: 'Dropping waits', version: 'v1' },
    terms: { approverGroups: ['dba', 'release'], approvalsNeeded: 1, expiresMs: 900_000, expiresInTransactionMs: 60_000, reasonRequired },
    expiresMs: 900_000,
  };
}
