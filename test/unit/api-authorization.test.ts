// Every address of the API with who is let in: a row for each, so that one that is added without thinking of it fails here. What is asked
// for is alice's; "let in" is any answer but 401, 403, 404 and 429.

import t from 'tap';
import { startApi } from './api-fixture.ts';

const api = await startApi();
t.teardown(() => api.close());

/** alice: whose it is. frank: works as she does. bob: approves. carol: audits. erin: operates. */
const everybody = ['alice', 'frank', 'bob', 'carol', 'erin'];
const people = ['nobody', ...everybody];
const open = people;
/** Whose it is decides, and test/e2e/api-access.test.ts tries it: here, that somebody is signed in. */
const signedIn = null;
const operators = ['erin'];
const watchers = ['carol', 'erin'];

interface Row {
  /** Who is let in; null: whoever is signed in, as far as this test knows. */
  readonly may: readonly string[] | null;
  readonly body?: unknown;
}

const of = (may: readonly string[] | null, body?: unknown): Row => ({ may, body });

const rows: Record<string, Row> = {
  'GET /me': of(everybody),
  'GET /targets': of(everybody),
  'GET /ssh/keys': of(signedIn),
  'GET /webhooks/deliveries': of(watchers),
  'GET /people': of(watchers),
  'POST /people': of(operators, { name: 'henry', groups: [] }),
  'POST /people/{name}/disable': of(operators),
  'POST /people/{name}/enable': of(operators),
  'DELETE /people/{name}': of([]), // those of the configuration are removed there
  'POST /people/{name}/password': of(operators, { password: 'a long enough password 7' }),
  'POST /people/{name}/reset-factors': of(operators),
  'POST /people/{name}/unlink': of([]), // never linked
  'GET /agents': of(watchers),
  'POST /agents/enrolment-tokens': of(operators, { name: 'a1' }),
  'GET /agents/enrolment-tokens': of(watchers),
  'DELETE /agents/enrolment-tokens/{id}': of([]),
  'DELETE /agents/{name}': of([]),
  'GET /credentials': of(watchers),
  'POST /credentials/{name}/versions': of(operators, { password: 'p' }),
  'DELETE /credentials/{name}': of(operators),
  'POST /credentials/{name}/check': of(operators),
  'POST /credentials/rewrap': of(operators),
  'GET /holds': of(everybody),
  'GET /holds/{id}': of(['alice', 'bob', 'carol']),
  'GET /holds/{id}/preview': of(['bob', 'carol']),
  'GET /holds/{id}/shape': of(['alice', 'bob', 'carol']),
  'POST /holds/{id}/approve': of(['bob']),
  'POST /holds/{id}/deny': of(['bob']),
  'POST /holds/{id}/request-changes': of(['bob'], { reason: 'with a WHERE' }),
  'POST /holds/{id}/take-back': of([]), // nobody has said yes
  'POST /holds/{id}/passkey-challenge': of(['alice', 'bob', 'carol']), // 400: an address has no passkeys
  'GET /delegations': of([]), // the fixture keeps none
  'POST /delegations': of([], { to: 'dana', for_ms: 60_000 }),
  'GET /delegations/candidates': of([]),
  'POST /delegations/{id}/end': of([]),
  'GET /on-call': of(['bob', 'carol', 'erin']),
  'GET /answer-times': of(['bob', 'carol', 'erin']),
  'POST /access-requests': of(signedIn, { target: 'orders', for_ms: 60_000, reason: 'x' }),
  'GET /access-requests': of(everybody),
  'GET /access-requests/{id}': of(signedIn),
  'POST /access-requests/{id}/approve': of(signedIn),
  'POST /access-requests/{id}/deny': of(signedIn),
  'POST /access-requests/{id}/passkey-challenge': of(signedIn),
  'POST /access-requests/{id}/withdraw': of(signedIn),
  'GET /grants': of(everybody),
  'GET /grants/{id}': of(signedIn),
  'POST /grants/{id}/revoke': of(signedIn),
  'POST /grants/{id}/extend': of(signedIn, { for_ms: 60_000, reason: 'x' }),
  'POST /grants/{id}/review': of(signedIn, { words: 'x' }),
  'GET /shapes': of(everybody),
  'GET /shapes/{id}': of(signedIn),
  'POST /shapes/{id}/revoke': of(signedIn),
  'GET /sessions': of(everybody),
  'GET /sessions/{id}': of(['alice', 'carol', 'erin']),
  'POST /sessions/{id}/kill': of(['alice', 'carol', 'erin']),
  'GET /sessions/{id}/recording': of(['alice', 'carol']),
  'GET /sessions/{id}/terminals': of(['alice', 'carol']),
  'GET /sessions/{id}/terminals/{index}': of([]), // it has none
  'GET /sessions/{id}/terminals/{index}/index': of([]),
  'GET /sessions/{id}/terminals/{index}/search?q=x': of([]),
  'GET /policies': of(everybody),
  'GET /policies/versions': of(everybody),
  'GET /policies/versions/{version}': of(signedIn),
  'GET /audit': of(everybody),
  'GET /audit/verify': of(['carol']),
  'POST /tokens': of(['alice', 'erin'], { person: 'alice' }),
  'GET /tokens': of(everybody),
  'DELETE /tokens/{token}': of(['alice', 'erin']),
  'GET /tokens/{token}/activity': of(['alice']),
  'POST /login-links': of(operators, { person: 'alice' }),
  'POST /login': of([], { secret: 'x' }),
  'POST /login/password': of([], { name: 'alice', password: 'x' }),
  'POST /login/passkey/options': of(open),
  'POST /login/passkey': of([], { answer: {} }),
  'POST /logout': of(open),
  'POST /logout-everywhere': of(everybody),
  'GET /sign-ins': of(everybody),
  'GET /sign-ins/{secret}': of(['alice']),
  'POST /sign-ins/{secret}/confirm': of(['alice']),
  'POST /sign-ins/{secret}/refuse': of(['alice']),
  'GET /cli-logins/{secret}': of(signedIn),
  'POST /cli-logins': of(open, { machine: 'x' }),
  'POST /cli-logins/poll': of(open, { poll_secret: 'x', machine: 'x' }),
  'POST /cli-logins/{secret}/confirm': of([]), // not by a token
  'POST /cli-logins/{secret}/refuse': of(signedIn),
  'GET /decisions/{decision}': of(open), // the link answers for bob, whoever sends it
  'POST /decisions/{decision}': of(open, { answer: 'approve' }),
  'GET /channels': of(watchers),
  'POST /inbound/{name}': of([], { hold: 'x', answer: 'approve' }),
  'GET /push': of(everybody),
  'POST /push/subscriptions': of([], { endpoint: 'https://x', keys: { p256dh: 'x', auth: 'x' } }), // there is no Web Push here
  'DELETE /push/subscriptions/{id}': of([]),
  'GET /oidc/{name}/start': of(open),
  'GET /oidc/callback': of(open),
  'POST /oidc/sign-out': of(open),
  'GET /sign-in-methods': of(open),
  'GET /account': of(everybody),
  'POST /account/prove/options': of(everybody),
  'POST /account/prove': of([], { totp: '000000' }), // nobody has a factor
  'POST /account/passkeys/options': of([]), // not by a token, from here on
  'POST /account/passkeys': of([], { name: 'x', answer: {} }),
  'DELETE /account/passkeys/{secret}': of([]),
  'POST /account/totp': of([]),
  'DELETE /account/totp': of([]),
  'POST /account/totp/confirm': of([], { code: '000000' }),
  'POST /account/password': of([], { old: 'x', password: 'a long enough password 7' }),
  'POST /token-exchange': of([], {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: 'x',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  }),
  'GET /openapi.json': of(open),
  'GET /healthz': of(open),
  'GET /readyz': of(open),
};

