// What the store is told of the log after a kill: what was said last counts, and nothing is given back.

import t from 'tap';
import type { AuditLine } from '../../src/audit/line.ts';
import { keepEndsOfLog } from '../../src/composition/ends-in-log.ts';
import type { AuditEventType } from '../../src/core/audit.ts';
import type { ShapeId } from '../../src/core/ids.ts';
import { accessRequestMigrations } from '../../src/store/access-requests.ts';
import { agentMigrations } from '../../src/store/agents.ts';
import { openDatabase } from '../../src/store/database.ts';
import { delegationMigrations } from '../../src/store/delegations.ts';
import { openFactorStore } from '../../src/store/factors.ts';
import { grantMigrations } from '../../src/store/grants.ts';
import { shapeMigrations, ShapeStore, type ShapeRecord } from '../../src/store/shapes.ts';
import { openTargetCredentialStore, targetCredentialMigrations } from '../../src/store/target-credentials.ts';
import { identityMigrations } from '../../src/identity/tables.ts';

const newestEventMs = 1_790_000_000_000;

function world(wasLeftOpen = true) {
  const db = openDatabase(':memory:', [
    ...identityMigrations,
    ...accessRequestMigrations,
    ...grantMigrations,
    ...shapeMigrations,
    ...delegationMigrations,
    ...agentMigrations,
    ...targetCredentialMigrations,
  ]);
  const factors = openFactorStore(db);
  const credentials = openTargetCredentialStore(db);
  const passkey = {
    person: 'dana',
    name: 'key',
    rp_id: 'x',
    public_key: Buffer.of(1),
    counter: 0,
    created_at_ms: 1,
    last_used_at_ms: null,
  };
  for (const id of ['lost', 'again']) factors.addPasskey({ id, ...passkey });
  const sealed = { sealed: Buffer.of(1), wrappedKey: Buffer.of(1), keyId: 'k', createdAtMs: 1, createdBy: 'erin' };
  for (const target of ['orders', 'shop']) credentials.add({ target, version: 1, ...sealed });
  const told: string[] = [];
  const keep = (newest: (types: readonly AuditEventType[], fromMs: number, containing?: string) => Promise<readonly AuditLine[]>) =>
    keepEndsOfLog({ audit: { newest, wasLeftOpen }, db, newestEventMs, log: { error: (_, words) => told.push(words) } });
  return { factors, credentials, shapes: new ShapeStore(db), keep, told };
}

const shapeTimes = { startedAtMs: newestEventMs - 3_600_000, endsAtMs: newestEventMs, durationMs: 1, seenAtMs: 0 };

const line = (type: AuditEventType, detail: object, target: string | null = null) =>
  ({ seq: 7, type, at_ms: newestEventMs, principal: 'erin', target, detail }) as unknown as AuditLine;

t.test('what was said last counts', async (t) => {
  const { factors, credentials, keep } = world();
  const asked: unknown[] = [];
  await keep((types, fromMs) => {
    asked.push(types.includes('grant.revoked'), newestEventMs - fromMs);
    return Promise.resolve([
      line('passkey.registered', { credential_id: 'again' }),
      line('passkey.removed', { credential_id: 'again' }),
      line('passkey.removed', { credential_id: 'lost' }),
      line('credential.set', { version: 2 }, 'shop'),
      line('credential.removed', { versions: 1 }, 'shop'),
      line('credential.removed', { versions: 1 }, 'Orders'),
      line('grant.revoked', { grant: 'g-OTHERS' }),
      line('token.revoked', {}),
    ]);
  });
  t.same(asked, [true, 600_000]);
  t.same(
    factors.passkeys('dana').map(({ id }) => id),
    ['again'],
  );
  t.same(
    credentials.all().map(({ target }) => target),
    ['shop'],
  );
});

t.test('after an orderly end the log is not asked', async (t) => {
  const { keep } = world(false);
  await keep(() => Promise.reject(new Error('asked')));
  t.pass();
});

t.test('a log that cannot be read is told, and the store alone says how it stands', async (t) => {
  const { keep, told, factors } = world();
  await keep(() => Promise.reject(new Error('input/output error')));
  t.match(told, [/could not be read/]);
  t.equal(factors.passkeys('dana').length, 2);
});

t.test('uses of approved shapes that the store has lost count', async (t) => {
  const { shapes, keep } = world();
  const shape = (id: string, usesMax: number | null) =>
    shapes.insert({ id, holdId: `h-${id}`, principal: 'alice', target: 'orders', usesMax, ...shapeTimes } as unknown as ShapeRecord);
  for (const id of ['never', 'once', 'long-ago', 'kept']) shape(`s-${id}`, 3);
  shape('s-free', null);
  const minute = 60_000;
  shapes.use('s-once' as ShapeId, newestEventMs - 5);
  shapes.use('s-kept' as ShapeId, newestEventMs - 5);
  shapes.use('s-long-ago' as ShapeId, newestEventMs - 20 * minute);
  const released = (id: string, agoMs: number) => ({ ...line('action.released', { shape: `s-${id}` }), at_ms: newestEventMs - agoMs });
  await keep((types, _fromMs, containing) => {
    if (!types.includes('action.released')) return Promise.resolve([]);
    t.equal(containing, '"shape":"');
    return Promise.resolve([
      released('never', 0),
      released('never', 1),
      released('once', 0),
      released('once', 4),
      released('long-ago', minute),
      released('kept', 4),
      released('free', 3),
    ]);
  });
  const uses = Object.fromEntries(shapes.active().map((it) => [it.id, it.uses]));
  t.same(uses, { 's-never': 2, 's-once': 2, 's-long-ago': 2, 's-kept': 1, 's-free': 0 });
});
