// Who may answer only later is asked then: somebody to whom the right was lent, those whom a hold escalates to, whose turn it
// becomes. Nobody is asked twice. By mail and in Slack, about a hold in psql.

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { AuditEventView, HoldView, Page } from '../../src/api/contract.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { channel, startSlack, team } from '../support/slack-server.ts';
import { startSmtp } from '../support/smtp-server.ts';
import { tool } from '../support/tools.ts';

const policy = `
policy: production
rules:
  - { id: open, actions: [connect], decision: allow }
  - { id: read, effects: { access: [read, session] }, decision: allow }
  - id: write
    effects: { verbs: [delete] }
    decision: hold
    approvers: { groups: [dba], escalate: { after: 3s, to: [managers] } }
  - { id: drop, effects: { verbs: [drop] }, decision: hold, approvers: { groups: [dba] } }
`;

t.test('who may answer later is asked later', { timeout: 60_000 }, async (t) => {
  const [slack, smtp] = [await startSlack(t), await startSmtp(t, { hideSTARTTLS: true })];
  const secrets = temporaryDirectory(t, 'newcomers');
  for (const name of ['signing', 'bot']) writeFileSync(join(secrets, name), randomBytes(16).toString('hex'), { mode: 0o600 });
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const person = (name: string, groups: string[]) => ({
    ...{ name, groups, email: `${name}@example.com`, slack: `U${name.toUpperCase()}01` },
  });
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    policies: { 'production.yaml': policy },
    people: [
      person('alice', ['engineers']),
      person('bob', ['dba']),
      person('dana', ['helpers']),
      person('mara', ['managers']),
      { name: 'carol', groups: ['auditors'] },
      { name: 'erin', groups: ['operators'] },
    ],
    config: {
      rights: { approve: ['dba', 'helpers', 'managers'], audit: ['auditors'], operate: ['operators'] },
      channels: {
        mail: { host: '127.0.0.1', port: smtp.port, tls: 'none', from: 'Sallyport <gateway@example.com>' },
        slack: {
          ...{ bot_token_file: join(secrets, 'bot'), signing_secret_file: join(secrets, 'signing') },
          ...{ channel, team, api_url: slack.url },
        },
      },
    },
  });
  const bob = gateway.api('bob');
  const psql = (text: string) => start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-c', text]);
  const mails = (name: string, id: string) => smtp.to(`${name}@example.com`).filter(({ text }) => text.includes(id));
  const mailTo = (name: string, id: string) => eventually(`${name} has a mail about ${id}`, () => mails(name, id)[0]);
  const names = (id: string) => [...(slack.message(id)?.json ?? '').matchAll(/<@(U\w+)>/g)].map(([, user]) => user);

  const session = psql('DELETE FROM payments');
  const { id } = await bob.pendingHold();
  await mailTo('bob', id);
  await eventually('Slack calls who may answer', () => names(id).join() === 'UBOB01');
  t.same([...mails('dana', id), ...mails('mara', id)], [], 'nobody else yet');

  t.equal((await bob.post('/delegations', { to: 'dana', for_ms: 3_600_000, reason: 'lunch' })).status, 200);
  t.match((await mailTo('dana', id)).text, /In the right of: bob, who has lent it to you/);
  await eventually('Slack calls the delegate too', () => names(id).includes('UDANA01'));

  t.match((await mailTo('mara', id)).text, /Escalated: nobody has answered, so you are asked as well/);
  const reply = await eventually('below the message, where people are told of it', () =>
    [...slack.messages.values()].find(({ thread }) => thread !== null && thread === slack.message(id)?.ts),
  );
  t.match(reply.json, /Nobody has answered yet.*<@UMARA01>/);
  t.equal(reply.broadcast, true);
  t.same([mails('bob', id).length, mails('dana', id).length, mails('mara', id).length], [1, 1, 1], 'each is asked once');

  const link = /^Approve: (\S+)$/m.exec((await mailTo('dana', id)).text)?.[1] ?? '';
  const answered = await fetch(`${gateway.http}/api/v1/decisions/${link.split('/decide/')[1] ?? ''}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ answer: 'approve' }),
  });
  t.equal(answered.status, 200);
  t.match(await session.end(), { code: 0, stdout: /DELETE 10/ });
  t.match((await bob.get<HoldView>(`/holds/${id}`)).body.approvals, [{ by: 'dana', on_behalf_of: 'bob', via: 'mail' }]);
  const { body } = await gateway.api('carol').get<Page<AuditEventView>>(`/audit?hold=${id}&type=hold.approved`);
  t.match(body.items, [{ principal: 'dana', detail: { via: 'mail' } }], 'the audit log knows through what');

  await gateway.restart();
  const drop = psql('DROP TABLE payments');
  const second = await gateway.api('bob').pendingHold(/DROP/);
  await mailTo('dana', second.id);
  t.equal((await gateway.api('bob').post(`/holds/${second.id}/deny`, { reason: 'no' })).status, 200);
  t.match(await drop.end(), { stderr: /no/ });
  t.match((await gateway.api('bob').get<HoldView>(`/holds/${second.id}`)).body, { settled_by: 'bob', settled_via: 'api' });
});
