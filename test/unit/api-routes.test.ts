// Who sees what, who may do what, and what answers look like.

import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import t from 'tap';
import WebSocket from 'ws';
import type { AnswerTimesView } from '../../src/api/contract-answers.ts';
import type { HoldView, LiveMessage } from '../../src/api/contract.ts';
import { startApi } from './api-fixture.ts';
import type { Fixture } from './api-fixture.ts';

let api: Fixture;
t.before(async () => {
  api = await startApi();
});

interface Reply {
  readonly status: number;
  /** Bodies differ by route; assertions say what is expected. */
  readonly body: Record<string, unknown>;
}

async function call(name: string, method: string, path: string, body?: unknown): Promise<Reply> {
  const headers = { authorization: `Bearer ${tokenOf(name)}`, ...(method === 'GET' ? {} : { 'content-type': 'application/json' }) };
  const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
  const reply = await fetch(`${api.url}/api/v1${path}`, init);
  const text = await reply.text();
  return { status: reply.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
}

const tokens = new Map<string, string>();
function tokenOf(name: string): string {
  const token = tokens.get(name) ?? api.token(name);
  tokens.set(name, token);
  return token;
}

const ids = ({ body }: Reply) => (body['items'] as HoldView[]).map(({ id }) => id);

t.test('me: name, groups and rights', async (t) => {
  t.same((await call('bob', 'GET', '/me')).body, {
    name: 'bob',
    display_name: 'BOB',
    kind: 'person',
    groups: ['dba'],
    rights: ['approve'],
  });
});

t.test('holds are seen by their requester, by approvers while pending, by auditors always', async (t) => {
  const mine = api.place('alice', 'DROP TABLE <script>alert(1)</script>\u001b[31m');
  const franks = api.place('frank');
  const pending = '/holds?state=pending';
  t.same(ids(await call('alice', 'GET', pending)), [mine.id]);
  t.same(ids(await call('frank', 'GET', pending)), [franks.id]);
  t.same(ids(await call('frank', 'GET', '/holds?principal=alice')), []);
  t.same(ids(await call('bob', 'GET', pending)), [franks.id, mine.id]);
  t.same(ids(await call('carol', 'GET', pending)), [franks.id, mine.id]);
  t.same(ids(await call('erin', 'GET', pending)), [], 'to operate is not to approve');
  t.match((await call('bob', 'GET', pending)).body, { next: null });

  const view = (await call('bob', 'GET', `/holds/${mine.id}`)).body;
  t.match(view, { state: 'pending', principal: 'alice', target: 'orders', can_answer: true, rule: 'production/hold-destructive' });
  t.equal(view['text'], 'DROP TABLE <script>alert(1)</script>\u001b[31m', 'exactly what was asked');
  t.match((await call('alice', 'GET', `/holds/${mine.id}`)).body, { can_answer: false, cannot_answer_because: /yourself/ });
  t.equal((await call('frank', 'GET', `/holds/${mine.id}`)).status, 404);
  const ginas = (await call('gina', 'GET', `/holds/${mine.id}`)).body;
  t.match(ginas, { can_answer: false, cannot_answer_because: /right to approve/ }, 'in the rule’s group is not enough');
  const page = (await call('bob', 'GET', `${pending}&limit=1`)).body;
  t.same(ids(await call('bob', 'GET', `${pending}&limit=1&cursor=${encodeURIComponent(String(page['next']))}`)), [mine.id]);
  mine.withdraw('the test goes on');
  franks.withdraw('the test goes on');
});

t.test('who may see a hold also sees what came of it, without the words of the target', async (t) => {
  const hold = api.place('alice');
  t.match(await call('bob', 'POST', `/holds/${hold.id}/approve`), { status: 200, body: { state: 'approved' } });
  const before = (await call('bob', 'GET', `/holds/${hold.id}`)).body;
  t.notOk('outcome' in before, 'it has not run yet');
  const who = { principal: 'alice', target: 'orders', sessionId: null, actionId: null, holdId: hold.id };
  const detail = { outcome: 'completed', rows: 491, duration_ms: 9.2, error: 'Key (email)=(x@y)' };
  api.audit.appendSoon({ type: 'action.finished', atMs: api.clock.nowMs(), ...who, detail });
  for (const name of ['alice', 'bob', 'carol']) {
    const { body } = await call(name, 'GET', `/holds/${hold.id}`);
    t.same(body['outcome'], { kind: 'completed', rows: 491, duration_ms: 9.2, at: new Date(api.clock.nowMs()).toISOString() }, name);
  }
});

t.test('answers: not by the requester, not without the right, once however often one clicks', async (t) => {
  const hold = api.place('alice');
  t.match(await call('alice', 'POST', `/holds/${hold.id}/approve`), { status: 403, body: { code: 'requester', detail: /yourself/ } });
  t.match(await call('carol', 'POST', `/holds/${hold.id}/approve`), { status: 403, body: { detail: /right approve/ } });
  t.match(await call('frank', 'POST', `/holds/${hold.id}/approve`), { status: 404 });
  t.equal(api.holds.get(hold.id)?.state, 'pending');
  const clicks = await Promise.all([1, 2, 3].map(() => call('bob', 'POST', `/holds/${hold.id}/approve`, { reason: 'ok' })));
  for (const click of clicks) t.match(click, { status: 200, body: { state: 'approved', approvals: [{ by: 'bob', reason: 'ok' }] } });
  t.equal((clicks[0]?.body['approvals'] as unknown[]).length, 1);
  t.match(await hold.settled, { kind: 'approved' });
  t.match(await call('dana', 'POST', `/holds/${hold.id}/deny`, { reason: 'no' }), {
    status: 409,
    body: { code: 'not-pending', state: 'approved' },
  });

  const denied = api.place('alice');
  t.match(await call('bob', 'POST', `/holds/${denied.id}/deny`, { reason: 'not today' }), {
    status: 200,
    body: { state: 'denied', settled_by: 'bob' },
  });
  t.match(await call('bob', 'POST', `/holds/${denied.id}/deny`, { reason: 'not today' }), { status: 200 });
  t.match(await call('dana', 'POST', `/holds/${denied.id}/approve`), {
    status: 409,
    body: { state: 'denied', detail: /denied by bob: not today/ },
  });

  const strict = api.place('alice', 'DROP TABLE x', true);
  t.match(await call('bob', 'POST', `/holds/${strict.id}/approve`), { status: 400, body: { code: 'reason-missing' } });
  t.match(await call('bob', 'POST', `/holds/${strict.id}/approve`, { reason: 'x'.repeat(1500) }), {
    status: 400,
    body: { code: 'reason-too-long' },
  });
  t.match(await call('bob', 'POST', `/holds/${strict.id}/approve`, { reason: 7 }), {
    status: 400,
    body: { errors: [{ path: 'body.reason' }] },
  });
  t.match(await call('bob', 'POST', '/login', { link: 'x' }), {
    status: 400,
    body: { errors: [{ path: /^body$/, message: /"secret".+"token"/ }] },
  });
  strict.withdraw('gone');
  t.match(await call('bob', 'POST', `/holds/${strict.id}/approve`, { reason: 'ok' }), { status: 409, body: { state: 'withdrawn' } });
  t.match(await call('bob', 'POST', '/holds/h-ZZZZZZ/approve'), { status: 404 });
});

t.test('sessions: own, auditors, operators; recordings not for operators; kill', async (t) => {
  api.openSession('s-alice', 'alice');
  for (const [name, status] of [
    ['alice', 200],
    ['carol', 200],
    ['erin', 200],
    ['frank', 404],
    ['bob', 404],
  ] as const) {
    t.equal((await call(name, 'GET', '/sessions/s-alice')).status, status, name);
  }
  t.same(ids(await call('frank', 'GET', '/sessions')), []);
  t.same(ids(await call('alice', 'GET', '/sessions?state=open')), ['s-alice']);
  for (const [name, status] of [
    ['alice', 200],
    ['carol', 200],
    ['erin', 403],
    ['frank', 404],
  ] as const) {
    t.equal((await call(name, 'GET', '/sessions/s-alice/recording')).status, status, name);
  }
  t.equal((await call('frank', 'POST', '/sessions/s-alice/kill')).status, 404);
  t.same(api.killed, []);
  t.equal((await call('erin', 'POST', '/sessions/s-alice/kill')).status, 200);
  t.same(api.killed, ['s-alice']);
});

t.test('audit: all for auditors, own for others; verification names the first bad event', async (t) => {
  const principals = async (name: string, query = '') =>
    new Set(((await call(name, 'GET', `/audit${query}`)).body['items'] as { principal: string }[]).map(({ principal }) => principal));
  t.ok((await principals('carol')).size > 2);
  t.same([...(await principals('alice'))], ['alice']);
  t.same([...(await principals('alice', '?principal=bob'))], []);
  t.equal((await call('alice', 'GET', '/audit/verify')).status, 403);
  t.match((await call('carol', 'GET', '/audit/verify')).body, { ok: false, problem_seq: 7, problem: /hash is wrong/ });
});

t.test('targets say how to connect, and nothing secret', async (t) => {
  t.same((await call('alice', 'GET', '/targets')).body, {
    items: [
      {
        name: 'orders',
        protocol: 'postgres',
        labels: { env: 'production' },
        host: 'db',
        port: 5432,
        connect: 'psql -h 127.0.0.1 -p 6432 -U alice -d orders',
        gateway: { host: '127.0.0.1', port: 6432 },
      },
    ],
    next: null,
  });
});

t.test('tokens: own for everybody, others’ for operators; none outlives the one it was made with', async (t) => {
  const made = await call('alice', 'POST', '/tokens', { name: 'psql' });
  t.equal(made.status, 200);
  t.match(made.body, { person: 'alice', token: /^sp_/ });
  const parentEnd = api.identity.authenticateBearer(tokenOf('alice'))?.expiresAtMs ?? 0;
  t.ok(Date.parse(String(made.body['expires_at'])) <= parentEnd);
  t.equal((await call('alice', 'POST', '/tokens', { person: 'bob' })).status, 403);
  t.match(await call('erin', 'POST', '/tokens', { person: 'bob', ttl_ms: 60_000 }), { status: 200, body: { person: 'bob' } });
  const people = (reply: Reply) => new Set((reply.body['items'] as { person: string }[]).map(({ person }) => person));
  t.same([...people(await call('alice', 'GET', '/tokens'))], ['alice']);
  t.ok(people(await call('erin', 'GET', '/tokens')).size > 2);
  t.notMatch(JSON.stringify((await call('erin', 'GET', '/tokens')).body), /sp_|sha256|scram/);
  const id = String(made.body['id']);
  t.equal((await call('bob', 'DELETE', `/tokens/${id}`)).status, 404);
  t.equal((await call('alice', 'DELETE', `/tokens/${id}`)).status, 204);
  t.equal((await fetch(`${api.url}/api/v1/me`, { headers: { authorization: `Bearer ${made.body['token']}` } })).status, 401);
});

t.test('a token that is revoked takes along what was made with it', async (t) => {
  const stolen = api.token('frank');
  const make = async (token: string): Promise<string> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const reply = await fetch(`${api.url}/api/v1/tokens`, { method: 'POST', headers, body: '{}' });
    return String(((await reply.json()) as Record<string, unknown>)['token']);
  };
  const status = async (token: string) => (await fetch(`${api.url}/api/v1/me`, { headers: { authorization: `Bearer ${token}` } })).status;
  const child = await make(stolen);
  const grandchild = await make(child);
  const others = (await call('erin', 'POST', '/tokens', { person: 'frank' })).body['token'];
  t.same(await Promise.all([stolen, child, grandchild].map(status)), [200, 200, 200]);
  const id = api.identity.authenticateBearer(stolen)?.tokenId ?? '';
  t.equal((await call('frank', 'DELETE', `/tokens/${id}`)).status, 204);
  t.same(await Promise.all([stolen, child, grandchild].map(status)), [401, 401, 401]);
  t.equal(await status(String(others)), 200, 'what an operator made with theirs is another person’s');
});

