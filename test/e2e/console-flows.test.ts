// The console in a real browser: links from chat and terminals, two approvers at once, who has no rights, what expires, what
// happens when the gateway restarts, and text that wants to be markup. What the page says is compared with what happened.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import t from 'tap';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { HoldView } from '../../src/api/contract.ts';
import { startBrowser } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { shippedPolicies, startTestGateway, targetOf } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

/** For the whole file, on a slow and busy machine; it takes a fraction. */
const fileMsMax = 180_000;
const waitMs = 20_000;
const linkTtlMs = 60_000;
const built = join(import.meta.dirname, '../../dist/console/index.html');
/** Set it to look at the pages: CONSOLE_SHOTS=/tmp/shots. */
const shots = process.env['CONSOLE_SHOTS'];
const phone = { width: 390, height: 844 };
const desk = { width: 1280, height: 860 };

const shortLived = `policy: short
rules:
  - id: hold-vacuum
    title: Maintenance waits a moment
    effects: { verbs: [create] }
    decision: hold
    approvers: { groups: [dba] }
    expires: 5s
    expires_in_transaction: 5s
`;
const hostile =
  'DELETE FROM payments /* <img src=x onerror="document.title=1"><script>document.title=2</script> &lt;b&gt; \u001b[31mred\u001b[0m ' +
  '\u202egnp.exe\u202c \u200b javascript:alert(1) {{7*7}} */';

t.setTimeout(fileMsMax);

