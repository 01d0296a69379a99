// `sallyport demo`: hands over to the demo's own script, which prepares and starts everything.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The script's exit code. */
export async function runDemo(args: readonly string[]): Promise<number> {
  const script = fileURLToPath(new URL('../../scripts/demo.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, ...args], { stdio: 'inherit' });
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  // Ctrl-C reaches the script from the terminal; this process only waits for it.
  process.on('SIGINT', () => void (process.stdin.isTTY || child.kill('SIGINT')));
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
