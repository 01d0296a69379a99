// A session with more statements than a page can draw: all of its log can be loaded, each entry once, and read in parts; the way
// from a hold finds its place however late it stands. And lists of more sessions than come at once.

import t from 'tap';
import pg from 'pg';
import type { Page } from 'playwright-core';
import { startBrowser } from '../support/browser.ts';
import { consolePage, lookAt } from '../support/console.ts';
import { eventually } from '../support/eventually.ts';
import { shippedPolicies, startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';

const fileMsMax = 180_000;
const statements = 1_400;

t.setTimeout(fileMsMax);

t.test('long sessions, and many', { timeout: fileMsMax }, async (t) => {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT 1 AS id');
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    policies: shippedPolicies(),
  });
  const connect = async (person = 'alice') => {
    const client = new pg.Client({ connectionString: gateway.url(person, 'orders') });
    await client.connect();
    return client;
  };
  const client = await connect();
  for (let number = 1; number <= statements; number += 1) await client.query(`SELECT ${number} AS number`);
  const held = client.query('DELETE FROM payments');
  const hold = await gateway.api('bob').pendingHold();
  await gateway.api('bob').post(`/holds/${hold.id}/approve`, {});
  await held;
  await client.end();
  const browser = await startBrowser(t);
  const complaints: string[] = [];
  const page = await consolePage(browser, gateway, { person: 'carol', path: `/sessions/${hold.session_id}`, complaints });
  /** The words that are marked as found. */
  const marked = (at: Page) => at.evaluate(() => [...(CSS.highlights.get('found') ?? [])].map((range) => (range as Range).toString()));
  const numbers = async () => (await page.locator('.entry .statement').allInnerTexts()).map((text) => /\d+/.exec(text)?.[0]);

  await t.test('all of it can be loaded, each entry once, and read to its end', async (t) => {
    await page.getByText('500 statements so far').waitFor();
    t.equal(await page.locator('.entry').count(), 100);
    await page.getByRole('button', { name: 'Load all' }).click();
    await page.getByText('1,401 statements').waitFor();
    await page.getByRole('button', { name: 'Load all' }).waitFor({ state: 'detached' });
    t.equal((await numbers())[0], '1');
    await page.getByRole('button', { name: 'Later' }).first().click();
    t.equal((await numbers())[0], '101');
    await lookAt(page, 'long-session');
    await page.getByRole('button', { name: 'Last' }).first().click();
    t.equal(await page.locator('.entry').count(), 1);
    t.match(await page.locator('.entry').innerText(), /DELETE FROM payments/);
    const slider = page.getByRole('slider', { name: 'Position in the recording' });
    await slider.press('Home');
    await eventually('the list goes along', async () => (await numbers())[0] === '1');
    await slider.press('End');
    await eventually('to the end, too', async () => (await page.locator('.entry').count()) === 1);
  });

  await t.test('from a hold to its place in the last part', async (t) => {
    await page.goto(`${gateway.http}/sessions/${hold.session_id}?hold=${hold.id}`);
    await page.locator('[data-sought]').waitFor();
    await page.getByText('1,401 statements').waitFor();
    t.match(await page.locator('[data-sought]').innerText(), /DELETE FROM payments/);
  });

  await t.test('a text is found in all of it, and its place gone to', async (t) => {
    await page.goto(`${gateway.http}/sessions/${hold.session_id}`);
    await page.getByText('500 statements so far').waitFor();
    await page.getByRole('searchbox', { name: 'Search statements' }).fill('select 1234 as');
    await page.getByText('Found in 1 place.').waitFor();
    t.match(page.url(), /[?]text=select/, 'it stands in the address');
    await lookAt(page, 'long-session-found');
    await page.reload();
    await page.getByText('Found in 1 place.').waitFor();
    await page
      .getByRole('button', { name: /^\d+:\d/ })
      .filter({ visible: true })
      .click();
    await page.locator('[data-sought]').waitFor();
    t.match(await page.locator('[data-sought]').innerText(), /SELECT 1234 AS number/);
    t.notMatch(page.url(), /text=/);
    const search = page.getByRole('searchbox', { name: 'Search statements' });
    await search.fill('AS number');
    await page.getByText('Found in 50 places so far.').waitFor();
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByText('Found in 100 places so far.').waitFor();
    t.ok((await marked(page)).includes('AS number'), 'the words are marked where they stand, over the colours of the text');
    await search.fill('no such words');
    await page.getByText('Found nowhere in this session').waitFor();
    await search.fill('');
    await page.locator('[data-sought]').waitFor();
  });

  await t.test('sessions beyond those that come at once', async (t) => {
    const old = await connect();
    await (await connect('bob')).end();
    for (let number = 0; number < 104; number += 1) await (await connect()).end();
    await page.goto(`${gateway.http}/sessions`);
    await page.locator('.session-row').nth(100).waitFor();
    t.match(await page.locator('.session-row').first().innerText(), /still open/, 'it is open, and stands first');
    t.equal(await page.locator('.session-row').count(), 101);
    await page.getByRole('button', { name: 'Older' }).click();
    await eventually('the first of all is there', async () => (await page.locator('.session-row').count()) === 107);
    await page.getByRole('button', { name: 'Older' }).waitFor({ state: 'detached' });

    // Bob's is among those that were not loaded: the gateway finds it, and the page marks why.
    await page.reload();
    await page.locator('.session-row').nth(100).waitFor();
    await page.getByRole('searchbox', { name: 'Search sessions' }).fill('ORDERS bob');
    await eventually('only his is there', async () => (await page.locator('.session-row').count()) === 1);
    t.match(await page.locator('.session-row').innerText(), /bob/);
    t.same((await eventually('both words are marked', async () => ((await marked(page)).length === 2 ? marked(page) : null))).sort(), [
      'bob',
      'orders',
    ]);
    await (await connect('bob')).end();
    await (await connect()).end();
    await eventually('a new one joins if it is such a one', async () => (await page.locator('.session-row').count()) === 2);
    await page.getByLabel('State').selectOption('open');
    await page.getByText('No session matches').waitFor();
    await page.getByLabel('State').selectOption('closed');
    await page.getByLabel('Time').selectOption('hour');
    await page.locator('.session-row').nth(1).waitFor();
    t.match(page.url(), /text=ORDERS\+bob&state=closed&time=hour/, 'the search can be sent to somebody');
    await page.reload();
    await page.locator('.session-row').nth(1).waitFor();
    await lookAt(page, 'sessions-found');
    await page.goto(`${gateway.http}/sessions`);
    await old.end();
    await eventually('its end is told', async () => (await page.getByText('still open').count()) === 0);
  });

  t.same(complaints, []);
});
