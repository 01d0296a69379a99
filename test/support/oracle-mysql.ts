// Oracle's MySQL in place of MariaDB, where SALLYPORT_TEST_MYSQL names a folder that holds a Debian with one: its stable has none
// (scripts/oracle-mysql.mjs makes such a folder of the unstable one). Its programs run by that system's own loader and libraries.

import { join } from 'node:path';
import type { ServerMake } from './mariadb.ts';
import { run } from './processes.ts';

/** Tables of numbers, which MariaDB has by itself. */
const sequences = [5, 10, 50, 100, 300, 1000, 2000, 5000, 100_000]
  .map((to) => {
    const numbers = `WITH RECURSIVE numbers (seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM numbers WHERE seq < ${to}) SELECT seq FROM numbers`;
    return `CREATE VIEW shop.seq_1_to_${to} AS ${numbers}`;
  })
  .join('; ');

/** A program of the folder, and what stands before its own arguments. */
export function programOf(root: string, path: string): { readonly command: string; readonly args: readonly string[] } {
  const libraries = ['usr/lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu/mysql/private'].map((it) => join(root, it)).join(':');
  return { command: join(root, 'usr/lib64/ld-linux-x86-64.so.2'), args: ['--library-path', libraries, join(root, path)] };
}

export function oracleMysql(root: string): ServerMake {
  const { command, args } = programOf(root, 'usr/sbin/mysqld');
  const daemon = {
    command,
    args: [
      ...args,
      '--no-defaults',
      `--basedir=${join(root, 'usr')}`,
      `--lc-messages-dir=${join(root, 'usr/share/mysql')}`,
      `--character-sets-dir=${join(root, 'usr/share/mysql/charsets')}`,
      `--plugin-dir=${join(root, 'usr/lib/mysql/plugin')}`,
    ],
  };
  return {
    daemon,
    options: ['--mysqlx=OFF', '--secure-file-priv=', '--skip-log-bin', '--event-scheduler=OFF', '--cte-max-recursion-depth=1000000'],
    beginning: sequences,
    initialize: async (t, data, options) => {
      const made = await run(t, command, [...daemon.args, `--datadir=${data}`, '--initialize-insecure'], {
        ...options,
        timeoutMs: 120_000,
      });
      if (made.code !== 0) throw new Error(`mysqld --initialize-insecure failed:\n${made.stdout}${made.stderr}`);
    },
  };
}
