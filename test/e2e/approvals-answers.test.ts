// Answers besides yes and no, as people see them: words back into psql, a yes taken back, and what the approver's page shows.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { HoldView } from '../../src/api/contract.ts';
import { startBrowser } from '../support/browser.ts';
import { consolePage, lookAt } from '../support/console.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const built = join(import.meta.dirname, '../../dist/console/index.html');

t.test('second thoughts', { timeout: 120_000 }, async (t) => {
  if (!existsSync(built)) throw new Error('the console is not built: npm run build:console');
  const server = await startPostgres(t);
  await server.sql(`CREATE TABLE payments AS SELECT n AS id, 'x' AS note FROM generate_series(1, 5000) AS n; ANALYZE payments;
    CREATE VIEW recent_payments AS SELECT * FROM payments`);
  const gateway = await startTestGateway(t, { targets: [targetOf(server, 'orders', { env: 'production' })] });
  const psql = (text: string) =>
    start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-v', 'VERBOSITY=verbose', '-c', text]);
  const bob = gateway.api('bob');
  const count = async () => (await server.sql('SELECT count(*)::int AS n FROM payments'))[0]?.['n'];

  await t.test('changes wanted, over the API', async (t) => {
    const session = psql('DELETE FROM payments');
    await session.waitFor(/NOTICE: .*hold h-/);
    const hold = await bob.pendingHold();
    t.equal((await gateway.api('alice').post(`/holds/${hold.id}/request-changes`, { reason: 'x' })).status, 403);
    t.equal((await bob.post(`/holds/${hold.id}/request-changes`, { reason: ' ' })).status, 400, 'not without words');
    const answered = await bob.post<HoldView>(`/holds/${hold.id}/request-changes`, { reason: 'only those of 2024' });
    t.match(answered.body, { state: 'changes_requested', settled_by: 'bob', settled_reason: 'only those of 2024' });
    t.match(await session.end(), { code: 1, stderr: /ERROR: {2}42501: bob asks for changes: only those of 2024/ });
    t.equal((await gateway.api('dana').post(`/holds/${hold.id}/approve`, {})).status, 409, 'it is final');
    t.equal(await count(), 5000);
  });

  await t.test('in the console: what it would do, and changes wanted', async (t) => {
    const browser = await startBrowser(t);
    const session = psql('DROP TABLE payments CASCADE');
    await session.waitFor(/NOTICE: .*hold h-/);
    const hold = await bob.pendingHold();
    const complaints: string[] = [];
    const page = await consolePage(browser, gateway, { person: 'bob', path: `/holds/${hold.id}`, complaints });
    await page.getByText('view public.recent_payments').waitFor();
    await page.getByText('about 5,000 rows').first().waitFor();
    await page.getByText('ACCESS EXCLUSIVE').waitFor();
    await lookAt(page, 'hold-preview');
    await page.getByRole('button', { name: 'Ask for changes instead' }).click();
    await page.getByText('Say what to change').waitFor();
    await page.getByLabel('Reason').fill('rename it first');
    await page.getByRole('button', { name: 'Ask for changes instead' }).click();
    await page.getByText('bob asks for changes: rename it first').first().waitFor();
    await lookAt(page, 'hold-changes');
    t.match(await session.end(), { stderr: /bob asks for changes: rename it first/ });
    t.equal(await count(), 5000);
    t.strictSame(complaints, []);
  });
});
