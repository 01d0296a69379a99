// Passkeys in a real Chromium with a virtual authenticator: registered on the account page, signing in, and signing an approval
// of exactly one action that then verifies from the audit log alone.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Page } from 'playwright-core';
import type { AccessRequestView, AccountView, AuditEventView, HoldView, Page as List, Problem } from '../../src/api/contract.ts';
import { totpCode } from '../../src/identity/totp.ts';
import { startBrowser } from '../support/browser.ts';
import { runCommand } from '../support/command-line.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/ports.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const built = join(import.meta.dirname, '../../dist/console/index.html');
const waitMs = 10_000;
/** Set to a folder to look at the pages. */
const pictures = process.env['SALLYPORT_PICTURES'];

const policy = (factor: string) => `
policy: guarded
rules:
  - id: reads
    effects: { access: [read, session] }
    decision: allow
  - id: connect
    actions: [connect]
    decision: allow
  - id: writes
    otherwise: true
    decision: hold
    approvers: { groups: [dba], second_factor: ${factor} }
`;

async function look(page: Page, name: string): Promise<void> {
  if (pictures === undefined) return;
  mkdirSync(pictures, { recursive: true });
  for (const [width, height] of [
    [1280, 860],
    [390, 844],
  ] as const) {
    await page.setViewportSize({ width, height });
    await page.screenshot({ path: join(pictures, `${name}-${width}.png`), fullPage: true });
  }
}

async function withAuthenticator(page: Page): Promise<void> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  const options = {
    protocol: 'ctap2' as const,
    transport: 'internal' as const,
    hasResidentKey: true,
    hasUserVerification: true,
    isUserVerified: true,
    automaticPresenceSimulation: true,
  };
  await devtools.send('WebAuthn.addVirtualAuthenticator', { options });
}

