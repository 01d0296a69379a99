// Microsoft Teams both ways: cards by a Workflows webhook, and what people write below them, by an outgoing webhook that is signed.

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { AccessRequestView, AuditEventView, GrantView, HoldView, Page } from '../../src/api/contract.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { teamsActivity, teamsPosts, teamsSignature } from '../support/teams-messages.ts';
import { tool } from '../support/tools.ts';
import { startWebhookReceiver } from '../support/webhook-receiver.ts';

const policy = `
policy: production
rules:
  - { id: open, actions: [connect], decision: allow }
  - { id: read, effects: { access: [read, session] }, decision: allow }
  - { id: refund, effects: { verbs: [insert] }, decision: hold, approvers: { groups: [dba], count: 2 } }
  - { id: write, effects: { verbs: [delete] }, decision: hold, approvers: { groups: [dba] } }
  - { id: change, effects: { verbs: [update] }, decision: hold, approvers: { groups: [dba], second_factor: totp } }
access:
  - { id: on-call, title: On call, principals: { groups: [engineers] }, longest: 2h, approvers: { groups: [dba] } }
  - { id: glass, title: Emergency, break_glass: true, automatic: true, principals: { groups: [engineers] }, longest: 1h, reviewers: { groups: [dba] } }
`;
const ids = {
  alice: '11111111-aaaa-4444-8888-00000000000a',
  bob: '11111111-AAAA-4444-8888-00000000000B',
  dana: '11111111-aaaa-4444-8888-00000000000d',
  gone: '11111111-aaaa-4444-8888-00000000000e',
};
const stranger = '22222222-aaaa-4444-8888-00000000000a';

