// Who answers, in the console: on-call turns, delegations made and ended in the page; and from a hold to its place in the
// session's recording and back. Looked at on a desk and on a phone.

import t from 'tap';
import type { DelegationView, HoldView, Page } from '../../src/api/contract.ts';
import { startBrowser } from '../support/browser.ts';
import { consolePage, lookAt } from '../support/console.ts';
import { eventually } from '../support/eventually.ts';
import { shippedPolicies, startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { startSshWorld } from '../support/ssh.ts';
import { tool } from '../support/tools.ts';

t.test('approvers, and a hold in its recording', { timeout: 120_000 }, async (t) => {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    policies: shippedPolicies(),
    config: {
      on_call: [
        { group: 'dba-on-call', zone: 'Europe/Berlin', starts: '2026-01-05T09:00', every: '1w', people: ['bob', 'dana'] },
        { group: 'night', starts: '2026-01-05T09:00', every: '1d', people: ['erin'] },
      ],
    },
  });
  gateway.running.identity.setDisabled('erin', true, null);
  const browser = await startBrowser(t);
  const complaints: string[] = [];
  const as = (person: string, path: string) => consolePage(browser, gateway, { person, path, complaints });
  const kept = async () => (await gateway.api('carol').get<Page<DelegationView>>('/delegations')).body.items;

  await t.test('a right is lent and taken back', async (t) => {
    const bob = await as('bob', '/approvers');
    await bob.getByText('then').first().waitFor();
    await bob.getByText('can not answer').waitFor();
    await bob.getByLabel('For', { exact: true }).selectOption({ label: '1 week' });
    await bob.getByLabel('Reason').fill('on holiday');
    await lookAt(bob, 'approvers-form');
    await bob.getByRole('button', { name: /answer for me/ }).click();
    await bob.getByText('dana answers for you', { exact: true }).waitFor();
    const [lent] = await kept();
    t.match(lent, { from: 'bob', to: 'dana', reason: 'on holiday' });
    const lastsMs = Date.parse(lent?.ends_at ?? '') - Date.parse(lent?.created_at ?? '');
    t.equal(lastsMs, 7 * 86_400_000);
    await lookAt(bob, 'approvers');

    const dana = await as('dana', '/approvers');
    await dana.getByText('You answer for bob').waitFor();
    await dana.setViewportSize({ width: 390, height: 844 });
    await dana.getByRole('button', { name: 'End the delegation from bob to dana' }).click();
    await dana.getByRole('dialog').getByRole('button', { name: 'End', exact: true }).click();
    await dana.getByText('Nobody answers for somebody else').waitFor();
    t.strictSame(await kept(), []);
    await dana.context().close();
    await bob.context().close();
  });

  await t.test('those who only watch see it and have no form; others do not see it', async (t) => {
    const carol = await as('carol', '/approvers');
    await carol.getByText('Nobody answers for somebody else').waitFor();
    t.equal(await carol.getByRole('button', { name: /answer for me/ }).count(), 0);
    await carol.context().close();
    const alice = await as('alice', '/');
    t.equal(await alice.getByRole('link', { name: 'Approvers' }).count(), 0);
    await alice.context().close();
  });

  await t.test('from the hold to the session so far, then to its moment, and back', async () => {
    const session = start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders')]);
    session.write('SELECT count(*) AS before_it FROM payments;\nDELETE FROM payments;\n');
    const hold = await gateway.api('bob').pendingHold();
    const bob = await as('bob', `/holds/${hold.id}`);
    await lookAt(bob, 'hold-with-session');
    await bob.getByRole('link', { name: 'what was done in it so far' }).click();
    await bob.getByText('before_it').first().waitFor();
    await bob.getByText('What waits has not run').waitFor();
    await lookAt(bob, 'session-so-far');
    await gateway.api('dana').post(`/holds/${hold.id}/approve`, { reason: 'yes' });
    await session.waitFor(/DELETE 10/);
    session.write('SELECT 1 AS after_it;\n');
    await session.waitFor(/after_it/);
    await bob.context().close();

    const carol = await as('carol', `/holds/${hold.id}`);
    await carol.getByRole('link', { name: 'replay at this moment' }).click();
    const entry = carol.locator('[data-sought]');
    await entry.waitFor();
    await eventually('the head stands there', async () => (await entry.getAttribute('data-when')) === 'now');
    await carol.locator('[data-when="future"]', { hasText: 'after_it' }).waitFor();
    await lookAt(carol, 'session-at-hold');
    await entry.getByRole('link', { name: `hold ${hold.id}` }).click();
    await carol.getByText('What was asked').waitFor();
    await carol.goto(`${gateway.http}/approvers`);
    const answered = carol.getByRole('region', { name: 'How holds were answered' });
    await answered.getByText('1 approved', { exact: true }).waitFor();
    await answered.getByText(/^half within \d/).waitFor();
    await lookAt(carol, 'approvers-answered');
    await carol.context().close();
  });
  t.strictSame(complaints, []);
});

t.test('a hold of a command: its terminal is opened', { timeout: 60_000 }, async (t) => {
  const policy = `
policy: web
rules:
  - { id: open, actions: [connect], decision: allow }
  - { id: hold-commands, actions: [command], decision: hold, approvers: { groups: [dba] } }
`;
  const world = await startSshWorld(t, { policies: { 'web.yaml': policy } });
  const running = world.startTerminal(['echo in$((1+1))side']);
  const hold = await eventually('it is held', async () => {
    const { body } = await world.gateway.api('bob').get<Page<HoldView>>('/holds?state=pending');
    return body.items[0];
  });
  await world.gateway.api('bob').post(`/holds/${hold.id}/approve`, {});
  await running.ended;
  const complaints: string[] = [];
  const page = await consolePage(await startBrowser(t), world.gateway, {
    person: 'carol',
    path: `/sessions/${hold.session_id}?hold=${hold.id}`,
    complaints,
  });
  await page.locator('[data-sought]').waitFor();
  await page.getByRole('group', { name: 'Terminal player' }).waitFor();
  t.strictSame(complaints, []);
});
