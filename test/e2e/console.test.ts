// The console in a real browser, against a real gateway and plain psql: a statement that waits appears by itself, is answered,
// and what the page says is what happened.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Page } from 'playwright-core';
import { startBrowser } from '../support/browser.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const built = join(import.meta.dirname, '../../dist/console/index.html');
const linkTtlMs = 60_000;
/** Less than the test runner's own limit, so that a failure names what was waited for. */
const waitMs = 10_000;

t.test('a hold is answered in the browser', async (t) => {
  if (!existsSync(built)) throw new Error('the console is not built: npm run build:console');
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const gateway = await startTestGateway(t, { targets: [targetOf(server, 'orders', { env: 'production' })] });
  const browser = await startBrowser(t);
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  context.setDefaultTimeout(waitMs);
  const page = await context.newPage();
  const complaints = complaintsOf(page);
  const psql = tool('psql', 'postgresql-client');
  const connect = () => start(t, psql, [gateway.url('alice', 'orders'), '-At']);

  await t.test('signing in by a link leads back to where one wanted to go', async (t) => {
    await page.goto(`${gateway.http}/targets`);
    await page.getByLabel('Access token').waitFor();
    // A link opened in a tab of its own loads the page anew, as a click in a terminal does.
    await page.goto('about:blank');
    await page.goto(gateway.running.identity.createLoginLink('bob', linkTtlMs, 'erin'));
    await page.getByRole('heading', { name: 'Targets' }).waitFor();
    t.equal(page.url(), `${gateway.http}/targets`, 'and the secret is out of the address');
    await page.getByRole('button', { name: 'Sign out' }).first().waitFor();
    await page.getByText('psql').first().waitFor();
  });

  await t.test('approved: it appears without a reload, and exactly that runs', async (t) => {
    await page.getByRole('link', { name: 'Holds' }).click();
    await page.getByText('Nothing waits').waitFor();
    const session = connect();
    session.write('DELETE FROM payments WHERE id > 5 OR true;\n');
    await session.waitFor(/NOTICE: {2}hold h-/);
    await page.locator('.hold-row', { hasText: 'DELETE FROM payments' }).click();
    t.match(await page.title(), /^\(1\) /, 'the title counts');
    t.equal(
      await page
        .locator('.statement code')
        .first()
        .innerText()
        .then((text) => text.trimEnd()),
      'DELETE FROM payments WHERE id > 5 OR true;',
    );
    await page.getByLabel('Reason').fill('seen');
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('Approved by bob').first().waitFor();
    await page
      .getByText(/It ran: completed, \d+ rows?, \d/)
      .first()
      .waitFor();
    await session.waitFor(/DELETE 10|^DELETE/m);
    session.endInput();
    await session.end();
    t.equal((await server.sql('SELECT count(*)::int AS n FROM payments'))[0]?.['n'], 0);
  });

  await t.test('denied: hostile text stays text, hidden characters show, the reason reaches psql', async (t) => {
    const session = connect();
    session.write('TRUNCATE payments /* <img src=x onerror="document.title=1"> \u202e p\u0430y */;\n');
    await session.waitFor(/NOTICE: {2}hold h-/);
    await page.goto(`${gateway.http}/`);
    await page.locator('.hold-row', { hasText: 'TRUNCATE' }).first().click();
    await page.locator('.statement').waitFor();
    const shown = await page.locator('.statement').innerText();
    t.match(shown, '<img src=x onerror="document.title=1">');
    t.match(shown.replace(/\s/g, ''), '\\u202ep\\u0430y');
    t.equal(await page.locator('main img').count(), 0);
    await page.getByLabel('Reason').fill('not on a Friday');
    await page.getByRole('button', { name: 'Deny' }).click();
    await page.getByText('Denied by bob').first().waitFor();
    await session.waitFor(/ERROR: .*not on a Friday/);
    session.endInput();
    await session.end();
  });

  await t.test('withdrawn: Ctrl-C in psql shows in the open page', async () => {
    const session = connect();
    session.write('DROP TABLE payments;\n');
    await session.waitFor(/NOTICE: {2}hold h-/);
    await page.goto(`${gateway.http}/`);
    await page.locator('.hold-row', { hasText: 'DROP TABLE' }).first().click();
    await page.getByRole('button', { name: 'Approve' }).waitFor();
    session.kill('SIGINT');
    await page.getByText('Withdrawn').first().waitFor();
    session.endInput();
    await session.end();
  });

  await t.test('the session replays, and the auditor verifies the chain', async () => {
    const auditor = await (await browser.newContext()).newPage();
    auditor.setDefaultTimeout(waitMs);
    await auditor.goto(gateway.running.identity.createLoginLink('carol', linkTtlMs, 'erin'));
    await auditor.getByRole('link', { name: 'Sessions' }).click();
    await auditor.locator('.session-row').first().click();
    await auditor.getByRole('slider', { name: 'Position in the recording' }).waitFor();
    await auditor.locator('.entry', { hasText: 'DROP TABLE' }).first().waitFor();
    await auditor.getByRole('button', { name: 'Play' }).click();
    await auditor.getByRole('link', { name: 'Audit' }).click();
    await auditor.getByRole('button', { name: 'Verify chain' }).click();
    await auditor.getByText('Whole:').waitFor();
  });

  await t.test('a phone has room: nothing scrolls sideways', async (t) => {
    const phone = await context.newPage();
    await phone.setViewportSize({ width: 390, height: 844 });
    for (const path of ['/', '/sessions', '/targets', '/policies']) {
      await phone.goto(gateway.http + path);
      await phone.locator('main h1').waitFor();
      t.equal(await phone.evaluate(() => document.documentElement.scrollWidth - window.innerWidth), 0, path);
    }
  });

  t.same(complaints, [], 'no page error, nothing blocked by the content security policy');
});

/** Errors of the page and its console, but for the 401 that leads to the sign-in page. */
function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('401')) complaints.push(message.text());
  });
  return complaints;
}
