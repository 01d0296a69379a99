// The store after a kill or a power cut, when it may be behind the audit log: what the log says has ended or was taken away is not in
// force again, and what was used up is not used again. Nothing is given back by it: of what was given and not kept, the log alone tells. Holds have their own way (log-agreement.ts).

import type { AuditLine } from '../audit/line.ts';
import type { OpenedAuditLog } from '../audit/log.ts';
import type { AuditEventType } from '../core/audit.ts';
import type { Log } from '../core/driver.ts';
import { messageOf } from '../core/errors.ts';
import type { AccessRequestId, GrantId, ShapeId } from '../core/ids.ts';
import { AccessRequestStore } from '../store/access-requests.ts';
import { openAgentStore } from '../store/agents.ts';
import { openConsoleSessionStore } from '../store/console-sessions.ts';
import type { Db } from '../store/database.ts';
import { createDelegationStore } from '../store/delegations.ts';
import { openFactorStore } from '../store/factors.ts';
import { GrantStore, type GrantEndKind } from '../store/grants.ts';
import { openPeopleStore } from '../store/people.ts';
import { openProvisionedPeopleStore } from '../store/provisioned-people.ts';
import { ShapeStore, type ShapeEndKind } from '../store/shapes.ts';
import { openTargetCredentialStore } from '../store/target-credentials.ts';
import { openTokenStore } from '../store/tokens.ts';

/** What a kernel keeps in memory goes to the disk within half a minute; this is ample. */
const behindMsMax = 10 * 60_000;

export interface EndsInLog {
  readonly audit: Pick<OpenedAuditLog, 'newest' | 'wasLeftOpen'>;
  readonly db: Db;
  readonly log: Pick<Log, 'error'>;
  /** Of the audit log, as the run before left it. */
  readonly newestEventMs: number;
}

/** At the start, before anything is read from the store. */
export async function keepEndsOfLog({ audit, db, log, newestEventMs }: EndsInLog): Promise<void> {
  if (!audit.wasLeftOpen) return;
  const known = endsOf(db);
  let events: readonly AuditLine[];
  try {
    events = await audit.newest(Object.keys(known) as AuditEventType[], newestEventMs - behindMsMax);
  } catch (thrown) {
    log.error({ err: messageOf(thrown) }, 'what the audit log says has ended could not be read');
    return;
  }
  const decided = new Set<string>();
  const keep = db.transaction(() => {
    for (const event of events) {
      const [about, end] = known[event.type as AuditEventType]?.(event) ?? ['', null];
      if (decided.has(about)) continue; // what was said last counts
      decided.add(about);
      end?.();
    }
  });
  keep.immediate();
  await keepUsesOfLog({ audit, db, log, newestEventMs });
}

/** Approved shapes that may be used so often. The use is in the store before the event: the newest that it knows of is in the log, too. */
async function keepUsesOfLog({ audit, db, log, newestEventMs }: EndsInLog): Promise<void> {
  const shapes = new ShapeStore(db);
  const limited = shapes.active().filter(({ usesMax }) => usesMax !== null);
  if (limited.length === 0) return;
  const fromMs = newestEventMs - behindMsMax;
  try {
    const released = await audit.newest(['action.released'], fromMs, '"shape":"');
    for (const { id, lastUsedAtMs } of limited) {
      const since = released.filter((event) => textOf(event.detail, 'shape') === id && event.at_ms >= (lastUsedAtMs ?? 0)).length;
      shapes.used(id, Math.max(0, lastUsedAtMs !== null && lastUsedAtMs >= fromMs ? since - 1 : since));
    }
  } catch (thrown) {
    log.error({ err: messageOf(thrown) }, 'how often approved shapes were used could not be read in the audit log');
  }
}

/** What an event is about, and how the store is told of its end; null: it lives again. */
type EndOf = (event: AuditLine) => readonly [about: string, end: (() => unknown) | null];

function endsOf(db: Db): Partial<Record<AuditEventType, EndOf>> {
  return { ...endsOfAccess(db), ...endsOfPeople(db), ...endsOfMachines(db) };
}

