// The API against its own OpenAPI document: the document is sound, every route in it is used with a real gateway, a real
// database session and a real hold behind it, and every answer is what the document says.

import { Ajv2020 } from 'ajv/dist/2020.js';
import t from 'tap';
import type { HoldView, LoginLinkIssued, Page, PendingSignInView, SessionView, TokenIssued } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

/** For the whole file, on a slow and busy machine; it takes a fraction. */
const fileMsMax = 180_000;

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly schema: object }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>>;
  readonly security?: readonly object[];
}

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

interface Answer<T> {
  readonly status: number;
  readonly body: T;
  readonly headers: Headers;
}

t.setTimeout(fileMsMax);

t.test('the OpenAPI document and what the gateway does are the same', { timeout: fileMsMax }, async (t) => {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const gateway = await startTestGateway(t, { targets: [targetOf(server, 'orders', { env: 'production' })] });
  const document = (await (await fetch(`${gateway.http}/api/v1/openapi.json`)).json()) as Document;
  const operations = operationsOf(document);

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
      t.ok(operation.responses['200'] ?? operation.responses['204'], `${method} ${path} says what it gives`);
    }
    t.doesNotThrow(() => checker(document), 'every schema is one');
  });

  const check = checker(document);
  const used = new Set<string>();
  /** Calls a route, and checks the answer against the document. */
  const call = async <T = unknown>(as: Record<string, string>, method: string, path: string, body?: object): Promise<Answer<T>> => {
    const response = await fetch(`${gateway.http}${path.startsWith('/healthz') ? '' : '/api/v1'}${path}`, {
      method,
      headers: { ...as, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const answer = { status: response.status, body: (text === '' ? null : JSON.parse(text)) as T, headers: response.headers };
    const found = operations.find((it) => it.method === method && it.pattern.test(new URL(response.url).pathname));
    if (found === undefined) throw new Error(`${method} ${path} is not in the document`);
    const wrong = check(found, response.status, (response.headers.get('content-type') ?? '').split(';')[0] ?? '', answer.body);
    if (wrong !== null) t.fail(`${method} ${path} answered ${response.status} other than documented: ${wrong}`, { body: text });
    if (response.ok) used.add(`${method} ${found.path}`);
    return answer;
  };
  const as = (person: string) => ({ authorization: `Bearer ${gateway.token(person)}` });

  await t.test('holds, sessions, recordings, audit', async (t) => {
    const session = start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders')]);
    session.write('SELECT 1;\nDELETE FROM payments;\n');
    const hold = await gateway.api('bob').pendingHold('DELETE FROM payments;');
    t.equal((await call<Page<HoldView>>(as('bob'), 'GET', '/holds?state=pending')).body.items[0]?.id, hold.id);
    t.match(await call(as('bob'), 'GET', `/holds/${hold.id}`), { status: 200, body: { can_answer: true } });
    t.equal((await call(as('bob'), 'POST', `/holds/${hold.id}/approve`, { reason: 'fine' })).status, 200);
    await session.waitFor(/DELETE 10/);
    session.write('TRUNCATE payments;\n');
    const second = await gateway.api('bob').pendingHold('TRUNCATE payments;');
    t.equal((await call(as('bob'), 'POST', `/holds/${second.id}/deny`, { reason: 'no' })).status, 200);
    t.equal((await call(as('dana'), 'POST', `/holds/${second.id}/deny`, { reason: 'no' })).status, 409);
    const { body: mine } = await call<Page<SessionView>>(as('alice'), 'GET', '/sessions?state=open');
    const id = mine.items[0]?.id ?? '';
    t.match((await call(as('alice'), 'GET', `/sessions/${id}`)).body, { state: 'open', method: 'token' });
    await eventually('the recording has both', async () => {
      const { body } = await call<{ entries: { decision: string }[] }>(as('carol'), 'GET', `/sessions/${id}/recording`);
      return body.entries.length === 3;
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
    for (const path of ['/me', '/targets', '/policies', '/people', '/tokens', '/webhooks/deliveries']) {
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
    t.equal((await call({}, 'GET', '/openapi.json')).status, 200);
  });

  t.same(
    operations.map(({ method, path }) => `${method} ${path}`).filter((it) => !used.has(it)),
    ['DELETE /api/v1/agents/{name}', 'GET /api/v1/sessions/{id}/terminals', 'GET /api/v1/sessions/{id}/terminals/{index}'],
    'every documented route was used, with success; these need an agent (agent.test.ts) or a terminal (ssh-shell.test.ts)',
  );
});

/** psql that waits for its person; gives the link's secret. */
async function terminalWaits(t: Parameters<typeof start>[0], gateway: TestGateway): Promise<string> {
  const { port } = gateway.address('postgres');
  const psql = start(t, tool('psql', 'postgresql-client'), ['-h', '127.0.0.1', '-p', String(port), '-U', 'alice+browser', '-d', 'orders']);
  return (await psql.waitFor(/\/sign-in\/(\w+)/))[1] ?? '';
}

interface DocumentedOperation {
  readonly method: string;
  readonly path: string;
  readonly pattern: RegExp;
  readonly operation: Operation;
}

function operationsOf({ paths }: Document): DocumentedOperation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
      operation,
    })),
  );
}

/** Answers what is wrong with an answer, or null. Throws when a schema of the document is none. */
function checker(document: Document) {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: 'document', components: document.components });
  const compile = (schema: object) =>
    ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"document#/components/')) as object);
  for (const schema of Object.values(document.components.schemas)) compile(schema);
  return ({ operation }: DocumentedOperation, status: number, type: string, body: unknown): string | null => {
    const documented = operation.responses[String(status)] ?? operation.responses[`${Math.floor(status / 100)}XX`];
    if (documented === undefined) return 'the status is not documented';
    if (status === 204) return body === null ? null : 'a body came with 204';
    const schema = documented.content?.[type]?.schema;
    if (schema === undefined) return `content type ${type} is not documented`;
    const validate = compile(schema);
    return validate(body) ? null : ajv.errorsText(validate.errors);
  };
}
