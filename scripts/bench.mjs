// npm run bench: prepares what is missing (packages, the proxies and load tools from Debian), then hands over to
// test/bench/main.ts under Node 24. Arguments go there: npm run bench -- --help.
// Plain JavaScript for any Node >= 18, because it runs on a machine where nothing is installed yet.

import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { checkNode, findNode, installPackages, root, toolEnvironment } from './prepare.mjs';
import { red, say, step } from './progress.mjs';
import { StepFailed, endRunning, runQuietly } from './run.mjs';

/** Debian package of each program: what the gateway is compared with, servers, and what makes the load. */
const needed = {
  haproxy: 'haproxy',
  pgbouncer: 'pgbouncer',
  pgbench: 'postgresql-contrib',
  psql: 'postgresql-client',
  mariadbd: 'mariadb-server',
  sysbench: 'sysbench',
  sshd: 'openssh-server',
  ssh: 'openssh-client',
};
const searched = `${process.env.PATH}:/usr/sbin:/sbin`;

/** Services that come with the packages are kept from starting (policy-rc.d answers 101): the benchmark starts its own. */
const installScript = `
set -e
if [ ! -e /usr/sbin/policy-rc.d ]; then
  printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
get() { apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"; }
get install --no-install-recommends "$@" || { get update; get install --no-install-recommends "$@"; }
`;

const isThere = (program) => spawnSync('sh', ['-c', `command -v ${program}`], { env: { ...process.env, PATH: searched } }).status === 0;
const missingPackages = () => [
  ...new Set(
    Object.keys(needed)
      .filter((it) => !isThere(it))
      .map((it) => needed[it]),
  ),
];

async function installMissing() {
  const missing = missingPackages();
  if (missing.length === 0) return;
  const words = `The benchmark needs: sudo apt-get install --no-install-recommends ${missing.join(' ')}`;
  const become = process.getuid() === 0 ? [] : ['sudo', '-n'];
  if (become.length > 0 && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status !== 0) throw new StepFailed(words);
  await step(`Installing ${missing.join(', ')}`, async () => {
    const [command, ...args] = [...become, 'sh', '-c', installScript, 'sh', ...missing];
    const result = await runQuietly(command, args, { env: process.env, patient: true });
    if (result.code !== 0 || missingPackages().length > 0) throw new StepFailed(words, result.output);
  });
}

function runBench(args) {
  return new Promise((resolve) => {
    const child = spawn(findNode(), ['--disable-warning=ExperimentalWarning', join(root, 'test/bench/main.ts'), ...args], {
      cwd: root,
      stdio: 'inherit',
      env: { ...toolEnvironment(), PATH: `${toolEnvironment().PATH}:/usr/sbin:/sbin` },
    });
    // A terminal's Ctrl-C reaches the child as well; it takes its servers down and ends.
    process.on('SIGINT', () => undefined);
    process.on('SIGTERM', () => child.kill('SIGTERM'));
    child.on('error', (error) => {
      say(`${red('✗')} The benchmark could not be started: ${error.message}`);
      resolve(1);
    });
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

try {
  const args = process.argv.slice(2);
  checkNode();
  await installPackages();
  if (!args.includes('--help') && !args.includes('--list')) await installMissing();
  process.exitCode = await runBench(args);
} catch (error) {
  endRunning('SIGTERM');
  if (!(error instanceof StepFailed)) throw error;
  say(`\n${red(error.message)}`);
  if (error.output.trim() !== '') say(`\n${error.output.trim()}`);
  process.exitCode = 1;
}
