// One hold in all channels at once: the first answer closes the others within a second, whoever gives it and wherever; answers that
// race come to one; a channel that hangs delays neither the hold nor the others.

import { createECDH, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import t from 'tap';
import type { HoldView } from '../../src/api/contract.ts';
import { temporaryDirectory } from '../support/directories.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { channel, pressPayload, slackPosts, slackTypes, startSlack, team } from '../support/slack-server.ts';
import { startSmtp } from '../support/smtp-server.ts';
import { tool } from '../support/tools.ts';
import { startWebhookReceiver } from '../support/webhook-receiver.ts';

const policy = `
policy: production
rules:
  - { id: open, actions: [connect], decision: allow }
  - { id: read, effects: { access: [read, session] }, decision: allow }
  - { id: write, effects: { verbs: [delete] }, decision: hold, approvers: { groups: [dba] } }
`;
/** The promise is one second; the machine of the test may be busy with others. */
const closedWithinMs = 1_000;
const busyFactor = 3;

/** Takes everything with one status. */
async function startTaker(t: Teardown, status: number): Promise<{ readonly url: string; readonly bodies: string[] }> {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    request.on('end', () => {
      bodies.push(text);
      response.writeHead(status).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`, bodies };
}

t.test('all channels at once', { timeout: 90_000 }, async (t) => {
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const [slack, smtp, teams, push] = [
    await startSlack(t),
    await startSmtp(t, { hideSTARTTLS: true }),
    await startTaker(t, 202),
    await startTaker(t, 201),
  ];
  const [hook, hung] = [await startWebhookReceiver(t, secret), await startWebhookReceiver(t, secret)];
  hung.answers(...Array.from({ length: 100 }, () => 'hang' as const));
  const folder = temporaryDirectory(t, 'together');
  const signing = randomBytes(16).toString('hex');
  const inbound = randomBytes(32).toString('base64');
  for (const [name, text] of [
    ['signing', signing],
    ['bot', 'xoxb-test'],
    ['teams', teams.url],
    ['hook', secret],
    ['inbound', inbound],
  ] as const)
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    policies: { 'production.yaml': policy },
    people: [
      { name: 'alice', groups: ['engineers'] },
      { name: 'bob', groups: ['dba'], email: 'bob@example.com', slack: 'UBOB00001' },
      { name: 'dana', groups: ['dba'], email: 'dana@example.com', slack: 'UDANA0001' },
      { name: 'carol', groups: ['auditors'] },
      { name: 'erin', groups: ['operators'] },
    ],
    config: {
      limits: { webhook_timeout: '2s' },
      webhooks: [
        { name: 'hook', url: hook.url, secret_file: join(folder, 'hook') },
        { name: 'hung', url: hung.url, secret_file: join(folder, 'hook') },
      ],
      channels: {
        slack: {
          ...{ bot_token_file: join(folder, 'bot'), signing_secret_file: join(folder, 'signing') },
          ...{ channel, team, api_url: slack.url },
        },
        mail: { host: '127.0.0.1', port: smtp.port, tls: 'none', from: 'Sallyport <gateway@example.com>' },
        teams: { url_file: join(folder, 'teams') },
        push: { contact: 'mailto:ops@example.com', services: ['127.0.0.1'] },
        inbound: [{ name: 'bot', secret_file: join(folder, 'inbound'), answers_as: 'dana' }],
      },
    },
  });
  const [bob, dana] = [gateway.api('bob'), gateway.api('dana')];
  const p256dh = createECDH('prime256v1').generateKeys().toString('base64url');
  const keys = { p256dh, auth: randomBytes(16).toString('base64url') };
  t.equal((await bob.post('/push/subscriptions', { name: 'phone', endpoint: push.url, keys })).status, 200);

  const psql = (text: string) => start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-c', text]);
  const linkOf = (address: string, id: string, label: string) =>
    new RegExp(`^${label}: \\S+/decide/(\\S+)$`, 'm').exec(smtp.to(address).find(({ text }) => text.includes(id))?.text ?? '')?.[1] ?? '';
  const byLink = (token: string, answer: 'approve' | 'deny') =>
    fetch(`${gateway.http}/api/v1/decisions/${token}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ answer }),
    });
  const byBot = (id: string, answer: 'approve' | 'deny') => {
    const [message, at, body] = [`msg_${randomBytes(8).toString('hex')}`, new Date(), JSON.stringify({ id, answer })];
    const headers = {
      'content-type': 'application/json',
      'webhook-id': message,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(inbound).sign(message, at, body),
    };
    return fetch(`${gateway.http}/api/v1/inbound/bot`, { method: 'POST', headers, body });
  };
  const press = (user: string, id: string, action: 'approve' | 'deny') => {
    const message = slack.message(id);
    if (message === undefined) throw new Error(`${id} is not in Slack`);
    return slackPosts(gateway.http, signing, pressPayload({ user, message, actionId: `sallyport.${action}`, value: id }));
  };
  const settledHooks = (id: string) => hook.received.filter(({ body }) => body.includes('"hold.settled"') && body.includes(id)).length;
  /** Waits until everybody was told of a hold. */
  const toldEverywhere = async (statement: string) => {
    const session = psql(statement);
    const { id } = await bob.pendingHold(statement);
    await eventually('all channels have it', () => {
      const inMail = ['bob@example.com', 'dana@example.com'].every((address) => linkOf(address, id, 'Deny') !== '');
      const inHook = hook.received.some(({ body }) => body.includes('"hold.created"') && body.includes(id));
      return slack.message(id) !== undefined && inMail && inHook && teams.bodies.some((body) => body.includes(id));
    });
    const pushes = await eventually('and the browser', () => (push.bodies.length % 2 === 1 ? push.bodies.length : undefined));
    const cards = teams.bodies.filter((body) => body.includes(id)).length;
    return { id, session, pushes, cards };
  };

  const ways: readonly (readonly [name: string, via: string, answer: (id: string) => Promise<unknown>])[] = [
    ['the API', 'api', (id) => bob.post(`/holds/${id}/deny`, {})],
    ['a button in Slack', 'slack', (id) => press('UBOB00001', id, 'deny')],
    ['a command in Slack', 'slack', (id) => slackTypes(gateway.http, signing, { user: 'UDANA0001', text: `deny ${id}` })],
    ['a link in a mail', 'mail', (id) => byLink(linkOf('dana@example.com', id, 'Deny'), 'deny')],
    ['another system', 'inbound bot', (id) => byBot(id, 'deny')],
  ];
  for (const [name, via, answer] of ways) {
    await t.test(`answered by ${name}, closed everywhere`, async (t) => {
      const { id, session, pushes, cards } = await toldEverywhere(`DELETE FROM payments WHERE id = -1 -- ${name}`);
      const answeredMs = performance.now();
      await answer(id);
      await eventually(
        'closed in all of them',
        () =>
          slack.message(id)?.buttons.length === 0 &&
          teams.bodies.filter((body) => body.includes(id)).length > cards &&
          push.bodies.length > pushes &&
          settledHooks(id) === 1,
        closedWithinMs * busyFactor,
      );
      const tookMs = performance.now() - answeredMs;
      t.comment(`closed everywhere after ${Math.round(tookMs)} ms`);
      t.match((await session.end()).stderr, /denied/i);
      t.match((await bob.get<HoldView>(`/holds/${id}`)).body, { state: 'denied', settled_via: via });
      const late = await byLink(linkOf('bob@example.com', id, 'Approve'), 'approve');
      t.equal(late.status, 409, 'a link that comes late');
      t.match(((await late.json()) as { detail: string }).detail, /no longer pending; it is denied/);
      t.equal((await byBot(id, 'approve')).status, 409, 'a program that comes late');
      await press('UDANA0001', id, 'approve');
      await eventually('a button that comes late', () =>
        slack.ephemeral('UDANA0001').some((text) => text.includes(`${id}: hold ${id} is no longer pending`)),
      );
    });
  }

  await t.test('scanners and previews that open every link answer nothing', async (t) => {
    const { id, session } = await toldEverywhere('DELETE FROM payments WHERE id = -2');
    for (const label of ['Approve', 'Deny']) {
      const token = linkOf('bob@example.com', id, label);
      for (const method of ['GET', 'HEAD', 'OPTIONS'])
        for (const url of [`${gateway.http}/decide/${token}`, `${gateway.http}/api/v1/decisions/${token}`]) await fetch(url, { method });
      t.equal((await fetch(`${gateway.http}/api/v1/decisions/${token}`, { method: 'POST', body: '' })).ok, false, 'nor an empty POST');
    }
    t.equal((await bob.get<HoldView>(`/holds/${id}`)).body.state, 'pending');
    await bob.post(`/holds/${id}/deny`, {});
    await session.end();
    await eventually('the browser is told', () => push.bodies.length % 2 === 0);
  });

  await t.test('answers that race come to one, and it is the same everywhere', async (t) => {
    for (let round = 0; round < 3; round += 1) {
      const { id, session } = await toldEverywhere(`DELETE FROM payments WHERE id = ${round + 1}`);
      await Promise.all([
        press('UBOB00001', id, 'approve'),
        byBot(id, 'deny'),
        byLink(linkOf('dana@example.com', id, 'Deny'), 'deny'),
        byLink(linkOf('bob@example.com', id, 'Approve'), 'approve'),
        bob.post(`/holds/${id}/approve`, {}),
        dana.post(`/holds/${id}/deny`, {}),
      ]);
      const { state } = (await bob.get<HoldView>(`/holds/${id}`)).body;
      t.match(state, /^(approved|denied)$/);
      const end = await session.end();
      t.equal(/DELETE 1/.test(end.stdout), state === 'approved', `${state}: it ran if and only if it was approved`);
      await eventually('Slack shows that end', () =>
        new RegExp(state === 'approved' ? 'Approved by' : 'Denied by').test(slack.message(id)?.json ?? ''),
      );
      await eventually('told once', () => settledHooks(id) === 1);
      await eventually('the browser is told', () => push.bodies.length % 2 === 0);
    }
  });

  t.ok(hung.received.length > 0, 'one receiver never answered all the while');
});
