// npm run setup: makes a clone ready to run a gateway, or brings it up to date after `git pull`: packages, Node 24, ssh2's C++ part
// compiled for that Node, the console. Plain JavaScript for any Node >= 18, because nothing may be installed yet.

import { buildConsole, checkNode, installPackages } from './prepare.mjs';
import { red, say } from './progress.mjs';
import { StepFailed, endRunning } from './run.mjs';

let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    stopping = true;
    endRunning('SIGTERM');
  });
}

try {
  checkNode();
  await installPackages();
  if (!stopping) await buildConsole();
  if (!stopping) say('Ready: node bin/sallyport.mjs gateway --config FILE');
} catch (error) {
  if (!(error instanceof StepFailed)) throw error;
  if (!stopping) say(`\n${red(error.message)}`);
  if (!stopping && error.output.trim() !== '') say(`\n${error.output.trim()}`);
  process.exitCode = 1;
}
if (stopping) process.exitCode = 130;
