// A recorded terminal of a day in the console, in a browser: from the address until it can be played, and the jump to its end.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeKeyPair, publicKeyOf, SshServer } from '../../docker/demo/ssh-server.ts';
import { unprivilegedUser } from '../../docker/demo/unprivileged.ts';
import { indexCast } from '../../src/recordings/cast-index.ts';
import { startBrowser } from '../support/browser.ts';
import { temporaryDirectory } from '../support/directories.ts';
import type { Teardown } from '../support/directories.ts';
import { freePort } from '../support/ports.ts';
import { run } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import { eventsOfDay, putDay, timedMs } from './day-recording.ts';
import { person, startBenchGateway, targetName } from './gateway.ts';
import type { Probe } from './probe.ts';
import { median } from './statistics.ts';

const opensEach = 5;

export const dayReplay: Probe = {
  name: 'day-replay',
  title: 'open a recorded terminal of 24 hours in a browser, until it can be played',
  unit: 'ms',
  must: 1000,
  run: async (t) => {
    const { session, http, auditorLink, bytes } = await recordedDay(t);
    const page = await (await startBrowser(t)).newPage();
    await page.goto(auditorLink);
    await page.getByRole('button', { name: 'Sign out' }).first().waitFor();
    const player = page.getByRole('group', { name: 'Terminal player' });
    const screen = page.getByTestId('screen').locator('.xterm-rows');
    const open = async () => {
      await page.goto(`${http}/sessions/${session}`);
      await player.getByRole('button', { name: 'Play', exact: true }).waitFor();
      await screen.waitFor();
    };
    // The first time is with nothing of the player in the browser's cache.
    const firstMs = await timedMs(open);
    const times: number[] = [];
    for (let turn = 0; turn < opensEach; turn += 1) times.push(await timedMs(open));
    await player.focus();
    const endMs = await timedMs(async () => {
      await page.keyboard.press('End');
      await screen.getByText(`step ${eventsOfDay - 1}`).waitFor();
    });
    return {
      value: Math.max(median(times), firstMs),
      details: { 'the first time ms': firstMs, 'again ms': median(times), 'a jump to the end ms': endMs, MB: bytes / 1e6 },
    };
  },
};

/** A session over SSH, and a day of terminal in its folder of recordings, with the index that the recorder leaves. */
async function recordedDay(t: Teardown) {
  tool('sshd', 'openssh-server');
  const directory = temporaryDirectory(t, 'bench-replay');
  const server = await SshServer.start({ directory: join(directory, 'server'), user: unprivilegedUser() }, await freePort());
  t.teardown(() => server.stop());
  const key = join(directory, person);
  makeKeyPair(key, person);
  const { endpoint, http, auditorLink, dataDir } = await startBenchGateway(t, {
    protocol: 'ssh',
    target: { host: '127.0.0.1', port: server.port, user: server.user, password: '', database: '' },
    settings: { host_keys: [server.hostKey], private_key_file: server.privateKeyFile, shell: 'recorded' },
    publicKeys: [publicKeyOf(key)],
    nodeFlags: [],
  });
  const options = ['StrictHostKeyChecking=no', `UserKnownHostsFile=${join(directory, 'known_hosts')}`, 'BatchMode=yes'];
  const to = ['-p', String(endpoint.port), '-i', key, `${person}:${targetName}@127.0.0.1`, 'true'];
  const { code, stderr } = await run(t, 'ssh', [...options.flatMap((it) => ['-o', it]), ...to]);
  if (code !== 0) throw new Error(`ssh: ${stderr}`);
  const day = await putDay(dataDir);
  const { ...index } = await indexCast(day.cast);
  writeFileSync(`${day.cast}.index`, JSON.stringify(index));
  return { http, auditorLink, ...day };
}
