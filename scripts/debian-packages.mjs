// The tools that the tests drive are real ones and come from Debian. Installs those that are missing when this user may,
// else says exactly what to install.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dim, say, step } from './progress.mjs';
import { StepFailed, runQuietly } from './run.mjs';

/** Package and what the tests do with it. */
const needed = {
  postgresql: 'servers to guard, pg_dump',
  'postgresql-client': 'psql',
  'postgresql-contrib': 'pgbench, extensions',
  'mariadb-server': 'servers to guard',
  'mariadb-client': 'mariadb, mysqldump',
  'openssh-server': 'servers to guard',
  'openssh-client': 'ssh, scp, sftp',
  'openssh-sftp-server': 'sftp',
  'dropbear-bin': 'another SSH client',
  xauth: 'X11 forwarding',
  'putty-tools': 'another SSH client',
  rsync: 'copying over SSH',
  git: 'repositories over SSH',
  curl: 'a client of a SOCKS tunnel',
  tmux: 'terminals',
  chromium: 'the console in a browser',
  'python3-psycopg2': 'a PostgreSQL driver',
  'python3-psycopg': 'a PostgreSQL driver',
  'python3-pymysql': 'a MySQL driver',
  'default-jdk-headless': 'to run the Java drivers',
  'libpostgresql-jdbc-java': 'a PostgreSQL driver',
  'libmariadb-java': 'a MySQL driver',
};

/**
 * Installs with services kept from starting (policy-rc.d answers 101): the tests start servers of their own, and a machine
 * should not find a database on port 5432 because somebody ran tests.
 */
const installScript = `
set -e
if [ ! -e /usr/sbin/policy-rc.d ]; then
  printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
get() { apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"; }
get update || get update
get install --no-install-recommends "$@" || { get update; get install --no-install-recommends "$@"; }
`;

/** Makes sure that every package is there, or throws words that name the missing ones. */
export async function installDebianPackages() {
  if (!existsSync('/usr/bin/dpkg-query')) {
    say(dim('This is not Debian: tests that miss a tool will fail and name it.'));
    return;
  }
  const missing = Object.keys(needed).filter((name) => !installed(name));
  if (missing.length === 0) return;
  const words = `The tests need Debian packages that are not installed. Install them:\n\n  sudo apt-get install --no-install-recommends ${missing.join(' ')}\n`;
  const become = rootCommand();
  if (become === null) throw new StepFailed(`${words}\n(This user is not root and sudo asks for a password, so it was not tried.)`);
  await step(`Installing Debian packages: ${missing.join(', ')}`, async () => {
    // A package manager that is cut off in the middle leaves packages half configured.
    const options = { env: process.env, patient: true };
    const result = await runQuietly(become[0], [...become.slice(1), 'sh', '-c', installScript, 'sh', ...missing], options);
    const still = missing.filter((name) => !installed(name));
    if (result.code !== 0 || still.length > 0) throw new StepFailed(`apt-get did not succeed.\n${words}`, result.output);
  });
}

function installed(name) {
  const result = spawnSync('dpkg-query', ['-W', '-f=${Status}', name], { encoding: 'utf8' });
  return result.status === 0 && result.stdout.endsWith(' installed');
}

/** The command that makes one root without asking, [] spelled as env for root itself, or null. */
function rootCommand() {
  if (process.getuid() === 0) return ['/usr/bin/env'];
  const sudo = spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' });
  return sudo.status === 0 ? ['sudo', '-n'] : null;
}

/** "Debian GNU/Linux 12 (bookworm)", for the head of a test run. */
export function systemName() {
  if (!existsSync('/etc/os-release')) return process.platform;
  return /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
}
