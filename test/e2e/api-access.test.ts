// Who sees what, and what ends when a token is revoked or a person is shut out: in the API, on the live socket, and in database
// sessions that are open.

import t from 'tap';
import type { Test } from 'tap';
import WebSocket from 'ws';
import type { AuditEventView, HoldView, Me, Page, SessionView, TokenIssued, TokenView } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { shippedPolicies, startTestGateway, targetOf } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

/** For the whole file, on a slow and busy machine; it takes a fraction. */
const fileMsMax = 180_000;

const twoApprovers = `policy: two-approvers
applies_to: { labels: { env: production } }
rules:
  - id: hold-views
    title: Views take two
    effects: { verbs: [create] }
    decision: hold
    approvers: { groups: [dba], count: 2 }
    expires: 5m
`;

t.setTimeout(fileMsMax);

t.test('people see what is theirs, and nothing of others', { timeout: fileMsMax }, async (t) => {
  const { gateway, psql } = await world(t);
  const bobs = psql('bob');
  bobs.write('SELECT 4711;\n');
  await bobs.waitFor(/4711/);
  const alices = psql('alice');
  alices.write("DELETE FROM payments /* alice's */;\n");
  const hold = await gateway.api('bob').pendingHold();
  const { body: all } = await gateway.api('carol').get<Page<SessionView>>('/sessions');
  t.same(all.items.map(({ principal }) => principal).sort(), ['alice', 'bob'], 'the auditor sees all');
  const idOf = (person: string) => all.items.find(({ principal }) => principal === person)?.id ?? '';

  const alice = gateway.api('alice');
  t.same(
    (await alice.get<Page<SessionView>>('/sessions')).body.items.map(({ principal }) => principal),
    ['alice'],
  );
  t.same((await alice.get<Page<SessionView>>('/sessions?principal=bob')).body.items, []);
  for (const path of ['', '/recording']) t.equal((await alice.get(`/sessions/${idOf('bob')}${path}`)).status, 404, `bob's session${path}`);
  t.equal((await alice.post(`/sessions/${idOf('bob')}/kill`)).status, 404);
  t.same((await alice.get<Page<AuditEventView>>('/audit?principal=bob')).body.items, []);
  t.same((await alice.get<Page<AuditEventView>>(`/audit?session=${idOf('bob')}`)).body.items, []);
  t.ok((await alice.get<Page<AuditEventView>>('/audit?limit=200')).body.items.every(({ principal }) => principal === 'alice'));
  const { body: bobsTokens } = await gateway.api('bob').get<Page<TokenView>>('/tokens');
  t.same((await alice.get<Page<TokenView>>('/tokens?person=bob')).body.items, []);
  t.ok((await alice.get<Page<TokenView>>('/tokens')).body.items.every(({ person }) => person === 'alice'));
  t.equal(await remove(gateway, 'alice', `/tokens/${bobsTokens.items[0]?.id}`), 404);
  for (const path of ['/people', '/audit/verify', '/webhooks/deliveries']) t.equal((await alice.get(path)).status, 403, path);
  for (const [path, body] of [
    ['/tokens', { person: 'bob' }],
    ['/login-links', { person: 'bob' }],
    ['/people/bob/disable', {}],
    ['/people/alice/enable', {}],
  ] as const) {
    t.equal((await alice.post(path, body)).status, 403, path);
  }
  t.match(await alice.post(`/holds/${hold.id}/approve`, { reason: 'mine' }), { status: 403, body: { code: 'requester' } });
  for (const person of ['carol', 'erin']) {
    t.match((await gateway.api(person).post(`/holds/${hold.id}/approve`, { reason: 'x' })).status, /40[34]/, `${person} does not approve`);
  }

  t.equal((await gateway.api('carol').get(`/sessions/${idOf('bob')}/recording`)).status, 200);
  t.equal((await gateway.api('carol').post('/people/bob/disable')).status, 403, 'auditors change nothing');
  t.equal((await gateway.api('erin').get(`/sessions/${idOf('bob')}`)).status, 200);
  t.match(await gateway.api('erin').get(`/sessions/${idOf('bob')}/recording`), { status: 403, body: { code: 'not-allowed' } });
  t.match((await gateway.api('erin').get<Me>('/me')).body.rights, ['operate']);
  t.equal((await gateway.api('bob').post(`/holds/${hold.id}/deny`, { reason: 'done' })).status, 200);
});