t.test('the console, in a browser', { timeout: fileMsMax }, async (t) => {
  if (!existsSync(built)) throw new Error('the console is not built: npm run build:console');
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    policies: { ...shippedPolicies(), 'short.yaml': shortLived },
  });
  const browser = await startBrowser(t);
  const complaints: string[] = [];
  const as = (person: string, path = '/') => signedIn(browser, gateway, person, path, complaints);
  const psql = (text?: string) => {
    const session = start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders')]);
    if (text !== undefined) session.write(`${text};\n`);
    return session;
  };
  const bob = gateway.api('bob');
  const count = async () => (await server.sql('SELECT count(*)::int AS n FROM payments'))[0]?.['n'];

  await t.test('a hold arrives in an open page, and two approvers answer at once: one wins, the other is told', async (t) => {
    const bobs = await as('bob');
    const danas = await as('dana');
    await bobs.getByText('Nothing waits').waitFor();
    const session = psql('TRUNCATE payments /* two at once */');
    const hold = await bob.pendingHold();
    for (const page of [bobs, danas]) {
      await page.locator('.hold-row', { hasText: 'two at once' }).click();
      await page.getByRole('button', { name: 'Approve' }).waitFor();
      await page.getByLabel('Reason').fill('my answer');
    }
    await look(bobs, 'hold');
    await answersMeet(bobs, danas);
    await bobs.getByRole('button', { name: 'Deny' }).click();
    await danas.getByRole('button', { name: 'Approve' }).click();
    const { state, settled_by: by } = await eventually('it is answered', async () => {
      const { body } = await bob.get<HoldView>(`/holds/${hold.id}`);
      return body.state === 'pending' ? null : body;
    });
    const words = `${state === 'approved' ? 'Approved' : 'Denied'} by ${by}`;
    for (const page of [bobs, danas]) await page.getByText(words).first().waitFor();
    const loser = by === 'bob' ? danas : bobs;
    await loser.getByText('Your answer came too late').waitFor();
    await session.waitFor(state === 'approved' ? /TRUNCATE/ : /denied by/);
    t.equal(await count(), state === 'approved' ? 0 : 10);
    await close(bobs, danas);
  });

  await t.test('who may not answer is told so and has no buttons', async (t) => {
    await server.sql('INSERT INTO payments SELECT generate_series(1, 10)');
    const session = psql('DELETE FROM payments');
    const hold = await bob.pendingHold();
    const expected = { alice: /asked for this yourself/, carol: /right to approve|only members of dba/ };
    for (const [person, why] of Object.entries(expected)) {
      const page = await as(person, `/holds/${hold.id}`);
      await page.getByText('You can’t answer this hold').waitFor();
      t.match(await page.locator('main').innerText(), why, person);
      t.equal(await page.getByRole('button', { name: 'Approve' }).count(), 0);
      await look(page, `no-rights-${person}`);
      await close(page);
    }
    const erins = await as('erin', `/holds/${hold.id}`);
    await erins.getByText(/no such hold/i).waitFor();
    await close(erins);
    await bob.post(`/holds/${hold.id}/deny`, { reason: 'next' });
    await session.waitFor(/denied by bob/);
  });

  await t.test('expired: the page shows it without a reload', async () => {
    const page = await as('bob');
    const session = psql('CREATE VIEW soon AS SELECT 1 AS one');
    await page.locator('.hold-row', { hasText: 'CREATE VIEW soon' }).click();
    await page.getByText('Nobody answered in time').first().waitFor();
    await page.getByRole('button', { name: 'Approve' }).waitFor({ state: 'detached' });
    await look(page, 'expired');
    await session.waitFor(/nobody answered in time/);
    await close(page);
  });

  await t.test('a decision link: opening decides nothing, signing in leads back to it, pressing answers', async (t) => {
    const session = psql(`${hostile}`);
    const hold = await bob.pendingHold();
    const link = gateway.running.identity.decisionLinks.create(hold.id, 'approve', null);
    const context = await newContext(browser);
    const page = await newPage(context, complaints);
    await page.goto(link);
    await page.getByText('This link can’t be used').waitFor();
    await look(page, 'decide-signed-out');
    const signIn = async () => {
      await page.getByRole('link', { name: 'Sign in first' }).click();
      await page.getByLabel('Access token').fill(gateway.token('dana'));
      await page.getByRole('button', { name: 'Sign in with the token' }).click();
    };
    await signIn();
    // The second of two taps meets the button that stands there now.
    await page.locator('button[data-variant="approve"]').evaluate((button: HTMLElement) => button.click());
    await page.getByRole('button', { name: 'Approve' }).waitFor();
    t.equal(page.url(), link, 'back at the link');
    t.equal((await bob.get<HoldView>(`/holds/${hold.id}`)).body.state, 'pending');
    const shown = await page.locator('.statement').innerText();
    t.match(shown, '<img src=x onerror="document.title=1">');
    t.match(shown.replaceAll(/\s/g, ''), '\\u202egnp.exe\\u202c');
    t.match(shown.replaceAll(/\s/g, ''), '\\x1b[31mred');
    t.equal(await page.locator('main img, main script').count(), 0);
    t.notMatch(await page.title(), /^[12]$/);
    await look(page, 'decide');
    await page.getByLabel('Reason').fill('by link');
    await context.clearCookies();
    await page.getByRole('button', { name: 'Approve' }).click();
    await signIn();
    t.equal(await page.getByLabel('Reason').inputValue(), 'by link', 'a sign-in that ran out takes nothing that was typed');
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('Approved by dana').first().waitFor();
    await look(page, 'decided');
    await session.waitFor(/DELETE \d+/);
    await page.goto('about:blank');
    await page.goto(link);
    await page.getByText(/used already/).waitFor();

    const again = psql('DROP TABLE payments /* by a bound link */');
    const second = await bob.pendingHold(/by a bound link/);
    await page.goto(gateway.running.identity.decisionLinks.create(second.id, 'deny', 'bob'));
    await page.getByText('You answer as').waitFor();
    t.equal(await page.getByRole('button', { name: 'Approve' }).count(), 0, 'a link to deny offers nothing else');
    await page.getByLabel('Reason').fill('no');
    await page.getByRole('button', { name: 'Deny' }).click();
    await again.waitFor(/denied by bob: no/);

    const client = new pg.Client({ connectionString: gateway.url('alice', 'orders') });
    t.teardown(() => client.end());
    await client.connect();
    const refused = t.rejects(client.query('UPDATE payments SET id = $1', [4711]), { message: /denied by bob/ });
    const third = await bob.pendingHold(/\$1/);
    await page.goto(gateway.running.identity.decisionLinks.create(third.id, 'approve', 'bob'));
    await page.getByRole('button', { name: 'Approve' }).waitFor();
    t.match(await page.locator('.parameters').innerText(), /\$1\s.*4711/s, 'what is answered is shown whole: the parameters too');
    await look(page, 'decide-parameters');
    await page.getByRole('button', { name: 'Deny' }).click();
    await refused;
    await close(page);
  });

  await t.test('a sign-in that psql waits for is confirmed, or refused, in the browser', async (t) => {
    const { port } = gateway.address('postgres');
    const waiting = () =>
      start(t, tool('psql', 'postgresql-client'), ['-h', '127.0.0.1', '-p', String(port), '-U', 'alice+browser', '-d', 'orders']);
    const page = await as('alice');
    const mallory = await as('bob');
    const terminal = waiting();
    const [, url = '', code = ''] = await terminal.waitFor(/open (\S+) and compare the code (\S+)/);
    await mallory.goto(url);
    await mallory.getByText('This sign-in can’t be confirmed').waitFor();
    await page.goto(url);
    await page.getByRole('heading', { name: 'Is this your terminal?' }).waitFor();
    t.equal((await page.locator('.sign-in-code').innerText()).trim(), code, 'the code of the terminal');
    await look(page, 'sign-in');
    terminal.write("SELECT 'signed in by browser';\n");
    t.notMatch(terminal.output, /signed in by browser/);
    await page.getByRole('button', { name: 'Confirm' }).click();
    await page.getByRole('heading', { name: 'Signed in' }).waitFor();
    await terminal.waitFor(/signed in by browser/);

    const other = waiting();
    const [, refused = ''] = await other.waitFor(/open (\S+) and compare/);
    await page.goto(refused);
    await page.getByRole('button', { name: 'Not mine' }).click();
    await page.getByRole('heading', { name: 'Refused' }).waitFor();
    await other.waitFor(/FATAL: .*nobody confirmed the sign-in/);
    await page.goto(url);
    await page.getByText('This sign-in can’t be confirmed').waitFor();

    await t.test('and the session that came of it is ended by an operator', async () => {
      const erins = await as('erin', '/sessions');
      await erins.locator('.session-row', { hasText: 'alice' }).first().click();
      await erins.getByText('signed in by browser').waitFor();
      await erins.getByText('What was said in this session is for auditors').waitFor();
      await look(erins, 'session');
      await erins.getByRole('button', { name: 'End session' }).click();
      await look(erins, 'end-session');
      await erins.getByRole('dialog').getByRole('button', { name: 'End session' }).click();
      await erins.getByText('ended by erin').first().waitFor();
      terminal.write('SELECT 1;\n');
      await terminal.waitFor(/ended by erin/);
      await close(erins);
    });
    await close(page, mallory);
  });

  await t.test('a token is made, copied and used; it is shown once', async (t) => {
    const page = await as('alice', '/targets');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('button', { name: 'Make an access token' }).click();
    await page.getByRole('button', { name: 'Make a token' }).click();
    await page.getByRole('button', { name: 'Copy the token' }).click();
    const token = await eventually('it is copied', () => page.evaluate(() => navigator.clipboard.readText()));
    t.match(token, /^sp_\w+$/);
    await look(page, 'token');
    await page.getByRole('button', { name: 'Done' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    t.notMatch(await page.content(), token);
    const url = gateway.url('alice', 'orders').replace(gateway.token('alice'), token);
    const session = start(t, tool('psql', 'postgresql-client'), [url, '-Atc', 'SELECT 42']);
    t.match(await session.end(), { stdout: '42\n' });
    await close(page);
  });

  await t.test('the gateway restarts: the page says so, comes back by itself, and shows what has changed', async () => {
    const page = await as('bob');
    const session = psql('DROP TABLE payments /* lost */');
    await page.locator('.hold-row', { hasText: 'lost' }).waitFor();
    const restarted = gateway.restart();
    await page.locator('.shell-link[data-state="down"]:visible').waitFor();
    await look(page, 'reconnecting');
    await restarted;
    await page.locator('.shell-link[data-state="up"]:visible').waitFor();
    await page.getByText('Nothing waits').waitFor();
    await session.stop();
    psql('DROP TABLE payments /* after the restart */');
    await page.locator('.hold-row', { hasText: 'after the restart' }).waitFor();
    await gateway.api('bob').post(`/holds/${(await gateway.api('bob').pendingHold()).id}/deny`, { reason: 'done' });
    await close(page);
  });

  await t.test('auditors see policies that were not taken, verify the chain, and read hostile text as text', async (t) => {
    writeFileSync(join(gateway.policyDir, 'broken.yaml'), 'policy: <img src=x onerror="document.title=3">\nrules: [\n');
    const page = await as('carol', '/policies');
    await page.getByText('The newest files on disk were not taken').waitFor();
    await look(page, 'policies');
    await page.getByRole('link', { name: 'Audit' }).click();
    await page.getByRole('button', { name: 'Verify chain' }).click();
    await page.getByText('Whole:').waitFor();
    await look(page, 'audit');
    await page.getByRole('link', { name: 'Sessions' }).click();
    await look(page, 'sessions');
    t.equal(await page.locator('main img, main script').count(), 0);
    await close(page);
  });

  await t.test('signed out elsewhere: the page goes to sign-in by itself', async () => {
    const page = await as('dana');
    await page.getByText('Nothing waits').waitFor();
    await gateway.api('erin').post('/people/dana/disable');
    await page.getByLabel('Access token').waitFor();
    await close(page);
  });

  t.same(complaints, [], 'no page error, nothing blocked by the content security policy');
});

