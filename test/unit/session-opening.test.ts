// A session that can't be opened after its connection was released: the log says so, and no file stays open.

import { readdirSync, readlinkSync } from 'node:fs';
import t from 'tap';
import { openRecordings } from '../../src/recordings/recordings.ts';
import { SessionRegistry } from '../../src/sessions/registry.ts';
import type { RegistryParts } from '../../src/sessions/registry.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { MemoryAudit, SeededRandom, person } from './approvals-fixtures/desk.ts';
import { realClock as clock } from './audit-fixtures/log.ts';
import { target } from './policy-fixtures/recorded-gateway.ts';

t.test('the book takes nothing', async (t) => {
  const dir = temporaryDirectory(t, 'recordings');
  const audit = new MemoryAudit();
  const recordings = openRecordings({ dir, clock });
  const allowed = { ruling: { kind: 'release', permit: { close: () => undefined } }, decision: null };
  const full = () => {
    throw new Error('database or disk is full');
  };
  const registry = new SessionRegistry({
    ...{ audit, recordings, clock, random: new SeededRandom(1) },
    gate: { judge: () => allowed } as unknown as RegistryParts['gate'],
    classifierOf: (() => null) as unknown as RegistryParts['classifierOf'],
    book: { opened: full, counted: full, closed: full },
  });
  t.teardown(() => registry.close('done'));
  const facts = { clientAddress: '::1', tls: true, method: 'token', database: 'd' };
  const opening = { principal: person('alice'), target, facts, tokenId: null } as unknown as Parameters<SessionRegistry['open']>[0];
  const lane = { signal: new AbortController().signal, onHold: () => undefined };
  t.match(await registry.open(opening, lane), { kind: 'refuse', refusal: { message: /could not be recorded: database or disk is full/ } });
  t.match(audit.events, [{ type: 'session.refused', detail: { message: /could not be recorded/, client_address: '::1' } }]);
  t.strictSame(openFilesIn(dir), []);
  await recordings.close();
});

t.test('the log takes nothing', async (t) => {
  const full = () => {
    throw new Error('the audit log cannot be written');
  };
  const ended: string[] = [];
  const dir = temporaryDirectory(t, 'recordings');
  const audit = Object.assign(new MemoryAudit(), { append: full });
  const recordings = openRecordings({ dir, clock });
  const allowed = { ruling: { kind: 'release', permit: { close: () => undefined } }, decision: null };
  const registry = new SessionRegistry({
    ...{ audit, recordings, clock, random: new SeededRandom(1) },
    gate: { judge: () => allowed } as unknown as RegistryParts['gate'],
    classifierOf: (() => null) as unknown as RegistryParts['classifierOf'],
    book: { opened: () => undefined, counted: full, closed: (_session, _atMs, why) => void ended.push(why) },
  });
  t.teardown(() => registry.close('done'));
  const facts = { clientAddress: '::1', tls: true, method: 'token', database: 'd' };
  const opening = { principal: person('alice'), target, facts, tokenId: null } as unknown as Parameters<SessionRegistry['open']>[0];
  const lane = { signal: new AbortController().signal, onHold: () => undefined };
  t.match(await registry.open(opening, lane), { kind: 'refuse', refusal: { message: /the audit log cannot be written/ } });
  t.match(audit.events, [{ type: 'session.refused' }]);
  t.strictSame(ended, ['the audit log cannot be written']);
  t.strictSame(openFilesIn(dir), []);
  await recordings.close();
});

function openFilesIn(dir: string): string[] {
  const open = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // that of the listing itself
    }
  });
  return open.filter((path) => path.startsWith(dir));
}