function endsOfAccess(db: Db): Partial<Record<AuditEventType, EndOf>> {
  const requests = new AccessRequestStore(db);
  const grants = new GrantStore(db);
  const shapes = new ShapeStore(db);
  const delegations = createDelegationStore(db);
  const endOf = ({ at_ms: atMs, principal: by, detail }: AuditLine) => ({ atMs, by, reason: textOf(detail, 'reason') });
  const request =
    (state: 'denied' | 'expired' | 'withdrawn'): EndOf =>
    (event) => {
      const id = textOf(event.detail, 'request') as AccessRequestId;
      return [`request ${id}`, () => requests.end(id, { state, ...endOf(event), grantId: null })];
    };
  const grant: EndOf = (event) => {
    const id = textOf(event.detail, 'grant') as GrantId;
    return [`grant ${id}`, () => grants.end(id, { kind: textOf(event.detail, 'why') as GrantEndKind, ...endOf(event) })];
  };
  const shape: EndOf = (event) => {
    const id = textOf(event.detail, 'shape') as ShapeId;
    return [`shape ${id}`, () => shapes.end(id, { kind: textOf(event.detail, 'why') as ShapeEndKind, ...endOf(event) })];
  };
  return {
    ...{ 'access.denied': request('denied'), 'access.expired': request('expired'), 'access.withdrawn': request('withdrawn') },
    ...{ 'grant.revoked': grant, 'grant.ended': grant, 'shape.revoked': shape, 'shape.ended': shape },
    'delegation.ended': ({ detail, principal, at_ms: atMs }) => {
      const id = textOf(detail, 'delegation') ?? '';
      return [`delegation ${id}`, () => delegations.end(id, principal, atMs)];
    },
  };
}

function endsOfPeople(db: Db): Partial<Record<AuditEventType, EndOf>> {
  const tokens = openTokenStore(db);
  const browsers = openConsoleSessionStore(db);
  const people = openPeopleStore(db);
  const provisioned = openProvisionedPeopleStore(db);
  const factors = openFactorStore(db);
  const nameOf = ({ detail }: AuditLine) => textOf(detail, 'person') ?? '';
  /** Groups and account that somebody lost meanwhile. */
  const changed: EndOf = (event) => {
    const { groups, active, source } = event.detail;
    const row = provisioned.all().find((it) => it.name === nameOf(event) && it.source === source);
    if (row === undefined || !Array.isArray(groups)) return [`change ${event.seq}`, null];
    const left = row.groups.filter((group) => groups.includes(group));
    return [`person ${row.name}`, () => provisioned.put({ ...row, groups: left, active: row.active && active === true })];
  };
  return {
    'token.revoked': ({ detail }) => {
      const id = textOf(detail, 'token_id') ?? '';
      return [`token ${id}`, () => [tokens.remove(id), browsers.removeOfToken(id)]];
    },
    'person.disabled': (event) => [
      `account ${nameOf(event)}`,
      () => [people.disable(nameOf(event), event.at_ms, event.principal), browsers.removeOf(nameOf(event))],
    ],
    'person.enabled': (event) => [`account ${nameOf(event)}`, null],
    ...{ 'person.changed': changed, 'person.added': changed },
    'person.removed': (event) => [
      `person ${nameOf(event)}`,
      () => [provisioned.remove(nameOf(event)), provisioned.unlink(nameOf(event)), browsers.removeOf(nameOf(event))],
    ],
    'passkey.removed': ({ detail }) => {
      const id = textOf(detail, 'credential_id') ?? '';
      return [`passkey ${id}`, () => factors.removePasskey(id)];
    },
    'passkey.registered': ({ detail }) => [`passkey ${textOf(detail, 'credential_id')}`, null],
    'totp.removed': (event) => [`totp ${nameOf(event)}`, () => factors.removeTotp(nameOf(event))],
    'totp.registered': (event) => [`totp ${nameOf(event)}`, null],
  };
}

function endsOfMachines(db: Db): Partial<Record<AuditEventType, EndOf>> {
  const agents = openAgentStore(db);
  const credentials = openTargetCredentialStore(db);
  return {
    'agent.revoked': ({ detail, principal, at_ms: atMs }) => {
      const id = textOf(detail, 'agent') ?? '';
      return [`agent ${id}`, () => agents.revoke(id, principal ?? '', atMs)];
    },
    'agent.token-revoked': ({ detail }) => {
      const id = textOf(detail, 'token') ?? '';
      return [`agent token ${id}`, () => agents.removeToken(id)];
    },
    'credential.removed': ({ target }) => [
      `credential ${target?.toLowerCase()}`,
      () => credentials.removeBefore(target?.toLowerCase() ?? '', Number.MAX_SAFE_INTEGER),
    ],
    'credential.set': ({ target }) => [`credential ${target?.toLowerCase()}`, null],
  };
}

function textOf(detail: AuditLine['detail'], name: string): string | null {
  const value = detail[name];
  return typeof value === 'string' ? value : null;
}
