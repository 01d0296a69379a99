// Bad input over HTTP, to a whole gateway: every class of error is a problem document, nothing says what it must not, and other
// requests are served meanwhile.

import { connect } from 'node:net';
import { request } from 'node:http';
import t from 'tap';
import type { Problem } from '../../src/api/contract.ts';
import { bodyBytesMax, requestTimeoutMs } from '../../src/api/server.ts';
import { startTestGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';

/** For the whole file, on a slow and busy machine; it takes a fraction. */
const fileMsMax = 180_000;

const json = 'application/json';

interface Wanted {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

t.setTimeout(fileMsMax);

t.test('every class of error is a problem document', { timeout: fileMsMax }, async (t) => {
  const gateway = await startTestGateway(t);
  const erin = { authorization: `Bearer ${gateway.token('erin')}` };
  const own = { origin: gateway.http };
  const login = await fetch(`${gateway.http}/api/v1/login`, {
    method: 'POST',
    headers: { ...own, 'content-type': json },
    body: JSON.stringify({ token: gateway.token('bob') }),
  });
  const cookie = (login.headers.getSetCookie()[0] ?? '').split(';')[0] ?? '';
  const post = { method: 'POST', body: '{}' };
  const cases: readonly [number, string, Wanted][] = [
    [400, 'invalid-request', { path: '/holds?state=maybe', headers: erin }],
    [400, 'invalid-request', { path: '/holds?unknown=1', headers: erin }],
    [400, 'invalid-request', { ...post, path: '/tokens', headers: { ...erin, 'content-type': json }, body: '{"ttl_ms":-1}' }],
    [400, 'invalid-request', { ...post, path: '/tokens', headers: { ...erin, 'content-type': json }, body: '{"a":' }],
    [400, 'invalid-request', { ...post, path: '/tokens', headers: { ...erin, 'content-type': json }, body: '{"__proto__":{"x":1}}' }],
    [401, 'not-signed-in', { path: '/holds' }],
    [401, 'not-signed-in', { path: '/holds', headers: { authorization: 'Bearer sp_wrong' } }],
    [401, 'not-signed-in', { path: '/holds', headers: { authorization: 'Basic ZXJpbjp4' } }],
    [401, 'not-signed-in', { path: '/openapi.json', headers: { authorization: 'Bearer sp_wrong' } }],
    [403, 'not-allowed', { path: '/audit/verify', headers: erin }],
    [403, 'cross-site', { ...post, path: '/login-links', headers: { cookie, 'content-type': json, origin: 'https://evil.example' } }],
    [403, 'cross-site', { ...post, path: '/logout', headers: { cookie, 'content-type': json } }],
    [404, 'not-found', { path: '/holds/h-000000', headers: erin }],
    [404, 'not-found', { path: '/nothing', headers: erin }],
    [404, 'not-found', { path: `/sessions/${'x'.repeat(90)}`, headers: erin }],
    [405, 'wrong-method', { method: 'DELETE', path: '/holds', headers: erin }],
    [405, 'wrong-method', { ...post, path: '/me', headers: { ...erin, 'content-type': json } }],
    [405, 'wrong-method', { method: 'PUT', path: '/holds/h-000000/approve', headers: { ...erin, 'content-type': json }, body: '{}' }],
    [409, 'not-open', { ...post, path: '/sessions/{closed}/kill', headers: { ...erin, 'content-type': json } }],
    [413, 'invalid-request', { ...post, path: '/tokens', headers: { ...erin, 'content-type': json }, body: oversized() }],
    [415, 'invalid-request', { ...post, path: '/tokens', headers: { ...erin, 'content-type': 'text/xml' }, body: '<a/>' }],
    [415, 'json-only', { ...post, path: '/tokens', headers: { cookie, ...own, 'content-type': 'text/plain' } }],
    [421, 'wrong-host', { path: '/me', headers: { ...erin, host: 'evil.example' } }],
  ];
  for (const [status, code, wanted] of cases) {
    if (wanted.path.includes('{closed}')) continue; // in api.test.ts, with a session
    const { method = 'GET', path } = wanted;
    const answer = await ask(gateway, wanted);
    const problem = JSON.parse(answer.body) as Problem;
    t.equal(answer.status, status, `${method} ${path}`);
    t.match(problem, { status, code, title: /./, detail: /./, type: 'about:blank' }, `${method} ${path}`);
    t.match(answer.headers['content-type'], /^application\/problem\+json/, path);
    t.notMatch(answer.body, / at .*\.ts|node_modules|SQLITE|sp_wrong/, 'no stack, no secret');
    if (status === 405) t.match(answer.headers['allow'], /GET|POST/);
    if (status === 401) t.match(answer.headers['www-authenticate'], /^Bearer/);
  }
  const many = await Promise.all(
    Array.from({ length: 70 }, () => ask(gateway, { path: '/me', headers: { authorization: 'Bearer sp_x' } })),
  );
  t.match(JSON.parse(many.find(({ status }) => status === 429)?.body ?? '{}'), { code: 'too-many-failures' });
  t.equal((await ask(gateway, { path: '/me', headers: erin })).status, 200, 'who is right is served all the same');
  t.equal((await ask(gateway, { path: '/tokens', headers: { cookie } })).status, 200);
});

t.test('bodies that never end, headers without end, and rubbish hold up nobody', { timeout: fileMsMax }, async (t) => {
  const gateway = await startTestGateway(t);
  const { port } = new URL(gateway.http);
  const slow = Array.from({ length: 50 }, () => {
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => undefined);
    t.teardown(() => socket.destroy());
    socket.write(`POST /api/v1/login HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: ${json}\r\ncontent-length: 1000\r\n\r\n{`);
    return socket;
  });
  const answers = await Promise.all([
    raw(Number(port), 'GARBAGE\r\n\r\n'),
    raw(Number(port), `GET / HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`),
    raw(Number(port), `GET / HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nhost: evil.example\r\nconnection: close\r\n\r\n`),
    raw(
      Number(port),
      `POST /api/v1/login HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    ),
    raw(
      Number(port),
      `POST /api/v1/login HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: ${json}\r\ncontent-length: 99999999\r\n\r\n`,
    ),
  ]);
  t.match(answers[0], /^HTTP\/1\.1 400/);
  t.match(answers[1], /^HTTP\/1\.1 431/);
  t.match(answers[2], /^HTTP\/1\.1 [24]/, 'one of two hosts decides, or neither');
  t.match(answers[3], /^HTTP\/1\.1 400/, 'two lengths are request smuggling');
  t.match(answers[4], /^HTTP\/1\.1 413/, 'refused by its announced length');
  const started = performance.now();
  t.equal((await gateway.api('alice').get('/me')).status, 200);
  t.ok(performance.now() - started < 2000, 'others are served while fifty dawdle');
  t.ok(requestTimeoutMs <= 30_000, 'and those who dawdle are cut off');
  t.ok(slow.every((socket) => !socket.destroyed));
  t.equal(gateway.log.filter(({ level }) => level === 'error').length, 0, 'none of it is a fault of the gateway');
});

t.test('a stranger learns nothing: unknown people, tokens and links are answered alike', { timeout: fileMsMax }, async (t) => {
  const gateway = await startTestGateway(t);
  const headers = { 'content-type': json };
  const answers = await Promise.all(
    ['{"token":"sp_wrong"}', `{"token":"${'x'.repeat(1500)}"}`, '{"secret":"wrong"}'].map((body) =>
      ask(gateway, { method: 'POST', path: '/login', headers, body }),
    ),
  );
  t.same(
    answers.map(({ status }) => status),
    [401, 401, 401],
  );
  t.match(await ask(gateway, { path: '/decisions/xyz.abc' }), { status: 404 });
  t.match(await ask(gateway, { path: `/decisions/${'a'.repeat(1990)}` }), { status: 404 });
  t.match(await ask(gateway, { method: 'POST', path: '/login', headers, body: '{}' }), { status: 400 });
});

function oversized(): string {
  return JSON.stringify({ name: 'x'.repeat(bodyBytesMax) });
}

/** By node:http, because fetch doesn't let one choose Host. */
function ask(gateway: TestGateway, { method = 'GET', path, headers = {}, body }: Wanted) {
  const { hostname, port } = new URL(gateway.http);
  return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const sent = request({ hostname, port, path: `/api/v1${path}`, method, headers: { ...length, ...headers } }, (reply) => {
      let text = '';
      reply.on('data', (chunk: Buffer) => (text += chunk.toString()));
      reply.on('end', () => resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: text }));
      reply.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Everything that comes back until the server closes. */
function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk) => {
      text += chunk.toString();
      if (text.includes('\r\n\r\n')) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
  });
}
