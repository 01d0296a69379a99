import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import t from 'tap';
import type { Test } from 'tap';
import type { HoldView } from '../../src/api/contract.ts';
import type { AuditEvent } from '../../src/core/audit.ts';
import type { Log } from '../../src/core/driver.ts';
import { Secret } from '../../src/core/secret.ts';
import { retryDelayMs } from '../../src/notify/retry.ts';
import { DeliveryQueue } from '../../src/notify/queue.ts';
import type { QueueServices } from '../../src/notify/queue.ts';
import { createWebhooks } from '../../src/notify/webhook.ts';
import type { Receiver, WebhookServices, Webhooks } from '../../src/notify/webhook.ts';
import { openDatabase } from '../../src/store/database.ts';
import type { Db } from '../../src/store/database.ts';
import { deliveryMigrations } from '../../src/store/deliveries.ts';

const secret = `whsec_${randomBytes(32).toString('base64')}`;
const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function hold(id: string, more: Partial<HoldView> = {}): HoldView {
  return {
    id,
    state: 'pending',
    action_id: 'a1',
    session_id: 's1',
    action_kind: 'statement',
    principal: 'alice',
    principal_name: 'Alice',
    target: 'orders',
    target_protocol: 'postgres',
    target_labels: {},
    client_address: '127.0.0.1',
    text: 'DROP TABLE payments',
    parameters: null,
    digest: '00',
    statement_kinds: ['drop table'],
    effects: ['drop payments'],
    risks: [],
    transaction: 'none',
    rule: 'p/r',
    rule_title: 'r',
    policy_version: 'v',
    approver_groups: ['dba'],
    approvals_needed: 1,
    approvals: [],
    reason_required: false,
    created_at: '2026-01-01T00:00:00.000Z',
    expires_at: '2026-01-01T00:15:00.000Z',
    settled_at: null,
    settled_by: null,
    settled_reason: null,
    can_answer: false,
    cannot_answer_because: null,
    ...more,
  };
}

interface Received {
  readonly headers: Record<string, string>;
  readonly body: string;
}

type Answer = (response: ServerResponse, count: number) => void;

