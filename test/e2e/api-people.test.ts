// The rest of the API against its own document: people and their factors, command lines that sign in, access for a while, versions of
// policies, credentials of targets, agents' tokens. Complements api.test.ts, which says what every route is tried by.

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type {
  AccessRequestView,
  AccountView,
  CliLoginBegun,
  CliLoginPolled,
  EnrolmentTokenIssued,
  EnrolmentTokenView,
  GrantView,
  LoginLinkIssued,
  Page,
  PolicyView,
  TokenIssued,
  TotpSetup,
} from '../../src/api/contract.ts';
import { totpCode } from '../../src/identity/totp.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { documentedApi } from '../support/documented-api.ts';
import { startTestGateway } from '../support/gateway.ts';
import { routesTriedIn } from '../support/routes-elsewhere.ts';

const policy = `
policy: everything
rules:
  - { id: open, actions: [connect], needs: grant, decision: allow }
access:
  - { id: on-call, principals: { groups: [engineers] }, longest: 2h, approvers: { groups: [dba] } }
  - { id: glass, principals: { groups: [engineers] }, longest: 1h, automatic: true, break_glass: true, reviewers: { groups: [dba] } }
`;
const password = 'correct horse battery staple';

t.test('people, access, policies, credentials and agents as documented', { timeout: 120_000 }, async (t) => {
  const keyFile = join(temporaryDirectory(t, 'key'), 'master.key');
  writeFileSync(keyFile, randomBytes(32).toString('base64'), { mode: 0o600 });
  const target = { name: 'orders', protocol: 'postgres' as const, host: '127.0.0.1', port: 9, user: 'gateway', credential: 'stored' };
  const gateway = await startTestGateway(t, {
    policies: { 'everything.yaml': policy },
    config: { credentials: { master_key: { file: keyFile } }, targets: [target], listen: { http: { port: 0 }, postgres: { port: 0 } } },
  });
  const { call, used } = await documentedApi(t, gateway.http);
  const as = (person: string) => ({ authorization: `Bearer ${gateway.token(person)}` });
  const byLink = async (person: string) => {
    const { body: link } = await call<LoginLinkIssued>(as('erin'), 'POST', '/login-links', { person });
    const { headers } = await call({ origin: gateway.http }, 'POST', '/login', { secret: link.url.split('#')[1] ?? '' });
    return { cookie: (headers.getSetCookie()[0] ?? '').split(';')[0] ?? '', origin: gateway.http };
  };

  await t.test('people and how they prove who they are', async (t) => {
    t.match((await call({}, 'GET', '/sign-in-methods')).body, { passwords: true, oidc: [] });
    t.match((await call(as('erin'), 'POST', '/people', { name: 'zoe', groups: ['engineers'] })).body, { name: 'zoe' });
    t.equal((await call(as('alice'), 'POST', '/people', { name: 'eve', groups: ['dba'] })).status, 403);
    t.equal((await call(as('erin'), 'POST', '/people/zoe/password', { password })).status, 204);
    const login = await call({ origin: gateway.http }, 'POST', '/login/password', { name: 'zoe', password });
    t.match(login.body, { name: 'zoe' });
    t.equal((await call({ origin: gateway.http }, 'POST', '/login/password', { name: 'zoe', password: 'wrong' })).status, 401);
    const zoe = { cookie: (login.headers.getSetCookie()[0] ?? '').split(';')[0] ?? '', origin: gateway.http };
    t.match((await call<AccountView>(zoe, 'GET', '/account')).body, { has_password: true, totp: false, passkeys: [] });
    const { body: setup } = await call<TotpSetup>(zoe, 'POST', '/account/totp', {});
    const code = (steps: number) => totpCode(fromBase32(setup.secret), Math.floor(Date.now() / 30_000) + steps);
    t.equal((await call(zoe, 'POST', '/account/totp/confirm', { code: '000000' })).status, 400);
    t.match((await call(zoe, 'POST', '/account/totp/confirm', { code: code(0) })).body, { totp: true });
    t.match((await call(zoe, 'POST', '/account/prove', { totp: code(1) })).body, { second_factor_at: /./ });
    t.match((await call(zoe, 'POST', '/account/password', { old: password, password: `${password} 2` })).body, { has_password: true });
    t.equal((await call(zoe, 'DELETE', '/account/totp', {})).status, 204);
    t.equal((await call(as('erin'), 'POST', '/people/zoe/reset-factors', {})).status, 204);
    t.equal((await call(as('erin'), 'DELETE', '/people/zoe')).status, 204);
    t.equal((await call(zoe, 'GET', '/account')).status, 401, 'who is gone is signed out');
  });

  await t.test('a command line signs in', async (t) => {
    for (const answer of ['confirm', 'refuse'] as const) {
      const { body: begun } = await call<CliLoginBegun>({}, 'POST', '/cli-logins', { machine: 'a laptop' });
      const poll = async () =>
        (await call<CliLoginPolled>({}, 'POST', '/cli-logins/poll', { poll_secret: begun.poll_secret, machine: 'a laptop' })).body;
      t.match(await poll(), { state: 'waiting' });
      const secret = begun.url.split('/cli-login/')[1] ?? '';
      const alice = await byLink('alice');
      t.match((await call(alice, 'GET', `/cli-logins/${secret}`)).body, { code: begun.code, machine: 'a laptop' });
      t.equal((await call(alice, 'POST', `/cli-logins/${secret}/${answer}`, answer === 'confirm' ? { code: begun.code } : {})).status, 204);
      t.match(await poll(), answer === 'confirm' ? { state: 'confirmed', person: 'alice' } : { state: 'refused' });
    }
    const { body: token } = await call<TokenIssued>(as('alice'), 'POST', '/tokens', { name: 'job', ttl_ms: 60_000 });
    const activity = await call({ authorization: `Bearer ${token.token}` }, 'GET', `/tokens/${token.id}/activity`);
    t.equal(activity.status, 200);
  });

  await t.test('access for a while', async (t) => {
    const ask = async (more: object = {}) =>
      (await call<AccessRequestView>(as('alice'), 'POST', '/access-requests', { target: 'orders', for_ms: 600_000, reason: 'x', ...more }))
        .body;
    const denied = await ask();
    t.equal((await call(as('alice'), 'POST', `/access-requests/${denied.id}/approve`, {})).status, 403, 'not by oneself');
    t.match((await call(as('bob'), 'POST', `/access-requests/${denied.id}/deny`, { reason: 'no' })).body, { state: 'denied' });
    const withdrawn = await ask();
    t.match((await call(as('alice'), 'POST', `/access-requests/${withdrawn.id}/withdraw`, {})).body, { state: 'withdrawn' });
    const asked = await ask();
    const approved = await call<AccessRequestView>(as('bob'), 'POST', `/access-requests/${asked.id}/approve`, { reason: 'fine' });
    t.match(approved.body, { state: 'granted' });
    t.match((await call(as('alice'), 'GET', `/access-requests/${asked.id}`)).body, { timeline: [{}, {}] });
    t.ok((await call<Page<AccessRequestView>>(as('alice'), 'GET', '/access-requests')).body.items.length >= 3);
    const id = approved.body.grant_id ?? '';
    t.match((await call<Page<GrantView>>(as('alice'), 'GET', '/grants')).body.items, [{ id, state: 'active' }]);
    t.match((await call(as('alice'), 'GET', `/grants/${id}`)).body, { state: 'active' });
    const longer = await call(as('alice'), 'POST', `/grants/${id}/extend`, { for_ms: 900_000, reason: 'not done yet' });
    t.match(longer.body, { state: 'pending', extends_grant: id });
    t.match((await call(as('alice'), 'POST', `/grants/${id}/revoke`, {})).body, { state: 'ended' });
    const glass = await ask({ break_glass: true, reason: 'the shop is down' });
    await call(as('alice'), 'POST', `/grants/${glass.grant_id}/revoke`, {});
    const review = await call(as('bob'), 'POST', `/grants/${glass.grant_id}/review`, { words: 'looked at every statement' });
    t.match(review.body, { review: 'done', reviewed_by: 'bob' });
  });

  await t.test('an approver lends the right to answer', async (t) => {
    t.match((await call<Page<unknown>>(as('bob'), 'GET', '/delegations/candidates')).body.items, [{ name: 'dana' }]);
    t.equal((await call(as('carol'), 'GET', '/delegations/candidates')).status, 403);
    t.strictSame((await call<Page<unknown>>(as('bob'), 'GET', '/on-call')).body.items, [], 'no schedule is configured');
    t.equal((await call(as('alice'), 'GET', '/on-call')).status, 403);
    const lent = await call<{ id: string }>(as('bob'), 'POST', '/delegations', { to: 'dana', for_ms: 600_000, reason: 'holidays' });
    t.equal(lent.status, 200);
    t.match((await call<Page<unknown>>(as('carol'), 'GET', '/delegations')).body.items, [{ id: lent.body.id }]);
    t.equal((await call(as('alice'), 'POST', `/delegations/${lent.body.id}/end`, {})).status, 404, 'not by others');
    t.equal((await call(as('bob'), 'POST', `/delegations/${lent.body.id}/end`, {})).status, 200);
  });

  await t.test('policies, credentials, agents', async (t) => {
    const { body: current } = await call<PolicyView>(as('carol'), 'GET', '/policies');
    const { body: versions } = await call<Page<{ version: string }>>(as('carol'), 'GET', '/policies/versions');
    t.match(versions.items, [{ version: current.version }]);
    t.equal((await call(as('carol'), 'GET', `/policies/versions/${current.version}`)).status, 200);
    t.match((await call<Page<unknown>>(as('erin'), 'GET', '/credentials')).body.items, [{ target: 'orders', source: 'stored' }]);
    t.equal((await call(as('alice'), 'POST', '/credentials/orders/versions', { password: 'p' })).status, 403);
    const kept = await call(as('erin'), 'POST', '/credentials/orders/versions', { password: 'never-in-an-answer' });
    t.equal(kept.status, 200);
    t.notMatch(JSON.stringify(kept.body), /never-in-an-answer/);
    t.equal((await call(as('erin'), 'POST', '/credentials/orders/check', {})).status, 200);
    t.equal((await call(as('erin'), 'POST', '/credentials/rewrap', {})).status, 200);
    t.equal((await call(as('erin'), 'DELETE', '/credentials/orders')).status, 200);
    await call<EnrolmentTokenIssued>(as('erin'), 'POST', '/agents/enrolment-tokens', { name: 'dc-1' });
    const { body: tokens } = await call<Page<EnrolmentTokenView>>(as('erin'), 'GET', '/agents/enrolment-tokens');
    t.match(tokens.items, [{ name: 'dc-1' }]);
    t.equal((await call(as('erin'), 'DELETE', `/agents/enrolment-tokens/${tokens.items[0]?.id}`)).status, 200);
  });

  t.same(
    routesTriedIn('api-people.test.ts').filter((route) => !used.has(route)),
    [],
    'every route that api.test.ts leaves to this file was used, with success',
  );
});

/** RFC 4648, section 6. */
function fromBase32(text: string): Buffer {
  const bits = [...text].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
