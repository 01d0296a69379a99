// A power cut that takes the newest changes of the database and leaves the audit log: what was ended, revoked or taken away before is not
// in force again. And a kill right behind an operator's change: the log knows of it.

import { readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t from 'tap';
import type { AccessRequestView, AuditEventView, DelegationView, Page, PersonView, TokenIssued } from '../../src/api/contract.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';

/** For each, on a slow and busy machine; it takes a fraction. */
const testMsMax = 120_000;

const pack = readFileSync(join(import.meta.dirname, '../../policies/packs/just-in-time.yaml'), 'utf8');
const items = async <T>(asked: Promise<{ body: Page<T> }>) => (await asked).body.items;

t.test('a power cut takes back the newest changes of the database', { timeout: testMsMax }, async (t) => {
  const server = await startPostgres(t);
  const target = targetOf(server, 'orders', { access: 'just-in-time' });
  const gateway = await startGatewayProcess(t, { targets: [target], policies: { 'jit.yaml': pack } });
  const as = (person: string) => gateway.api(person);
  const remove = async (person: string, path: string) => {
    const headers = { authorization: `Bearer ${gateway.token(person)}` };
    const { status } = await fetch(`${gateway.http}/api/v1${path}`, { method: 'DELETE', headers });
    t.ok(status < 300, `${path}: ${status}`);
  };
  const done = async <T>(asked: Promise<{ status: number; body: T }>) => {
    const { status, body } = await asked;
    t.equal(status, 200, JSON.stringify(body));
    return body;
  };

  const wish = { target: 'orders', for_ms: 600_000, reason: 'a look', read_only: true };
  const { grant_id: grant } = await done(as('alice').post<AccessRequestView>('/access-requests', wish));
  const { token, id: tokenId } = await done(as('alice').post<TokenIssued>('/tokens', { name: 'lost laptop' }));
  const { id: lent } = await done(as('bob').post<DelegationView>('/delegations', { to: 'dana', for_ms: 3_600_000 }));
  await done(as('erin').post('/people', { name: 'frank', groups: ['dba'] }));
  await done(as('erin').post('/people', { name: 'grace', groups: ['dba', 'engineers'] }));
  await done(as('erin').post('/people/carol/disable'));
  await done(as('erin').post('/agents/enrolment-tokens', { name: 'edge' }));

  const store = join(gateway.dataDir, 'sallyport.db');
  const kept = `${store}.kept`;
  const reader = new Database(store, { readonly: true });
  await reader.backup(kept);
  reader.close();

  await done(as('erin').post(`/grants/${grant}/revoke`, { reason: 'enough' }));
  await remove('alice', `/tokens/${tokenId}`);
  await done(as('dana').post(`/delegations/${lent}/end`));
  await done(as('erin').post('/people/dana/disable'));
  await remove('erin', '/people/frank');
  await done(as('erin').post('/people', { name: 'grace', groups: ['engineers'] }));
  await done(as('erin').post('/people/carol/enable'));
  await done(as('erin').post('/people/carol/disable'));
  await done(as('erin').post('/people/carol/enable'));
  const [enrolment] = await items(as('erin').get<Page<{ id: string }>>('/agents/enrolment-tokens'));
  await remove('erin', `/agents/enrolment-tokens/${enrolment?.id}`);

  await gateway.killHard();
  for (const end of ['', '-wal', '-shm']) rmSync(`${store}${end}`, { force: true });
  renameSync(kept, store);
  await gateway.start();

  t.match(await as('erin').get(`/grants/${grant}`), { body: { state: 'ended', ended_by: 'erin', end_reason: 'enough' } });
  const { status } = await fetch(`${gateway.http}/api/v1/me`, { headers: { authorization: `Bearer ${token}` } });
  t.equal(status, 401, 'the revoked token');
  t.same(await items(as('bob').get<Page<DelegationView>>('/delegations')), [], 'the right that was lent');
  t.same(await items(as('erin').get<Page<object>>('/agents/enrolment-tokens')), []);
  const people = await items(as('erin').get<Page<PersonView>>('/people'));
  const known = new Map(people.map((person) => [person.name, person]));
  t.match(known.get('dana'), { disabled: true });
  t.equal(known.get('frank'), undefined, 'who was removed');
  t.same(known.get('grace')?.groups, ['engineers']);
  t.match(known.get('carol'), { disabled: true }, 'nothing is given back: an operator does that again');
});

t.test('what an operator changed is in the log before the answer', { timeout: testMsMax }, async (t) => {
  const server = await startPostgres(t);
  const gateway = await startGatewayProcess(t, { targets: [targetOf(server, 'orders', { env: 'production' })] });
  const { status } = await gateway.api('erin').post('/people/dana/disable');
  await gateway.killHard();
  t.equal(status, 200);
  await gateway.start();
  const [event] = await items(gateway.api('carol').get<Page<AuditEventView>>('/audit?type=person.disabled'));
  t.match(event, { principal: 'erin', detail: { person: 'dana' } });
});
