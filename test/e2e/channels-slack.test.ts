// Slack, from a real hold in psql to a channel that stands for slack.com, and back by signed presses of its buttons.

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { AccessRequestView, AuditEventView, ChannelView, HoldView, Page } from '../../src/api/contract.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { channel, formPayload, pressPayload, slackPosts, startSlack, team } from '../support/slack-server.ts';
import type { ShownMessage } from '../support/slack-server.ts';
import { tool } from '../support/tools.ts';

const policy = `
policy: production
rules:
  - { id: open, actions: [connect], decision: allow }
  - { id: read, effects: { access: [read, session] }, decision: allow }
  - { id: why, effects: { verbs: [truncate] }, decision: hold, approvers: { groups: [dba] }, reason_required: true }
  - { id: two, effects: { verbs: [drop] }, decision: hold, approvers: { groups: [dba], count: 2 } }
  - { id: write, effects: { verbs: [delete, update, insert] }, decision: hold, approvers: { groups: [dba] } }
access:
  - { id: on-call, title: On call, principals: { groups: [engineers] }, longest: 2h, approvers: { groups: [dba] } }
`;

t.test('holds in Slack', { timeout: 120_000 }, async (t) => {
  const slack = await startSlack(t);
  const secrets = temporaryDirectory(t, 'slack');
  const [signing, token] = [randomBytes(16).toString('hex'), `xoxb-${randomBytes(12).toString('hex')}`];
  writeFileSync(join(secrets, 'signing'), signing, { mode: 0o600 });
  writeFileSync(join(secrets, 'bot'), token, { mode: 0o600 });
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    policies: { 'production.yaml': policy },
    people: [
      { name: 'alice', display_name: 'Alice <!channel>', groups: ['engineers'], slack: 'UALICE001' },
      { name: 'bob', groups: ['dba'], slack: 'UBOB00001' },
      { name: 'dana', groups: ['dba'], email: 'dana@example.com' },
      { name: 'carol', groups: ['auditors'], slack: 'UCAROL001' },
      { name: 'erin', groups: ['operators'] },
    ],
    config: {
      channels: {
        slack: {
          ...{ bot_token_file: join(secrets, 'bot'), signing_secret_file: join(secrets, 'signing') },
          ...{ channel, team, people_by_email: true, api_url: slack.url },
        },
      },
    },
  });
  const bob = gateway.api('bob');
  const psql = (text: string) => start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-c', text]);
  const posted = (id: string) => eventually(`${id} is in the channel`, () => slack.message(id));
  const isSettled = (id: string, words: RegExp) =>
    eventually(
      `${id} shows its end`,
      () => {
        const now = slack.message(id);
        return now !== undefined && now.buttons.length === 0 && words.test(now.json);
      },
      2_000,
    );
  const press = (user: string, message: ShownMessage, action: string, value: string, more: { userTeam?: string } = {}) =>
    slackPosts(gateway.http, signing, pressPayload({ user, message, actionId: `sallyport.${action}`, value, ...more }));
  const state = async (id: string) => (await bob.get<HoldView>(`/holds/${id}`)).body.state;
  const told = (user: string, words: RegExp) =>
    eventually(`${user} is told ${String(words)}`, () => slack.ephemeral(user).find((text) => words.test(text)));

  await t.test('posted with the exact text, escaped; wrong people get words and nothing runs; the right one lets it run', async (t) => {
    const session = psql('DELETE FROM payments WHERE id = 1 -- <!channel> *x* ```');
    const hold = await bob.pendingHold();
    const message = await posted(hold.id);
    t.match(message.json, 'DELETE FROM payments WHERE id = 1 -- <!channel> *x* ```', 'literally, in a preformatted element');
    const blocks = (JSON.parse(message.json) as { blocks: { type: string; text?: { text: string } }[] }).blocks;
    t.notMatch(blocks.map(({ text }) => text?.text ?? '').join(), /<!channel>/, 'nobody is called by a name or a comment');
    t.match(slack.calls[0], { method: 'chat.postMessage', authorization: `Bearer ${token}`, body: { channel } });
    t.same(
      message.buttons.map(({ action_id: id }) => id),
      ['sallyport.approve', 'sallyport.deny', 'sallyport.deny-with-reason', 'sallyport.open'],
    );

    t.equal((await press('UALICE001', message, 'approve', hold.id)).status, 200);
    await told('UALICE001', /you asked for this yourself/);
    await press('UCAROL001', message, 'approve', hold.id);
    await told('UCAROL001', /right approve|only members/);
    await press('USTRANGER', message, 'approve', hold.id);
    await told('USTRANGER', /Slack did not say who you are/);
    await press('UBOB00001', message, 'approve', hold.id, { userTeam: 'TOTHER' });
    await told('UBOB00001', /another workspace/);
    t.equal(await state(hold.id), 'pending');

    const good = await press('UBOB00001', message, 'approve', hold.id);
    t.match(await session.end(), { code: 0, stdout: /DELETE 1/ });
    await isSettled(hold.id, /Approved by bob/);
    await told('UBOB00001', /you approved it/);
    const again = await fetch(`${gateway.http}/api/v1/slack/interactions`, { method: 'POST', headers: good.headers, body: good.body });
    t.equal(again.status, 401, 'the same request again is a replay');
    await press('UBOB00001', message, 'deny', hold.id);
    await told('UBOB00001', /no longer pending; it is approved/);
  });

  await t.test('forged, old and unsigned presses answer nothing', async (t) => {
    const session = psql('DELETE FROM payments WHERE id = 2');
    const hold = await bob.pendingHold();
    const message = await posted(hold.id);
    const payload = pressPayload({ user: 'UBOB00001', message, actionId: 'sallyport.approve', value: hold.id });
    const old = String(Math.floor(Date.now() / 1000) - 301);
    t.equal((await slackPosts(gateway.http, 'wrong', payload)).status, 401);
    t.equal((await slackPosts(gateway.http, signing, payload, { 'x-slack-request-timestamp': old })).status, 401);
    t.equal((await slackPosts(gateway.http, signing, payload, { 'x-slack-signature': '' })).status, 401);
    for (const value of ['', 'h-', `${hold.id}' OR 1`, '../../x', 'x'.repeat(5_000)]) {
      t.equal((await press('UBOB00001', message, 'approve', value)).status, 200, 'signed nonsense');
    }
    t.equal((await slackPosts(gateway.http, signing, { type: 'block_actions' })).status, 200);
    t.equal(await state(hold.id), 'pending');
    t.equal((await bob.post(`/holds/${hold.id}/deny`, { reason: 'in the console' })).status, 200);
    await isSettled(hold.id, /Denied by bob: in the console/);
    t.match(await session.end(), { stderr: /in the console/ });
  });

  await t.test('found by the address that Slack has confirmed; not by one that it has not, nor as a bot', async (t) => {
    const session = psql('DELETE FROM payments WHERE id = 3');
    const hold = await bob.pendingHold();
    const message = await posted(hold.id);
    const user = (more: object) => ({ team_id: team, is_email_confirmed: true, profile: { email: 'Dana@Example.com' }, ...more });
    for (const wrong of [
      { is_email_confirmed: false },
      { is_bot: true },
      { deleted: true },
      { team_id: 'TOTHER' },
      { is_stranger: true },
    ]) {
      slack.users.set('UDANA0001', user(wrong));
      await press('UDANA0001', message, 'approve', hold.id);
    }
    await told('UDANA0001', /does not know who you are/);
    t.equal(await state(hold.id), 'pending');
    slack.users.set('UDANA0001', user({}));
    await press('UDANA0001', message, 'deny', hold.id);
    await isSettled(hold.id, /Denied by dana/);
    t.match(await session.end(), { stderr: /denied/i });
  });

  await t.test('a rule that asks for a reason opens a form; two approvers are counted in place', async (t) => {
    const session = psql('TRUNCATE payments');
    const hold = await bob.pendingHold('TRUNCATE payments');
    const message = await posted(hold.id);
    t.ok(message.buttons.some(({ action_id: id }) => id === 'sallyport.approve-with-reason'));
    await press('UBOB00001', message, 'approve', hold.id);
    await told('UBOB00001', /asks for a reason/);
    await press('UBOB00001', message, 'approve-with-reason', hold.id);
    const opened = slack.calls.findLast(({ method }) => method === 'views.open');
    t.equal(opened?.body['trigger_id'], '12466734323.1395872398');
    const view = opened?.body['view'] as Record<string, unknown>;
    const alice = await slackPosts(gateway.http, signing, formPayload('UALICE001', view, 'mine'));
    t.match(JSON.parse(alice.text), { response_action: 'errors', errors: { reason: /you asked for this yourself/ } });
    t.equal((await slackPosts(gateway.http, signing, formPayload('UBOB00001', view, 'month end'))).text, '');
    t.match(await session.end(), { code: 0 });
    await isSettled(hold.id, /Approved by bob: month end/);

    const drop = psql('DROP TABLE payments');
    const second = await bob.pendingHold('DROP TABLE payments');
    const there = await posted(second.id);
    t.equal(there.thread, null, 'another session');
    await press('UBOB00001', there, 'approve', second.id);
    await told('UBOB00001', /1 more is needed/);
    await eventually('the count is in place', () => /1 of 2 \(bob\)/.test(slack.message(second.id)?.json ?? ''));
    await press('UBOB00001', there, 'approve', second.id);
    t.equal(await state(second.id), 'pending', 'one person counts once');
    await press('UDANA0001', there, 'approve', second.id);
    t.match(await drop.end(), { code: 0 });
    await isSettled(second.id, /Approved by bob, dana/);
  });

  await t.test('one session, one thread; Slack that fails is asked again; a text too long to show has no approve button', async (t) => {
    await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
    const script = `DELETE FROM payments WHERE id = 4; DELETE FROM payments WHERE id IN (${Array.from({ length: 800 }, (_, n) => n + 5).join(', ')})`;
    slack.fails(429);
    const [first, ...rest] = script.split('; ');
    const session = start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-c', first ?? '', '-c', rest.join()]);
    const one = await bob.pendingHold(/id = 4/);
    const before = await posted(one.id);
    await press('UBOB00001', before, 'approve', one.id);
    const two = await bob.pendingHold(/id IN/);
    const long = await posted(two.id);
    t.equal(long.thread, before.ts);
    t.ok(long.broadcast, 'and in the channel');
    t.notOk(long.buttons.some(({ action_id: id }) => id.startsWith('sallyport.approve')));
    t.match(long.json, /too long to show/);
    await press('UBOB00001', long, 'deny', two.id);
    t.match(await session.end(), { stderr: /denied/i });
  });

  await t.test('access for a while goes the same way', async (t) => {
    const asked = await gateway
      .api('alice')
      .post<AccessRequestView>('/access-requests', { target: 'orders', for_ms: 60_000, reason: 'ticket 7' });
    const { id } = asked.body;
    const message = await posted(id);
    t.match(message.json, /ticket 7/);
    await press('UALICE001', message, 'approve', id);
    await told('UALICE001', new RegExp(`${id}: you asked for this yourself`));
    await press('UBOB00001', message, 'approve', id);
    await isSettled(id, /Granted by bob/);
    t.equal((await bob.get<AccessRequestView>(`/access-requests/${id}`)).body.state, 'granted');
    await press('UBOB00001', message, 'deny', id);
    await told('UBOB00001', new RegExp(`${id}: .*no longer pending`));
  });

  await t.test('a gateway that stops takes its buttons away', async (t) => {
    const session = psql('DELETE FROM payments WHERE id = 9');
    const hold = await bob.pendingHold();
    await posted(hold.id);
    slack.fails('internal_error'); // not even when Slack is away just then
    await gateway.restart();
    await eventually('nobody is asked any more', () => slack.message(hold.id)?.buttons.length === 0, 30_000);
    t.match(slack.message(hold.id)?.json, /Withdrawn/);
    t.not((await session.end()).code, 0);
  });

  const { body: views } = await gateway.api('erin').get<Page<ChannelView>>('/channels');
  t.match(views.items, [{ name: 'slack', kind: 'slack', last: { state: 'delivered' } }]);
  t.equal((await gateway.api('alice').get('/channels')).status, 403);
  const { body: events } = await gateway.api('carol').get<Page<AuditEventView>>('/audit?type=channel.delivered');
  t.ok(events.items.length > 5);
  const everything = JSON.stringify([events, views, (await gateway.api('carol').get('/webhooks/deliveries')).body, gateway.log]);
  t.notOk(everything.includes(signing) || everything.includes(token), 'no secret anywhere');
});