t.test('passkeys and codes under approvals', async (t) => {
  if (!existsSync(built)) throw new Error('the console is not built: npm run build:console');
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const port = await freePort();
  const at = `http://localhost:${port}`;
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' }), targetOf(server, 'billing', { env: 'production' })],
    policies: { 'guarded.yaml': `${policy('passkey')}` },
    config: {
      public_url: at,
      listen: { http: { host: '127.0.0.1', port }, postgres: { host: '127.0.0.1', port: 0 } },
    },
  });
  const { identity } = gateway.running;
  const browser = await startBrowser(t);
  const context = await browser.newContext();
  context.setDefaultTimeout(waitMs);
  const page = await context.newPage();
  await withAuthenticator(page);
  const psql = () => start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-At']);
  const held = async (sql: string) => {
    const session = psql();
    session.write(`${sql}\n`);
    const hold = await gateway.api('bob').pendingHold(sql);
    return { session, hold };
  };

  await t.test('an approval without the passkey is refused in words, and a denial needs none', async (t) => {
    const { session, hold } = await held('DELETE FROM payments WHERE id = 1;');
    t.equal(hold.second_factor, 'passkey');
    const refused = await gateway.api('bob').post<Problem>(`/holds/${hold.id}/approve`);
    t.match(refused, { status: 403, body: { code: 'second-factor-missing', detail: /passkey.*console/ } });
    const code = await gateway.api('bob').post<Problem>(`/holds/${hold.id}/approve`, { totp: '123456' });
    t.match(code, { status: 403, body: { detail: /no authenticator app/ } });
    t.equal((await gateway.api('bob').post<HoldView>(`/holds/${hold.id}/deny`)).body.state, 'denied');
    session.endInput();
    await session.end();
  });

  await t.test('a browser that a token opened registers no second factor', async (t) => {
    const cookie = `sallyport=${identity.signIn({ token: gateway.token('bob') }, '127.0.0.1')?.cookie ?? ''}`;
    const response = await fetch(`${at}/api/v1/account/passkeys/options`, {
      method: 'POST',
      headers: { cookie, origin: at, 'content-type': 'application/json' },
      body: '{}',
    });
    t.match(await response.json(), { status: 403, code: 'sign-in-too-weak' });
  });

  await t.test('registered on the account page, and signs in', async (t) => {
    await page.goto(identity.createLoginLink('bob', 60_000, 'erin'));
    await page.getByRole('link', { name: 'Account' }).first().click();
    await page.getByLabel('Name of the new passkey').fill('laptop');
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await page.getByText('laptop').first().waitFor();
    await look(page, 'account');
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await page.getByText(/prove your second factor first/).waitFor();
    await page.getByRole('button', { name: 'Use a passkey' }).click();
    await page.getByText('Proved.').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).first().click();
    await page.getByRole('button', { name: 'Sign in with a passkey' }).waitFor();
    await look(page, 'login');
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.getByText('Nothing waits').waitFor();
    const { body } = await gateway.api('carol').get<List<AuditEventView>>('/audit?type=sign-in.succeeded&principal=bob');
    t.equal(body.items[0]?.detail['method'], 'passkey');
  });

  let used: Record<string, unknown> = {};
  await t.test('the passkey approves exactly one action, and its signature is in the audit log', async (t) => {
    const { session, hold } = await held('DELETE FROM payments WHERE id = 2;');
    page.on('request', (request) => {
      if (request.url().endsWith('/approve')) used = request.postDataJSON() as Record<string, unknown>;
    });
    await page.goto(`${at}/holds/${hold.id}`);
    await page.getByText('it signs exactly this action').waitFor();
    await look(page, 'hold-passkey');
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('Approved by bob').first().waitFor();
    await session.waitFor(/DELETE 1/);
    session.endInput();
    await session.end();
    const { body } = await gateway.api('carol').get<List<AuditEventView>>(`/audit?hold=${hold.id}&type=hold.approval-given`);
    t.match(body.items[0]?.detail['second_factor'], { kind: 'passkey', signature: String });
    t.match((await gateway.api('bob').get<HoldView>(`/holds/${hold.id}`)).body.approvals, [{ by: 'bob', second_factor: 'passkey' }]);
  });

  await t.test('the signature of one hold approves no other', async (t) => {
    const { session, hold } = await held('DELETE FROM payments WHERE id = 3;');
    const { passkey } = used as { passkey?: object };
    t.ok(passkey, 'the first approval was seen');
    const replayed = await gateway.api('bob').post<Problem>(`/holds/${hold.id}/approve`, { passkey: passkey ?? {} });
    t.match(replayed, { status: 403, body: { detail: /not for exactly this action/ } });
    t.equal((await gateway.api('bob').get<HoldView>(`/holds/${hold.id}`)).body.state, 'pending');
    const byDana = await gateway.api('dana').post<Problem>(`/holds/${hold.id}/approve`, { passkey: passkey ?? {} });
    t.equal(byDana.status, 403, 'nor is it another person');
    await gateway.api('bob').post(`/holds/${hold.id}/deny`);
    session.endInput();
    await session.end();
  });

  await t.test('it verifies from the log alone, and a log with a forged approval does not', async (t) => {
    const audit = join(gateway.dataDir, 'audit');
    await eventually('the log is written', async () => (await runCommand(['audit', 'verify', audit, '--approvals'])).code === 0);
    const verified = await runCommand(['audit', 'verify', audit, '--approvals']);
    t.match(verified.out, /1 approval.*signed by a passkey/);
    t.match(verified.out, /bob: [0-9a-f]{4}/, 'the fingerprint of the key, to compare');
  });

  await t.test('a request for access is signed as well', async (t) => {
    const rule = '{ id: work, longest: 1h, second_factor: passkey, approvers: { groups: [dba] } }';
    writeFileSync(
      join(gateway.policyDir, 'access.yaml'),
      `policy: access\nrules:\n  - { id: open, actions: [connect], decision: allow }\naccess:\n  - ${rule}\n`,
    );
    const alice = gateway.api('alice');
    const { id } = await eventually('it is asked', async () => {
      const asked = await alice.post<AccessRequestView>('/access-requests', { target: 'orders', for_ms: 60_000, reason: 'ticket 7' });
      return asked.status < 300 ? asked.body : null;
    });
    t.match(await gateway.api('bob').post<Problem>(`/access-requests/${id}/approve`, {}), { body: { code: 'second-factor-missing' } });
    await page.goto(`${at}/access/${id}`);
    await page.getByRole('button', { name: 'Approve' }).click();
    const granted = await eventually('it is granted', async () => {
      const { body } = await alice.get<AccessRequestView>(`/access-requests/${id}`);
      return body.state === 'granted' ? body : null;
    });
    // More time is asked for, and signed, like the first.
    const more = await alice.post<AccessRequestView>(`/grants/${granted.grant_id}/extend`, { for_ms: 120_000, reason: 'not done' });
    await page.goto(`${at}/access/${more.body.id}`);
    await page.getByRole('button', { name: 'Approve' }).click();
    await eventually('it is longer', async () => {
      const { body } = await alice.get<AccessRequestView>(`/access-requests/${more.body.id}`);
      return body.state === 'granted';
    });
    const verified = await runCommand(['audit', 'verify', join(gateway.dataDir, 'audit'), '--approvals']);
    t.match(verified, { code: 0, out: /3 approvals signed by a passkey/ }, 'a statement, access and more time');
  });

  await t.test('a code of an app, once; the same code again is refused', async (t) => {
    const { writeFileSync } = await import('node:fs');
    writeFileSync(join(gateway.policyDir, 'guarded.yaml'), policy('totp'));
    await page.goto(`${at}/account`);
    await page.getByRole('button', { name: 'Use a passkey' }).click();
    await page.getByText('Proved.').waitFor();
    await page.getByRole('button', { name: 'Register an app' }).click();
    const key = await page.locator('.copy-line code').innerText();
    await look(page, 'account-totp');
    const secret = fromBase32(key);
    const step = () => Math.floor(Date.now() / 30_000);
    // The code of the step before still counts, that of two before does not.
    await eventually('a step has just begun', () => Date.now() % 30_000 < 10_000, 30_000);
    await page.getByLabel('Code that the app shows').fill(totpCode(secret, step() - 1));
    await page.getByRole('button', { name: 'Confirm' }).click();
    await page.getByText('An app is registered').waitFor();
    const account = await gateway.api('bob').get<AccountView>('/account');
    t.equal(account.body.totp, true);
    const factors = async () => (await gateway.api('bob').get<AccountView>('/account')).body;
    await page.getByRole('button', { name: 'Remove the passkey “laptop”' }).dblclick();
    await page.getByRole('dialog').getByText('It signs you in no more').waitFor();
    t.equal((await factors()).passkeys.length, 1, 'two taps remove nothing: it is asked');
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();

    const { session, hold } = await held('DELETE FROM payments WHERE id = 4;');
    t.equal(hold.second_factor, 'totp', 'the new policy is in force');
    t.match((await gateway.api('bob').post<Problem>(`/holds/${hold.id}/approve`)).body, {
      code: 'second-factor-missing',
      detail: /--code/,
    });
    t.match((await gateway.api('bob').post<Problem>(`/holds/${hold.id}/approve`, { totp: '000000' })).status, 403);
    const lastStep = step();
    const code = totpCode(secret, lastStep);
    const approved = await runCommand(['approve', hold.id, '--server', gateway.http, '--token', gateway.token('bob'), '--code', code]);
    t.match(approved, { code: 0, out: /approved/ });
    await session.waitFor(/DELETE 1/);
    session.write('DELETE FROM payments WHERE id = 5;\n');
    const next = await gateway.api('bob').pendingHold('DELETE FROM payments WHERE id = 5;');
    const again = await gateway.api('bob').post<Problem>(`/holds/${next.id}/approve`, { totp: code });
    t.match(again, { status: 403, body: { detail: /used already/ } });
    // In the console Enter in the code's field is the button.
    await page.goto(`${at}/holds/${next.id}`);
    await eventually('the next code', () => step() > lastStep, 35_000);
    await page.getByLabel('Code of your authenticator app').fill(totpCode(secret, step()));
    await page.keyboard.press('Enter');
    await page.getByText('Approved by').first().waitFor();
    await session.waitFor(/DELETE 1[^]*DELETE 1/);
    session.endInput();
    await session.end();
  });
});

function fromBase32(text: string): Buffer {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...text].map((letter) => letters.indexOf(letter).toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