t.test('writing to the gateway in Teams', { timeout: 60_000 }, async (t) => {
  const workflow = await startWebhookReceiver(t, `whsec_${randomBytes(32).toString('base64')}`);
  const secrets = temporaryDirectory(t, 'teams');
  const token = randomBytes(32).toString('base64');
  writeFileSync(join(secrets, 'token'), `${token}\n`, { mode: 0o600 });
  writeFileSync(join(secrets, 'url'), workflow.url, { mode: 0o600 });
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    policies: { 'production.yaml': policy },
    people: [
      { name: 'alice', groups: ['engineers', 'dba'], teams: ids.alice },
      { name: 'bob', groups: ['dba'], teams: ids.bob },
      { name: 'dana', groups: ['dba'], teams: ids.dana },
      { name: 'gone', groups: ['engineers', 'dba'], teams: ids.gone, disabled: true },
      { name: 'carol', groups: ['auditors'] },
      { name: 'erin', groups: ['operators'] },
    ],
    config: { channels: { teams: { url_file: join(secrets, 'url'), security_token_file: join(secrets, 'token') } } },
  });
  const bob = gateway.api('bob');
  const card = (id: string) => eventually('the card is there', () => workflow.received.find(({ body }) => body.includes(id)));
  const post = (body: string, authorization: string | null = teamsSignature(token, body)) => teamsPosts(gateway.http, body, authorization);
  const written = async (id: string, text: string) => {
    const answer = await post(teamsActivity(id, `<at>Sallyport</at>&nbsp;${text}\n`));
    t.equal(answer.status, 200, text);
    return answer;
  };
  const writes = async (id: string, text: string) => (await written(id, text)).words;
  const psql = (text: string) => start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-c', text]);
  const requests = async () => (await bob.get<Page<AccessRequestView>>('/access-requests?state=pending')).body.items;

  await t.test('what must not answer does not', async (t) => {
    const session = psql('DELETE FROM payments WHERE id = 1');
    const { id } = await bob.pendingHold();
    const shown = (await card(id)).body;
    t.match(shown, new RegExp(`@Sallyport approve ${id}`), 'the card says how');
    const yes = teamsActivity(ids.bob, `<at>Sallyport</at> approve ${id}`);
    for (const [name, authorization, body] of [
      ['no signature', null, yes],
      ['by another token', teamsSignature(randomBytes(32).toString('base64'), yes), yes],
      ['another body', teamsSignature(token, yes), yes.replace('Somebody', 'somebody')],
      ['an access token instead', 'Bearer x', yes],
    ] as const) {
      t.equal((await post(body, authorization)).status, 401, name);
    }
    const old = teamsActivity(ids.bob, `approve ${id}`, { timestamp: new Date(Date.now() - 301_000).toISOString() });
    t.match(await post(old), { status: 401, text: /not of the last five minutes/ }, 'too old');
    t.equal((await post(teamsActivity(ids.bob, `approve ${id}`, { id: '' }))).status, 401, 'without an id');
    const long = teamsActivity(ids.bob, `approve ${id}`, { more: 'x'.repeat(300_000) });
    t.equal((await post(long)).status, 413, 'too large');
    t.match(await writes(stranger, `approve ${id}`), new RegExp(`does not know who you are.*teams: ${stranger} to you`));
    t.match((await post(teamsActivity(null, `approve ${id}`))).words, /Teams did not say who you are/);
    t.match(await writes(ids.gone, `approve ${id}`), /gone may not act any more/);
    t.match(await writes(ids.gone, 'mine'), /gone may not act any more/);
    t.match(await writes(ids.alice, `approve ${id}`), /you asked for this yourself/, 'one’s own, though in the group');
    t.match(await writes(ids.bob, 'approve h-0000000'), /h-0000000: no hold|h-0000000: .*not/);
    t.match(await writes(ids.bob, `aprove ${id}`), /"aprove" is not a command/);
    t.match((await post(teamsActivity(ids.bob, `approve ${id}`, { type: 'messageUpdate' }))).words, /only new messages/);
    t.equal((await bob.get<HoldView>(`/holds/${id}`)).body.state, 'pending', 'none of that let it run');
    t.match(await writes(ids.bob, `deny ${id} not today`), new RegExp(`^${id}: you denied it$`));
    t.match((await session.end()).stderr, /not today/);
    t.match(await writes(ids.bob, `approve ${id}`), /no longer pending/, 'too late');
    t.notMatch(shown + JSON.stringify(workflow.received), new RegExp(token.replace(/[+/]/g, '.')));
  });

  await t.test('one answer counts, once', async (t) => {
    const session = psql('DELETE FROM payments WHERE id = 2');
    const { id } = await bob.pendingHold();
    t.match(await writes(ids.bob, 'waiting'), new RegExp(`${id}: alice on orders, by rule production/write`));
    const yes = teamsActivity(ids.bob, `<at>Sallyport</at> approve ${id} go ahead`);
    const answered = await post(yes);
    t.match(answered.words, new RegExp(`^${id}: you approved it$`));
    t.match(answered.links, [new RegExp(`/holds/${id}$`)]);
    t.equal((await post(yes)).status, 401, 'sent again it is a replay');
    t.match(await session.end(), { code: 0, stdout: /DELETE 1/ });
    const audit = await gateway.api('carol').get<Page<AuditEventView>>(`/audit?hold=${id}&type=hold.approved`);
    t.match(audit.body.items, [{ principal: 'bob', detail: { via: 'teams' } }]);
    await eventually('the end is told', () => workflow.received.find(({ body }) => body.includes(id) && /Approved by bob/.test(body)));
  });

  await t.test('two people are two people', async (t) => {
    const session = psql('INSERT INTO payments VALUES (11)');
    const { id } = await bob.pendingHold();
    t.match(await writes(ids.bob, `approve ${id}`), /your approval counts; 1 more is needed/);
    t.match(await writes(ids.bob, `approve ${id}`), new RegExp(`^${id}: `), 'the same person again');
    t.equal((await bob.get<HoldView>(`/holds/${id}`)).body.state, 'pending');
    t.match(await writes(ids.dana, `approve ${id}`), /you approved it/);
    t.match(await session.end(), { code: 0, stdout: /INSERT 0 1/ });
  });

  await t.test('what was not shown, or asks for more, is approved in the console', async (t) => {
    const list = Array.from({ length: 800 }, (_, n) => n + 100).join(', ');
    const session = psql(`DELETE FROM payments WHERE id IN (${list})`);
    const { id } = await bob.pendingHold();
    t.match(await writes(ids.bob, `approve ${id}`), /too long to show here: read and approve it in the console/);
    t.match(await writes(ids.bob, `deny ${id} too long`), /you denied it/);
    t.match((await session.end()).stderr, /too long/);
    const change = psql('UPDATE payments SET id = 0');
    const second = await bob.pendingHold();
    t.match(await writes(ids.bob, `approve ${second.id}`), /second factor with every approval/);
    t.notMatch((await card(second.id)).body, /@Sallyport approve/);
    t.match(await writes(ids.bob, `deny ${second.id}`), /you denied it/);
    t.not((await change.end()).code, 0);
  });

  await t.test('asked, listed, answered, extended', async (t) => {
    t.match(await writes(ids.alice, 'request'), /@Sallyport request TARGET for 1h/);
    t.match(await writes(ids.alice, 'request orders for 1h'), /say why/);
    t.match(await writes(ids.alice, 'request &lt;at&gt;x for 1h because y'), /no target <at>x/);
    t.match(await writes(ids.bob, 'request orders for 1h because y'), /no policy lets bob ask/);
    t.same(await requests(), []);
    const asked = await written(ids.alice, 'request orders for 1h read-only because ticket 7 &amp; 8');
    t.match(asked.words, /^r-\w+: asked for orders for 60 min; it waits for 1 of dba/);
    const [request] = await requests();
    const id = request?.id ?? '';
    t.match(request, { principal: 'alice', reason: 'ticket 7 & 8', scope: { read_only: true }, duration_ms: 3_600_000 });
    t.match(asked.links, [new RegExp(`/access/${id}$`)]);
    t.match((await card(id)).body, new RegExp(`@Sallyport approve ${id}`));
    t.match(await writes(ids.alice, 'mine'), new RegExp(`${id}: orders for 60 min, pending`));
    t.match(await writes(ids.alice, `approve ${id}`), /you asked for this yourself/);
    t.match(await writes(ids.bob, `approve ${id} go ahead`), new RegExp(`${id}: you approved it`));
    const grant = /g-\w+/.exec(await writes(ids.alice, 'mine'))?.[0] ?? '';
    t.match(await writes(ids.alice, `extend ${grant} for 30m because slow`), /r-\w+: asked for orders for 30 min/);
    const [more] = await requests();
    t.match(await writes(ids.alice, `withdraw ${more?.id ?? ''}`), /taken back/);
    t.match(
      (await bob.get<AccessRequestView>(`/access-requests/${id}`)).body.timeline.filter(({ by }) => by === 'bob'),
      [{ what: 'access.approval-given', via: 'teams', words: 'go ahead' }],
    );
    t.equal((await bob.post(`/grants/${grant}/revoke`, {})).status, 200);
  });

  await t.test('break-glass and its review', async (t) => {
    t.match(await writes(ids.alice, 'break-glass orders for 30m because the site is down'), /you have access to orders for 30 min/);
    const { body } = await bob.get<Page<GrantView>>('/grants?state=active');
    const { id: grant = '' } = body.items[0] ?? {};
    t.equal((await gateway.api('erin').post(`/grants/${grant}/revoke`, {})).status, 200);
    t.match(await writes(ids.alice, `review ${grant} it was me`), /somebody else must review/);
    t.match(await writes(ids.bob, `review ${grant} looked at all of it`), /your review is noted/);
  });
});

t.test('without a security token nothing is taken', { timeout: 30_000 }, async (t) => {
  const secrets = temporaryDirectory(t, 'teams-cards-only');
  writeFileSync(join(secrets, 'url'), 'http://127.0.0.1:9/workflows/1', { mode: 0o600 });
  const gateway = await startTestGateway(t, { config: { channels: { teams: { url_file: join(secrets, 'url') } } } });
  const body = teamsActivity(ids.bob, 'waiting');
  t.equal((await teamsPosts(gateway.http, body, teamsSignature('', body))).status, 404);
});