t.test('lists come in pages that miss nothing and repeat nothing', { timeout: fileMsMax }, async (t) => {
  const { gateway, psql } = await world(t);
  const session = psql('alice');
  for (let n = 0; n < 7; n += 1) session.write(`SELECT ${n};\n`);
  await session.waitFor(/\b6\b/);
  for (let n = 0; n < 3; n += 1) {
    session.write(`TRUNCATE payments /* ${n} */;\n`);
    const hold = await gateway.api('bob').pendingHold();
    await gateway.api('bob').post(`/holds/${hold.id}/deny`, { reason: 'no' });
  }
  for (const path of ['/holds', '/audit', '/audit?text=TRUNCATE', '/sessions'] as const) {
    const one = path.includes('?') ? '&' : '?';
    const whole = await gateway.api('carol').get<Page<{ id?: string; seq?: number }>>(`${path}${one}limit=200`);
    const seen: unknown[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const at: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page: Page<{ id?: string; seq?: number }> = (
        await gateway.api('carol').get<Page<{ id?: string; seq?: number }>>(`${path}${one}limit=2${at}`)
      ).body;
      t.ok(page.items.length <= 2);
      seen.push(...page.items.map(({ id, seq }) => id ?? seq));
      cursor = page.next;
    }
    const wanted = whole.body.items.map(({ id, seq }) => id ?? seq);
    t.ok(wanted.length > 0, path);
    // The log may have grown at its new end meanwhile.
    t.same(
      seen.filter((it) => wanted.includes(it as string)),
      wanted,
      path,
    );
    t.equal(new Set(seen).size, seen.length, `${path}: nothing twice`);
  }
  for (const path of ['/holds', '/sessions', '/audit'])
    t.equal((await gateway.api('carol').get(`${path}?cursor=rubbish`)).status, 400, `${path}: a cursor that nobody gave out`);
  t.equal((await gateway.api('carol').get('/holds?limit=0')).status, 400);
  t.equal((await gateway.api('carol').get('/holds?limit=201')).status, 400);
});

t.test('a revoked token ends what was opened with it, and nothing else', { timeout: fileMsMax }, async (t) => {
  const { gateway, psql, psqlWith } = await world(t);
  const alice = gateway.api('alice');
  const { body: token } = await alice.post<TokenIssued>('/tokens', { name: 'stolen', ttl_ms: 600_000 });
  const live = liveSocket(t, gateway, token.token);
  await live.message(/"hello"/);
  const stolen = psqlWith('alice', token.token);
  stolen.write('DELETE FROM payments /* by the stolen token */;\n');
  const hold = await gateway.api('bob').pendingHold();
  const own = psql('alice');
  own.write('SELECT 1;\n');
  await own.waitFor(/\(1 row\)/);

  t.equal(await remove(gateway, 'alice', `/tokens/${token.id}`), 204);
  t.equal((await fetch(`${gateway.http}/api/v1/me`, { headers: { authorization: `Bearer ${token.token}` } })).status, 401);
  t.equal(await live.closed, 4401, 'the live socket is told to sign in again');
  await stolen.waitFor(/FATAL: .*the access token of this session was revoked/);
  const { body: ended } = await gateway.api('bob').get<HoldView>(`/holds/${hold.id}`);
  t.match(ended, { state: 'withdrawn' });
  t.match(await gateway.api('bob').post(`/holds/${hold.id}/approve`, { reason: 'late' }), { status: 409 });
  own.write('SELECT 40 + 2;\n');
  await own.waitFor(/\b42\b/);
  const again = psqlWith('alice', token.token);
  await again.waitFor(/password authentication failed/);
});

