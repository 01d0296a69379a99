// `sallyport login` without a token: shows a link and a code, opens the link where a browser is at hand, and waits until its
// person has confirmed in the console. Nothing is typed here, and no password is seen here.

import { spawn } from 'node:child_process';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { apiBase } from '../api/contract.ts';
import type { CliLoginBegun, CliLoginPolled, Problem } from '../api/contract.ts';
import { unreachable } from './client.ts';
import { CommandFailure, exitCode } from './exit-code.ts';
import type { Terminal } from './terminal.ts';
import { visible } from './visible.ts';

const pollEveryMs = 1_000;
const timeoutMs = 30_000;
const machineCharactersMax = 100;

/** The token that the person's confirmation made. Throws CommandFailure when it was refused or ran out. */
export async function browserLogin(terminal: Terminal, server: string, opensBrowser: boolean): Promise<string> {
  const machine = hostname().slice(0, machineCharactersMax);
  const begun = await post<CliLoginBegun>(server, '/cli-logins', { machine });
  terminal.err(`to sign in, open this address and confirm that it shows the code ${terminal.paint('bold', visible(begun.code))}:`);
  terminal.err(visible(begun.url));
  // Only an address of the gateway itself is handed to the desktop.
  if (opensBrowser && URL.parse(begun.url)?.origin === new URL(server).origin) openBrowser(begun.url);
  for (;;) {
    await sleep(pollEveryMs);
    const polled = await post<CliLoginPolled>(server, '/cli-logins/poll', { poll_secret: begun.poll_secret, machine });
    switch (polled.state) {
      case 'waiting':
        continue;
      case 'confirmed':
        return polled.token;
      case 'refused':
        throw new CommandFailure(exitCode.notAllowed, 'the sign-in was refused in the browser');
      case 'gone':
        throw new CommandFailure(exitCode.notAllowed, 'nobody confirmed the sign-in in time', 'run `sallyport login` again');
    }
  }
}

async function post<T>(server: string, path: string, body: object): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`${server}${apiBase}${path}`, {
      method: 'POST',
      headers: { accept: 'application/json', 'content-type': 'application/json' },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (thrown) {
    throw unreachable(server, thrown);
  }
  const answer = (await response.json().catch(() => ({}))) as T & Partial<Problem>;
  if (response.ok) return answer;
  throw new CommandFailure(exitCode.failed, visible(answer.detail ?? `${server} answered ${response.status}`));
}

/** Best effort: where there is no desktop, the person has the address. */
function openBrowser(url: string): void {
  const [command, ...args] = process.platform === 'darwin' ? ['open'] : process.platform === 'win32' ? ['explorer'] : ['xdg-open'];
  const child = spawn(command ?? 'xdg-open', [...args, url], { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}