/** A real receiver; `answer` says what it does with its n-th request. */
async function receiver(t: Test, answer: Answer): Promise<{ url: string; received: Received[]; until(count: number): Promise<void> }> {
  const received: Received[] = [];
  let arrived = (): void => {};
  const server = createServer((request: IncomingMessage, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      received.push({ headers: request.headers as Record<string, string>, body });
      answer(response, received.length);
      arrived();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const until = async (count: number): Promise<void> => {
    while (received.length < count) await new Promise<void>((resolve) => (arrived = resolve));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?key=in-the-url`, received, until };
}

type More = Partial<WebhookServices & QueueServices>;

interface Bench {
  readonly webhooks: Webhooks & Pick<DeliveryQueue, 'deliveries' | 'start' | 'close'>;
  readonly events: AuditEvent[];
  /** Resolves with the audit event that ends the n-th delivery. */
  ended(count: number): Promise<AuditEvent>;
}

function bench(t: Test, db: Db, receivers: readonly Partial<Receiver>[], more: More = {}): Bench {
  const events: AuditEvent[] = [];
  let heard = (): void => {};
  const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
  const queue = new DeliveryQueue({
    db,
    clock,
    random: { bytes: (count) => randomBytes(count) },
    audit: {
      appendSoon: (event) => {
        events.push(event);
        heard();
      },
    },
    log: silent,
    queueMax: 100,
    retryAfterMs: [5, 10, 20],
    ...more,
  });
  const sender = createWebhooks({
    queue,
    receivers: receivers.map((one, index) => ({
      name: `w${index}`,
      url: 'http://127.0.0.1:1/',
      secret: new Secret(secret),
      events: ['hold.created', 'hold.settled'],
      ...one,
    })),
    clock,
    links: (view) => ({ console: `https://gate/holds/${view.id}`, approve: 'https://gate/decide/a', deny: 'https://gate/decide/d' }),
    timeoutMs: 5_000,
    ...more,
  });
  const webhooks = {
    ...sender,
    deliveries: (query: Parameters<DeliveryQueue['deliveries']>[0]) => queue.deliveries(query),
    start: () => queue.start(),
    close: () => queue.close(),
  };
  t.teardown(() => webhooks.close());
  const ended = async (count: number): Promise<AuditEvent> => {
    while (events.length < count) await new Promise<void>((resolve) => (heard = resolve));
    return events[count - 1] as AuditEvent;
  };
  return { webhooks, events, ended };
}

const memory = (): Db => openDatabase(':memory:', deliveryMigrations);

t.test('a hold arrives signed, once, with its links', async (t) => {
  const there = await receiver(t, (response) => response.writeHead(204).end());
  const { webhooks, ended } = bench(t, memory(), [{ url: there.url }, { events: ['hold.settled'] }]);
  webhooks.start();
  webhooks.notify('hold.created', hold('h-1'));
  await ended(1);
  t.equal(there.received.length, 1);
  const { headers, body } = there.received[0] as Received;
  const payload = new Webhook(secret).verify(body, headers) as { type: string; data: HoldView & { links: object; shortened: boolean } };
  t.equal(payload.type, 'hold.created');
  t.match(payload.data, { id: 'h-1', text: 'DROP TABLE payments', shortened: false });
  t.same(payload.data.links, { console: 'https://gate/holds/h-1', approve: 'https://gate/decide/a', deny: 'https://gate/decide/d' });
  t.throws(() => new Webhook(secret).verify(body.replace('DROP', 'DRAP'), headers), 'the signature covers the body');
  t.throws(() => new Webhook(secret).verify(body, { ...headers, 'webhook-id': 'msg_other' }), 'and the id');
  const [delivery] = webhooks.deliveries({}).items;
  t.match(delivery, { state: 'delivered', attempts: 1, last_status: 204, event: 'hold.created', hold_id: 'h-1', next_attempt_at: null });
  t.equal(delivery?.id, headers['webhook-id']);
});

t.test('a receiver that fails first gets it again under the same id', async (t) => {
  const there = await receiver(t, (response, count) => response.writeHead(count < 3 ? 500 : 200).end());
  const { webhooks, ended } = bench(t, memory(), [{ url: there.url }]);
  webhooks.start();
  webhooks.notify('hold.created', hold('h-2'));
  t.match(await ended(1), { type: 'webhook.delivered', holdId: 'h-2', detail: { attempts: 3, status: 200 } });
  t.equal(new Set(there.received.map(({ headers }) => headers['webhook-id'])).size, 1);
  for (const { headers, body } of there.received) t.ok(new Webhook(secret).verify(body, headers), 'each try is signed');
});

t.test('a delivery that never gets through is recorded as failed, in words without the address', async (t) => {
  const gone = await receiver(t, (response) => response.destroy());
  const redirecting = await receiver(t, (response) => response.writeHead(307, { location: gone.url }).end());
  const unsubscribed = await receiver(t, (response) => response.writeHead(410).end());
  const slow = await receiver(t, () => {});
  const table: [string, string, More, object][] = [
    ['closes without an answer', gone.url, {}, { attempts: 4, status: null, error: /closed the connection/ }],
    ['redirects', redirecting.url, {}, { attempts: 4, status: 307, error: /not followed/ }],
    ['wants no more', unsubscribed.url, {}, { attempts: 1, status: 410 }],
    ['never answers', slow.url, { timeoutMs: 40, retryAfterMs: [1] }, { attempts: 2, status: null, error: /no answer within 0.04 s/ }],
    ['is not there', 'http://127.0.0.1:1/hook?key=in-the-url', {}, { attempts: 4, error: /connection refused/ }],
  ];
  for (const [name, url, more, detail] of table) {
    const { webhooks, ended } = bench(t, memory(), [{ url }], more);
    webhooks.start();
    webhooks.notify('hold.created', hold('h-3'));
    const event = await ended(1);
    t.match(event, { type: 'webhook.failed', detail }, name);
    t.notMatch(JSON.stringify([event, webhooks.deliveries({})]), /in-the-url|whsec/, `${name}: no secret in the record`);
    t.equal(webhooks.deliveries({ state: 'failed' }).items.length, 1);
  }
  t.equal(gone.received.length, 4, 'the redirect led nowhere');
});

t.test('a slow receiver holds up no other, and an endless answer ends', async (t) => {
  const slow = await receiver(t, () => {});
  const endless = await receiver(t, (response) => {
    response.writeHead(200);
    const chatter = (): boolean => !response.destroyed && response.write('x'.repeat(65_536), () => chatter());
    chatter();
  });
  const { webhooks, ended } = bench(t, memory(), [{ url: slow.url }, { url: endless.url }]);
  webhooks.start();
  for (let index = 0; index < 6; index++) webhooks.notify('hold.created', hold(`h-${index}`));
  for (let index = 1; index <= 6; index++) t.match(await ended(index), { type: 'webhook.delivered', detail: { webhook: 'w1' } });
  await slow.until(4);
  t.equal(slow.received.length, 4, 'no more at a time than the limit');
});

t.test('what was not delivered when the gateway ended is delivered by the next one', async (t) => {
  const db = memory();
  const there = await receiver(t, (response, count) => {
    if (count > 1) response.writeHead(200).end();
  });
  const first = bench(t, db, [{ name: 'chat', url: there.url }, { name: 'old' }], { retryAfterMs: [60_000] });
  first.webhooks.start();
  first.webhooks.notify('hold.created', hold('h-4'));
  await there.until(1);
  await first.webhooks.close();
  t.equal(first.webhooks.deliveries({ webhook: 'chat' }).items[0]?.attempts, 0, 'a try that we cut off does not count');
  const second = bench(t, db, [{ name: 'chat', url: there.url }]);
  second.webhooks.start();
  t.match(await second.ended(1), { type: 'webhook.delivered', detail: { webhook: 'chat' } });
  t.equal(there.received[0]?.headers['webhook-id'], there.received[1]?.headers['webhook-id']);
  t.equal(there.received[0]?.body, there.received[1]?.body);
  t.match(second.webhooks.deliveries({ webhook: 'old' }).items[0], { state: 'failed', last_error: /not configured/ });
  const kept = db.prepare(`SELECT count(*) FROM deliveries WHERE body IS NOT NULL`).pluck().get();
  t.equal(kept, 0, 'bodies are forgotten when a delivery ends');
});

t.test('nothing that goes wrong here reaches the hold', async (t) => {
  const full = bench(t, memory(), [{}], { queueMax: 2 });
  for (const id of ['h-1', 'h-2', 'h-3']) full.webhooks.notify('hold.created', hold(id));
  t.match(full.events, [{ type: 'webhook.failed', holdId: 'h-3', detail: { error: /limits.webhook_queue/ } }]);
  const broken = bench(t, memory(), [{}], {
    links: () => {
      throw new Error('no links today');
    },
  });
  broken.webhooks.notify('hold.created', hold('h-1'));
  t.match(broken.events, [{ type: 'webhook.failed', detail: { error: 'no links today' } }]);
  const db = memory();
  const stored = bench(t, db, [{}]);
  db.close();
  stored.webhooks.notify('hold.created', hold('h-1'));
  t.match(stored.events, [{ type: 'webhook.failed', detail: { error: /not open/ } }]);
});

t.test('a hold too long to show has no approve link', async (t) => {
  const there = await receiver(t, (response) => response.writeHead(200).end());
  const { webhooks, ended } = bench(t, memory(), [{ url: there.url }]);
  webhooks.start();
  webhooks.notify('hold.created', hold('h-5', { text: 'x'.repeat(3_000_000), risks: [{ start: 2_000_000, end: 2_000_001, why: 'y' }] }));
  await ended(1);
  const { data } = JSON.parse((there.received[0] as Received).body) as { data: HoldView & { shortened: boolean; links: object } };
  t.match(data, { shortened: true, risks: [], links: { approve: null, deny: 'https://gate/decide/d' } });
  t.ok(data.text.length < 70_000);
});

t.test('a hold that ended has nothing to answer', async (t) => {
  const there = await receiver(t, (response) => response.writeHead(200).end());
  const { webhooks, ended } = bench(t, memory(), [{ url: there.url }]);
  webhooks.start();
  webhooks.notify('hold.settled', hold('h-6', { state: 'denied' }));
  await ended(1);
  t.match(JSON.parse((there.received[0] as Received).body), {
    type: 'hold.settled',
    data: { state: 'denied', links: { approve: null, deny: null } },
  });
});

t.test('pages of deliveries, newest first', (t) => {
  const { webhooks } = bench(t, memory(), [{}]);
  for (let index = 0; index < 5; index++) webhooks.notify('hold.created', hold(`h-${index}`));
  const first = webhooks.deliveries({ limit: 3 });
  t.same(
    first.items.map((item) => item.hold_id),
    ['h-4', 'h-3', 'h-2'],
  );
  const second = webhooks.deliveries({ limit: 3, cursor: first.next ?? '' });
  t.same([second.items.map((item) => item.hold_id), second.next], [['h-1', 'h-0'], null]);
  t.throws(() => webhooks.deliveries({ cursor: 'x; DROP TABLE' }), { code: 'invalid-request' });
  t.same(webhooks.deliveries({ holdId: 'h-3' }).items.length, 1);
  t.end();
});

t.test('waits grow, vary and end', (t) => {
  const lowest = { bytes: (count: number) => Buffer.alloc(count, 0) };
  const highest = { bytes: (count: number) => Buffer.alloc(count, 255) };
  t.equal(retryDelayMs([1_000, 5_000], 1, lowest), 800);
  t.equal(retryDelayMs([1_000, 5_000], 2, highest), 6_000);
  t.equal(retryDelayMs([1_000, 5_000], 3, lowest), null);
  t.end();
});
