// `sallyport gateway`: loads the configuration, starts the gateway, says where it listens, and takes it down on a signal.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../config/load.ts';
import type { Terminal } from '../cli/terminal.ts';
import type { RunningGateway } from '../gateway.ts';

/** Long enough to walk from the server to a browser. */
const loginLinkTtlMs = 15 * 60_000;

/** Resolves when the gateway has been taken down. Throws Fault with words. */
export async function runGateway(terminal: Terminal, configPath: string, loginLinkFor: string | undefined): Promise<void> {
  // Before all else: as process 1 of a container nothing ends it but what it listens for, and a signal during the start must not
  // kill it with half of it running. It is started then, and ended at once.
  const stopped = stopSignal();
  const config = loadConfig(configPath);
  const { startGateway } = await import('../gateway.ts');
  const gateway = await startGateway(config);
  try {
    if (loginLinkFor !== undefined) {
      const file = writeLoginLink(config.dataDir, gateway.identity.createLoginLink(loginLinkFor, loginLinkTtlMs));
      terminal.err(`a link that signs ${loginLinkFor} in, once and within ${loginLinkTtlMs / 60_000} minutes, is in ${file}`);
    }
    for (const line of addressLines(gateway.addresses)) terminal.err(line);
    terminal.err('ready; stop with Ctrl-C or SIGTERM');
    const signal = await stopped;
    terminal.err(`${signal}: ending sessions and closing`);
  } finally {
    await gateway.close();
  }
}

function addressLines(addresses: RunningGateway['addresses']): string[] {
  const lines = [`console and API  ${addresses.http}`];
  for (const served of ['postgres', 'mysql', 'ssh', 'metrics'] as const) {
    const address = addresses[served];
    if (address === undefined) continue;
    const host = address.host.includes(':') ? `[${address.host}]` : address.host;
    lines.push(`${served.padEnd(16)} ${host}:${address.port}`);
  }
  return lines;
}

/** Into a file, because stderr often ends in a log that more people can read than may sign in. */
function writeLoginLink(dataDir: string, link: string): string {
  const file = join(dataDir, 'login-link');
  rmSync(file, { force: true });
  writeFileSync(file, `${link}\n`, { mode: 0o600, flag: 'wx' });
  return file;
}

/**
 * The first signal closes cleanly; a second one ends at once, as someone who presses Ctrl-C twice means it. A terminal that is closed
 * sends SIGHUP, more than once, and takes no more words.
 */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (asked && signal !== 'SIGHUP') process.exit(1);
      if (signal === 'SIGHUP') process.stderr.on('error', () => undefined);
      asked = true;
      resolve(signal);
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  });
}
