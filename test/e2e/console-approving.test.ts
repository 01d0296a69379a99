// Answering holds in the console: a yes that is taken back, a queue of many parts, a sign-in that ran out in the middle of a
// sentence, texts and parameters to their last character, and where the focus goes.

import { readFileSync } from 'node:fs';
import t from 'tap';
import type { Page as BrowserPage } from 'playwright-core';
import pg from 'pg';
import type { AuditEventView, HoldView, Page } from '../../src/api/contract.ts';
import { startBrowser } from '../support/browser.ts';
import { consolePage, lookAt } from '../support/console.ts';
import { eventually } from '../support/eventually.ts';
import { shippedPolicies, startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';

const fileMsMax = 180_000;
const phone = { width: 390, height: 844 };

const policy = `policy: approving
rules:
  - { id: two-needed, effects: { tables: [public.pairs], verbs: [update] }, decision: hold, approvers: { groups: [dba], count: 2 } }
`;

t.setTimeout(fileMsMax);

t.test('answering holds in the console', { timeout: fileMsMax }, async (t) => {
  const server = await startPostgres(t);
  for (const table of ['payments', 'pairs']) await server.sql(`CREATE TABLE ${table} AS SELECT 1 AS id`);
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    policies: { ...shippedPolicies(), 'approving.yaml': policy },
  });
  const browser = await startBrowser(t);
  const complaints: string[] = [];
  const as = (person: string, path = '/') => consolePage(browser, gateway, { person, path, complaints });
  const dana = gateway.api('dana');

  /** Asks for it in a session of its own; gives the hold, and what ends it. */
  const ask = async (text: string, mark: RegExp, values: readonly unknown[] = []) => {
    const client = new pg.Client({ connectionString: gateway.url('alice', 'orders') });
    client.on('error', () => undefined);
    await client.connect();
    const answer = client.query(text, [...values]).then(
      () => 'it ran',
      (error: Error) => error.message,
    );
    const hold = await dana.pendingHold(mark);
    const end = async (): Promise<void> => {
      await dana.post(`/holds/${hold.id}/deny`, { reason: 'the end' });
      await answer;
      await client.end();
    };
    return { hold, answer, end };
  };
  const focused = (page: BrowserPage) => page.evaluate(() => document.activeElement?.textContent ?? '');

  await t.test('a yes that is taken back is gone from every page, and can be given again', async (t) => {
    const { hold, end } = await ask('UPDATE pairs SET id = 2 /* a pair */', /a pair/);
    const bobs = await as('bob', `/holds/${hold.id}`);
    const danas = await as('dana', `/holds/${hold.id}`);
    await bobs.getByRole('button', { name: 'Approve' }).click();
    await danas.getByText('1 of 2 approvals given').first().waitFor();
    await eventually('what came of the answer has the focus', async () => /can’t answer/.test(await focused(bobs)));
    await bobs.getByRole('button', { name: 'Take my approval back' }).click();
    for (const page of [bobs, danas]) await page.getByText('Nobody has answered yet.').waitFor();
    await bobs.getByRole('button', { name: 'Approve' }).waitFor();
    t.equal(await bobs.getByRole('button', { name: 'Take my approval back' }).count(), 0);
    await end();
    for (const page of [bobs, danas]) await page.context().close();
  });

  await t.test(
    'a queue of several parts: all of it is there, the most urgent first, each new hold is said, and it can be searched',
    async (t) => {
      const page = await as('bob');
      await page.getByText('Nothing waits').waitFor();
      const first = await ask('DELETE FROM payments /* hold 0 */', /hold 0/);
      const others = [];
      for (let number = 1; number < 10; number += 1)
        others.push(await ask(`DELETE FROM payments /* hold ${number} */`, new RegExp(`hold ${number}`)));
      const said = page.locator('main > [aria-live] span');
      await eventually('the newest is said', async () => (await said.count()) === 1);
      const before = await said.elementHandle();
      others.push(await ask('DELETE FROM payments /* hold 10 */', /hold 10/));
      await eventually('the next is said, though its words are the same', async () => !(await before?.evaluate((it) => it.isConnected)));

      await page.route(/state=pending/, (route) => route.continue({ url: route.request().url().replace('limit=200', 'limit=3') }));
      await page.reload();
      await page.getByText('11 statements waiting').waitFor();
      t.equal(await page.title(), '(11) Holds · Sallyport');
      t.match(await page.locator('.hold-row').first().innerText(), /hold 0/);
      await page.getByLabel('Search waiting holds').fill('HOLD 7');
      await page.getByText('1 of 11 statements').waitFor();
      await page.getByLabel('Search waiting holds').fill('');

      await page.setViewportSize(phone);
      await page.locator('.hold-row', { hasText: 'hold 9' }).click();
      await page.getByRole('heading', { name: 'Alice Arnold on orders' }).waitFor();
      await page.getByRole('button', { name: 'Approve' }).waitFor();
      t.equal(await page.evaluate(() => window.scrollY), 0, 'a page is read from its top');
      t.equal(await focused(page), 'Alice Arnold on orders');
      t.equal(await page.title(), '(11) Alice Arnold on orders · Sallyport');
      for (const { end } of [first, ...others]) await end();
      await page.context().close();
    },
  );

  await t.test('a hold that comes between the first answer and the live link is not missed', async () => {
    const page = await as('bob', '/account');
    const { promise: isPlaced, resolve: placed } = Promise.withResolvers<void>();
    await page.routeWebSocket(/\/live$/, async (socket) => {
      await isPlaced;
      socket.connectToServer();
    });
    await page.goto(gateway.http);
    await page.getByText('Nothing waits').waitFor();
    const { end } = await ask('DELETE FROM payments /* in between */', /in between/);
    placed();
    await page.locator('.hold-row', { hasText: 'in between' }).waitFor();
    await end();
    await page.context().close();
  });

  await t.test('a link that went silent without being closed is found out, and what came meanwhile is shown', async (t) => {
    const page = await as('bob', '/account');
    let links = 0;
    await page.routeWebSocket(/\/live$/, (socket) => {
      links += 1;
      const number = links;
      const server = socket.connectToServer();
      // As after a network that went, or a machine that slept: the first one hears hello, and then nothing more.
      server.onMessage((message) => {
        if (number > 1 || String(message).includes('"hello"')) socket.send(message);
      });
    });
    await page.clock.install();
    await page.goto(gateway.http);
    await page.locator('.shell-link[data-state="up"]:visible').waitFor();
    await page.getByText('Nothing waits').waitFor();
    const { end } = await ask('DELETE FROM payments /* in silence */', /in silence/);
    t.equal(await page.locator('.hold-row', { hasText: 'in silence' }).count(), 0);
    await page.clock.fastForward(60_000);
    await page.locator('.hold-row', { hasText: 'in silence' }).waitFor();
    await page.clock.fastForward(20_000);
    await page.locator('.shell-link[data-state="up"]:visible').waitFor();
    t.equal(links, 2);
    await end();
    await page.context().close();
  });

  await t.test('an approval that could not be sent is not sent later by itself', async (t) => {
    const { hold, end } = await ask('DELETE FROM payments /* offline */', /offline/);
    const page = await as('bob', `/holds/${hold.id}`);
    await page.getByLabel('Reason').fill('typed before');
    await page.context().setOffline(true);
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('The gateway did not answer').first().waitFor();
    await page.context().setOffline(false);
    await page.locator('.shell-link[data-state="up"]:visible').waitFor();
    t.equal((await dana.get<HoldView>(`/holds/${hold.id}`)).body.state, 'pending');
    t.equal(await page.getByLabel('Reason').inputValue(), 'typed before');
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('Approved by bob').first().waitFor();
    await end();
    await page.context().close();
  });

  await t.test('a sign-in that ran out: the page asks for another, and what was typed is still there', async (t) => {
    const { hold, end } = await ask('DELETE FROM payments /* ran out */', /ran out/);
    const page = await as('bob', `/holds/${hold.id}`);
    await page.getByLabel('Reason').fill('what took minutes to write');
    await page.context().clearCookies();
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByLabel('Access token').fill(gateway.token('bob'));
    await page.getByRole('button', { name: 'Sign in with the token' }).click();
    await page.getByRole('button', { name: 'Approve' }).waitFor();
    t.equal(await page.getByLabel('Reason').inputValue(), 'what took minutes to write');
    t.equal((await dana.get<HoldView>(`/holds/${hold.id}`)).body.state, 'pending');
    await page.getByRole('button', { name: 'Sign out' }).first().click();
    await page.getByLabel('Access token').waitFor();
    t.same(await page.evaluate(() => Object.keys(sessionStorage).filter((key) => key.includes('draft'))), [], 'signing out forgets it');
    await end();
    await page.context().close();
  });

  await t.test('a risk behind what is shown at first is shown when it is asked for', async () => {
    const numbers = Array.from({ length: 15_000 }, (_, number) => number).join(',');
    const { hold, end } = await ask(`DELETE FROM payments WHERE id IN (${numbers}); TRUNCATE payments`, /TRUNCATE/);
    const page = await as('bob', `/holds/${hold.id}`);
    await page.getByText(/The first 60,000 characters/).waitFor();
    await page.getByRole('button', { name: /empties whole tables/ }).click();
    await eventually('it has the focus', async () => /^TRUNCATE/.test(await focused(page)));
    await end();
    await page.context().close();
  });

  await t.test('parameters are shown to the last space', async (t) => {
    const values = ['two  spaces\nand a line', '', null];
    const text = "DELETE FROM payments WHERE true OR 'a' = $1 OR 'b' = $2 OR 'c' = $3 /* exact */";
    const { hold, end } = await ask(text, /exact/, values);
    const page = await as('bob', `/holds/${hold.id}`);
    await page.getByText('two  spaces').waitFor();
    const shown = await page.locator('.parameters td:last-child').allInnerTexts();
    t.same(shown, ['two  spaces\nand a line', 'empty', 'NULL']);
    await end();
    await page.context().close();
  });

  await t.test('on a low screen the answer does not cover what is to be read', async (t) => {
    const { hold, end } = await ask("DELETE FROM payments WHERE 'א' = 'ב' OR 'ג' IN ('ד', '1') /* low */", /low/);
    const page = await as('bob', `/holds/${hold.id}`);
    await page.getByRole('button', { name: 'Approve' }).waitFor();
    for (const [width, height] of [
      [640, 400],
      [844, 390],
    ] as const) {
      await page.setViewportSize({ width, height });
      const top = await page.locator('.statement').evaluate((it) => {
        const { left, top } = it.getBoundingClientRect();
        return it.contains(document.elementFromPoint(left + 60, top + 20));
      });
      t.ok(top, `${width} x ${height}`);
    }
    await page.emulateMedia({ media: 'print' });
    t.notOk(await page.getByRole('navigation', { name: 'Main' }).isVisible(), 'paper has no menu');
    t.notOk(await page.getByRole('button', { name: 'Approve' }).isVisible());
    const places = await page.locator('.statement bdi').evaluateAll((all) => all.map((it) => it.getBoundingClientRect().left));
    t.same(
      places,
      places.toSorted((a, b) => a - b),
      'what runs from right to left stands in the order of the text',
    );
    t.equal(places.length, 4);
    await end();
    await page.context().close();
  });

  await t.test('a decision link whose hold ends while it is read says what became of it', async () => {
    const { hold, end } = await ask('DELETE FROM payments /* linked */', /linked/);
    const page = await as('bob');
    await page.goto(gateway.running.identity.decisionLinks.create(hold.id, 'approve', null));
    await page.getByRole('button', { name: 'Approve' }).waitFor();
    await end();
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('Your answer came too late').waitFor();
    await page.getByText('Denied by dana: the end').waitFor();
    await page.context().close();
  });

  await t.test('on a phone: every place of the menu is reached, and the second of two taps on a row answers nothing', async (t) => {
    const page = await as('bob', '/account');
    await page.setViewportSize(phone);
    const menu = page.getByRole('navigation', { name: 'Main' });
    const last = menu.getByRole('link').last();
    t.ok(await menu.evaluate((it) => it.scrollWidth > it.clientWidth), 'it is wider than the phone');
    await last.click();
    const isInSight = () => last.evaluate((it) => it.getBoundingClientRect().right <= window.innerWidth);
    await eventually('where one is, is in sight', isInSight);
    await page.reload();
    await last.waitFor();
    await eventually('after a reload, too', isInSight);
    const asked = [];
    for (let number = 0; number < 8; number += 1)
      asked.push(await ask(`DELETE FROM payments /* row ${number} */`, new RegExp(`row ${number}`)));
    await page.goto(gateway.http);
    await page.locator('.hold-row').nth(7).waitFor();
    const [x, y] = [phone.width * 0.75, phone.height - 80];
    t.ok(await page.evaluate(([left, top]) => document.elementFromPoint(left ?? 0, top ?? 0)?.closest('.hold-row') !== null, [x, y]));
    await page.mouse.dblclick(x, y);
    await page.getByRole('button', { name: 'Approve', disabled: false }).waitFor();
    t.ok(
      await page.evaluate(([left, top]) => document.elementFromPoint(left ?? 0, top ?? 0)?.closest('.answer-dock') !== null, [x, y]),
      'the buttons stand there',
    );
    const { body } = await gateway.api('bob').get<Page<HoldView>>('/holds?state=pending');
    t.equal(body.items.length, asked.length);
    for (const { end } of asked) await end();
    await page.context().close();
  });

  await t.test('what was settled is searched in all of it, not in what is shown', async (t) => {
    for (const words of ['old Ones', 'newer', 'newest']) await (await ask(`DELETE FROM payments /* ${words} */`, new RegExp(words))).end();
    const page = await as('carol', '/account');
    await page.route(/holds\?.*limit=50/, (route) => route.continue({ url: route.request().url().replace('limit=50', 'limit=1') }));
    await page.goto(gateway.http);
    const rows = page.getByRole('region', { name: 'Settled' }).locator('.hold-row');
    await eventually('the newest', async () => /newest/.test((await rows.allInnerTexts()).join(' ')));
    t.equal(await rows.count(), 1);
    await page.getByLabel('Search settled holds').fill('OLD ones');
    await eventually('an older one', async () => /old Ones/.test((await rows.allInnerTexts()).join(' ')));
    await page.getByLabel('Search settled holds').fill('nothing of the kind');
    await page.getByText('No settled hold matches').waitFor();
    await page.context().close();
  });

  await t.test(
    'a search of the audit log stands in the address: it is there after a reload, on the way back, and for others',
    async (t) => {
      const page = await as('carol', '/audit');
      await page.getByLabel('Type of event').selectOption('hold.denied');
      await page.getByLabel('Text', { exact: true }).fill('the end');
      await page.getByLabel('Time').selectOption('hour');
      const row = page.locator('.audit-row');
      const shown = async () => (await row.count()) > 0 && (await row.allInnerTexts()).every((text) => text.includes('hold.denied'));
      await eventually('only those are shown', shown);
      await page.reload();
      await eventually('after a reload', shown);
      t.equal(await page.getByLabel('Text', { exact: true }).inputValue(), 'the end');
      await row.first().click();
      await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await row.first().click();
      await page.getByRole('dialog').getByRole('link', { name: /^h-/ }).click();
      await page.getByText('What was asked').waitFor();
      await page.goBack();
      await eventually('on the way back', shown);
      t.equal(await page.getByLabel('Time').inputValue(), 'hour');
      const search = page.getByRole('searchbox', { name: 'Session or hold' });
      await page.goto(`${gateway.http}/audit?type=hold.denied`);
      await row.first().click();
      const hold = await page.getByRole('dialog').getByRole('link', { name: /^h-/ }).innerText();
      await page.getByRole('dialog').getByRole('link', { name: 'all its events' }).last().click();
      await eventually('all events of the hold', async () => /action\.held/.test((await row.allInnerTexts()).join(' ')));
      t.equal(await search.inputValue(), hold);
      const ofHold = await row.count();
      await search.fill('');
      await eventually('all events', async () => (await row.count()) > ofHold);
      await search.fill(hold.toLowerCase());
      await eventually('those of the hold again', async () => (await row.count()) === ofHold);
      await page.route(/audit\?.*limit=100/, (route) => route.continue({ url: route.request().url().replace('limit=100', 'limit=2') }));
      const saving = page.waitForEvent('download');
      await page.getByRole('button', { name: 'Save as a file' }).click();
      const file = await saving;
      t.match(file.suggestedFilename(), /^sallyport-audit-\d{4}-\d\d-\d\d\.jsonl$/);
      const saved = readFileSync(await file.path(), 'utf8')
        .trimEnd()
        .split('\n');
      const { body: all } = await gateway.api('carol').get<Page<AuditEventView>>(`/audit?hold=${hold}`);
      t.same(
        saved.map((line) => JSON.parse(line) as AuditEventView),
        all.items,
        'what was searched, whole, in several parts',
      );
      await page.getByText(`${ofHold} events saved`).waitFor();
      await lookAt(page, 'audit-saved');
      await page.unroute(/audit\?.*limit=100/);
      await page.goto(`${gateway.http}/holds/${hold}`);
      await page.getByRole('link', { name: 'its events' }).click();
      await eventually('from its page', async () => (await row.count()) === ofHold);
      await page.goto(`${gateway.http}/holds/${hold}`);
      await page.getByRole('link', { name: 'replay at this moment' }).click();
      await page.getByRole('link', { name: 'all its events' }).click();
      await eventually('of the session', async () => /session\.opened/.test((await row.allInnerTexts()).join(' ')));
      t.match(await search.inputValue(), /^s-/);
      await page.goto(`${gateway.http}/audit?principal=nobody&until=2026-01-01T00:00:00.000Z`);
      await page.getByText('No event matches').waitFor();
      t.equal(await page.getByLabel('Time').inputValue(), 'between');
      t.not(await page.getByLabel('Until').inputValue(), '');
      await page.context().close();
    },
  );

  t.same(complaints, [], 'no page error');
});
