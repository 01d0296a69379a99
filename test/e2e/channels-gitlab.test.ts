// Deployments of GitLab that wait for an answer here, and comments that answer: webhooks as GitLab documents them, signed (Standard
// Webhooks) or with a secret token, and the calls of its API.

import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
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
const sha = '0123456789abcdef0123456789abcdef01234567';

interface Call {
  readonly method: string;
  readonly path: string;
  readonly token: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

t.test('deployments and comments', { timeout: 60_000 }, async (t) => {
  const calls: Call[] = [];
  /** What the API has: deployments that are blocked, by job; merge requests of a commit. */
  const blocked = new Map<number, number>();
  let changes: object[] = [{ iid: 7, state: 'opened' }];
  const gitlab = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
    request.on('end', () => {
      const path = (request.url ?? '').replace('/api/v4/projects/example%2Fshop/', '');
      const token = request.headers['private-token'] as string | undefined;
      const method = request.method ?? '';
      calls.push({ method, path, token, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) });
      const answer = (status: number, body: unknown) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      if (token !== 'glpat-test') return answer(401, { message: '401 Unauthorized' });
      if (path.startsWith('deployments?status=blocked'))
        return answer(
          200,
          [...blocked].map(([job, id]) => ({ id, status: 'blocked', deployable: { id: job } })),
        );
      if (path.endsWith('/merge_requests')) return answer(200, changes);
      if (path.endsWith('/approval')) return answer(201, { status: 'approved' });
      if (method === 'POST' && path.endsWith('/discussions')) return answer(201, { id: 'd1', notes: [{ id: 31 }] });
      return answer(method === 'POST' ? 201 : 200, { id: 900 + calls.length });
    });
  });
  gitlab.listen(0, '127.0.0.1');
  await once(gitlab, 'listening');
  t.teardown(() => {
    gitlab.closeAllConnections();
    gitlab.close();
  });
  const folder = temporaryDirectory(t, 'gitlab');
  const signing = `whsec_${randomBytes(32).toString('base64')}`;
  for (const [name, secret] of [
    ['token', 'glpat-test'],
    ['signing', signing],
    ['secret', 'a-secret-token-of-the-webhook'],
  ] as const)
    writeFileSync(join(folder, name), secret, { mode: 0o600 });
  const target = { name: 'orders', protocol: 'postgres' as const, host: '127.0.0.1', port: 9, user: 'x', password: 'x' };
  const start = (proof: object) =>
    startTestGateway(t, {
      targets: [target],
      policies: { 'production.yaml': policy },
      people: [
        { name: 'shop-ci', kind: 'machine', groups: ['ci'] },
        { name: 'bob', groups: ['dba'], gitlab: 42 },
        { name: 'carol', groups: ['auditors'] },
        { name: 'erin', groups: ['operators'] },
      ],
      config: {
        channels: {
          gitlab: {
            ...{
              url: `http://127.0.0.1:${(gitlab.address() as AddressInfo).port}`,
              token_file: join(folder, 'token'),
              comments: true,
              ...proof,
            },
            deployments: [{ project: 'example/shop', environment: 'production', person: 'shop-ci', target: 'orders', for: '30m' }],
          },
        },
      },
    });
  const gateway = await start({ signing_token_file: join(folder, 'signing') });
  const bob = gateway.api('bob');
  const post = async (http: string, body: string, headers: Record<string, string>) => {
    const answer = await fetch(`${http}/api/v1/gitlab/webhook`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
    return { status: answer.status, text: await answer.text() };
  };
  const signed = (body: string, key = signing, at = new Date()) => {
    const id = randomUUID();
    return {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(key).sign(id, at, body),
    };
  };
  const deliver = (payload: object) => {
    const body = JSON.stringify(payload);
    return post(gateway.http, body, signed(body));
  };
  // https://docs.gitlab.com/user/project/integrations/webhook_events/#job-events
  const job = (id: number, more: object = {}) => ({
    object_kind: 'build',
    ref: 'main',
    sha,
    build_id: id,
    build_name: 'deploy',
    build_status: 'manual',
    user: { id: 42, name: 'User', username: 'octo @all' },
    project: { id: 380, name: 'shop', path_with_namespace: 'example/shop', visibility_level: 0 },
    environment: { name: 'production', action: 'start', deployment_tier: 'production' },
    ...more,
  });
  // https://docs.gitlab.com/user/project/integrations/webhook_events/#comment-events
  const note = (text: string, { attributes = {}, ...more }: { attributes?: object; [key: string]: unknown } = {}) => ({
    object_kind: 'note',
    event_type: 'note',
    user: { id: 42, name: 'User', username: 'user1' },
    project_id: 5,
    project: { id: 5, path_with_namespace: 'example/shop', visibility_level: 0 },
    object_attributes: {
      ...{
        id: Math.floor(Math.random() * 1e9),
        internal: false,
        note: text,
        noteable_type: 'MergeRequest',
        author_id: 42,
        action: 'create',
      },
      ...{ commit_id: '', system: false, ...attributes },
    },
    merge_request: { id: 7, iid: 7, title: 'Tempora' },
    ...more,
  });
  const pending = async () => (await bob.get<Page<AccessRequestView>>('/access-requests?state=pending')).body.items;
  const called = (method: string, path: string, fits: (body: Call['body']) => boolean = () => true) =>
    eventually(`${method} ${path}`, () => calls.find((it) => it.method === method && it.path === path && fits(it.body)));
  const says = (words: RegExp) => (body: Call['body']) => words.test(String(body['body']));

  await t.test('what is not signed, not waiting or not named asks for nothing', async (t) => {
    blocked.set(1977, 61);
    const body = JSON.stringify(job(1977));
    t.equal((await post(gateway.http, body, {})).status, 401);
    t.equal((await post(gateway.http, body, { 'x-gitlab-token': signing })).status, 401, 'a token where a signature is wanted');
    t.equal((await post(gateway.http, body, signed(body, `whsec_${randomBytes(32).toString('base64')}`))).status, 401);
    t.equal((await post(gateway.http, body, signed(body, signing, new Date(Date.now() - 301_000)))).status, 401, 'old');
    t.equal((await post(gateway.http, `${body} `, signed(body))).status, 401, 'another body');
    t.match(await deliver(job(1977, { build_status: 'running' })), { status: 200, text: /not a deployment that waits/ });
    t.match(await deliver(job(1978)), { status: 200, text: /no deployment of that job waits/ });
    t.match(await deliver(job(1977, { environment: { name: 'staging' } })), { status: 422, text: /no channels.gitlab.deployments names/ });
    t.match(await deliver(job(1977, { project: { path_with_namespace: 'other/shop', visibility_level: 0 } })), { status: 422 });
    t.match(await deliver(job(1977, { sha: '../../x' })), { status: 200, text: /not a deployment/ });
    t.same(await pending(), []);
  });

  await t.test('a deployment is asked for, told of in the merge request, answered there, and goes on', async (t) => {
    t.match(await deliver(job(1977)), { status: 202, text: /asked as r-/ });
    t.match(await deliver(job(1977, { retries_count: 1 })), { status: 200, text: /asked for before/ });
    const [request] = await pending();
    const id = request?.id ?? '';
    t.match(request, { principal: 'shop-ci', reason: 'deployment of example/shop (main) to production, started by octo @all' });
    const posted = await called('POST', 'merge_requests/7/notes', says(new RegExp(id)));
    t.notMatch(posted.body['body'], /@all/, 'calls nobody');
    const approve = `/sallyport approve ${id} checked`;
    for (const [name, payload, words] of [
      ['a stranger', note(approve, { user: { id: 99 }, attributes: { author_id: 99 } }), /operator can add gitlab: 99/],
      ['in the name of another', note(approve, { attributes: { author_id: 99 } }), /not by who sent it/],
      ['an edited comment', note(approve, { attributes: { action: 'update' } }), /not a comment that answers/],
      ['a system note', note(approve, { attributes: { system: true } }), /not a comment that answers/],
      [
        'a public project',
        note(approve, { project: { path_with_namespace: 'example/shop', visibility_level: 20 } }),
        /private projects only/,
      ],
      [
        'another project',
        note(approve, { project: { path_with_namespace: 'other/shop', visibility_level: 0 } }),
        /no channels.gitlab.deployments names/,
      ],
      ['in a quotation', note(`> ${approve}`), /not a comment that answers/],
    ] as const) {
      t.match((await deliver(payload)).text, words, name);
    }
    t.equal((await pending()).length, 1, 'none of that answered');
    const good = note(`LGTM\n${approve}`);
    t.match(await deliver(good), { status: 200, text: new RegExp(`${id}: you approved it`) });
    t.match(await deliver(good), { text: /taken before/ });
    await called('PUT', `merge_requests/7/notes/${900 + calls.indexOf(posted) + 1}`, says(/Granted by bob: checked/));
    await called('POST', 'merge_requests/7/notes', says(/you approved it/));
    t.match((await called('POST', 'deployments/61/approval')).body, { status: 'approved', comment: /Granted by bob: checked/ });
    const { body } = await gateway.api('carol').get<Page<AuditEventView>>('/audit?type=access.approval-given');
    t.match(body.items, [{ principal: 'bob', detail: { via: 'gitlab' } }]);
  });

  await t.test('without a merge request: at the commit; a no ends the deployment', async (t) => {
    changes = [];
    blocked.set(1980, 62);
    t.match(await deliver(job(1980)), { status: 202 });
    const [request] = await pending();
    t.match(request, { extends_grant: /^g-/ }, 'an earlier one is in force: people answer this one as well');
    await called('POST', `repository/commits/${sha}/discussions`, says(new RegExp(request?.id ?? '-')));
    t.equal((await bob.post(`/access-requests/${request?.id ?? ''}/deny`, { reason: 'month end' })).status, 200);
    t.match((await called('POST', 'deployments/62/approval')).body, { status: 'rejected', comment: /Denied by bob: month end/ });
    await called('PUT', `repository/commits/${sha}/discussions/d1/notes/31`, says(/Denied by bob: month end/));
  });

  await t.test('a secret token, for versions that do not sign', async (t) => {
    const older = await start({ secret_token_file: join(folder, 'secret') });
    const body = JSON.stringify({ object_kind: 'push' });
    t.equal((await post(older.http, body, { 'x-gitlab-token': 'a-secret-token-of-the-webhook' })).status, 200);
    t.equal((await post(older.http, body, { 'x-gitlab-token': 'a-secret-token-of-the-webhooK' })).status, 401);
    t.equal((await post(older.http, body, {})).status, 401);
  });

  const { body: views } = await gateway.api('erin').get<Page<ChannelView>>('/channels');
  t.match(
    views.items.map(({ name, last }) => [name, last?.state]),
    [
      ['gitlab', 'delivered'],
      ['gitlab-comments', 'delivered'],
    ],
  );
  const everything = JSON.stringify([
    (await gateway.api('carol').get('/audit')).body,
    (await gateway.api('carol').get('/webhooks/deliveries')).body,
    gateway.log,
  ]);
  t.notOk(everything.includes('glpat-test') || everything.includes(signing));
});
