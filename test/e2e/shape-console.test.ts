// Approving a shape in the console: the text with its holes, a choice for each, what is in force, and ending it.

import t from 'tap';
import type { HoldView, Page } from '../../src/api/contract.ts';
import { startBrowser } from '../support/browser.ts';
import { consolePage, lookAt } from '../support/console.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { run, start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const policy = `
policy: production
rules:
  - { id: open, actions: [connect], decision: allow }
  - { id: work, effects: { access: [read, session, write] }, decision: allow }
  - { id: hold-deletes, effects: { verbs: [delete] }, decision: hold, approvers: { groups: [dba], shape: { longest: 1h } } }
`;

t.test('a shape is approved in the console', async (t) => {
  const server = await startPostgres(t);
  await server.sql("CREATE TABLE orders AS SELECT n AS id, 'new' AS state FROM generate_series(1, 100) AS n");
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    policies: { 'production.yaml': policy },
  });
  const browser = await startBrowser(t);
  const psql = tool('psql', 'postgresql-client');
  const statement = (id: number) => [gateway.url('alice', 'orders'), '-c', `DELETE FROM orders WHERE id = ${id} AND state = 'new'`];
  const waiting = start(t, psql, statement(5));
  const pending = async () => (await gateway.api('bob').get<Page<HoldView>>('/holds?state=pending')).body.items[0];
  const hold = await eventually('it is held', pending);
  const complaints: string[] = [];
  const page = await consolePage(browser, gateway, { person: 'bob', path: `/holds/${hold.id}`, complaints });

  const offer = page.getByRole('region', { name: 'Approve for a while' });
  await offer.getByRole('button', { name: 'Choose' }).click();
  await offer.getByText('DELETE FROM orders WHERE id = ‹1› AND state = ‹2›').waitFor();
  await offer.getByLabel('What 1 may be').selectOption('range');
  await offer.getByLabel('from').fill('9');
  await offer.getByLabel('to', { exact: true }).fill('2');
  const approve = offer.getByRole('button', { name: 'Approve this and its shape' });
  t.ok(await approve.isDisabled(), 'an empty range is no choice');
  await offer.getByLabel('from').fill('1');
  await offer.getByLabel('to', { exact: true }).fill('50');
  await lookAt(page, 'shape-form');
  await approve.click();
  const facts = page.getByRole('region', { name: 'Approved by shape' });
  await facts.getByText(/‹1› 1 to 50; ‹2› exactly new/).waitFor();
  t.equal((await waiting.ended).code, 0);
  t.equal((await run(t, psql, statement(6))).code, 0, 'runs without asking');
  await page.goto(`${gateway.http}/access`);
  await facts.getByText(/used 1 times/).waitFor();
  await lookAt(page, 'shape-in-force');
  await facts.getByRole('button', { name: 'End it' }).click();
  await facts.waitFor({ state: 'detached' });
  const again = start(t, psql, statement(7));
  const second = await eventually('it is held again', pending);
  await gateway.api('bob').post(`/holds/${second.id}/deny`, { reason: 'done' });
  t.not((await again.ended).code, 0);
  t.same(complaints, []);
});