t.test('a disabled person is out everywhere at once, and it is written down', { timeout: fileMsMax }, async (t) => {
  const { gateway, psql, count } = await world(t);
  const live = liveSocket(t, gateway, gateway.token('alice'));
  await live.message(/"hello"/);
  const idle = psql('alice');
  idle.write('SELECT 1;\n');
  await idle.waitFor(/\(1 row\)/);
  const waiting = psql('alice');
  waiting.write('DELETE FROM payments;\n');
  const hold = await gateway.api('bob').pendingHold();

  t.equal((await gateway.api('erin').post('/people/alice/disable')).status, 200);
  await waiting.waitFor(/FATAL: .*this account may no longer sign in/);
  idle.write('SELECT 2;\n');
  await idle.waitFor(/this account may no longer sign in/);
  t.equal(await live.closed, 4401);
  t.equal((await gateway.api('alice').get('/me')).status, 401);
  t.match((await gateway.api('bob').get<HoldView>(`/holds/${hold.id}`)).body, { state: 'withdrawn' });
  t.equal((await gateway.api('bob').post(`/holds/${hold.id}/approve`, { reason: 'late' })).status, 409);
  t.equal(await count(), 10);
  await psql('alice').waitFor(/password authentication failed/);
  const events = async () => (await gateway.api('carol').get<Page<AuditEventView>>('/audit?principal=erin')).body.items;
  t.match(
    (await events()).find(({ type }) => type === 'person.disabled'),
    { principal: 'erin', detail: { person: 'alice' } },
  );

  t.equal((await gateway.api('erin').post('/people/alice/enable')).status, 200);
  t.equal((await gateway.api('alice').get('/me')).status, 200);
  t.ok((await events()).some(({ type }) => type === 'person.enabled'));
  const back = psql('alice');
  back.write('SELECT 40 + 2;\n');
  await back.waitFor(/\b42\b/);
});

t.test('the approval of somebody who is disabled afterwards does not count', { timeout: fileMsMax }, async (t) => {
  const { gateway, psql } = await world(t, { ...shippedPolicies(), 'two-approvers.yaml': twoApprovers });
  const session = psql('alice');
  session.write('CREATE VIEW v AS SELECT 1 AS one;\n');
  const hold = await gateway.api('bob').pendingHold();
  t.match(await gateway.api('dana').post(`/holds/${hold.id}/approve`, { reason: 'first' }), { status: 200, body: { state: 'pending' } });
  t.equal((await gateway.api('erin').post('/people/dana/disable')).status, 200);
  t.match((await gateway.api('bob').get<HoldView>(`/holds/${hold.id}`)).body, { state: 'pending', approvals: [] });
  t.match(await gateway.api('bob').post(`/holds/${hold.id}/approve`, { reason: 'alone' }), {
    status: 200,
    body: { state: 'pending', approvals: [{ by: 'bob' }] },
  });
  const { body: events } = await gateway.api('carol').get<Page<AuditEventView>>(`/audit?hold=${hold.id}&type=hold.changed`);
  t.match(events.items, [{ detail: {} }], 'the log says that an approval was dropped');
  t.equal((await gateway.api('erin').post('/people/dana/enable')).status, 200);
  t.match(await gateway.api('dana').post(`/holds/${hold.id}/approve`, { reason: 'again' }), { status: 200, body: { state: 'approved' } });
  await session.waitFor(/CREATE VIEW/);
});

async function world(t: Test, policies = shippedPolicies()) {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const gateway = await startTestGateway(t, { targets: [targetOf(server, 'orders', { env: 'production' })], policies });
  const psqlWith = (person: string, token: string) => {
    const url = `postgres://${person}:${token}@127.0.0.1:${gateway.address('postgres').port}/orders`;
    return start(t, tool('psql', 'postgresql-client'), [url]);
  };
  const psql = (person: string) => psqlWith(person, gateway.token(person));
  const count = async () => (await server.sql('SELECT count(*)::int AS n FROM payments'))[0]?.['n'];
  return { server, gateway, psql, psqlWith, count };
}

async function remove(gateway: TestGateway, person: string, path: string): Promise<number> {
  const headers = { authorization: `Bearer ${gateway.token(person)}` };
  return (await fetch(`${gateway.http}/api/v1${path}`, { method: 'DELETE', headers })).status;
}

function liveSocket(t: Test, gateway: TestGateway, token: string) {
  const socket = new WebSocket(`${gateway.http.replace('http', 'ws')}/api/v1/live`, { headers: { authorization: `Bearer ${token}` } });
  t.teardown(() => socket.terminate());
  const messages: string[] = [];
  socket.on('message', (data) => messages.push(String(data as Buffer)));
  socket.on('error', () => undefined);
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  const message = (pattern: RegExp) => eventually(`the live socket says ${String(pattern)}`, () => messages.find((it) => pattern.test(it)));
  return { closed, message };
}
