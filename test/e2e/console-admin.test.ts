// The console's pages for those who run the gateway: people, tokens, agents, webhooks, policies with their use and history. What a
// button says is compared with what it did.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startBrowser } from '../support/browser.ts';
import { consolePage, lookAt } from '../support/console.ts';
import { eventually } from '../support/eventually.ts';
import { shippedPolicies, startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { run } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const built = join(import.meta.dirname, '../../dist/console/index.html');
if (!existsSync(built)) throw new Error('the console is not built: npm run build:console');

const server = await startPostgres(t);
const gateway = await startTestGateway(t, { targets: [targetOf(server, 'orders', { env: 'production' })], policies: shippedPolicies() });
const browser = await startBrowser(t);
const complaints: string[] = [];
const as = (person: string, path: string) => consolePage(browser, gateway, { person, path, complaints });
const psql = (token: string) =>
  run(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders').replace(gateway.token('alice'), token), '-Atc', 'SELECT 42']);

t.test('policies: which rules decided how often, which never, and the versions before', async (t) => {
  t.match(await psql(gateway.token('alice')), { stdout: '42\n' });
  const page = await as('carol', '/policies');
  await page.getByText('1 ×').first().waitFor();
  await lookAt(page, 'policies-rules');
  await page.getByLabel('Rules shown').selectOption('never');
  t.equal(await page.getByText('1 ×').count(), 0);
  t.ok((await page.locator('.rule-row').count()) > 0, 'most rules have decided nothing');

  const name = Object.keys(shippedPolicies())[0] ?? '';
  const file = join(gateway.policyDir, name);
  writeFileSync(file, `# changed by the test\n${readFileSync(file, 'utf8')}`);
  const { body: before } = await gateway.api('carol').get<{ items: { version: string }[] }>('/policies/versions');
  await eventually('the new version is in force', async () => {
    const { body } = await gateway.api('carol').get<{ items: { version: string }[] }>('/policies/versions');
    return body.items.length === before.items.length + 1 ? true : null;
  });
  await page.reload();
  await page.getByText('History', { exact: true }).click();
  const rows = page.getByRole('region', { name: 'Versions' }).getByRole('button');
  await rows.nth(1).click();
  await page.getByRole('region', { name, exact: true }).waitFor();
  t.notMatch(await page.locator('main').innerText(), /changed by the test/, 'as it was');
  await rows.nth(0).click();
  await page.getByText('# changed by the test').waitFor();
  await lookAt(page, 'policies-history');
  await page.context().close();
});

t.test('agents: the line to run, the open token, revoked', async (t) => {
  const page = await as('erin', '/agents');
  await page.getByText('No agent is enrolled').waitFor();
  await page.getByRole('button', { name: 'Enrol an agent' }).click();
  await page.getByLabel('Name').fill('eu-vpc');
  await page.getByLabel('Labels').fill('region=eu');
  await page.getByLabel('May dial').fill('db.internal:5432');
  await page.getByRole('button', { name: 'Make the line to run' }).click();
  const line = await page.locator('.copy-line code', { hasText: 'SALLYPORT_AGENT_TOKEN=' }).innerText();
  t.match(line, /^SALLYPORT_AGENT_TOKEN=\S+ sallyport agent --gateway ws:\S+ --state \S+ --allow db\.internal:5432$/);
  await lookAt(page, 'agents-enrol');
  await page.getByRole('button', { name: 'Done' }).click();
  const open = page.getByRole('region', { name: 'Enrolment tokens' });
  await open.getByText('eu-vpc').waitFor();
  t.notMatch(await page.content(), /SALLYPORT_AGENT_TOKEN=\w/, 'shown once');
  await lookAt(page, 'agents-tokens');
  await open.getByRole('button', { name: 'Revoke the token for eu-vpc' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await open.waitFor({ state: 'detached' });
  t.same((await gateway.api('erin').get<{ items: unknown[] }>('/agents/enrolment-tokens')).body.items, []);
  await page.context().close();
});

t.test('tokens: listed, and revoked in the list they work no more', async (t) => {
  const { body } = await gateway.api('alice').post<{ token: string }>('/tokens', { name: 'to be revoked' });
  t.match(await psql(body.token), { stdout: '42\n' });
  const page = await as('alice', '/tokens');
  await page.getByRole('button', { name: 'Revoke “to be revoked” of alice' }).waitFor();
  await lookAt(page, 'tokens');
  await page.getByRole('button', { name: 'Revoke “to be revoked” of alice' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await page.locator('.list-row', { hasText: 'to be revoked' }).waitFor({ state: 'detached' });
  t.match(await psql(body.token), { code: 2 });
  t.equal(await page.getByRole('link', { name: 'People' }).count(), 0, 'pages of operators are not offered');
  await page.context().close();
});

t.test('people: shut out and let in again; webhooks: empty says where to set them', async (t) => {
  const page = await as('erin', '/people');
  await page.getByRole('button', { name: 'Shut out alice' }).waitFor();
  await lookAt(page, 'people');
  await page.getByRole('button', { name: 'Shut out alice' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Shut out' }).click();
  await page.getByText('shut out', { exact: true }).waitFor();
  t.match(await psql(gateway.token('alice')), { code: 2 });
  await page.getByRole('button', { name: 'Let in again' }).click();
  await page.getByRole('button', { name: 'Shut out alice' }).waitFor();
  await page.getByRole('link', { name: 'Channels' }).click();
  await page.getByText('Nothing was sent yet').waitFor();
  await lookAt(page, 'deliveries');
  await page.context().close();
});

t.test('no page error, nothing blocked by the content security policy', async (t) => t.same(complaints, []));
