// Debian's Chromium, driven by playwright-core. Headless, and quiet on the network.

import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';
import type { Teardown } from './directories.ts';
import { tool } from './tools.ts';

const flags = [
  '--no-sandbox',
  '--headless',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A browser that ends with the test. `more`: flags of Chromium, as for a person who has set it up in a way of their own. */
export async function startBrowser(t: Teardown, more: readonly string[] = []): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: tool('chromium', 'chromium'), args: [...flags, ...more] });
  t.teardown(() => browser.close());
  return browser;
}
