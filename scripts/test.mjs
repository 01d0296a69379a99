// npm test: prepares what is missing, checks types and format, runs the tests with tap, and ends with "N passed, N failed".
// Arguments go to tap (npm test -- test/unit/x.test.ts); then types and format are left out.
// Plain JavaScript for any Node >= 18, because it runs on a machine where nothing is installed yet.

import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { installDebianPackages, systemName } from './debian-packages.mjs';
import { buildConsole, checkNode, findNode, installPackages, root, toolEnvironment } from './prepare.mjs';
import { dim, green, red, say, step } from './progress.mjs';
import { StepFailed, endRunning, runQuietly } from './run.mjs';
import { reportTap } from './tap-report.mjs';

/** Test files at the same time: many of them run servers of their own, and the smallest machines have two cores. */
const jobs = 2;

/** More failures than this are no accident. */
const againMax = 4;

let tap = null;

async function main() {
  const args = process.argv.slice(2);
  checkNode();
  await installPackages();
  await installDebianPackages();
  await buildConsole();
  await buildTap();
  say(dim(`Node 24 from ${findNode()}, ${systemName()}`));
  const counts = { passed: 0, failed: 0, skipped: 0 };
  if (args.length === 0) {
    await check(counts, 'Types (tsc)', 'tsc', ['-p', 'tsconfig.json']);
    await check(counts, 'Format (prettier)', 'prettier', ['--check', '--log-level=warn', '.']);
  }
  const run = await runTap(args);
  if (args.length === 0 && run.failedFiles.length <= againMax) await runAgain(run);
  counts.passed += run.passed;
  counts.failed += run.failed;
  counts.skipped += run.skipped;
  if (run.passed + run.failed === 0) {
    say(red('No test ran.'));
    counts.failed++;
  } else if (run.code !== 0 && run.failed === 0) {
    say(red(`tap ended with status ${run.code} though no test failed.`));
    counts.failed++;
  }
  return counts;
}

/**
 * On a busy machine a deadline can pass that never passes otherwise. What failed is run once more, alone; what passes then is named,
 * so that nobody has to guess which test to look at.
 */
async function runAgain(run) {
  for (const { name, failed } of run.failedFiles) {
    say(red(`Again, alone: ${name}`));
    const again = await runTap([name, '--jobs=1']);
    if (again.code !== 0 || again.failed > 0 || again.passed === 0) continue;
    say(red(`${name} failed once and passed alone: it depends on time or on its neighbours.`));
    run.failed -= failed;
    run.code = run.failed === 0 ? 0 : run.code;
  }
}

/** tap's own set of plugins, chosen in package.json, is compiled once for each installation. */
async function buildTap() {
  // In node_modules, because that is where tap puts what it made: a new installation removes both.
  const stamp = join(root, 'node_modules/.tap-built');
  if (existsSync(stamp)) return;
  await step('Preparing the test runner', async () => {
    const result = await runQuietly('tap', ['build'], { cwd: root, env: toolEnvironment() });
    if (result.code !== 0) throw new StepFailed('tap could not be prepared.', result.output);
    writeFileSync(stamp, '');
  });
}

/** A tool that checks the whole checkout; counts as one test. */
async function check(counts, title, command, args) {
  try {
    await step(title, async () => {
      const result = await runQuietly(command, args, { cwd: root, env: toolEnvironment() });
      if (result.code !== 0) throw new StepFailed(title, result.output);
    });
    counts.passed++;
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    say(error.output.trim());
    counts.failed++;
  }
}

async function runTap(args) {
  const given = args.some((arg) => arg.startsWith('--jobs') || arg.startsWith('-j'));
  const clean = `--node-arg=--import=${pathToFileURL(join(root, 'scripts/clean-children.mjs')).href}`;
  const options = ['--reporter=tap', '--disable-coverage', clean, ...(given ? [] : [`--jobs=${jobs}`]), ...args];
  tap = spawn('tap', options, { cwd: root, env: { ...toolEnvironment(), NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve, reject) => {
    tap.on('error', reject);
    tap.on('close', (code) => resolve(code ?? 1));
  });
  const counts = await reportTap(tap.stdout, (line) => process.stdout.write(`${line}\n`));
  return { ...counts, code: await ended };
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    endRunning('SIGTERM');
    tap?.kill('SIGTERM');
    // A step that is interrupted says so by itself.
    if (tap !== null) say(red('Interrupted.'));
    process.exitCode = 130;
    // tap ends its test files on SIGTERM; they end their servers.
    setTimeout(() => process.exit(130), 5000).unref();
  });
}

try {
  const { passed, failed, skipped } = await main();
  if (skipped > 0) process.stdout.write(dim(`${skipped} skipped\n`));
  const paint = failed === 0 ? green : red;
  process.stdout.write(`${paint(`${passed} passed, ${failed} failed`)}\n`);
  process.exitCode ||= failed === 0 ? 0 : 1;
} catch (error) {
  if (!(error instanceof StepFailed)) throw error;
  say(`\n${red(error.message)}`);
  if (error.output.trim() !== '') say(`\n${error.output.trim()}`);
  process.stdout.write('0 passed, 1 failed\n');
  process.exitCode ||= 1;
}
