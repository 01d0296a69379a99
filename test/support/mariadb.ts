// A real MariaDB (Debian's) for one test file: on a free port, in a temporary directory, as an unprivileged user when root
// runs the tests, gone with the test and with this process.

import { chownSync, copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { unprivilegedUser } from '../../docker/demo/unprivileged.ts';
import { temporaryDirectory } from './directories.ts';
import type { Teardown } from './directories.ts';
import { eventually } from './eventually.ts';
import type { TestTarget } from './gateway.ts';
import { oracleMysql } from './oracle-mysql.ts';
import { freePort } from './ports.ts';
import { run, start, type RunOptions } from './processes.ts';
import { tool } from './tools.ts';

export interface TestMariadb {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: 'owner';
  readonly password: string;
  readonly database: 'shop';
  /** Runs one or more statements on a connection of its own, as owner, and gives the rows of the last. */
  sql(text: string): Promise<RowDataPacket[]>;
  /** A connection that ends with the test. */
  connect(): Promise<Connection>;
}

/** A server that a test can start: MariaDB, or what SALLYPORT_TEST_MYSQL names (oracle-mysql.ts). */
export interface ServerMake {
  readonly daemon: { readonly command: string; readonly args: readonly string[] };
  readonly options: readonly string[];
  /** What root says first; null: nothing. */
  readonly beginning: string | null;
  /** Makes an empty data directory, whose root has no password. */
  initialize(t: Teardown, data: string, options: RunOptions): Promise<void>;
}

const password = 'owner-of-the-test';

const debianMariadb = (): ServerMake => ({
  daemon: { command: tool('mariadbd', 'mariadb-server'), args: ['--no-defaults'] },
  options: ['--innodb-log-file-size=8M'],
  beginning: null,
  initialize: async (t, data, options) => {
    const made = await run(
      t,
      tool('mariadb-install-db', 'mariadb-server'),
      ['--no-defaults', `--datadir=${data}`, '--skip-test-db', '--auth-root-authentication-method=normal'],
      { ...options, timeoutMs: 60_000 },
    );
    if (made.code !== 0) throw new Error(`mariadb-install-db failed:\n${made.stdout}${made.stderr}`);
  },
});

export async function startMariadb(t: Teardown, options: readonly string[] = []): Promise<TestMariadb> {
  const user = unprivilegedUser();
  const directory = temporaryDirectory(t, 'mariadb');
  const data = join(directory, 'data');
  mkdirSync(data);
  if (user !== null) for (const each of [directory, data]) chownSync(each, user.uid, user.gid);
  const as = user === null ? {} : { uid: user.uid, gid: user.gid };
  const env = { HOME: directory, TMPDIR: directory };
  const oracle = process.env['SALLYPORT_TEST_MYSQL'];
  const make = oracle === undefined ? debianMariadb() : oracleMysql(oracle);
  await make.initialize(t, data, { ...as, env });
  const port = await freePort();
  const socket = join(directory, 's');
  const arguments_ = [
    `--datadir=${data}`,
    `--socket=${socket}`,
    `--pid-file=${join(directory, 'pid')}`,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
  ];
  const small = [
    '--innodb-buffer-pool-size=32M',
    '--innodb-flush-log-at-trx-commit=0',
    '--performance-schema=OFF',
    '--local-infile=1',
    '--max-allowed-packet=64M',
  ];
  const own = [...make.daemon.args, ...arguments_, ...make.options];
  const server = start(t, make.daemon.command, [...own, ...small, ...options], { ...as, env, cwd: directory });
  // Also when the test file dies of an uncaught error and no teardown runs.
  process.once('exit', () => server.child.kill('SIGKILL'));
  await eventually(
    'the server takes connections',
    async () => {
      if (!server.running) throw new Error(server.output);
      const root = await createConnection({ socketPath: socket, user: 'root', multipleStatements: true });
      await root.query(
        ['%', 'localhost']
          .map((from) => `CREATE USER owner@'${from}' IDENTIFIED BY '${password}'; GRANT ALL ON *.* TO owner@'${from}' WITH GRANT OPTION`)
          .join('; '),
      );
      await root.query('CREATE DATABASE shop');
      if (make.beginning !== null) await root.query(make.beginning);
      await root.end();
      return true;
    },
    30_000,
  );
  const connect = () => createConnection({ host: '127.0.0.1', port, user: 'owner', password, database: 'shop', multipleStatements: true });
  return {
    host: '127.0.0.1',
    port,
    user: 'owner',
    password,
    database: 'shop',
    sql: async (text) => {
      const connection = await connect();
      try {
        const [rows] = await connection.query<RowDataPacket[] | RowDataPacket[][]>(text);
        const last = Array.isArray(rows) ? rows.at(-1) : rows;
        return (Array.isArray(last) ? last : rows) as RowDataPacket[];
      } finally {
        await connection.end();
      }
    },
    connect: async () => {
      const connection = await connect();
      t.teardown(() => connection.end());
      return connection;
    },
  };
}

/** The test server as a target of its owner's rights. */
export function mariadbTarget(server: TestMariadb, name: string, labels: Readonly<Record<string, string>>): TestTarget {
  const { host, port, user, database } = server;
  return { name, protocol: 'mysql', host, port, user, password: server.password, database, labels };
}

/** Options for TLS with these files. The server reads its key as its own user; clients that show a certificate need an authority. */
export function tlsOptions(t: Teardown, { cert, key }: { readonly cert: string; readonly key: string }): string[] {
  const directory = temporaryDirectory(t, 'mariadb-tls');
  const [ownCert, ownKey] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  copyFileSync(cert, ownCert);
  copyFileSync(key, ownKey);
  const as = unprivilegedUser();
  if (as !== null) for (const path of [directory, ownCert, ownKey]) chownSync(path, as.uid, as.gid);
  return [`--ssl-cert=${ownCert}`, `--ssl-key=${ownKey}`, `--ssl-ca=${ownCert}`];
}
