// The console for somebody who reads large text: with twice the usual size of letters in the browser's settings all words grow, on a
// phone and on a desk, nothing sticks out sideways, and the answer does not cover what is to be read.

import t from 'tap';
import pg from 'pg';
import { startBrowser } from '../support/browser.ts';
import { consolePage } from '../support/console.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';

/** The usual size is 16 pixels. */
const twice = 32;
/** The smallest letters of the console have 11 pixels at the usual size. */
const smallestPx = 22;
const sizes = [
  { width: 390, height: 844 },
  { width: 1280, height: 860 },
];
const paths = ['/', '/access', '/approvers', '/sessions', '/audit', '/account', '/targets', '/policies', '/tokens'];

t.test('with large text all of it is large', { timeout: 120_000 }, async (t) => {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT 1 AS id');
  const gateway = await startTestGateway(t, { targets: [targetOf(server, 'orders', { env: 'production' })] });
  const client = new pg.Client({ connectionString: gateway.url('alice', 'orders') });
  await client.connect();
  const asked = client.query('DELETE FROM payments').catch(() => undefined);
  const hold = await gateway.api('bob').pendingHold();
  const complaints: string[] = [];
  const browser = await startBrowser(t, [`--blink-settings=defaultFontSize=${twice}`]);
  const page = await consolePage(browser, gateway, { person: 'bob', path: '/', complaints });
  for (const size of sizes) {
    await page.setViewportSize(size);
    for (const path of [`/holds/${hold.id}`, ...paths]) {
      const name = `${path} at ${size.width} pixels`;
      await page.goto(gateway.http + path);
      await page.locator('main h1').waitFor();
      t.ok((await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)) <= 0, `${name}: nothing sticks out`);
      t.same(await page.evaluate(smallWords, smallestPx), [], `${name}: no small words`);
    }
    await page.goto(`${gateway.http}/holds/${hold.id}`);
    const approve = page.getByRole('button', { name: 'Approve' }).first();
    await approve.waitFor();
    const dock = await page.locator('.answer-dock').evaluate((it) => getComputedStyle(it).position);
    t.equal(dock, 'static', `at ${size.width} pixels the answer stands below what is to be read`);
  }
  t.same(complaints, []);
  await gateway.api('bob').post(`/holds/${hold.id}/deny`, { reason: 'the end' });
  await asked;
  await client.end();
});

/** Runs in the page: words whose letters are smaller than that. */
function smallWords(px: number): string[] {
  const found: string[] = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const words = node.textContent?.trim() ?? '';
    const element = node.parentElement;
    if (words === '' || element === null || element.closest('script, style') !== null) continue;
    const size = parseFloat(getComputedStyle(element).fontSize);
    if (size < px - 0.5) found.push(`${words.slice(0, 40)}: ${size}px`);
  }
  return found;
}