t.test('who was signed in when the headers came, and is not when the body comes, does nothing', async (t) => {
  for (const proof of ['token', 'cookie'] as const) {
    const token = api.token('frank');
    const id = api.identity.authenticateBearer(token)?.tokenId ?? '';
    const cookie = `sallyport=${api.identity.signIn({ token }, '127.0.0.1')?.cookie ?? ''}`;
    const { hostname, port, host } = new URL(api.url);
    const socket = connect(Number(port), hostname);
    const proved = proof === 'token' ? `Authorization: Bearer ${token}` : `Cookie: ${cookie}\r\nOrigin: ${api.url}`;
    const headers = ['Content-Type: application/json', 'Content-Length: 2', 'Connection: close', 'Expect: 100-continue'].join('\r\n');
    socket.write(`POST /api/v1/tokens HTTP/1.1\r\nHost: ${host}\r\n${proved}\r\n${headers}\r\n\r\n`);
    t.match(String(await once(socket, 'data')), /^HTTP\/1.1 100 /, 'the headers are read');
    await call('frank', 'GET', '/me'); // whatever is done about them is done
    api.identity.revokeToken(id, 'frank');
    socket.write('{}');
    t.match(await text(socket), /^HTTP\/1.1 401 /, proof);
  }
});

t.test('people: operators disable somebody, who is out at once', async (t) => {
  t.equal((await call('alice', 'GET', '/people')).status, 403);
  t.equal((await call('carol', 'POST', '/people/frank/disable')).status, 403);
  t.match((await call('erin', 'POST', '/people/frank/disable')).body, { name: 'frank', disabled: true });
  t.equal((await call('frank', 'GET', '/me')).status, 401);
  t.match((await call('erin', 'POST', '/people/frank/enable')).body, { disabled: false });
  t.equal((await call('frank', 'GET', '/me')).status, 200);
  t.equal((await call('erin', 'POST', '/people/nobody/disable')).status, 404);
});