async function signedIn(browser: Browser, gateway: TestGateway, person: string, path: string, complaints: string[]): Promise<Page> {
  const page = await newPage(await newContext(browser), complaints);
  await page.goto(gateway.running.identity.createLoginLink(person, linkTtlMs, 'erin'));
  await page.getByRole('button', { name: 'Sign out' }).first().waitFor();
  if (path !== '/') await page.goto(gateway.http + path);
  return page;
}

async function newContext(browser: Browser): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: desk });
  context.setDefaultTimeout(waitMs);
  return context;
}

/** A page whose errors are kept, but for those that a gateway that is away or a refused sign-in makes. */
async function newPage(context: BrowserContext, complaints: string[]): Promise<Page> {
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of 4\d\d|ERR_CONNECTION|WebSocket connection/.test(message.text()))
      complaints.push(message.text());
  });
  return page;
}

/** Neither page's answer leaves its browser before both were pressed. */
async function answersMeet(...pages: Page[]): Promise<void> {
  const { promise: both, resolve } = Promise.withResolvers<void>();
  let pressed = 0;
  for (const page of pages) {
    await page.route(/\/holds\/[^/]+\/(approve|deny)$/, async (route) => {
      pressed += 1;
      if (pressed === pages.length) resolve();
      await both;
      await route.continue();
    });
  }
}

async function close(...pages: Page[]): Promise<void> {
  for (const page of pages) await page.context().close();
}

/** Nothing may stick out sideways on a phone; and pictures for whoever wants to look. */
async function look(page: Page, name: string): Promise<void> {
  if (shots !== undefined) {
    mkdirSync(shots, { recursive: true });
    await page.screenshot({ path: join(shots, `${name}-1280.png`), fullPage: true });
  }
  await page.setViewportSize(phone);
  const tooWide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (shots !== undefined) await page.screenshot({ path: join(shots, `${name}-390.png`), fullPage: true });
  await page.setViewportSize(desk);
  if (tooWide > 0) throw new Error(`${name} is ${tooWide} pixels too wide for a phone`);
}
