// Access for a while in a real browser: asked for on a phone, approved on a desk, lengthened, ended; broken glass with its
// banner on every page and its review.

import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Browser, Page } from 'playwright-core';
import { startBrowser } from '../support/browser.ts';
import { startTestGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';

const waitMs = 20_000;
const linkTtlMs = 60_000;
const built = join(import.meta.dirname, '../../dist/console/index.html');
/** Set it to look at the pages: CONSOLE_SHOTS=/tmp/shots. */
const shots = process.env['CONSOLE_SHOTS'];
const phone = { width: 390, height: 844 };
const desk = { width: 1280, height: 860 };

const policy = `
policy: production
rules:
  - { id: open, actions: [connect], needs: grant, decision: allow }
access:
  - id: on-call
    title: Engineers on production, for a while
    principals: { groups: [engineers] }
    longest: 4h
    approvers: { groups: [dba] }
  - { id: glass, principals: { groups: [engineers] }, longest: 1h, automatic: true, break_glass: true, reviewers: { groups: [dba] } }
`;

t.test('access in the console', { timeout: 120_000 }, async (t) => {
  if (!existsSync(built)) throw new Error('the console is not built: npm run build:console');
  // Nobody connects: the target needs no server.
  const target = {
    name: 'orders',
    protocol: 'postgres' as const,
    host: '127.0.0.1',
    port: 9,
    user: 'gateway',
    password: 'x',
    labels: { env: 'production' },
  };
  const gateway = await startTestGateway(t, { targets: [target], policies: { 'production.yaml': policy } });
  const browser = await startBrowser(t);
  const alice = await signedIn(browser, gateway, 'alice', phone);
  const bob = await signedIn(browser, gateway, 'bob', desk);

  await alice.goto(`${gateway.http}/access`);
  await alice.getByRole('button', { name: 'Ask for access' }).click();
  await alice.getByRole('textbox', { name: 'Reason' }).fill('ticket 4711: wrong totals <b>now</b>');
  await look(alice, 'access-form');
  await alice.getByRole('form').getByRole('button', { name: 'Ask for access' }).click();
  await alice.getByRole('heading', { name: /for orders/ }).waitFor();
  await alice.getByRole('button', { name: 'Take the request back' }).waitFor();

  await bob.getByRole('link', { name: 'Access' }).first().click();
  await bob.locator('.hold-row', { hasText: 'ticket 4711' }).first().click();
  await bob.getByRole('button', { name: 'Approve' }).waitFor();
  await look(bob, 'access-answer');
  await bob.getByRole('textbox', { name: 'Reason' }).fill('agreed');
  await tapAsItComes(bob, 'End the access and its sessions');
  await bob.getByRole('button', { name: 'Approve' }).click();
  await bob.locator('[data-tapped]').waitFor();
  await bob.getByText('in force').waitFor();
  t.match((await gateway.api('bob').get('/grants?state=active')).body, { items: [{ target: 'orders' }] }, 'a second tap does not end it');

  await alice.getByText('in force').waitFor(); // told live
  await alice.getByRole('region', { name: 'More time' }).getByRole('textbox', { name: 'Reason' }).fill('not done');
  await look(alice, 'access-granted');
  await alice.getByRole('button', { name: 'Ask for more time' }).click();
  await bob.goto(`${gateway.http}/access`);
  await bob.locator('.hold-row', { hasText: '60 min more' }).first().click();
  await bob.getByRole('region', { name: 'Answer' }).getByRole('button', { name: 'Approve' }).click();
  await bob.getByText('lengthened').first().waitFor();
  await bob.getByRole('button', { name: 'End the access and its sessions' }).click();
  await alice.getByText('revoked', { exact: true }).waitFor();
  await look(alice, 'access-ended');

  await alice.goto(`${gateway.http}/access`);
  await alice.getByRole('button', { name: 'Ask for access' }).click();
  await alice.getByRole('textbox', { name: 'Reason' }).fill(`the shop is down ${'and nobody knows why '.repeat(40)}`);
  await alice.getByLabel('Break the glass: an emergency').check();
  await alice.getByRole('form').getByRole('button', { name: 'Ask for access' }).click();
  await alice.getByText('in force').waitFor();
  await alice.goto(`${gateway.http}/sessions`);
  const banner = alice.locator('.glass-banner');
  await banner.waitFor();
  t.ok(((await banner.boundingBox())?.height ?? Infinity) < 130, 'a long reason leaves room for the page on a phone');
  await alice.goBack();
  await bob.goto(`${gateway.http}/sessions`);
  await bob.locator('.glass-banner', { hasText: 'broke the glass on orders' }).waitFor();
  await look(bob, 'access-banner');
  await alice.getByRole('button', { name: 'Give the access back' }).click();
  await bob.getByRole('link', { name: '1 emergency to review' }).click();
  await bob.locator('.hold-row', { hasText: 'to review' }).first().waitFor();
  await look(bob, 'access-list');
  await bob.locator('.hold-row', { hasText: 'to review' }).first().click();
  await bob.getByRole('textbox', { name: 'What the review came to' }).fill('looked at everything, it was right');
  await bob.getByRole('button', { name: 'Reviewed' }).click();
  await bob.getByText('reviewed').first().waitFor();
  await look(bob, 'access-reviewed');
  t.pass('asked, approved, lengthened, ended, broken and reviewed');
});

async function signedIn(browser: Browser, gateway: TestGateway, person: string, viewport: typeof desk): Promise<Page> {
  const context = await browser.newContext({ viewport });
  context.setDefaultTimeout(waitMs);
  const page = await context.newPage();
  await page.goto(gateway.running.identity.createLoginLink(person, linkTtlMs, 'erin'));
  await page.getByRole('button', { name: 'Sign out' }).first().waitFor();
  return page;
}

/** The second of two taps: a button of these words is pressed in the moment in which it comes. */
async function tapAsItComes(page: Page, words: string): Promise<void> {
  await page.evaluate((sought) => {
    const look = (): void => {
      const button = [...document.querySelectorAll('button')].find((it) => it.textContent === sought);
      if (button === undefined || button.dataset['tapped'] !== undefined) return;
      button.dataset['tapped'] = '';
      button.click();
    };
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
  }, words);
}

async function look(page: Page, name: string): Promise<void> {
  const wide = await page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth');
  t.notOk(wide, `${name} does not scroll sideways`);
  if (shots === undefined) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}
