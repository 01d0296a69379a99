// `sallyport gateway`: loads the configuration, starts the gateway, says where it listens, and takes it down on a signal.

import { loadConfig } from '../config/load.ts';
import { messageOf } from '../core/errors.ts';
import type { Terminal } from '../cli/terminal.ts';

/** Resolves when the gateway has been taken down. Throws Fault with words. */
export async function runGateway(terminal: Terminal, configPath: string): Promise<void> {
  const config = loadConfig(configPath);
  const { startGateway } = await import('../gateway.ts');
  // Before the start: a signal during it must not kill the process with half of it running.
  const stopped = stopSignal();
  const gateway = await startGateway(config);
  terminal.err(`console and API  ${gateway.addresses.http}`);
  for (const protocol of ['postgres', 'mysql', 'ssh'] as const) {
    const address = gateway.addresses[protocol];
    if (address === undefined) continue;
    const host = address.host.includes(':') ? `[${address.host}]` : address.host;
    terminal.err(`${protocol.padEnd(16)} ${host}:${address.port}`);
  }
  terminal.err('ready; stop with Ctrl-C or SIGTERM');
  const signal = await stopped;
  terminal.err(`${signal}: ending sessions and closing`);
  try {
    await gateway.close();
  } catch (thrown) {
    throw new Error(`the gateway did not close cleanly: ${messageOf(thrown)}`, { cause: thrown });
  }
}

/** The first signal closes cleanly; a second one ends at once, as someone who presses Ctrl-C twice means it. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (asked) process.exit(1);
      asked = true;
      resolve(signal);
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });
}
