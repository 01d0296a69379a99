// Webhooks, from a real hold in psql to a real receiver that verifies the signature with the standard's own library, and back
// by the decision link.

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { AuditEventView, DecisionView, DeliveryView, HoldView, Page } from '../../src/api/contract.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import { startWebhookReceiver } from '../support/webhook-receiver.ts';
import type { WebhookBody, WebhookReceiver } from '../support/webhook-receiver.ts';

/** For the whole file, on a slow and busy machine; it takes a fraction. */
const fileMsMax = 180_000;

const secret = `whsec_${randomBytes(32).toString('base64')}`;
/** The first two waits of the schedule are one and five seconds. */
const twoRetriesMs = 30_000;

t.setTimeout(fileMsMax);

t.test('a hold is posted, answered by its link, and the deliveries are listed', { timeout: fileMsMax }, async (t) => {
  const secretFile = join(temporaryDirectory(t, 'webhook'), 'secret');
  writeFileSync(secretFile, secret, { mode: 0o600 });
  const chat = await startWebhookReceiver(t, secret);
  const machine = await startWebhookReceiver(t, secret);
  const dead = await startWebhookReceiver(t, secret);
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const webhook = (name: string, { url }: WebhookReceiver, more = {}) => ({ name, url, secret_file: secretFile, ...more });
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    config: {
      webhooks: [webhook('chat', chat), webhook('machine', machine, { answers_as: 'dana' }), webhook('dead', dead)],
      limits: { webhook_timeout: '1s' },
    },
  });
  const bob = gateway.api('bob');
  const psql = (text: string) => start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-c', text]);
  const count = async () => (await server.sql('SELECT count(*)::int AS n FROM payments'))[0]?.['n'];
  const api = (link: string | null) => `${gateway.http}/api/v1/decisions/${(link ?? '').split('/decide/')[1] ?? ''}`;
  const decide = (link: string | null, body: object) =>
    fetch(api(link), { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

  await t.test('fails twice, then is taken: same id, signed each time, fresh timestamp', async (t) => {
    chat.answers(500, 503);
    const session = psql('DELETE FROM payments');
    const hold = await bob.pendingHold('DELETE FROM payments');
    await eventually('three tries', () => chat.received.length === 3, twoRetriesMs);
    for (const { verified } of chat.received) t.match(verified, { payload: { type: 'hold.created', data: { id: hold.id } } });
    t.equal(new Set(chat.received.map(({ headers }) => headers['webhook-id'])).size, 1);
    t.ok(chat.received.every(({ body }) => body === chat.received[0]?.body));
    const [first, , third] = chat.received.map(({ headers }) => Number(headers['webhook-timestamp']));
    t.ok((third ?? 0) > (first ?? 0), 'a receiver that refuses old timestamps takes the third');
    const delivery = await eventually('it is listed as delivered', async () => {
      const { body } = await gateway.api('erin').get<Page<DeliveryView>>(`/webhooks/deliveries?hold=${hold.id}`);
      return body.items.find((it) => it.webhook === 'chat' && it.state === 'delivered');
    });
    t.match(delivery, { event: 'hold.created', attempts: 3, last_status: 204, next_attempt_at: null });
    t.equal((await gateway.api('alice').get('/webhooks/deliveries')).status, 403);
    const { body: events } = await gateway.api('carol').get<Page<AuditEventView>>(`/audit?type=webhook.delivered&hold=${hold.id}`);
    t.ok(events.items.some(({ detail }) => detail['webhook'] === 'chat' && detail['attempts'] === 3));
    t.equal((await bob.post(`/holds/${hold.id}/deny`, { reason: 'next one' })).status, 200);
    await session.end();
    const settled = await eventually('the end is posted too', () => last(chat, 'hold.settled'));
    t.match(settled.data, { id: hold.id, state: 'denied', links: { approve: null, deny: null } });
  });

  await t.test('a link of a webhook that answers for dana: reading decides nothing, POST approves, twice is refused', async (t) => {
    const session = psql('DELETE FROM payments WHERE true');
    const hold = await bob.pendingHold('DELETE FROM payments WHERE true');
    const { approve } = (await eventually('the machine has it', () => of(machine, hold.id))).data.links;
    for (let reading = 0; reading < 3; reading += 1) {
      const read = await fetch(api(approve));
      t.match((await read.json()) as DecisionView, { answer: 'approve', person: 'dana', hold: { id: hold.id, state: 'pending' } });
    }
    t.match(await fetch(approve ?? '', { headers: { accept: 'text/html' } }), { status: 200 }, 'the page of the link');
    t.equal((await bob.get<HoldView>(`/holds/${hold.id}`)).body.state, 'pending', 'scanners that follow links answer nothing');
    t.equal(await count(), 10);

    const forged = `${(approve ?? '').slice(0, -2)}${(approve ?? '').endsWith('AA') ? 'BB' : 'AA'}`;
    t.match(await decide(forged, { answer: 'approve' }), { status: 404 }, 'a changed signature');
    const answered = await decide(approve, { answer: 'approve', reason: 'by machine' });
    t.match(await answered.json(), { state: 'approved', settled_by: 'dana' });
    t.match(await session.end(), { code: 0, stdout: /DELETE 10/ });
    t.match(await (await decide(approve, { answer: 'approve' })).json(), { status: 409, code: 'link-used' });
    t.match(await (await decide(approve, { answer: 'deny' })).json(), { status: 409, code: 'link-used' });
    const { deny } = (of(machine, hold.id) as WebhookBody).data.links;
    t.match(await (await decide(deny, { answer: 'approve' })).json(), { status: 403 }, 'a link to deny does not approve');
    t.match(await (await decide(deny, { answer: 'deny' })).json(), { status: 409, code: 'not-pending' });
    t.equal(await count(), 0);
  });

  await t.test('a link that is bound to nobody asks for a signed-in person, who is judged as himself', async (t) => {
    const session = psql('TRUNCATE payments');
    const hold = await bob.pendingHold('TRUNCATE payments');
    const { approve, deny } = (await eventually('the chat has it', () => of(chat, hold.id))).data.links;
    t.equal((await decide(approve, { answer: 'approve' })).status, 401);
    const as = (person: string, link: string | null, answer: string) =>
      fetch(api(link), {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${gateway.token(person)}` },
        body: JSON.stringify({ answer, reason: 'by link' }),
      });
    t.match(await (await as('alice', approve, 'approve')).json(), { status: 403, code: 'requester' });
    t.equal((await as('carol', approve, 'approve')).status, 403);
    t.match(await (await as('bob', deny, 'deny')).json(), { state: 'denied', settled_by: 'bob' });
    t.match(await session.end(), { stderr: /by link/ });
  });

  await t.test('a webhook that hangs delays nothing', async (t) => {
    dead.answers(...Array.from({ length: 50 }, () => 'hang' as const));
    const askedAtMs = performance.now();
    const session = psql('DROP TABLE payments');
    const hold = await bob.pendingHold('DROP TABLE payments');
    const approvedAtMs = performance.now();
    t.equal((await bob.post(`/holds/${hold.id}/approve`, { reason: 'go' })).status, 200);
    t.match(await session.end(), { code: 0 });
    t.ok(performance.now() - approvedAtMs < 1000, `answered in ${Math.round(performance.now() - askedAtMs)} ms though a receiver hangs`);
    await eventually('the failure is listed, and tried again', async () => {
      const { body } = await gateway.api('carol').get<Page<DeliveryView>>(`/webhooks/deliveries?hold=${hold.id}`);
      return body.items.find((it) => it.webhook === 'dead' && it.state === 'pending' && /no answer within 1 s/.test(it.last_error ?? ''));
    });
  });

  const everything = JSON.stringify([
    (await gateway.api('carol').get('/webhooks/deliveries')).body,
    (await gateway.api('carol').get('/audit')).body,
  ]);
  t.notOk(everything.includes(secret.slice(6)), 'the secret is nowhere');
  t.notMatch(everything, /\/decide\//, 'nor is a decision link');
});

function of(receiver: WebhookReceiver, holdId: string): WebhookBody | undefined {
  return payloads(receiver).find(({ type, data }) => type === 'hold.created' && data.id === holdId);
}

function last(receiver: WebhookReceiver, type: string): WebhookBody | undefined {
  return payloads(receiver).findLast((it) => it.type === type);
}

function payloads(receiver: WebhookReceiver): WebhookBody[] {
  return receiver.received.flatMap(({ verified }) => ('payload' in verified ? [verified.payload] : []));
}
