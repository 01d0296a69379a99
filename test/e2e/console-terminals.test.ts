// Terminals in the console, in a real browser over a real sshd: watched while they run, ended from there, replayed with seek,
// search and keys. What the screen shows is compared with what was typed.

import { existsSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import t from 'tap';
import type { Page } from 'playwright-core';
import type { AuditEventView, Page as ApiPage, SessionView } from '../../src/api/contract.ts';
import { startBrowser } from '../support/browser.ts';
import { consolePage, lookAt } from '../support/console.ts';
import { eventually } from '../support/eventually.ts';
import { start } from '../support/processes.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';
import { tool } from '../support/tools.ts';

const built = join(import.meta.dirname, '../../dist/console/index.html');
if (!existsSync(built)) throw new Error('the console is not built: npm run build:console');
/** What is typed is seen by whoever watches within this, on an idle machine in a fraction of it. */
const seenWithinMs = 1_000;

const world = await startSshWorld(t, { policies: sshPolicies() });
const { gateway } = world;
const carol = gateway.api('carol');
const browser = await startBrowser(t);
const complaints: string[] = [];
const as = (person: string, path: string) => consolePage(browser, gateway, { person, path, complaints });
const screenText = (page: Page) => page.getByTestId('screen').locator('.xterm-rows').innerText();
const shows = (page: Page, what: RegExp) =>
  eventually(`the screen shows ${what}`, async () => (what.test(await screenText(page)) ? true : null));
const newestSession = async () => (await carol.get<ApiPage<SessionView>>('/sessions')).body.items[0] as SessionView;

t.test('watched while it runs, and ended by the one who watches', async (t) => {
  const shell = world.startTerminal([], { target: 'dev-1' });
  await shell.waitFor(/\$ $/);
  shell.write('echo before-watching\r');
  await shell.waitFor(/\rbefore-watching\r/);
  const session = await newestSession();
  const page = await as('carol', `/sessions/${session.id}`);
  await page.getByText('● live').waitFor();
  await shows(page, /before-watching/);

  // Typed, not entered: the letters themselves are seen.
  shell.write('echo typed-no');
  await shell.waitFor(/typed-no$/);
  const fromMs = performance.now();
  shell.write('w');
  await shows(page, /typed-now/);
  const tookMs = performance.now() - fromMs;
  t.comment(`seen after ${Math.round(tookMs)} ms`);
  t.ok(tookMs < seenWithinMs, `seen after ${Math.round(tookMs)} ms`);
  await lookAt(page, 'terminal-live');

  const { body } = await carol.get<ApiPage<AuditEventView>>(`/audit?type=recording.watched&session=${session.id}`);
  t.match(body.items, [{ principal: 'carol', detail: { of: 'terminal', terminal: 0 } }], 'that she watches is written down');

  await page.getByRole('group', { name: 'Live terminal' }).getByRole('button', { name: 'End session' }).click();
  await lookAt(page, 'terminal-end');
  await page.getByRole('dialog').getByRole('button', { name: 'End session' }).click();
  await shell.waitFor(/ended by carol/);
  await page.getByText('ended by carol').first().waitFor();
  await page.getByText('ended', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Replay' }).click();
  await page.getByRole('group', { name: 'Terminal player' }).waitFor();
  await page.context().close();
});

t.test('only those who may see recordings may watch', async (t) => {
  const shell = world.startTerminal([], { target: 'dev-1' });
  await shell.waitFor(/\$ $/);
  const session = await newestSession();
  const page = await as('erin', `/sessions/${session.id}`);
  await page.getByText('What was said in this session is for auditors').waitFor();
  t.equal(await page.getByTestId('screen').count(), 0);
  const code = await page.evaluate(
    (path) =>
      new Promise<string>((resolve) => {
        const socket = new WebSocket(path);
        socket.onopen = () => resolve('opened');
        socket.onerror = () => resolve('refused');
      }),
    `${gateway.http.replace(/^http/, 'ws')}/api/v1/sessions/${session.id}/terminals/0/live`,
  );
  t.equal(code, 'refused');
  shell.write('exit\r');
  await shell.end();
  await page.context().close();
});

t.test('replayed: play, seek, commands, search, speed, keys, resize', async (t) => {
  const shell = world.startTerminal([], { target: 'dev-1' });
  await shell.waitFor(/\$ $/);
  for (const word of ['alpha', 'beta', 'gamma']) {
    shell.write(`echo ${word}-'needle'; sleep 0.7\r`);
    await shell.waitFor(new RegExp(`\r${word}-needle\r[^]*\\$ $`));
  }
  shell.write('clear; echo after-clear\r');
  await shell.waitFor(/\rafter-clear\r|after-clear\r\n[^]*\$ $/);
  shell.write('exit\r');
  await shell.end();
  const session = await newestSession();
  const page = await as('carol', `/sessions/${session.id}`);
  const player = page.getByRole('group', { name: 'Terminal player' });
  await player.waitFor();
  const moment = page.getByLabel('Moment');
  const clock = async () => Number(await moment.inputValue());
  await moment.focus();

  await player.focus();
  await page.keyboard.press('End');
  await shows(page, /after-clear/);
  t.notMatch(await screenText(page), /alpha-needle/, 'cleared');
  await lookAt(page, 'terminal-replay');
  await page.keyboard.press('Home');
  await eventually('back at the start', async () => ((await screenText(page)).includes('after-clear') ? null : true));

  await page.getByLabel('Search in this terminal').fill('BETA-needle');
  await page.getByRole('button', { name: 'Find' }).click();
  await page.getByText(/Found in \d+ line/).waitFor();
  await page
    .getByRole('button', { name: /beta-needle/ })
    .last()
    .click();
  await shows(page, /beta-needle/);
  t.notMatch(await screenText(page), /gamma-needle/, 'as it was then');
  await lookAt(page, 'terminal-search');

  await player.focus();
  await page.keyboard.press('Home');
  for (let presses = 0; presses < 4; presses += 1) await page.keyboard.press('>');
  t.equal(await player.getByLabel('Speed').inputValue(), '16');
  await eventually('at the start', async () => ((await clock()) === 0 ? true : null));
  await page.keyboard.press('Space');
  await eventually('at the end', async () => ((await clock()) === Number(await moment.getAttribute('max')) ? true : null));
  await player.getByRole('button', { name: 'Play', exact: true }).waitFor();
  await shows(page, /after-clear/);
  await page.keyboard.press('f');
  await eventually('full screen', () => page.evaluate(() => (document.fullscreenElement === null ? null : true)));
  await page.keyboard.press('f');
  await page.context().close();
});

t.test('SFTP: what went through stands in the log with its hash', async (t) => {
  const up = join(world.directory, 'up.txt');
  writeFileSync(up, 'sent through the gateway\n');
  const line = [...world.options, '-P', String(world.port), '-o', 'User=alice:dev-1', '-b', '-', '127.0.0.1'];
  const sftp = start(t, tool('sftp', 'openssh-client'), line, { env: { SSH_AUTH_SOCK: undefined } });
  sftp.write(`put ${up} up.txt\nget up.txt ${up}.back\n`);
  sftp.endInput();
  t.equal((await sftp.end()).code, 0);
  const session = await newestSession();
  const page = await as('carol', `/sessions/${session.id}`);
  const sha256 = createHash('sha256').update('sent through the gateway\n').digest('hex');
  await page.getByText(`25 B uploaded · SHA-256 ${sha256}`).waitFor();
  await page.getByText(`25 B downloaded · SHA-256 ${sha256}`).waitFor();
  await lookAt(page, 'sftp-session');
  await page.context().close();
});

t.test('no page error, nothing blocked by the content security policy', async (t) => t.same(complaints, []));
