// The gateway's MySQL tests with Oracle's MySQL as the server, which Debian has in its unstable only. Not part of `npm test`: it needs
// root, debootstrap, a gigabyte and some minutes.
//   node scripts/oracle-mysql.mjs FOLDER        makes a Debian with MySQL in FOLDER when there is none, and runs the tests

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Those of `npm test` in which nothing is MariaDB's alone, and what is MySQL's alone. */
const files = [
  'test/oracle/mysql.test.ts',
  'test/unit/classify-mysql-server.test.ts',
  ...['compression', 'change-user', 'held-bytes'].map((it) => `test/e2e/mysql-${it}.test.ts`),
  ...['shape-mysql', 'approvals-preview-mysql', 'policy-estimated-rows', 'identity-exec'].map((it) => `test/e2e/${it}.test.ts`),
];

const [given] = process.argv.slice(2);
if (given === undefined) {
  console.error('node scripts/oracle-mysql.mjs FOLDER: name a folder for a Debian with MySQL');
  process.exit(2);
}
const folder = resolve(given);
if (!existsSync(join(folder, 'usr/sbin/mysqld'))) {
  const made = spawnSync('debootstrap', ['--variant=minbase', '--include=mysql-server-core,mysql-client-core', 'sid', folder], {
    stdio: 'inherit',
  });
  if (made.status !== 0) {
    console.error(made.error?.message ?? `debootstrap ended with ${made.status}; it has to run as root`);
    process.exit(1);
  }
}
const env = { ...process.env, SALLYPORT_TEST_MYSQL: folder };
const failed = files.filter((file) => {
  const { status, stdout } = spawnSync(process.execPath, [file], { cwd: join(import.meta.dirname, '..'), env, encoding: 'utf8' });
  console.log(`${status === 0 ? '✓' : '✗'} ${file}`);
  if (status !== 0) console.log(stdout);
  return status !== 0;
});
console.log(`${files.length - failed.length} passed, ${failed.length} failed`);
process.exit(failed.length === 0 ? 0 : 1);