/** Something of alice's to ask for, made anew for each question: an answer may use it up. */
function filled(path: string): string {
  placed?.withdraw('the test goes on'); // a session has so many that wait
  placed = /\/holds\/|decision/.test(path) ? api.place('alice') : null;
  const hold = placed?.id ?? '';
  const session = `s-${Math.random().toString(36).slice(2)}`;
  if (path.includes('/sessions/')) api.openSession(session, 'alice');
  const signIn = () =>
    api.identity.browser({ name: 'alice', target: 'orders', protocol: 'postgres', clientAddress: `10.0.0.${count++}` }).url;
  return path
    .replace('/holds/{id}', `/holds/${hold}`)
    .replace('/sessions/{id}', `/sessions/${session}`)
    .replace('{token}', () => api.identity.authenticateBearer(api.token('alice'))?.tokenId ?? '')
    .replace('/sign-ins/{secret}', () => `/sign-ins/${signIn().split('/').at(-1)}`)
    .replace('{decision}', () => api.identity.decisionLinks.create(hold, 'approve', 'bob').split('/').at(-1) ?? '')
    .replace('{name}', 'gina')
    .replace('{index}', '0')
    .replaceAll(/\{\w+\}/g, 'x-000000');
}
let count = 1;
let placed: ReturnType<typeof api.place> | null = null;
const tokens = new Map(everybody.map((name) => [name, api.token(name)]));

t.test('each address that is documented has a row, and each row is one', async (t) => {
  const { paths } = (await (await fetch(`${api.url}/api/v1/openapi.json`)).json()) as { paths: Record<string, Record<string, unknown>> };
  const documented = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace('/api/v1', '').replaceAll(/\{\w+\}/g, '{}')}`),
  );
  const known = Object.keys(rows).map((row) => row.replaceAll(/\{\w+\}/g, '{}').replace(/\?.*/, ''));
  t.same(known.sort(), documented.sort());
});

for (const [row, { may, body = {} }] of Object.entries(rows)) {
  t.test(row, async (t) => {
    const [method = '', path = ''] = row.split(' ');
    const statuses: [string, number][] = [];
    for (const name of people) {
      const token = tokens.get(name);
      const headers = {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(method === 'GET' ? {} : { 'content-type': 'application/json' }),
      };
      const base = /^\/(healthz|readyz)/.test(path) ? api.url : `${api.url}/api/v1`;
      const init = { method, headers, redirect: 'manual' as const, ...(method === 'GET' ? {} : { body: JSON.stringify(body) }) };
      const reply = await fetch(base + filled(path), init);
      await reply.arrayBuffer();
      statuses.push([name, reply.status]);
    }
    const letIn = statuses.filter(([, status]) => ![401, 403, 404, 429].includes(status)).map(([name]) => name);
    if (may === signedIn) t.equal(statuses[0]?.[1], 401, 'nobody is let in');
    else t.same(letIn, may, statuses.map((it) => it.join(' ')).join(', '));
  });
}
