// Pages of the console as people have them: signed in, watched for errors, looked at on a phone and on a desk.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import type { TestGateway } from './gateway.ts';

const phone = { width: 390, height: 844 };
const desk = { width: 1280, height: 860 };
const waitMs = 20_000;
const linkTtlMs = 60_000;
/** Set it to look at the pages: CONSOLE_SHOTS=/tmp/shots. */
const shots = process.env['CONSOLE_SHOTS'];

/** A page of that person at that path. Errors of the page are kept in `complaints`, but for refusals and lost links. */
export async function consolePage(
  browser: Browser,
  gateway: TestGateway,
  { person, path, complaints }: { readonly person: string; readonly path: string; readonly complaints: string[] },
): Promise<Page> {
  const context = await browser.newContext({ viewport: desk });
  context.setDefaultTimeout(waitMs);
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of 4\d\d|ERR_CONNECTION|ERR_INTERNET|WebSocket connection/.test(message.text()))
      complaints.push(message.text());
  });
  await page.goto(gateway.running.identity.createLoginLink(person, linkTtlMs, 'erin'));
  await page.getByRole('button', { name: 'Sign out' }).first().waitFor();
  if (path !== '/') await page.goto(gateway.http + path);
  return page;
}

/** Nothing may stick out sideways on a phone; and pictures, light and dark, for whoever wants to look. */
export async function lookAt(page: Page, name: string): Promise<void> {
  if (shots !== undefined) {
    mkdirSync(shots, { recursive: true });
    await page.screenshot({ path: join(shots, `${name}-1280.png`), fullPage: true });
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.screenshot({ path: join(shots, `${name}-1280-dark.png`), fullPage: true });
    await page.emulateMedia({ colorScheme: 'light' });
  }
  await page.setViewportSize(phone);
  const tooWide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (shots !== undefined) await page.screenshot({ path: join(shots, `${name}-390.png`), fullPage: true });
  await page.setViewportSize(desk);
  if (tooWide > 0) throw new Error(`${name} is ${tooWide} pixels too wide for a phone`);
}
