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
import { freePort } from './ports.ts';
import { run, start } from './processes.ts';
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

const password = 'owner-of-the-test';

export async function startMariadb(t: Teardown, options: readonly string[] = []): Promise<TestMariadb> {
  const user = unprivilegedUser();
  const directory = temporaryDirectory(t, 'mariadb');
  const data = join(directory, 'data');
  mkdirSync(data);
  if (user !== null) for (const each of [directory, data]) chownSync(each, user.uid, user.gid);
  const as = user === null ? {} : { uid: user.uid, gid: user.gid };
  const env = { HOME: directory, TMPDIR: directory };
  const installed = await run(
    t,
    tool('mariadb-install-db', 'mariadb-server'),
    ['--no-defaults', `--datadir=${data}`, '--skip-test-db', '--auth-root-authentication-method=normal'],
    { ...as, env, timeoutMs: 60_000 },
  );
  if (installed.code !== 0) throw new Error(`mariadb-install-db failed:\n${installed.stdout}${installed.stderr}`);
  const port = await freePort();
  const socket = join(directory, 's');
  const arguments_ = [
    '--no-defaults',
    `--datadir=${data}`,
    `--socket=${socket}`,
    `--pid-file=${join(directory, 'pid')}`,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
  ];
  const small = [
    '--innodb-buffer-pool-size=32M',
    '--innodb-log-file-size=8M',
    '--innodb-flush-log-at-trx-commit=0',
    '--performance-schema=OFF',
    '--local-infile=1',
    '--max-allowed-packet=64M',
  ];
  const server = start(t, tool('mariadbd', 'mariadb-server'), [...arguments_, ...small, ...options], { ...as, env, cwd: directory });
  // Also when the test file dies of an uncaught error and no teardown runs.
  process.once('exit', () => server.child.kill('SIGKILL'));
  await eventually(
    'the server takes connections',
    async () => {
      if (!server.running) throw new Error(server.output);
      const root = await createConnection({ socketPath: socket, user: 'root', multipleStatements: true });
      await root.query(
        `CREATE DATABASE shop; GRANT ALL ON *.* TO owner@'%' IDENTIFIED BY '${password}' WITH GRANT OPTION; GRANT ALL ON *.* TO owner@localhost IDENTIFIED BY '${password}' WITH GRANT OPTION`,
      );
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
