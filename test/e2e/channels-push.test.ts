// Web Push: from a request for access to a push service and into the service worker of a real browser.

import { createDecipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import type { AccessRequestView, DeliveryView, Page, PushView } from '../../src/api/contract.ts';
import { startBrowser } from '../support/browser.ts';
import { consolePage, lookAt } from '../support/console.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';

const policy = `
policy: production
rules:
  - { id: open, actions: [connect], needs: grant, decision: allow }
access:
  - { id: on-call, title: On call, principals: { groups: [engineers] }, longest: 4h, approvers: { groups: [dba] } }
`;

interface Pushed {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

t.test('Web Push', { timeout: 120_000 }, async (t) => {
  const pushed: Pushed[] = [];
  let status = 201;
  const service = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      pushed.push({ path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) });
      response.writeHead(status).end();
    });
  });
  service.listen(0, '127.0.0.1');
  await once(service, 'listening');
  t.teardown(() => {
    service.closeAllConnections();
    service.close();
  });
  const endpoint = `http://127.0.0.1:${(service.address() as AddressInfo).port}/push/bobs-phone`;
  const target = { name: 'orders', protocol: 'postgres' as const, host: '127.0.0.1', port: 9, user: 'x', password: 'x' };
  const gateway = await startTestGateway(t, {
    targets: [target, { ...target, name: 'ledger' }],
    policies: { 'production.yaml': policy },
    config: { channels: { push: { contact: 'mailto:ops@example.com', services: ['127.0.0.1'] } } },
  });
  const bob = gateway.api('bob');
  const own = createECDH('prime256v1');
  const p256dh = own.generateKeys().toString('base64url');
  const auth = randomBytes(16);
  const ask = async (reason: string, name = 'orders') =>
    (await gateway.api('alice').post<AccessRequestView>('/access-requests', { target: name, for_ms: 60_000, reason })).body.id;
  const open = ({ body }: Pushed) => {
    const [salt, sender, sealed] = [body.subarray(0, 16), body.subarray(21, 86), body.subarray(86)];
    const info = Buffer.concat([Buffer.from('WebPush: info\0'), own.getPublicKey(), sender]);
    const input = Buffer.from(hkdfSync('sha256', own.computeSecret(sender), auth, info, 32));
    const key = Buffer.from(hkdfSync('sha256', input, salt, 'Content-Encoding: aes128gcm\0', 16));
    const decipher = createDecipheriv('aes-128-gcm', key, Buffer.from(hkdfSync('sha256', input, salt, 'Content-Encoding: nonce\0', 12)));
    decipher.setAuthTag(sealed.subarray(-16));
    const plain = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
    return JSON.parse(plain.subarray(0, plain.lastIndexOf(2)).toString()) as Record<string, unknown>;
  };

  await t.test('an approver is told, sealed for their browser; and again when it is over', async (t) => {
    t.match(
      (await bob.post('/push/subscriptions', { endpoint: 'https://169.254.169.254/x', keys: { p256dh, auth: auth.toString('base64url') } }))
        .status,
      400,
    );
    const keys = { p256dh, auth: auth.toString('base64url') };
    const { body: view } = await bob.post<PushView>('/push/subscriptions', { name: 'phone', endpoint, keys });
    t.match(view, { browsers: [{ name: 'phone' }] });
    t.notOk(JSON.stringify(view).includes('bobs-phone'), 'the endpoint is shown to nobody');
    const id = await ask('ticket 12');
    const first = await eventually('the push is there', () => pushed[0]);
    t.match(first.headers, { 'content-encoding': 'aes128gcm', urgency: 'high', topic: id, authorization: /^vapid t=ey.*, k=B/ });
    t.ok(Number(first.headers['ttl']) > 0);
    t.match(open(first), { title: /alice|Alice/, body: 'ticket 12', tag: id, url: `/access/${id}`, over: false });
    t.notOk(first.body.includes('ticket'), 'the service reads nothing');
    t.equal((await gateway.api('dana').post(`/access-requests/${id}/approve`)).status, 200);
    const second = await eventually('the end is pushed', () => pushed[1]);
    t.match(open(second), { tag: id, over: true, body: /Granted by dana/ });
    t.equal((await gateway.api('alice').get<PushView>('/push')).body.browsers.length, 0, 'each sees their own');
  });

  await t.test('a browser that is gone is forgotten', async (t) => {
    status = 410;
    await ask('ticket 13', 'ledger');
    await eventually('it is given up', async () => {
      const { body } = await gateway.api('erin').get<Page<DeliveryView>>('/webhooks/deliveries');
      return body.items.find(({ webhook, state }) => webhook === 'push' && state === 'failed');
    });
    t.same((await bob.get<PushView>('/push')).body.browsers, []);
  });

  await t.test('the service worker shows it, in a real browser', async (t) => {
    if (!existsSync(join(import.meta.dirname, '../../dist/console/sw.js')))
      throw new Error('the console is not built: npm run build:console');
    const browser = await startBrowser(t);
    const complaints: string[] = [];
    const page = await consolePage(browser, gateway, { person: 'bob', path: '/account', complaints });
    await page.getByRole('button', { name: 'Notify this browser' }).waitFor();
    await lookAt(page, 'account-push');
    await page.context().grantPermissions(['notifications'], { origin: gateway.http });
    const session = await page.context().newCDPSession(page);
    const registered = new Promise<string>((resolve) => {
      session.on('ServiceWorker.workerVersionUpdated', ({ versions }) => {
        const active = versions.find((version) => version.status === 'activated');
        if (active !== undefined) resolve(active.registrationId);
      });
    });
    await session.send('ServiceWorker.enable');
    await page.evaluate(async () => {
      await navigator.serviceWorker.register('/sw.js', { scope: '/' });
      await navigator.serviceWorker.ready;
    });
    const push = async (data: object) =>
      session.send('ServiceWorker.deliverPushMessage', {
        origin: gateway.http,
        registrationId: await registered,
        data: JSON.stringify(data),
      });
    const shown = () =>
      page.evaluate(async () => {
        const registration = await navigator.serviceWorker.ready;
        return (await registration.getNotifications()).map(({ title, body, tag }) => ({ title, body, tag }));
      });
    const told = { title: 'Alice waits on orders', tag: 'h-1', url: '/holds/h-1' };
    // Delivered until it is shown: what a worker gets while it starts may be lost, as push services know.
    const appears = (body: string, over: boolean) =>
      eventually(body, async () => {
        await push({ ...told, body, over });
        return (await shown()).some((it) => it.body === body);
      });
    await appears('DROP TABLE x', false);
    await appears('Approved by dana', true);
    t.equal((await shown()).length, 1, 'in the same place');

    const erin = await consolePage(browser, gateway, { person: 'erin', path: '/deliveries', complaints });
    await erin.getByRole('region', { name: 'Channels' }).getByText('Web Push').waitFor();
    await erin.getByText('does not want notifications').first().waitFor();
    await lookAt(erin, 'channels');
    t.same(complaints, []);
  });
});
