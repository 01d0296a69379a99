// What must not get in: other hosts, other sites, strangers, other methods of proof; and what every answer carries.

import { request as httpRequest } from 'node:http';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify from 'fastify';
import t from 'tap';
import WebSocket from 'ws';
import { listenApi } from '../../src/api/listen.ts';
import { ownOrigins } from '../../src/api/guard.ts';
import { failuresPerMinuteMax } from '../../src/api/rate-limit.ts';
import { startApi } from './api-fixture.ts';
import type { Fixture } from './api-fixture.ts';

let api: Fixture;
t.before(async () => {
  api = await startApi();
});

const json = { 'content-type': 'application/json' };

/** By node:http, because fetch doesn't let one choose Host. */
function statusWithHost(host: string, path = '/api/v1/me', headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(api.url);
    const sent = httpRequest({ hostname, port, path, headers: { ...headers, host } }, (reply) => {
      reply.resume();
      resolve(reply.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** "open", or the HTTP status of the refusal. */
function tryLive(headers: Record<string, string>, path = '/api/v1/live'): Promise<string> {
  return new Promise((resolve) => {
    const socket = new WebSocket(api.url.replace('http', 'ws') + path, { headers });
    socket.on('unexpected-response', (_request, reply) => {
      reply.resume();
      resolve(String(reply.statusCode));
    });
    socket.on('message', () => {
      resolve('open');
      socket.close();
    });
    socket.on('error', () => undefined);
  });
}

t.test('an address that can’t be read is answered like any other mistake, and not repeated', async (t) => {
  const reply = await fetch(`${api.url}/api/v1/decisions/secret%zz`);
  t.equal(reply.status, 400);
  t.match(reply.headers.get('content-type'), /^application\/problem\+json/);
  t.equal(reply.headers.get('cache-control'), 'no-store');
  t.equal(reply.headers.get('x-content-type-options'), 'nosniff');
  const text = await reply.text();
  t.match(JSON.parse(text), { status: 400, code: 'invalid-request' });
  t.notMatch(text, 'secret');
});

t.test('only our own names are answered: a rebound name of another site gets nothing', async (t) => {
  const authorization = `Bearer ${api.token('alice')}`;
  const { port } = new URL(api.url);
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`]) {
    t.equal(await statusWithHost(host, '/api/v1/me', { authorization }), 200, host);
  }
  for (const host of ['evil.example', `evil.example:${port}`, 'localhost', '127.0.0.1:1', `127.0.0.1.evil.example:${port}`]) {
    t.equal(await statusWithHost(host, '/api/v1/me', { authorization }), 421, host);
    t.equal(await statusWithHost(host, '/', { accept: 'text/html' }), 421, `${host} for a page`);
  }
  for (const path of ['/healthz', '/readyz']) t.equal(await statusWithHost('10.0.0.1', path), 200, 'load balancers');
});

t.test('behind a public name: its host and origin are ours, cookies are bound to it and to HTTPS', async (t) => {
  t.ok(ownOrigins(api.app, 'https://Gateway.example', true).has('https://gateway.example'));
  const behind = await startApi('/nonexistent', 'https://gateway.example');
  t.teardown(() => behind.close());
  const body = JSON.stringify({ token: behind.token('bob') });
  const reply = await behind.app.inject({
    method: 'POST',
    url: '/api/v1/login',
    headers: { ...json, host: 'gateway.example', origin: 'https://gateway.example' },
    body,
  });
  t.equal(reply.statusCode, 200);
  t.match(reply.headers['set-cookie'], /^__Host-sallyport=[0-9a-z]{40}; .*Path=\/; .*HttpOnly; Secure; SameSite=Strict$/);
  t.match(reply.headers['strict-transport-security'], /max-age=/);
  const cross = { ...json, host: 'gateway.example', origin: 'http://gateway.example' };
  t.equal((await behind.app.inject({ method: 'POST', url: '/api/v1/login', headers: cross, body })).statusCode, 403, 'another scheme');
});

t.test('without a proof: 401 with a challenge, as a problem document', async (t) => {
  for (const path of ['/me', '/holds', '/sessions', '/audit', '/tokens', '/targets', '/policies', '/sign-ins', '/webhooks/deliveries']) {
    const reply = await fetch(`${api.url}/api/v1${path}`);
    t.equal(reply.status, 401, path);
    t.match(reply.headers.get('www-authenticate'), /^Bearer/);
    t.match(reply.headers.get('content-type'), /^application\/problem\+json/);
    t.match(await reply.json(), { type: 'about:blank', title: 'Unauthorized', status: 401, code: 'not-signed-in' });
  }
  const wrong = await fetch(`${api.url}/api/v1/me?token=${api.token('alice')}`);
  t.equal(wrong.status, 401, 'a token in the query is no proof');
});

t.test('a cookie reads; it changes things only from our own page and in JSON', async (t) => {
  const cookie = api.cookie('bob');
  const hold = api.place('alice');
  t.equal((await fetch(`${api.url}/api/v1/me`, { headers: { cookie } })).status, 200);
  const post = (headers: Record<string, string>, body = '{}') =>
    fetch(`${api.url}/api/v1/holds/${hold.id}/approve`, { method: 'POST', headers: { cookie, ...headers }, body });
  const { port } = new URL(api.url);
  for (const headers of [
    { ...json, origin: 'https://evil.example' },
    { ...json, origin: 'null' },
    { ...json, origin: `http://127.0.0.1:${Number(port) + 1}` },
    { ...json, origin: `http://localhost:${port}` },
    { ...json, origin: api.url, 'sec-fetch-site': 'cross-site' },
    { ...json, 'sec-fetch-site': 'same-site' },
    { ...json },
    { ...json, 'sec-fetch-site': 'none' },
  ]) {
    const reply = await post(headers);
    t.match(await reply.json(), { status: 403, code: 'cross-site' }, JSON.stringify(headers));
  }
  t.equal((await post({ 'content-type': 'text/plain', origin: api.url })).status, 415);
  t.equal((await post({ 'content-type': 'application/x-www-form-urlencoded', origin: api.url }, 'reason=x')).status, 415);
  t.equal(api.holds.get(hold.id)?.state, 'pending', 'none of them did anything');
  t.equal((await post({ ...json, origin: api.url })).status, 200);
  t.equal(api.holds.get(hold.id)?.state, 'approved');
});

t.test('a bearer token works without a browser, and not from a page of another site', async (t) => {
  const headers = { ...json, authorization: `Bearer ${api.token('bob')}` };
  const hold = api.place('alice');
  const approve = `${api.url}/api/v1/holds/${hold.id}/approve`;
  t.equal((await fetch(approve, { method: 'POST', headers: { ...headers, origin: 'https://evil.example' } })).status, 403);
  t.equal((await fetch(approve, { method: 'POST', headers: { authorization: headers.authorization } })).status, 200, 'no body is {}');
});

t.test('no CORS: a preflight gets no permission', async (t) => {
  const reply = await fetch(`${api.url}/api/v1/holds`, {
    method: 'OPTIONS',
    headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
  });
  t.not(reply.status, 204);
  t.equal(reply.headers.get('access-control-allow-origin'), null);
});

t.test('the live socket asks for the same: own origin, a cookie or a bearer token, none in the query', async (t) => {
  const cookie = api.cookie('bob');
  const authorization = `Bearer ${api.token('bob')}`;
  t.equal(await tryLive({ cookie, origin: api.url }), 'open');
  t.equal(await tryLive({ authorization }), 'open');
  t.equal(await tryLive({ cookie, origin: 'https://evil.example' }), '403');
  t.equal(await tryLive({ cookie, origin: 'null' }), '403');
  t.equal(await tryLive({ cookie, origin: api.url, host: 'evil.example' }), '421');
  t.equal(await tryLive({}), '401');
  t.equal(await tryLive({ authorization: 'Bearer sp_wrong' }), '401');
  t.equal(await tryLive({ origin: api.url }, `/api/v1/live?token=${api.token('bob')}`), '401');
  t.equal(await tryLive({ cookie }), '403', 'a cookie without an origin: no browser does that');
});

t.test('every answer is strict with browsers', async (t) => {
  for (const path of ['/', '/api/v1/me', '/nothing.js', '/healthz', '/api/v1/login']) {
    const reply = await fetch(api.url + path, { headers: { accept: 'text/html' } });
    const policy = reply.headers.get('content-security-policy') ?? '';
    for (const part of ["script-src 'self'", "object-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "connect-src 'self'"]) {
      t.ok(policy.split('; ').includes(part), `${path} ${part}`);
    }
    t.equal(reply.headers.get('referrer-policy'), 'no-referrer');
    t.equal(reply.headers.get('x-content-type-options'), 'nosniff');
    t.equal(reply.headers.get('cache-control'), 'no-store', path);
    t.equal(reply.headers.get('access-control-allow-origin'), null);
    await reply.arrayBuffer();
  }
});

t.test('problems: unknown addresses, bad JSON, unknown fields, large bodies, poisoned keys', async (t) => {
  const headers = { ...json, authorization: `Bearer ${api.token('erin')}` };
  const post = async (body: string, path = '/api/v1/tokens') => (await fetch(api.url + path, { method: 'POST', headers, body })).json();
  t.match(await (await fetch(`${api.url}/api/v1/nothing`, { headers })).json(), { status: 404, code: 'not-found' });
  t.match(await (await fetch(`${api.url}/api/v1/holds/%00`, { headers })).json(), { status: 404 });
  t.match(await (await fetch(`${api.url}/api/v1/holds?limit=many`, { headers })).json(), {
    status: 400,
    errors: [{ path: 'querystring.limit' }],
  });
  t.match(await (await fetch(`${api.url}/api/v1/audit?since=gestern`, { headers })).json(), {
    status: 400,
    errors: [{ path: 'querystring.since' }],
  });
  t.match(await (await fetch(`${api.url}/api/v1/audit?principle=bob`, { headers })).json(), {
    status: 400,
    errors: [{ message: /principle/ }],
  });
  t.match(await post('{'), { status: 400 });
  t.match(await post('[]'), { status: 400 });
  t.match(await post('{"naem":"x"}'), { status: 400, errors: [{ message: /naem/ }] });
  t.match(await post('{"__proto__":{"x":1}}'), { status: 400 });
  t.match(await post(JSON.stringify({ name: 'x'.repeat(70_000) })), { status: 413 });
  t.match(await post('{"person":"nobody"}'), { status: 404, code: 'not-found' });
});

t.test('wrong tokens by the hundred get "too many", and the right one still gets in', async (t) => {
  const codes = new Set<number>();
  for (let count = 0; count <= failuresPerMinuteMax; count += 1) {
    const reply = await fetch(`${api.url}/api/v1/login`, { method: 'POST', headers: json, body: '{"token":"sp_wrong"}' });
    codes.add(reply.status);
    await reply.arrayBuffer();
  }
  t.same([...codes], [401, 429]);
  const good = await fetch(`${api.url}/api/v1/login`, { method: 'POST', headers: json, body: JSON.stringify({ token: api.token('bob') }) });
  t.equal(good.status, 200);
});

t.test('plain HTTP is for loopback addresses', async (t) => {
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'no-such-name.invalid']) {
    await t.rejects(listenApi(api.app, { host, port: 0, tls: false }), { code: 'config-invalid' }, host);
  }
});

t.test('a port that is taken is told as such: trying again may help', async (t) => {
  const { hostname: host, port } = new URL(api.url);
  const message = new RegExp(`^console and API: cannot listen on ${host}:${port}: `);
  await t.rejects(listenApi(Fastify(), { host, port: Number(port), tls: false }), {
    code: 'listen-failed',
    message,
    hint: /another process/,
  });
});

t.test('the built console: index for its own addresses, long cache for hashed files, nothing outside the folder', async (t) => {
  const parent = await mkdtemp(join(tmpdir(), 'sallyport-api-'));
  const dir = join(parent, 'console');
  await mkdir(join(dir, 'assets'), { recursive: true });
  await writeFile(join(dir, 'index.html'), '<!doctype html><title>console</title>');
  await writeFile(join(dir, 'assets', 'index-abc123.js'), 'export {}');
  await writeFile(join(parent, 'secret.txt'), 'secret');
  const own = await startApi(dir);
  t.teardown(async () => {
    await own.close();
    await rm(parent, { recursive: true });
  });
  const html = { headers: { accept: 'text/html' } };
  for (const path of ['/', '/holds/h-123', '/login', '/decide/x.y', '/index.html']) {
    const reply = await fetch(own.url + path, html);
    t.match(await reply.text(), /<title>console/, path);
    t.equal(reply.headers.get('cache-control'), 'no-store');
  }
  const asset = await fetch(`${own.url}/assets/index-abc123.js`);
  t.match(asset.headers.get('cache-control'), /immutable/);
  t.match(asset.headers.get('content-type'), /javascript/);
  t.equal((await fetch(`${own.url}/assets/gone.js`, html)).status, 404);
  t.equal((await fetch(`${own.url}/api/v1/gone`, html)).status, 404);
  for (const path of ['/%2e%2e/secret.txt', '/..%2fsecret.txt', '/assets/..%2f..%2fsecret.txt', '/....//secret.txt']) {
    t.notMatch(await (await fetch(own.url + path)).text(), /^secret/, path);
  }
});

t.test('closing ends what is open, a live socket too', async (t) => {
  const socket = new WebSocket(`${api.url.replace('http', 'ws')}/api/v1/live`, {
    headers: { authorization: `Bearer ${api.token('bob')}` },
  });
  await new Promise((resolve) => socket.on('message', resolve));
  const closed = new Promise((resolve) => socket.on('close', resolve));
  await api.close();
  await closed;
  await t.rejects(fetch(`${api.url}/healthz`));
});