t.test('the console signs in by a link once, with a cookie that scripts and other sites do not get', async (t) => {
  const secret = api.identity.createLoginLink('bob', 60_000).split('#')[1];
  const login = () =>
    fetch(`${api.url}/api/v1/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ secret }) });
  const first = await login();
  t.equal(first.status, 200);
  t.match(await first.json(), { name: 'bob' });
  const cookie = first.headers.get('set-cookie') ?? '';
  t.match(cookie, /^sallyport=[0-9a-z]{40}; /);
  t.match(cookie, /HttpOnly/);
  t.match(cookie, /SameSite=Strict/);
  t.match(cookie, /Path=\//);
  t.notMatch(cookie, /Domain/i);
  t.match(await (await login()).json(), { status: 401, detail: /used already/ });
  const headers = { cookie: cookie.split(';')[0] ?? '', origin: api.url, 'content-type': 'application/json' };
  t.equal((await fetch(`${api.url}/api/v1/me`, { headers })).status, 200);
  const out = await fetch(`${api.url}/api/v1/logout`, { method: 'POST', headers, body: '{}' });
  t.equal(out.status, 204);
  t.match(out.headers.get('set-cookie'), /^sallyport=;/);
  t.equal((await fetch(`${api.url}/api/v1/me`, { headers })).status, 401);
});

t.test('a terminal’s sign-in is seen and confirmed by its own person only', async (t) => {
  const signIn = api.identity.browser({ name: 'alice', target: 'orders', protocol: 'postgres', clientAddress: '10.0.0.1' });
  const path = `/sign-ins/${signIn.url.split('/').at(-1)}`;
  t.equal((await call('bob', 'GET', path)).status, 404);
  t.equal((await call('bob', 'POST', `${path}/confirm`)).status, 404);
  t.match((await call('alice', 'GET', path)).body, { code: signIn.code, client_address: '10.0.0.1' });
  t.match((await call('alice', 'GET', '/sign-ins')).body, { items: [{ code: signIn.code }] });
  t.match(await call('alice', 'POST', `${path}/confirm`, { code: 'AA-AAA' }), { status: 400, body: { code: 'wrong-code' } });
  t.equal((await call('alice', 'POST', `${path}/confirm`, { code: signIn.code })).status, 204);
  const confirmed = await signIn.confirmed;
  t.equal(confirmed?.principal.name, 'alice');
  t.equal(
    confirmed?.tokenId,
    api.identity.authenticateBearer(tokenOf('alice'))?.tokenId,
    'what is opened ends with the token that confirmed it',
  );
  t.equal((await call('alice', 'POST', `${path}/confirm`)).status, 404);
});

t.test('decision links: reading decides nothing; a bound one answers once for its person; an unbound one asks who', async (t) => {
  const decide = async (url: string, method: string, body?: unknown, headers: Record<string, string> = {}) => {
    const init = { method, headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) } };
    const path = url.replace(/^.*\/decide\//, '/api/v1/decisions/');
    const reply = await fetch(api.url + path, body === undefined ? init : { ...init, body: JSON.stringify(body) });
    return { status: reply.status, body: (await reply.json()) as Record<string, unknown> };
  };
  const hold = api.place('alice');
  const bound = api.identity.decisionLinks.create(hold.id, 'approve', 'bob');
  t.match(await decide(bound, 'GET'), { status: 200, body: { answer: 'approve', person: 'bob', hold: { id: hold.id } } });
  t.equal((await fetch(bound, { headers: { accept: 'text/html' } })).status, 200, 'the page opens');
  t.equal(api.holds.get(hold.id)?.state, 'pending');
  t.match(await decide(bound, 'POST', { answer: 'approve', reason: 'ticket 7' }), {
    status: 200,
    body: { state: 'approved', approvals: [{ by: 'bob' }] },
  });
  t.match(await decide(bound, 'POST', { answer: 'approve' }), { status: 409, body: { code: 'link-used' } });

  const second = api.place('alice');
  const own = api.identity.decisionLinks.create(second.id, 'approve', 'alice');
  t.match(await decide(own, 'POST', { answer: 'approve' }), { status: 403, body: { code: 'requester' } });
  const deny = api.identity.decisionLinks.create(second.id, 'deny', 'bob');
  t.equal((await decide(deny, 'POST', { answer: 'approve' })).status, 403, 'a link to deny does not approve');
  const open = api.identity.decisionLinks.create(second.id, 'approve', null);
  t.equal((await decide(open, 'GET')).status, 401);
  t.equal((await decide(open, 'POST', { answer: 'approve' })).status, 401);
  t.equal((await decide(open, 'POST', { answer: 'approve' }, { authorization: `Bearer ${tokenOf('carol')}` })).status, 403);
  t.equal(api.holds.get(second.id)?.state, 'pending');
  t.match(await decide(open, 'POST', { answer: 'deny' }, { authorization: `Bearer ${tokenOf('dana')}` }), {
    status: 200,
    body: { state: 'denied', settled_by: 'dana' },
  });
  const forDisabled = api.identity.decisionLinks.create(api.place('alice').id, 'approve', 'dana');
  api.identity.setDisabled('dana', true, null);
  t.equal((await decide(forDisabled, 'POST', { answer: 'approve' })).status, 403);
  api.identity.setDisabled('dana', false, null);
  t.equal((await decide('/decide/x.y', 'GET')).status, 404);
});

t.test('how holds were answered is told by rule, without texts and people, to those who answer, watch or run the gateway', async (t) => {
  const before = (await call('carol', 'GET', '/answer-times')).body as unknown as AnswerTimesView;
  const of = (view: AnswerTimesView) => view.rules.find(({ rule }) => rule === 'production/hold-destructive');
  for (const answer of ['approve', 'approve', 'deny']) {
    const hold = api.place('alice');
    api.clock.advance(answer === 'deny' ? 90_000 : 1_000);
    await call('bob', 'POST', `/holds/${hold.id}/${answer}`, { reason: 'a secret reason' });
  }
  const reply = await call('erin', 'GET', '/answer-times');
  const after = reply.body as unknown as AnswerTimesView;
  t.equal(after.holds, before.holds + 3);
  t.equal(of(after)?.settled.approved, (of(before)?.settled.approved ?? 0) + 2);
  t.equal(of(after)?.settled.denied, (of(before)?.settled.denied ?? 0) + 1);
  t.ok((of(after)?.nine_of_ten_within_ms ?? 0) >= (of(after)?.half_within_ms ?? Infinity));
  t.notMatch(JSON.stringify(reply.body), /alice|secret reason|DROP|DELETE/);
  t.equal((await call('alice', 'GET', '/answer-times')).status, 403);
  const later = encodeURIComponent(new Date(api.clock.nowMs() + 1_000).toISOString());
  t.match((await call('bob', 'GET', `/answer-times?since=${later}`)).body, { holds: 0, rules: [] });
});

/** Collects messages of a live socket and lets one wait for a certain one. */
class Listener {
  readonly messages: LiveMessage[] = [];
  readonly socket: WebSocket;
  readonly closed: Promise<number>;
  #waiting: (() => void)[] = [];
  constructor(name: string) {
    this.socket = new WebSocket(`${api.url.replace('http', 'ws')}/api/v1/live`, {
      headers: { authorization: `Bearer ${api.token(name)}` },
    });
    this.socket.on('message', (data) => {
      this.messages.push(JSON.parse(String(data)) as LiveMessage);
      for (const wake of this.#waiting.splice(0)) wake();
    });
    this.closed = new Promise((resolve) => this.socket.on('close', resolve));
  }
  async until(matches: (message: LiveMessage) => boolean): Promise<LiveMessage> {
    for (;;) {
      const found = this.messages.find(matches);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

t.test('live: each hears what it may see, in order, and is cut off when its person is', async (t) => {
  const [alice, bob, carol, frank] = [new Listener('alice'), new Listener('bob'), new Listener('carol'), new Listener('frank')];
  const all = [alice, bob, carol, frank];
  await Promise.all(all.map((listener) => listener.until(({ kind }) => kind === 'hello')));
  t.match(bob.messages[0], { kind: 'hello', me: { name: 'bob' } });
  const hold = api.place('alice');
  const of = (state: string) => (message: LiveMessage) =>
    message.kind === 'hold' && message.hold.id === hold.id && message.hold.state === state;
  for (const listener of [alice, bob, carol]) await listener.until(of('pending'));
  t.match(await bob.until(of('pending')), { hold: { can_answer: true } });
  t.match(await alice.until(of('pending')), { hold: { can_answer: false } });
  await call('bob', 'POST', `/holds/${hold.id}/approve`);
  for (const listener of [alice, bob, carol]) await listener.until(of('approved'));
  api.openSession('s-live', 'frank');
  await frank.until(({ kind }) => kind === 'session');
  await carol.until(({ kind }) => kind === 'session');
  t.same(
    frank.messages.map(({ kind }) => kind).filter((kind) => kind !== 'beat'),
    ['hello', 'session'],
    'nothing of Alice',
  );
  t.notOk(alice.messages.some(({ kind }) => kind === 'session'));
  frank.socket.send('x'.repeat(5000));
  t.equal(await frank.closed, 1009, 'long messages end the socket');
  api.identity.setDisabled('alice', true, null);
  t.equal(await alice.closed, 4401);
  api.identity.setDisabled('alice', false, null);
  for (const { socket } of all) socket.terminate();
});

t.test('live: a beat comes with the time, so that silence means that the link is gone', async (t) => {
  const alice = new Listener('alice');
  t.match(await alice.until(({ kind }) => kind === 'beat'), { server_time: /^\d{4}-.*Z$/ });
  alice.socket.terminate();
});

t.test('the OpenAPI document is complete: every route, with responses, and every reference leads somewhere', async (t) => {
  const document = (await (await fetch(`${api.url}/api/v1/openapi.json`)).json()) as {
    openapi: string;
    paths: Record<
      string,
      Record<string, { responses: Record<string, unknown>; summary?: string; parameters?: { name: string; in: string }[] }>
    >;
    components: { schemas: Record<string, unknown> };
  };
  t.equal(document.openapi, '3.1.0');
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  );
  t.ok(operations.length >= 30, `${operations.length} operations`);
  for (const { path, method, operation } of operations) {
    const good = Object.keys(operation.responses).some((status) => /^[23]/.test(status));
    t.ok(good && operation.responses['4XX'] !== undefined, `${method} ${path} has responses`);
    t.ok(operation.summary, `${method} ${path} has a summary`);
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    t.same(
      (operation.parameters ?? []).filter((it) => it.in === 'path').map(({ name }) => name),
      inPath,
      path,
    );
  }
  for (const path of ['/api/v1/holds', '/api/v1/holds/{id}/approve', '/api/v1/sessions/{id}/recording', '/healthz'])
    t.ok(document.paths[path], path);
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] ?? '');
  t.ok(references.length > 20);
  for (const reference of new Set(references)) {
    t.ok(document.components.schemas[reference.replace('#/components/schemas/', '')], reference);
  }
});

t.test('afterwards everything closes', async () => api.close());
