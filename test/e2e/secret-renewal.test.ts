// Secrets of receivers, senders and provisioning systems are rotated by replacing their files, under a gateway that goes on.

import { randomBytes } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import t from 'tap';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { channel, startSlack } from '../support/slack-server.ts';
import { tool } from '../support/tools.ts';
import { startWebhookReceiver } from '../support/webhook-receiver.ts';

const newSecret = () => randomBytes(32).toString('base64');

t.test('rotated without a restart', { timeout: 120_000 }, async (t) => {
  const folder = temporaryDirectory(t, 'secrets');
  const file = (name: string) => join(folder, name);
  /** As careful people and Kubernetes replace files, and as an editor does. */
  const replace = (name: string, text: string) => {
    writeFileSync(file(`${name}.new`), `${text}\n`, { mode: 0o600 });
    renameSync(file(`${name}.new`), file(name));
  };
  const write = (name: string, text: string) => writeFileSync(file(name), text);
  const first = { hook: newSecret(), inbound: newSecret(), scim: randomBytes(32).toString('hex'), slack: 'xoxb-first' };
  const second = { hook: newSecret(), inbound: newSecret(), scim: randomBytes(32).toString('hex'), slack: 'xoxb-second' };
  for (const [name, text] of Object.entries(first)) replace(name, text);
  replace('signing', 'slack-signs-with-this');
  const [before, after] = [await startWebhookReceiver(t, first.hook), await startWebhookReceiver(t, second.hook)];
  const slack = await startSlack(t);
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    config: {
      webhooks: [before, after].map(({ url }, index) => ({
        name: `hook-${index}`,
        url,
        secret_file: file('hook'),
        events: ['hold.created'],
      })),
      channels: {
        slack: { bot_token_file: file('slack'), signing_secret_file: file('signing'), channel, api_url: slack.url },
        inbound: [{ name: 'bot', secret_file: file('inbound'), answers_as: 'bob' }],
      },
      sign_in: { scim: [{ name: 'idp', token_file: file('scim'), groups: { DBAs: ['dba'] } }] },
    },
  });
  const session = start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-c', 'DELETE FROM payments']);
  const hold = await gateway.api('bob').pendingHold();
  const told = (level: string) => gateway.log.filter((line) => line.level === level && /^a secret/.test(line.message));
  const scim = async (token: string) =>
    (await fetch(`${gateway.http}/scim/v2/Users`, { headers: { authorization: `Bearer ${token}` } })).status;
  const inbound = async (secret: string) => {
    const [id, now, text] = [`msg_${randomBytes(8).toString('hex')}`, new Date(), JSON.stringify({ id: hold.id, answer: 'perhaps' })];
    const signature = new Webhook(secret).sign(id, now, text);
    const headers = { 'content-type': 'application/json', 'webhook-id': id, 'webhook-signature': signature };
    const stamped = { ...headers, 'webhook-timestamp': String(Math.floor(now.getTime() / 1000)) };
    return (await fetch(`${gateway.http}/api/v1/inbound/bot`, { method: 'POST', headers: stamped, body: text })).status;
  };
  await eventually('the hold is told', () => before.received.length === 1 && after.received.length === 1);
  t.match([before.received[0]?.verified, after.received[0]?.verified], [{ payload: {} }, { why: /./ }]);
  t.same([await inbound(first.inbound), await inbound(second.inbound)], [400, 401], 'signed, and no answer');
  t.same([await scim(first.scim), await scim(second.scim)], [200, 401]);

  await t.test('what can not be used is told once, without a word of it, and the last good one stays', async (t) => {
    write('inbound', 'c2hvcnQ=');
    write('scim', 'short');
    write('hook', '');
    rmSync(file('slack'));
    await eventually('all four, one of them in two places', () => told('warn').length === 5, 20_000);
    const words = told('warn').map(({ fields }) => String((fields as { err: unknown }).err));
    for (const word of [/24 to 64 random bytes/, /too short/, /it is empty/, /no such file/])
      t.ok(
        words.some((it) => word.test(it)),
        String(word),
      );
    t.notMatch(JSON.stringify(gateway.log), /c2hvcnQ|xoxb/);
    t.same([await inbound(first.inbound), await scim(first.scim)], [400, 200]);
  });

  await t.test('a good one counts for what comes, and the one before for nothing', async (t) => {
    for (const [name, text] of Object.entries(second)) replace(name, text);
    await eventually('the same of good ones', () => told('info').length === 5, 20_000);
    t.equal(told('warn').length, 5, 'each was told once');
    t.same([await inbound(first.inbound), await inbound(second.inbound)], [401, 400]);
    t.same([await scim(first.scim), await scim(second.scim)], [401, 200]);
    const more = start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-c', 'DELETE FROM payments WHERE true']);
    await eventually('the next hold is told', () => before.received.length === 2 && after.received.length === 2);
    t.match([before.received[1]?.verified, after.received[1]?.verified], [{ why: /./ }, { payload: {} }]);
    await eventually('Slack hears it by the new token', () =>
      slack.calls.some(({ authorization }) => authorization === `Bearer ${second.slack}`),
    );
    more.kill('SIGTERM');
    await more.end();
  });
  session.kill('SIGTERM');
  await session.end();
});
