// Deployments of GitHub Actions that wait for an answer here: signed webhooks as GitHub documents them, and the callbacks that
// let a deployment go on or end it.

import { createHmac, createPublicKey, generateKeyPairSync, randomBytes, randomUUID, verify } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import type { AccessRequestView, AuditEventView, ChannelView, Page } from '../../src/api/contract.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';

const policy = `
policy: production
rules:
  - { id: open, actions: [connect], needs: grant, decision: allow }
access:
  - { id: deploy, title: Deployments, principals: { kinds: [machine] }, longest: 4h, approvers: { groups: [dba] } }
`;

t.test('a deployment waits for people', { timeout: 60_000 }, async (t) => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const folder = temporaryDirectory(t, 'github');
  const secret = randomBytes(20).toString('hex');
  writeFileSync(join(folder, 'secret'), secret, { mode: 0o600 });
  writeFileSync(join(folder, 'app.pem'), privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
  const calls: { method: string; path: string; authorization: string; body: Record<string, unknown> }[] = [];
  const github = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
    request.on('end', () => {
      const path = request.url ?? '';
      calls.push({
        method: request.method ?? '',
        path,
        authorization: request.headers.authorization ?? '',
        body: JSON.parse(text) as Record<string, unknown>,
      });
      if (path.endsWith('/access_tokens')) {
        const [head = '', claims = '', signature = ''] = (request.headers.authorization ?? '').replace('Bearer ', '').split('.');
        const isGood = verify(
          'sha256',
          Buffer.from(`${head}.${claims}`),
          createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })),
          Buffer.from(signature, 'base64url'),
        );
        const { iss, iat, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { iss: string; iat: number; exp: number };
        const isFresh = exp - iat <= 600 && exp > Date.now() / 1000;
        response.writeHead(isGood && isFresh && iss === '4711' ? 201 : 401, { 'content-type': 'application/json' });
        return response.end(JSON.stringify({ token: 'ghs_installation', expires_at: '2030-01-01T00:00:00Z' }));
      }
      const isComment = path.includes('/comments');
      response.writeHead(isComment && request.method === 'POST' ? 201 : 200, { 'content-type': 'application/json' });
      return response.end(isComment ? JSON.stringify({ id: 9_000 + calls.length }) : '{}');
    });
  });
  github.listen(0, '127.0.0.1');
  await once(github, 'listening');
  t.teardown(() => {
    github.closeAllConnections();
    github.close();
  });
  const apiUrl = `http://127.0.0.1:${(github.address() as AddressInfo).port}`;
  const target = (name: string) => ({ name, protocol: 'postgres' as const, host: '127.0.0.1', port: 9, user: 'x', password: 'x' });
  const wants = (environment: string, name: string) => ({
    repository: 'example/shop',
    environment,
    person: 'shop-ci',
    target: name,
    for: '30m',
  });
  const gateway = await startTestGateway(t, {
    targets: [target('orders'), target('ledger')],
    policies: { 'production.yaml': policy },
    people: [
      { name: 'shop-ci', kind: 'machine', groups: ['ci'] },
      { name: 'bob', groups: ['dba'], github: 583231 },
      { name: 'dana', groups: ['dba'] },
      { name: 'carol', groups: ['auditors'] },
      { name: 'erin', groups: ['operators'] },
    ],
    config: {
      channels: {
        github: {
          ...{ webhook_secret_file: join(folder, 'secret'), app_id: '4711', private_key_file: join(folder, 'app.pem'), api_url: apiUrl },
          comments: true,
          deployments: [wants('production', 'orders'), wants('books', 'ledger')],
        },
      },
    },
  });
  const bob = gateway.api('bob');
  // https://docs.github.com/en/webhooks/webhook-events-and-payloads#deployment_protection_rule
  const payload = (more: object = {}) => ({
    action: 'requested',
    environment: 'production',
    event: 'push',
    deployment_callback_url: `${apiUrl}/repos/example/shop/actions/runs/8219/deployment_protection_rule`,
    deployment: {
      id: 1,
      ref: 'main',
      sha: 'f95f852bd8fca8fcc58a9a2d6c842781e32a215e',
      environment: 'production',
      creator: { login: 'octocat' },
    },
    pull_requests: [],
    repository: { id: 2, full_name: 'example/shop' },
    installation: { id: 99 },
    sender: { login: 'octocat' },
    ...more,
  });
  const deliver = async (body: object, more: { key?: string; delivery?: string; event?: string } = {}) => {
    const { key = secret, delivery = randomUUID(), event = 'deployment_protection_rule' } = more;
    const text = JSON.stringify(body);
    const headers = {
      'content-type': 'application/json',
      'x-github-event': event,
      'x-github-delivery': delivery,
      'x-hub-signature-256': `sha256=${createHmac('sha256', key).update(text).digest('hex')}`,
    };
    const answer = await fetch(`${gateway.http}/api/v1/github/webhook`, { method: 'POST', headers, body: text });
    return { status: answer.status, text: await answer.text() };
  };
  const pending = async () => (await bob.get<Page<AccessRequestView>>('/access-requests?state=pending')).body.items;
  const callback = (run: number, state: string | undefined) =>
    eventually(`run ${run} hears ${state ?? 'words'}`, () =>
      calls.find(({ path, body }) => path.includes(`/runs/${run}/`) && body['state'] === state),
    );

  t.equal((await deliver(payload(), { key: 'wrong' })).status, 401);
  t.equal((await deliver({ zen: 'Design for failure.' }, { event: 'ping' })).status, 200);
  t.match(await deliver(payload({ environment: 'elsewhere' })), { status: 422, text: /no channels.github.deployments names/ });
  for (const url of [
    'http://169.254.169.254/',
    `${apiUrl}/repos/other/repo/actions/runs/1/deployment_protection_rule`,
    `${apiUrl}/repos/example/shop/actions/runs/1/../../x`,
  ]) {
    t.match(await deliver(payload({ deployment_callback_url: url })), { status: 422 }, url);
  }
  t.same(await pending(), [], 'nothing of that asked for anything');
  t.same(calls, []);

  const delivery = randomUUID();
  t.match(await deliver(payload(), { delivery }), { status: 202, text: /asked as r-/ });
  t.match(await deliver(payload(), { delivery }), { status: 200, text: /taken before/ });
  const [request, ...others] = await pending();
  t.match(request, {
    principal: 'shop-ci',
    target: 'orders',
    reason: 'deployment of example/shop (main) to production, started by octocat',
  });
  t.same(others, []);
  const waiting = await callback(8219, undefined);
  t.match(waiting, {
    authorization: 'Bearer ghs_installation',
    body: { environment_name: 'production', comment: new RegExp(`${request?.id ?? ''} waits`) },
  });
  t.equal((await bob.post(`/access-requests/${request?.id ?? ''}/approve`, { reason: 'go' })).status, 200);
  t.match(await callback(8219, 'approved'), { body: { environment_name: 'production', comment: /Granted by bob: go/ } });

  const books = {
    environment: 'books',
    deployment_callback_url: `${apiUrl}/repos/example/shop/actions/runs/8220/deployment_protection_rule`,
  };
  t.equal((await deliver(payload(books))).status, 202);
  const [second] = await pending();
  t.equal((await bob.post(`/access-requests/${second?.id ?? ''}/deny`, { reason: 'month end' })).status, 200);
  t.match(await callback(8220, 'rejected'), { body: { comment: /Denied by bob: month end/ } });

  await t.test('comments beside the code', async (t) => {
    const sha = 'a'.repeat(40);
    const run = (id: number, more: object = {}) =>
      payload({
        deployment_callback_url: `${apiUrl}/repos/example/shop/actions/runs/${id}/deployment_protection_rule`,
        deployment: { id, ref: 'main @octocat <img>', sha, environment: 'production', creator: { login: 'octocat' } },
        pull_requests: [{ id: 1, number: 42 }],
        repository: { id: 2, full_name: 'example/shop', private: true },
        ...more,
      });
    const posted = (method: string, path: string, words: RegExp) =>
      eventually(`${method} ${path} ${String(words)}`, () =>
        calls.find((it) => it.method === method && it.path === path && words.test(String(it.body['body']))),
      );
    // https://docs.github.com/en/webhooks/webhook-events-and-payloads#issue_comment
    const comment = (text: string, more: object = {}) => ({
      action: 'created',
      issue: { id: 3, number: 42, pull_request: { url: 'x' } },
      comment: { id: Math.floor(Math.random() * 1e9), body: text, user: { login: 'octocat', id: 583231, type: 'User' } },
      repository: { id: 2, full_name: 'example/shop', private: true },
      installation: { id: 99 },
      sender: { login: 'octocat', id: 583231, type: 'User' },
      ...more,
    });
    const say = (text: string, more: object = {}, how: object = {}) => deliver(comment(text, more), { event: 'issue_comment', ...how });
    const state = async (id: string) => (await bob.get<AccessRequestView>(`/access-requests/${id}`)).body.state;

    await deliver(run(8300));
    const [asked] = await pending();
    const id = asked?.id ?? '';
    const first = await posted('POST', '/repos/example/shop/issues/42/comments', new RegExp(id));
    t.match(first.body['body'], new RegExp(`/sallyport approve ${id}`));
    t.notMatch(first.body['body'], /@octocat|<img>/, 'nobody is called, nothing is HTML');

    t.equal((await say(`/sallyport approve ${id}`, {}, { key: 'wrong' })).status, 401);
    const stranger = { user: { login: 'bob', id: 99, type: 'User' } };
    const by = (more: object) => ({ comment: { id: 1, body: `/sallyport approve ${id}`, user: { id: 583231, type: 'User' }, ...more } });
    for (const [name, more, words] of [
      [
        'a stranger',
        { comment: { ...stranger, id: 5, body: `/sallyport approve ${id}` }, sender: { id: 99, type: 'User' } },
        /operator can add github: 99/,
      ],
      ['in the name of another', { sender: { id: 99, type: 'User' } }, /not by who sent it/],
      ['a bot', { sender: { id: 583231, type: 'Bot' } }, /not a comment that answers/],
      ['an edited comment', { action: 'edited' }, /not a comment that answers/],
      ['another repository', { repository: { full_name: 'other/repo', private: true } }, /no channels.github.deployments names other/],
      ['a public one', { repository: { full_name: 'example/shop', private: false } }, /public repositories answer nothing/],
      ['a quoted command', by({ body: `> /sallyport approve ${id}` }), /not a comment that answers/],
      ['a command shown as code', by({ body: `Write:\n\`\`\`\n/sallyport approve ${id}\n\`\`\`\n` }), /not a comment that answers/],
      ['code that does not end', by({ body: `~~~ sh\n/sallyport approve ${id}` }), /not a comment that answers/],
      [
        'code within longer code',
        by({ body: `\`\`\`\`\n\`\`\`\n/sallyport approve ${id}\n\`\`\`\n\`\`\`\`` }),
        /not a comment that answers/,
      ],
      ['what nobody sees', by({ body: `Thanks <!--\n/sallyport approve ${id}\n-->` }), /not a comment that answers/],
      ['what an app writes for somebody', by({ performed_via_github_app: { id: 7, slug: 'helper' } }), /an app writes/],
      ['no command', by({ body: '/sallyport yes please' }), /not a command/],
      ['another command', by({ body: '/sallyport request orders for 1h because x' }), /comments answer what waits/],
    ] as const) {
      t.match((await say(`/sallyport approve ${id}`, more)).text, words, name);
    }
    t.equal(await state(id), 'pending', 'none of that answered');
    const good = comment(`Looks fine.\r\n/sallyport approve ${id} checked\r\n`);
    t.match(await deliver(good, { event: 'issue_comment' }), { status: 200, text: new RegExp(`${id}: you approved it`) });
    t.match(await deliver(good, { event: 'issue_comment' }), { text: /taken before/ }, 'the same again, whatever its delivery says');
    t.equal(await state(id), 'granted');
    await posted('POST', '/repos/example/shop/issues/42/comments', new RegExp(`^${id}: you approved it`));
    const { path } = await posted(
      'PATCH',
      `/repos/example/shop/issues/comments/${9_000 + calls.indexOf(first) + 1}`,
      /Granted by bob&#58;|Granted by bob: checked/,
    );
    t.ok(path, 'the comment itself shows the end');
    t.match(await callback(8300, 'approved'), { body: { comment: /Granted by bob: checked/ } });
    t.match((await say(`/sallyport deny ${id}`)).text, /no longer pending/, 'late');
    const { body: events } = await gateway.api('carol').get<Page<AuditEventView>>('/audit?type=access.approval-given&principal=bob');
    t.ok(events.items.some(({ detail }) => detail['via'] === 'github'));

    const books = { environment: 'books', repository: { id: 2, full_name: 'example/shop', private: false } };
    await deliver(run(8301, books));
    const [other] = await pending();
    t.equal((await bob.post(`/access-requests/${other?.id ?? ''}/deny`, {})).status, 200);
    await callback(8301, 'rejected');
    t.notOk(
      calls.some(({ path: at, body }) => at.includes('/comments') && String(body['body']).includes(other?.id ?? '-')),
      'public: no comment',
    );
  });

  const { body: views } = await gateway.api('erin').get<Page<ChannelView>>('/channels');
  t.match(views.items, [{ name: 'github', last: { state: 'delivered' } }]);
  const everything = JSON.stringify([
    (await gateway.api('carol').get('/audit')).body,
    (await gateway.api('carol').get('/webhooks/deliveries')).body,
    gateway.log,
  ]);
  t.notOk(everything.includes(secret) || everything.includes('ghs_installation'));
});
