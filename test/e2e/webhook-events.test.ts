// Every event that webhooks tell of, from real people and sessions to a real receiver, each body as the OpenAPI document has it.

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import t from 'tap';
import type { AccessRequestView, AuditEventView, GrantView, Page, ShapeView } from '../../src/api/contract.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import { startWebhookReceiver } from '../support/webhook-receiver.ts';

const policy = `
policy: production
rules:
  - { id: open, actions: [connect], decision: allow }
  - { id: read, effects: { access: [read, session] }, decision: allow }
  - { id: two, effects: { verbs: [drop] }, decision: hold, approvers: { groups: [dba], count: 2 } }
  - id: write
    effects: { verbs: [delete] }
    decision: hold
    approvers: { groups: [dba], shape: { longest: 1h }, escalate: { after: 1s, to: [security] } }
access:
  - { id: on-call, title: On call, principals: { groups: [engineers] }, longest: 2h, approvers: { groups: [dba], count: 2 } }
  - { id: glass, title: Emergency, break_glass: true, automatic: true, principals: { groups: [engineers] }, longest: 1h, reviewers: { groups: [dba] } }
`;

interface Document {
  readonly webhooks: Readonly<
    Record<string, { readonly post: { readonly requestBody: { readonly content: Readonly<Record<string, { readonly schema: object }>> } } }>
  >;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

t.test('every event', { timeout: 60_000 }, async (t) => {
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const secretFile = join(temporaryDirectory(t, 'webhook-events'), 'secret');
  writeFileSync(secretFile, secret, { mode: 0o600 });
  const [all, some] = [await startWebhookReceiver(t, secret), await startWebhookReceiver(t, secret)];
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    policies: { 'production.yaml': policy },
    people: [
      { name: 'alice', groups: ['engineers'] },
      { name: 'bob', groups: ['dba'] },
      { name: 'dana', groups: ['dba'] },
      { name: 'sam', groups: ['security'] },
      { name: 'carol', groups: ['auditors'] },
      { name: 'erin', groups: ['operators'] },
    ],
    config: {
      rights: { approve: ['dba', 'security'], audit: ['auditors'], operate: ['operators'] },
      webhooks: [
        { name: 'rest', url: some.url, secret_file: secretFile },
        { name: 'sessions', url: all.url, secret_file: secretFile, events: ['session.closed'] },
      ],
    },
  });
  const [alice, bob, dana, erin] = [gateway.api('alice'), gateway.api('bob'), gateway.api('dana'), gateway.api('erin')];
  const psql = (text: string) => start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-c', text]);
  const bodies = () =>
    [...some.received, ...all.received].map(({ body }) => JSON.parse(body) as { type: string; data: Record<string, unknown> });
  const heard = (type: string, fits: (data: Record<string, never>) => boolean = () => true) =>
    eventually(`${type} is posted`, () => bodies().find((it) => it.type === type && fits(it.data as Record<string, never>)));
  const ask = async (more: object = {}) =>
    (await alice.post<AccessRequestView>('/access-requests', { target: 'orders', for_ms: 600_000, reason: 'ticket 7', ...more })).body;

  const drop = psql('DROP TABLE payments');
  const first = await bob.pendingHold('DROP TABLE payments');
  await bob.post(`/holds/${first.id}/approve`, {});
  await heard('hold.progress', ({ id }) => id === first.id);
  await dana.post(`/holds/${first.id}/deny`, { reason: 'no' });
  await drop.end();
  await heard('hold.settled', ({ id, state }) => id === first.id && state === 'denied');

  const session = psql('DELETE FROM payments WHERE id = 1');
  const second = await bob.pendingHold();
  await heard('hold.created', ({ id }) => id === second.id);
  const escalated = await heard('hold.escalated', ({ id }) => id === second.id);
  t.same(escalated.data['approver_groups'], ['dba', 'security']);
  await bob.post(`/holds/${second.id}/approve`, { shape: { for_ms: 600_000 } });
  await session.end();
  const shape = await heard('shape.approved');
  t.match(shape.data, {
    principal: 'alice',
    words: /‹1›/,
    choices: [{ by: 'bob' }],
    links: { console: `${gateway.http}/holds/${second.id}` },
  });
  const closed = await heard('session.closed', ({ id }) => id === second.session_id);
  t.match(closed.data, { state: 'closed', principal: 'alice', target: 'orders' });
  t.notOk(
    some.received.some(({ body }) => body.includes('session.closed')),
    'only where it is asked for',
  );
  const shapes = (await bob.get<Page<ShapeView>>('/shapes')).body.items;
  t.equal((await erin.post(`/shapes/${shapes[0]?.id ?? ''}/revoke`, { reason: 'enough' })).status, 200);
  t.match((await heard('shape.ended')).data, { end_kind: 'revoked', ended_by: 'erin', end_reason: 'enough' });

  const request = await ask();
  await heard('access.requested', ({ request: it }) => it?.['id'] === request.id);
  await bob.post(`/access-requests/${request.id}/approve`, {});
  await heard('access.progress');
  await dana.post(`/access-requests/${request.id}/approve`, {});
  const granted = (await heard('access.granted')).data as { grant: GrantView };
  await bob.post(`/grants/${granted.grant.id}/revoke`, {});
  await heard('access.ended');
  await bob.post(`/access-requests/${(await ask()).id}/deny`, {});
  await heard('access.denied');
  await alice.post(`/access-requests/${(await ask()).id}/withdraw`, {});
  await heard('access.closed');
  await ask({ break_glass: true });
  const glass = (await heard('access.granted', ({ grant }) => grant?.['break_glass'] === true)).data as unknown as { grant: GrantView };
  await erin.post(`/grants/${glass.grant.id}/revoke`, {});
  await heard('access.ended', ({ grant }) => grant?.['review'] === 'open');
  t.equal((await bob.post(`/grants/${glass.grant.id}/review`, { words: 'looked at it' })).status, 200);
  t.match((await heard('access.reviewed')).data, { grant: { reviewed_by: 'bob', review_words: 'looked at it' } });
  const { body: reviews } = await gateway.api('carol').get<Page<AuditEventView>>('/audit?type=grant.reviewed');
  t.match(reviews.items, [{ principal: 'bob', detail: { via: 'api' } }]);

  const document = (await (await fetch(`${gateway.http}/api/v1/openapi.json`)).json()) as Document;
  // A reminder comes within 15 s at the earliest; test/unit/access-requests.test.ts has it.
  const seen = new Set([...bodies().map(({ type }) => type), 'access.review-due']);
  t.same([...seen].sort(), Object.keys(document.webhooks).sort(), 'each documented event was seen, and no other');
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: 'document', components: document.components });
  for (const { type, ...body } of bodies()) {
    const schema = document.webhooks[type]?.post.requestBody.content['application/json']?.schema;
    const text = JSON.stringify(schema).replaceAll('"#/components', '"document#/components');
    const validate = ajv.compile(JSON.parse(text) as object);
    t.ok(validate({ type, ...body }), type, { errors: validate.errors });
  }
  for (const { verified } of [...all.received, ...some.received]) t.ok('payload' in verified, 'signed');
});
