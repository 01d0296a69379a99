// Mail, Teams and signed answers: one hold in psql is told by all of them, answered by one, and closed in the others.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import t from 'tap';
import type { AccessRequestView, ChannelView, DecisionView, DeliveryView, HoldView, Page } from '../../src/api/contract.ts';
import { temporaryDirectory } from '../support/directories.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { freePort } from '../support/ports.ts';
import { startPostgres } from '../support/postgres.ts';
import { run, start } from '../support/processes.ts';
import { startSmtp } from '../support/smtp-server.ts';
import { tool } from '../support/tools.ts';

const policy = `
policy: production
rules:
  - { id: open, actions: [connect], decision: allow }
  - { id: read, effects: { access: [read, session] }, decision: allow }
  - { id: write, effects: { verbs: [delete, update, insert] }, decision: hold, approvers: { groups: [dba] } }
access:
  - { id: on-call, title: On call, principals: { groups: [engineers] }, longest: 2h, approvers: { groups: [dba] } }
`;

/** A Workflows webhook: answers 202 as Power Automate does. */
async function startTeams(t: Teardown): Promise<{ readonly url: string; readonly cards: string[] }> {
  const cards: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
    request.on('end', () => {
      cards.push(body);
      response.writeHead(202).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/workflows/1?sig=teams-secret`, cards };
}

t.test('mail, Teams and signed answers', { timeout: 120_000 }, async (t) => {
  const smtp = await startSmtp(t, { hideSTARTTLS: true });
  const teams = await startTeams(t);
  const folder = temporaryDirectory(t, 'channels');
  const inboundSecret = randomBytes(32).toString('base64');
  writeFileSync(join(folder, 'teams'), teams.url, { mode: 0o600 });
  writeFileSync(join(folder, 'inbound'), inboundSecret, { mode: 0o600 });
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    policies: { 'production.yaml': policy },
    people: [
      { name: 'alice', display_name: 'Alice\r\nBcc: everybody@example.com', groups: ['engineers', 'dba'], email: 'alice@example.com' },
      { name: 'bob', groups: ['dba'], email: 'bob@example.com' },
      { name: 'dana@example.com', groups: ['dba'] },
      { name: 'carol', groups: ['auditors'], email: 'carol@example.com' },
      { name: 'erin', groups: ['operators'] },
    ],
    config: {
      channels: {
        mail: { host: '127.0.0.1', port: smtp.port, tls: 'none', from: 'Sallyport <gateway@example.com>' },
        teams: { url_file: join(folder, 'teams') },
        inbound: [{ name: 'chat-bot', secret_file: join(folder, 'inbound'), answers_as: 'bob' }],
      },
    },
  });
  const bob = gateway.api('bob');
  const psql = (text: string) => start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-c', text]);
  const mailTo = (address: string, id: string) =>
    eventually(`${address} has a mail about ${id}`, () => smtp.to(address).find(({ text }) => text.includes(id)));
  const linkIn = (text: string, label: string) => new RegExp(`^${label}: (\\S+)$`, 'm').exec(text)?.[1] ?? '';
  const api = (link: string) => `${gateway.http}/api/v1/decisions/${link.split('/decide/')[1] ?? ''}`;
  const decide = async (link: string, body: object) => {
    const answer = await fetch(api(link), { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };

  await t.test('everybody who may answer gets a mail of their own; scanners answer nothing; a person does, once', async (t) => {
    const session = psql("DELETE FROM payments WHERE id = 1 -- 'x' <b>\u202e");
    const hold = await bob.pendingHold();
    const mail = await mailTo('bob@example.com', hold.id);
    await mailTo('dana@example.com', hold.id);
    t.match(mail.text, "DELETE FROM payments WHERE id = 1 -- 'x' <b>\\u202e", 'hidden characters are shown');
    t.match(mail, { to: ['bob@example.com'], from: 'gateway@example.com', headers: { 'auto-submitted': 'auto-generated' } });
    t.equal(mail.headers['bcc'], undefined, 'a name makes no header');
    t.notMatch(mail.raw, /^Bcc:/im);
    t.match(mail.raw, /&lt;b&gt;/, 'escaped in HTML');
    t.same(smtp.to('alice@example.com'), [], 'not to who asked');
    t.same(smtp.to('carol@example.com'), [], 'nor to who may not answer');

    const approve = linkIn(mail.text, 'Approve');
    for (const link of [approve, linkIn(mail.text, 'Deny')]) {
      t.equal((await fetch(link, { headers: { accept: 'text/html' } })).status, 200);
      t.match((await (await fetch(api(link))).json()) as DecisionView, {
        person: 'bob',
        answers_as: { name: 'bob' },
        hold: { id: hold.id },
      });
    }
    t.equal((await bob.get<HoldView>(`/holds/${hold.id}`)).body.state, 'pending', 'a scanner that follows every link answers nothing');
    const forged = `${approve.slice(0, -4)}AAAA`;
    t.equal((await decide(forged, { answer: 'approve' })).status, 404);
    t.match(await decide(approve, { answer: 'approve', reason: 'by mail' }), {
      status: 200,
      body: { state: 'approved', settled_by: 'bob' },
    });
    t.match(await session.end(), { code: 0 });
    t.match(await decide(approve, { answer: 'approve' }), { status: 409, body: { code: 'link-used' } });
    const danas = linkIn((await mailTo('dana@example.com', hold.id)).text, 'Deny');
    t.match(await decide(danas, { answer: 'deny' }), {
      status: 409,
      body: { detail: /no longer pending; it is approved by bob: by mail/ },
    });
  });

  await t.test('a card in Teams with links that ask for a sign-in, and a second one with the end', async (t) => {
    const session = psql('DELETE FROM payments WHERE id = 2');
    const hold = await bob.pendingHold();
    const card = await eventually('the card is there', () => teams.cards.find((it) => it.includes(hold.id)));
    interface Card {
      readonly type: string;
      readonly attachments: readonly {
        readonly contentType: string;
        readonly content: {
          readonly type: string;
          readonly version: string;
          readonly actions: readonly { readonly type: string; readonly title: string; readonly url: string }[];
        };
      }[];
    }
    const parsed = JSON.parse(card) as Card;
    t.match(parsed, {
      type: 'message',
      attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content: { type: 'AdaptiveCard', version: '1.4' } }],
    });
    const actions = parsed.attachments[0]?.content.actions ?? [];
    t.same(
      actions.map(({ type, title }) => `${type} ${title}`),
      ['Action.OpenUrl Approve…', 'Action.OpenUrl Deny…', 'Action.OpenUrl In the console'],
    );
    t.match(card, /"text":"DELETE FROM payments WHERE id = 2"/);
    const approve = actions[0]?.url ?? '';
    t.equal((await fetch(api(approve))).status, 401, 'whoever has the card is nobody yet');
    t.equal((await decide(approve, { answer: 'approve' })).status, 401);
    t.equal((await bob.post(`/holds/${hold.id}/deny`, { reason: 'not today' })).status, 200);
    await eventually('the end is told', () => teams.cards.find((it) => it.includes(hold.id) && it.includes('Denied by bob')), 2_000);
    t.match(await session.end(), { stderr: /not today/ });
  });

  await t.test('signed answers of another system; forged, old and repeated ones answer nothing', async (t) => {
    const session = psql('DELETE FROM payments WHERE id = 3');
    const hold = await bob.pendingHold();
    const post = async (body: object, more: { secret?: string; id?: string; atMs?: number; name?: string } = {}) => {
      const { secret = inboundSecret, id = `msg_${randomBytes(8).toString('hex')}`, atMs = Date.now(), name = 'chat-bot' } = more;
      const text = JSON.stringify(body);
      const headers = {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(atMs / 1000)),
        'webhook-signature': new Webhook(secret).sign(id, new Date(atMs), text),
      };
      const answer = await fetch(`${gateway.http}/api/v1/inbound/${name}`, { method: 'POST', headers, body: text });
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
    };
    const yes = { id: hold.id, answer: 'approve', reason: 'agreed in the chat' };
    t.equal((await post(yes, { secret: randomBytes(32).toString('base64') })).status, 401);
    t.equal((await post(yes, { atMs: Date.now() - 301_000 })).status, 401);
    t.equal((await post(yes, { name: 'nobody' })).status, 401);
    t.match(await post({ id: hold.id, answer: 'maybe' }), { status: 400 });
    t.match(await post({ ...yes, id: 'h-000000' }), { status: 404 });
    t.equal((await bob.get<HoldView>(`/holds/${hold.id}`)).body.state, 'pending');
    t.match(await post(yes, { id: 'msg_one' }), { status: 200, body: { id: hold.id, state: 'approved', answered_as: 'bob' } });
    t.equal((await post(yes, { id: 'msg_one' })).status, 401, 'the same again is a replay');
    t.match(await post({ ...yes, answer: 'deny' }), { status: 409, body: { code: 'not-pending' } });
    t.match(await session.end(), { code: 0 });
  });

  await t.test('access for a while goes by mail too', async (t) => {
    const asked = await gateway
      .api('alice')
      .post<AccessRequestView>('/access-requests', { target: 'orders', for_ms: 60_000, reason: 'ticket 9' });
    const { id } = asked.body;
    const mail = await mailTo('bob@example.com', id);
    t.match(mail.text, /ticket 9/);
    const approve = linkIn(mail.text, 'Approve');
    t.match((await (await fetch(api(approve))).json()) as DecisionView, {
      hold: null,
      request: { id, reason: 'ticket 9' },
      answers_as: { name: 'bob' },
    });
    t.match(await decide(approve, { answer: 'approve' }), { status: 200, body: { state: 'granted' } });
    t.match(await decide(approve, { answer: 'deny' }), { status: 409 });
  });

  const views = (await gateway.api('erin').get<Page<ChannelView>>('/channels')).body.items;
  t.match(views, [
    { name: 'mail', last: { state: 'delivered' } },
    { name: 'teams', last: { state: 'delivered' } },
    { name: 'chat-bot', kind: 'inbound' },
  ]);
  const everything = JSON.stringify([
    (await gateway.api('carol').get('/audit')).body,
    (await gateway.api('carol').get('/webhooks/deliveries')).body,
    gateway.log,
  ]);
  t.notMatch(everything, /teams-secret|\/decide\//);
  t.notOk(everything.includes(inboundSecret));
});

t.test('mail needs TLS beyond this machine, and a server without it gets nothing', { timeout: 60_000 }, async (t) => {
  const plain = await startSmtp(t, { disabledCommands: ['STARTTLS'] });
  const folder = temporaryDirectory(t, 'mail');
  writeFileSync(join(folder, 'password'), 'mail-secret', { mode: 0o600 });
  const people = [
    { name: 'alice', groups: ['engineers'] },
    { name: 'bob', groups: ['dba'], email: 'bob@example.com' },
    { name: 'erin', groups: ['operators'] },
  ];
  const mail = { host: '127.0.0.1', from: 'gateway@example.com', user: 'gateway', password_file: join(folder, 'password') };
  const given = {
    policies: { 'p.yaml': policy },
    people,
    targets: [{ name: 'orders', protocol: 'postgres' as const, host: '127.0.0.1', port: 1, user: 'x', password: 'x' }],
  };
  const ask = { target: 'orders', for_ms: 60_000, reason: 'r' };
  const rights = { approve: ['dba'], audit: [], operate: ['operators'] };
  const gateway = await startTestGateway(t, { ...given, config: { rights, channels: { mail: { ...mail, port: plain.port } } } });
  await gateway.api('alice').post('/access-requests', ask);
  const failed = await eventually('it is tried, and told why not', async () => {
    const { body } = await gateway.api('erin').get<Page<DeliveryView>>('/webhooks/deliveries');
    return body.items.find((it) => it.attempts > 0);
  });
  t.match(failed, { webhook: 'mail', state: 'pending', last_error: /STARTTLS|does not offer TLS/ });
  t.same(plain.mails, []);

  const names = ['-addext', 'subjectAltName=IP:127.0.0.1', '-subj', '/CN=mail'];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
  await run(t, tool('openssl', 'openssl'), [...made, ...names, ...files]);
  const tls = await startSmtp(t, { cert: readFileSync(join(folder, 'cert.pem')), key: readFileSync(join(folder, 'key.pem')) });
  for (const [port, words] of [
    [tls.port, /certificate of the mail server is not trusted, or is for another name: nothing was sent without TLS/],
    [await brokenTls(t), /TLS with the mail server failed \(.*internal error\): nothing was sent without it/],
    [await freePort(), /the mail server can't be reached: ECONNREFUSED/],
  ] as const) {
    const untrusting = await startTestGateway(t, { ...given, config: { rights, channels: { mail: { ...mail, port } } } });
    await untrusting.api('alice').post('/access-requests', ask);
    await eventually(`it is told: ${String(words)}`, async () => {
      const { body } = await untrusting.api('erin').get<Page<DeliveryView>>('/webhooks/deliveries');
      return body.items.find((it) => it.attempts > 0 && it.state === 'pending' && words.test(it.last_error ?? ''));
    });
    await untrusting.close();
  }
  t.same(tls.mails, []);

  const trusting = { ...mail, port: tls.port, ca: join(folder, 'cert.pem') };
  const good = await startTestGateway(t, { ...given, config: { rights, channels: { mail: trusting } } });
  await good.api('alice').post('/access-requests', ask);
  const sent = await eventually('the mail is there', () => tls.mails[0]);
  t.match(sent, { secure: true, user: 'gateway', to: ['bob@example.com'] });
});

/** An SMTP server that begins TLS and gives up. */
async function brokenTls(t: Teardown): Promise<number> {
  const internalError = Buffer.from([0x15, 3, 3, 0, 2, 2, 80]);
  const server = createTcpServer((client) => {
    let isTls = false;
    client
      .on('error', () => undefined)
      .on('data', (bytes: Buffer) => {
        const said = bytes.toString('latin1');
        if (isTls) client.end(internalError);
        else if (said.startsWith('EHLO')) client.write('250-mail\r\n250 STARTTLS\r\n');
        else client.write('220 go ahead\r\n');
        isTls ||= said.startsWith('STARTTLS');
      });
    client.write('220 mail\r\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}
