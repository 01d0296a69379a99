// Access asked for in Slack by a slash command or a form, and the shape of a statement approved for a while by a button there.

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { AccessRequestView, AuditEventView, GrantView, HoldView, Page, ShapeView } from '../../src/api/contract.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { channel, filledPayload, pressPayload, slackPosts, slackTypes, startSlack, team } from '../support/slack-server.ts';
import { tool } from '../support/tools.ts';

const policy = `
policy: production
rules:
  - { id: open, actions: [connect], decision: allow }
  - { id: read, effects: { access: [read, session] }, decision: allow }
  - id: write
    effects: { verbs: [delete] }
    decision: hold
    approvers: { groups: [dba], shape: { longest: 1h } }
access:
  - { id: on-call, title: On call, principals: { groups: [engineers] }, longest: 2h, approvers: { groups: [dba] } }
  - { id: glass, title: Emergency, break_glass: true, automatic: true, principals: { groups: [engineers] }, longest: 1h, reviewers: { groups: [dba] } }
`;

t.test('asking in Slack', { timeout: 60_000 }, async (t) => {
  const slack = await startSlack(t);
  const secrets = temporaryDirectory(t, 'slack-commands');
  const signing = randomBytes(16).toString('hex');
  writeFileSync(join(secrets, 'signing'), signing, { mode: 0o600 });
  writeFileSync(join(secrets, 'bot'), 'xoxb-test', { mode: 0o600 });
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    policies: { 'production.yaml': policy },
    people: [
      { name: 'alice', groups: ['engineers'], slack: 'UALICE001' },
      { name: 'bob', groups: ['dba'], slack: 'UBOB00001' },
      { name: 'gone', groups: ['engineers'], slack: 'UGONE0001', disabled: true },
      { name: 'carol', groups: ['auditors'] },
      { name: 'erin', groups: ['operators'], slack: 'UERIN0001' },
    ],
    config: {
      channels: {
        slack: {
          ...{ bot_token_file: join(secrets, 'bot'), signing_secret_file: join(secrets, 'signing') },
          ...{ channel, team, api_url: slack.url },
        },
      },
    },
  });
  const bob = gateway.api('bob');
  const typed = async (user: string, text: string, userTeam = team) => {
    const answer = await slackTypes(gateway.http, signing, { user, text, userTeam });
    t.equal(answer.status, 200, text);
    if (answer.text === '') return '';
    const body = JSON.parse(answer.text) as { response_type: string; text: string };
    t.equal(body.response_type, 'ephemeral', 'seen by nobody else');
    return body.text;
  };
  const pending = async () => (await bob.get<Page<AccessRequestView>>('/access-requests?state=pending')).body.items;
  const told = (user: string, words: RegExp) =>
    eventually(`${user} is told ${String(words)}`, () => slack.ephemeral(user).find((text) => words.test(text)));

  await t.test('wrong signatures, strangers, people of elsewhere and mistakes ask for nothing', async (t) => {
    const ask = { user: 'UALICE001', text: 'request orders for 1h because ticket 7' };
    t.equal((await slackTypes(gateway.http, 'wrong', ask)).status, 401);
    const old = String(Math.floor(Date.now() / 1000) - 301);
    t.equal((await slackTypes(gateway.http, signing, ask, { 'x-slack-request-timestamp': old })).status, 401);
    t.match(await typed('USTRANGER', ask.text), /operator can add your Slack id USTRANGER/, 'says how to be known');
    t.match(await typed('UALICE001', ask.text, 'TOTHER'), /another workspace/);
    t.match(await typed('UGONE0001', ask.text), /gone may not act any more/);
    t.match(await typed('UGONE0001', 'mine'), /gone may not act any more/);
    t.match(await typed('UALICE001', 'help'), /`\/sallyport request TARGET for 1h/);
    t.match(await typed('UALICE001', 'request orders for 1h'), /say why.*\n`\/sallyport request TARGET/);
    t.match(await typed('UALICE001', 'request nowhere for 1h because x'), /no target nowhere/);
    t.match(await typed('UALICE001', 'request orders for 9h because x'), /at most|2 h/);
    t.match(await typed('UALICE001', 'request &lt;!channel&gt; for 1h because x'), /no target &lt;!channel&gt;/, 'calls nobody');
    t.match(await typed('UBOB00001', ask.text), /no policy lets bob ask/, 'who may not ask');
    t.same(await pending(), []);
    const body = await slackTypes(gateway.http, signing, ask);
    const again = await fetch(`${gateway.http}/api/v1/slack/commands`, { method: 'POST', headers: body.headers, body: body.body });
    t.equal(again.status, 401, 'a recorded one does nothing');
    const [only, ...more] = await pending();
    t.same([only?.reason, more.length], ['ticket 7', 0]);
    t.match(await typed('UALICE001', `withdraw ${only?.id ?? ''}`), /taken back/);
  });

  await t.test('asked, listed, answered by a command, extended', async (t) => {
    t.match(
      await typed('UALICE001', 'request orders for 1h read-only because ticket 7 &amp; 8'),
      /r-\w+: asked for orders for 60 min; it waits for 1 of dba/,
    );
    const [request] = await pending();
    const id = request?.id ?? '';
    t.match(request, { reason: 'ticket 7 & 8', scope: { read_only: true }, duration_ms: 3_600_000 });
    t.match(await typed('UALICE001', 'mine'), new RegExp(`${id}: orders for 60 min, pending`));
    t.match(await typed('UALICE001', 'waiting'), /nothing waits/);
    t.match(await typed('UBOB00001', 'waiting'), new RegExp(`${id}: alice asks for orders`));
    t.match(await typed('UALICE001', `approve ${id}`), /you asked for this yourself/);
    t.match(await typed('UBOB00001', `approve ${id} go ahead`), new RegExp(`${id}: you approved it`));
    t.match(await typed('UBOB00001', `deny ${id}`), /no longer pending/);
    const own = await typed('UALICE001', 'mine');
    const grant = /g-\w+/.exec(own)?.[0] ?? '';
    t.match(own, /orders, read only, (59|60) min left/);
    t.match(await typed('UALICE001', `extend ${grant} for 30m because slow`), /r-\w+: asked for orders for 30 min/);
    const [more] = await pending();
    t.match(more, { extends_grant: grant });
    t.match(await typed('UBOB00001', `deny ${more?.id ?? ''} enough`), /you denied it/);
    t.match(
      (await bob.get<AccessRequestView>(`/access-requests/${id}`)).body.timeline.filter(({ by }) => by === 'bob'),
      [{ what: 'access.approval-given', via: 'slack', words: 'go ahead' }],
    );
    t.equal((await bob.post(`/grants/${grant}/revoke`, {})).status, 200);
  });

  await t.test('a form', async (t) => {
    t.equal(await typed('UALICE001', 'request'), '');
    const view = slack.calls.findLast(({ method }) => method === 'views.open')?.body['view'] as Record<string, unknown>;
    t.match(JSON.stringify(view), /"value":"orders"/);
    const values = {
      target: { type: 'static_select', selected_option: { value: 'orders' } },
      time: { type: 'static_select', selected_option: { value: '1800000' } },
      scope: { type: 'checkboxes', selected_options: [{ value: 'read-only' }] },
      role: { type: 'plain_text_input', value: null },
      reason: { type: 'plain_text_input', value: 'ticket 9' },
    };
    const stranger = await slackPosts(gateway.http, signing, filledPayload('USTRANGER', view, values));
    t.match(JSON.parse(stranger.text), { response_action: 'errors', errors: { reason: /does not know who you are/ } });
    const long = { ...values, time: { type: 'static_select', selected_option: { value: '86400000' } } };
    const tooLong = await slackPosts(gateway.http, signing, filledPayload('UALICE001', view, long));
    t.match(JSON.parse(tooLong.text), { response_action: 'errors' });
    t.equal((await slackPosts(gateway.http, signing, filledPayload('UALICE001', view, values))).text, '');
    await told('UALICE001', /asked for orders for 30 min/);
    const [request] = await pending();
    t.match(request, { reason: 'ticket 9', scope: { read_only: true }, duration_ms: 1_800_000 });
    t.match(await typed('UALICE001', `withdraw ${request?.id ?? ''}`), /taken back/);
  });

  await t.test('break-glass is told in the channel at once', async (t) => {
    t.match(await typed('UALICE001', 'break-glass orders for 30m because the site is down'), /you have access to orders for 30 min/);
    const { body } = await bob.get<Page<GrantView>>('/grants?state=active');
    t.match(body.items, [{ break_glass: true, principal: 'alice' }]);
    const { request_id: id = '', id: grant = '' } = body.items[0] ?? {};
    const message = await eventually('it is in the channel', () => slack.message(id));
    t.match(message.json, /:rotating_light: \*alice has break-glass access to orders/);
    t.match(message.json, /Told: <@UBOB00001> <@UERIN0001>/, 'everybody in charge is called by name');
    t.match(await bob.get(`/grants/${grant}`), { body: { can_revoke: true } });
    t.equal((await bob.post(`/grants/${grant}/revoke`, { reason: 'enough' })).status, 200, 'who has to review it may end it');
    const ended = () => /it has ended.*a review is due/.test(slack.message(id)?.json ?? '');
    await eventually('its end shows', ended);
    t.notMatch(slack.message(id)?.json ?? '', /rotating_light|Told:/);
    t.match(await typed('UALICE001', `review ${grant} it was me`), /somebody else must review/);
    t.match(await typed('UBOB00001', `review ${grant}`), /say in words/);
    t.match(await typed('UBOB00001', `review ${grant} looked at all of it`), /your review is noted/);
    await eventually('and that it was reviewed', () => /reviewed by bob/.test(slack.message(id)?.json ?? ''));
    const { body: reviews } = await gateway.api('carol').get<Page<AuditEventView>>('/audit?type=grant.reviewed');
    t.match(reviews.items, [{ principal: 'bob', detail: { via: 'slack', words: 'looked at all of it' } }]);
  });

  await t.test('what is too long to show is not approved by a command either', async (t) => {
    const text = `DELETE FROM payments WHERE id IN (${Array.from({ length: 800 }, (_, n) => n + 100).join(', ')})`;
    const session = start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-c', text]);
    const { id } = await bob.pendingHold();
    t.match(await typed('UBOB00001', `approve ${id}`), /too long to show here: read and approve it in the console/);
    t.match(await typed('UBOB00001', `deny ${id} too long`), /you denied it/);
    t.match((await session.end()).stderr, /too long/);
  });

  await t.test('the shape of a statement for a while', async (t) => {
    const psql = (text: string) => start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-c', text]);
    const session = psql('DELETE FROM payments WHERE id = 1');
    const hold = await bob.pendingHold();
    const message = await eventually('it is in the channel', () => slack.message(hold.id));
    const press = (user: string) =>
      slackPosts(gateway.http, signing, pressPayload({ user, message, actionId: 'sallyport.shape', value: hold.id }));
    const opened = () => slack.calls.filter(({ method }) => method === 'views.open').length;
    const before = opened();
    await press('USTRANGER');
    await told('USTRANGER', /does not know who you are/);
    t.equal(opened(), before, 'no form for a stranger');
    await press('UBOB00001');
    const view = slack.calls.findLast(({ method }) => method === 'views.open')?.body['view'] as Record<string, unknown>;
    t.match(JSON.stringify(view), /DELETE FROM payments WHERE id = ‹1›/);
    const values = (ms: number) => ({
      time: { type: 'static_select', selected_option: { value: String(ms) } },
      free: { type: 'checkboxes', selected_options: [{ value: '1' }] },
      reason: { type: 'plain_text_input', value: 'clean-up' },
    });
    for (const ms of [0, -1, 7_200_000]) {
      const wrong = await slackPosts(gateway.http, signing, filledPayload('UBOB00001', view, values(ms)));
      t.match(JSON.parse(wrong.text), { response_action: 'errors' }, `${ms} ms`);
    }
    const own = await slackPosts(gateway.http, signing, filledPayload('UALICE001', view, values(1_800_000)));
    t.match(JSON.parse(own.text), { response_action: 'errors', errors: { reason: /you asked for this yourself/ } });
    t.equal((await bob.get<HoldView>(`/holds/${hold.id}`)).body.state, 'pending', 'none of that let anything run');
    t.equal((await slackPosts(gateway.http, signing, filledPayload('UBOB00001', view, values(1_800_000)))).text, '');
    t.match(await session.end(), { code: 0, stdout: /DELETE 1/ });
    await told('UBOB00001', /you approved it, and its shape for 30 min/);
    t.match(await psql('DELETE FROM payments WHERE id = 2').end(), { code: 0, stdout: /DELETE 1/ }, 'the next one does not wait');
    const { body } = await bob.get<Page<ShapeView>>('/shapes');
    t.match(body.items, [{ principal: 'alice', choices: [{ by: 'bob', duration_ms: 1_800_000, conditions: [{ kind: 'any' }] }] }]);
    const audit = await gateway.api('carol').get<Page<AuditEventView>>(`/audit?hold=${hold.id}&type=hold.approved`);
    t.match(audit.body.items, [{ detail: { via: 'slack' } }]);
  });
});
