// npm run demo: prepares what is missing, then hands over to docker/demo/main.ts under Node 24 and waits for it.
// Plain JavaScript for any Node >= 18, because it runs on a machine where nothing is installed yet.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildConsole, checkNode, findNode, installPackages, root, toolEnvironment } from './prepare.mjs';
import { bold, red, say } from './progress.mjs';
import { StepFailed, endRunning } from './run.mjs';

const help = `
${bold('npm run demo')} starts a Sallyport gateway with a real PostgreSQL behind it, people, policies and data to play with.

  npm run demo                       start; Ctrl-C ends everything
  npm run demo -- --json             one line of JSON on stdout when ready, for programs
  npm run demo -- --data DIR         where state lives (default: ./data); delete it to start afresh
  npm run demo -- --help             these words

It listens on 127.0.0.1 only: 6432 (PostgreSQL) and 8080 (console, API), or free ports when those are taken.
Needed: Node 18 or newer and npm. Everything else comes from npm.
`;

const parentPollMs = 1000;
let child = null;
let stopping = false;

function stop(signal) {
  if (child !== null) {
    // A terminal's Ctrl-C reached the child as well; it ends once, however often it is asked.
    child.kill(signal);
    return;
  }
  stopping = true;
  endRunning('SIGTERM');
}

/**
 * Under npm, the end of npm must end the demo too, even when npm was killed without a chance to pass the signal on. There
 * may be a shell between npm and this process, which would live on: so the shell's parent is watched as well, where it can be.
 */
function watchParents() {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parents = () => `${process.ppid} ${parentOf(process.ppid)}`;
  const before = parents();
  setInterval(() => {
    if (parents() !== before) stop('SIGTERM');
  }, parentPollMs).unref();
}

function parentOf(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return /^Name:\s+(sh|dash|bash)$/m.test(status) ? /^PPid:\s+(\d+)$/m.exec(status)?.[1] : '';
  } catch {
    return '';
  }
}

async function main() {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(help);
    return 0;
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop(signal === 'SIGHUP' ? 'SIGTERM' : signal));
  watchParents();
  checkNode();
  await installPackages();
  if (!stopping) await buildConsole();
  if (stopping) return 130;
  return await runDemo(args);
}

function runDemo(args) {
  return new Promise((resolve) => {
    // The IPC channel closes when this process dies in any way; the demo sees that and ends.
    child = spawn(findNode(), ['--disable-warning=ExperimentalWarning', join(root, 'docker/demo/main.ts'), ...args], {
      // What it has for stdout comes as a message, so that no library of the gateway can add a line there.
      stdio: ['ignore', 2, 2, 'ipc'],
      env: toolEnvironment(),
    });
    child.on('message', (message) => process.stdout.write(message.print));
    child.on('error', (error) => {
      say(`${red('✗')} The demo could not be started: ${error.message}`);
      resolve(1);
    });
    child.on('exit', (code, signal) => resolve(signal === null ? (code ?? 1) : 1));
  });
}

try {
  process.exitCode = await main();
} catch (error) {
  if (stopping) {
    process.exitCode = 130;
  } else if (error instanceof StepFailed) {
    say(`\n${red(error.message)}`);
    if (error.output.trim() !== '') say(`\n${error.output.trim()}`);
    process.exitCode = 1;
  } else {
    throw error;
  }
}
// The parent watch must not keep a finished demo alive, nor may a child's open pipe.
process.exit();
