// The API against its own OpenAPI document: the document is sound, every route in it is used with a real gateway, a real
// database session and a real hold behind it, and every answer is what the document says.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { HoldView, LoginLinkIssued, Page, PendingSignInView, SessionView, TokenIssued } from '../../src/api/contract.ts';
import { checker, documentedApi } from '../support/documented-api.ts';
import { eventually } from '../support/eventually.ts';
import { shippedPolicies, startTestGateway, targetOf } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { testsNamed, triedElsewhere } from '../support/routes-elsewhere.ts';
import { tool } from '../support/tools.ts';

/** For the whole file, on a slow and busy machine; it takes a fraction. */
const fileMsMax = 180_000;

const twoPeople = `
policy: two
rules:
  - { id: upkeep, effects: { verbs: [maintenance] }, decision: hold, approvers: { groups: [dba], count: 2 } }
`;

t.setTimeout(fileMsMax);

t.test('the OpenAPI document and what the gateway does are the same', { timeout: fileMsMax }, async (t) => {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    policies: { ...shippedPolicies(), 'two.yaml': twoPeople },
  });
  const { document, operations, call, used } = await documentedApi(t, gateway.http);

  await t.test('the document is sound', async (t) => {
    t.match(document.openapi, /^3\.1\./);
    t.ok(operations.length > 25);
    t.equal(new Set(operations.map(({ operation }) => operation.operationId)).size, operations.length, 'every operation has its own id');
    const text = JSON.stringify(document);
    for (const [, name = ''] of text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) t.ok(document.components.schemas[name], name);
    t.notMatch(text, /"\$ref":"(?!#\/components\/schemas\/)/, 'no reference leads elsewhere');
    for (const { method, path, operation } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = (operation.parameters ?? []).filter((it) => it.in === 'path').map(({ name }) => name);
      t.same(declared, inPath, `${method} ${path} declares its path parameters`);
      t.ok(
        ['200', '204', '302'].some((status) => operation.responses[status] !== undefined),
        `${method} ${path} says what it gives`,
      );
    }
    t.doesNotThrow(() => checker(document), 'every schema is one');
  });

  const as = (person: string) => ({ authorization: `Bearer ${gateway.token(person)}` });

  await t.test('holds, sessions, recordings, audit', async (t) => {
    const session = start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders')]);
    session.write('SELECT 1;\nDELETE FROM payments;\n');
    const hold = await gateway.api('bob').pendingHold('DELETE FROM payments;');
    t.equal((await call<Page<HoldView>>(as('bob'), 'GET', '/holds?state=pending')).body.items[0]?.id, hold.id);
    t.match(await call(as('bob'), 'GET', `/holds/${hold.id}`), { status: 200, body: { can_answer: true } });
    t.match((await call(as('bob'), 'GET', `/holds/${hold.id}/preview`)).status, 200);
    t.equal((await call(as('bob'), 'POST', `/holds/${hold.id}/approve`, { reason: 'fine' })).status, 200);
    await session.waitFor(/DELETE 10/);
    session.write('TRUNCATE payments;\n');
    const second = await gateway.api('bob').pendingHold('TRUNCATE payments;');
    t.equal((await call(as('bob'), 'POST', `/holds/${second.id}/deny`, { reason: 'no' })).status, 200);
    t.equal((await call(as('dana'), 'POST', `/holds/${second.id}/deny`, { reason: 'no' })).status, 409);
    t.match(await call(as('bob'), 'GET', '/answer-times'), { status: 200, body: { holds: 2 } });
    session.write('DROP TABLE payments;\n');
    const third = await gateway.api('bob').pendingHold('DROP TABLE payments;');
    const changes = await call(as('bob'), 'POST', `/holds/${third.id}/request-changes`, { reason: 'rename it first' });
    t.equal(changes.status, 200);
    session.write('VACUUM payments;\n');
    const fourth = await gateway.api('bob').pendingHold('VACUUM payments;');
    t.match((await call(as('bob'), 'POST', `/holds/${fourth.id}/approve`, {})).body, { state: 'pending' });
    t.match((await call(as('bob'), 'POST', `/holds/${fourth.id}/take-back`, {})).body, { state: 'pending', approvals: [] });
    t.match((await call(as('dana'), 'POST', `/holds/${fourth.id}/deny`, { reason: 'no' })).body, { state: 'denied' });
    const { body: mine } = await call<Page<SessionView>>(as('alice'), 'GET', '/sessions?state=open');
    const id = mine.items[0]?.id ?? '';
    t.match((await call(as('alice'), 'GET', `/sessions/${id}`)).body, { state: 'open', method: 'token' });
    await eventually('the recording has both', async () => {
      const { body } = await call<{ entries: { decision: string }[] }>(as('carol'), 'GET', `/sessions/${id}/recording`);
      return body.entries.length === 5;
    });
    t.equal((await call(as('erin'), 'POST', `/sessions/${id}/kill`)).status, 200);
    session.write('SELECT 2;\n'); // psql looks at the connection when it has something to say
    await session.waitFor(/ended by erin/);
    t.match((await call<Page<unknown>>(as('carol'), 'GET', `/audit?type=session.killed&session=${id}`)).body.items, [
      { principal: 'erin', detail: { person: 'alice' } },
    ]);
    t.match((await call(as('carol'), 'GET', '/audit/verify')).body, { ok: true });
  });

  await t.test('catalogue, people, tokens, deliveries', async (t) => {
    for (const path of ['/me', '/targets', '/policies', '/people', '/tokens', '/webhooks/deliveries', '/channels', '/push', '/shapes']) {
      t.equal((await call(as('erin'), 'GET', path)).status, 200, path);
    }
    t.equal((await call(as('erin'), 'GET', '/agents')).status, 200);
    t.match((await call(as('erin'), 'POST', '/agents/enrolment-tokens', { name: 'dc-1' })).body, { name: 'dc-1', token: /./ });
    t.equal((await call(as('alice'), 'POST', '/agents/enrolment-tokens', { name: 'dc-1' })).status, 403);
    t.equal((await call(as('erin'), 'DELETE', '/agents/dc-2')).status, 404);
    const { body: token } = await call<TokenIssued>(as('alice'), 'POST', '/tokens', { name: 'script', ttl_ms: 60_000 });
    t.match(await call(as('alice'), 'DELETE', `/tokens/${token.id}`), { status: 204, body: null });
    t.match((await call(as('erin'), 'POST', '/people/dana/disable')).body, { disabled: true });
    t.match((await call(as('erin'), 'POST', '/people/dana/enable')).body, { disabled: false });
    t.match(await call(as('erin'), 'POST', '/people/erin/disable'), { status: 403, body: { code: 'own-account' } }, 'not oneself');
    t.match(await call(as('erin'), 'DELETE', '/people/erin'), { status: 403, body: { code: 'own-account' } });
    t.match((await call(as('erin'), 'POST', '/people/erin/enable')).body, { disabled: false });
  });

  await t.test('signing in, in the browser and from a terminal', async (t) => {
    const { body: link } = await call<LoginLinkIssued>(as('erin'), 'POST', '/login-links', { person: 'alice' });
    const login = await call({ origin: gateway.http }, 'POST', '/login', { secret: link.url.split('#')[1] ?? '' });
    t.match(login.body, { name: 'alice' });
    const cookie = { cookie: (login.headers.getSetCookie()[0] ?? '').split(';')[0] ?? '', origin: gateway.http };
    for (const answer of ['confirm', 'refuse'] as const) {
      const secret = await terminalWaits(t, gateway);
      const { body: waiting } = await call<Page<PendingSignInView>>(cookie, 'GET', '/sign-ins');
      t.match(waiting.items, [{ name: 'alice', target: 'orders', protocol: 'postgres' }]);
      const { body: pending } = await call<PendingSignInView>(cookie, 'GET', `/sign-ins/${secret}`);
      t.match(await call(cookie, 'POST', `/sign-ins/${secret}/confirm`, { code: 'WRNG-CODE' }), {
        status: 400,
        body: { code: 'wrong-code' },
      });
      t.equal(
        (await call(cookie, 'POST', `/sign-ins/${secret}/${answer}`, answer === 'confirm' ? { code: pending.code } : {})).status,
        204,
      );
      t.equal((await call(cookie, 'GET', `/sign-ins/${secret}`)).status, 404, 'it works once');
    }
    t.equal((await call(cookie, 'POST', '/logout-everywhere', {})).status, 204);
    t.equal((await call(cookie, 'GET', '/me')).status, 401, 'the cookie is no good any more');
    t.equal((await call({ origin: gateway.http }, 'POST', '/logout', {})).status, 204);
  });

  await t.test('decision links, health, the document itself', async (t) => {
    const session = start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-c', 'DROP TABLE payments']);
    const hold = await gateway.api('bob').pendingHold('DROP TABLE payments');
    const link = gateway.running.identity.decisionLinks.create(hold.id, 'deny', 'bob');
    const path = `/decisions/${link.split('/decide/')[1] ?? ''}`;
    t.match((await call({}, 'GET', path)).body, { answer: 'deny', person: 'bob' });
    t.match((await call({}, 'POST', path, { answer: 'deny', reason: 'by link' })).body, { state: 'denied' });
    await session.end();
    t.equal((await call({}, 'GET', '/healthz')).status, 200);
    t.match((await call({}, 'GET', '/readyz')).body, { status: 'ready' });
    t.equal((await call({}, 'GET', '/openapi.json')).status, 200);
  });

  t.same(
    operations
      .map(({ method, path }) => `${method} ${path}`)
      .filter((it) => !used.has(it))
      .sort(),
    [...triedElsewhere].sort(),
    'every documented route was used, with success; the others are used by the tests that test/support/routes-elsewhere.ts names',
  );
  for (const name of testsNamed) t.ok(existsSync(join(import.meta.dirname, name)), name);
});

/** psql that waits for its person; gives the link's secret. */
async function terminalWaits(t: Parameters<typeof start>[0], gateway: TestGateway): Promise<string> {
  const { port } = gateway.address('postgres');
  const psql = start(t, tool('psql', 'postgresql-client'), ['-h', '127.0.0.1', '-p', String(port), '-U', 'alice+browser', '-d', 'orders']);
  return (await psql.waitFor(/\/sign-in\/(\w+)/))[1] ?? '';
}
