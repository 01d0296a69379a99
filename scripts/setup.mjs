// Installs the packages and builds the console, for those who run the gateway itself: node scripts/setup.mjs
// Plain JavaScript for any Node >= 18.

import { buildConsole, checkNode, installPackages } from './prepare.mjs';
import { red, say } from './progress.mjs';
import { StepFailed, endRunning } from './run.mjs';

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => endRunning('SIGTERM'));
try {
  checkNode();
  await installPackages();
  await buildConsole();
} catch (error) {
  if (!(error instanceof StepFailed)) throw error;
  say(`\n${red(error.message)}\n\n${error.output.trim()}`);
  process.exitCode = 1;
}
