// A real PostgreSQL for one test (or one test file): PostgreSQL 18 from npm, or Debian's. On a free port, in a temporary
// directory, as an unprivileged user when root runs the tests, gone with the test and with this process.

import { chmodSync, chownSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { postgresBinaries } from '../../docker/demo/postgres-binaries.ts';
import { PostgresServer } from '../../docker/demo/postgres-server.ts';
import { unprivilegedUser } from '../../docker/demo/unprivileged.ts';
import { temporaryDirectory } from './directories.ts';
import type { Teardown } from './directories.ts';
import { freePort } from './ports.ts';
import { debianPostgresBinaries } from './tools.ts';

export interface TestPostgres {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** The superuser. */
  readonly user: 'postgres';
  readonly password: string;
  /** postgres://… of the superuser. */
  url(database?: string): string;
  /** Runs one text on a connection of its own and gives the rows (of the last statement). */
  sql(text: string, database?: string): Promise<Record<string, unknown>[]>;
  /** A connection that ends with the test. */
  connect(database?: string): Promise<pg.Client>;
  readonly server: PostgresServer;
  stop(): Promise<void>;
}

export interface TestPostgresOptions {
  /** Default: the one from npm. */
  readonly from?: 'npm' | 'debian';
  readonly settings?: Readonly<Record<string, string>>;
}

/** Tests lose nothing in a power cut. */
const fast = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' };
const password = 'superuser-of-the-test';

export async function startPostgres(t: Teardown, options: TestPostgresOptions = {}): Promise<TestPostgres> {
  const user = unprivilegedUser();
  const binaries = options.from === 'debian' ? debianPostgresBinaries() : postgresBinaries(user);
  const directory = join(temporaryDirectory(t, 'postgres'), 'cluster');
  const server = await PostgresServer.start(
    { binaries, directory, user },
    { port: await freePort(), superuserPassword: password, settings: { ...fast, ...options.settings } },
  );
  t.teardown(() => server.stop());
  const connect = async (database = 'postgres') => {
    const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', password, database, ssl: false });
    // A server that is stopped under its clients is part of some tests.
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  return {
    host: '127.0.0.1',
    port: server.port,
    user: 'postgres',
    password,
    url: (database = 'postgres') => `postgres://postgres:${password}@127.0.0.1:${server.port}/${database}`,
    sql: async (text, database) => {
      const client = await connect(database);
      try {
        const result = (await client.query(text)) as pg.QueryResult<Record<string, unknown>> | pg.QueryResult<Record<string, unknown>>[];
        return (Array.isArray(result) ? result.at(-1)?.rows : result.rows) ?? [];
      } finally {
        await client.end();
      }
    },
    connect: async (database) => {
      const client = await connect(database);
      t.teardown(() => client.end());
      return client;
    },
    server,
    stop: () => server.stop(),
  };
}

/** Settings for TLS with these files. The server reads its key as its own user, and only when nobody else can. */
export function tlsSettings(t: Teardown, { cert, key }: { readonly cert: string; readonly key: string }): Record<string, string> {
  const directory = temporaryDirectory(t, 'postgres-tls');
  const [ownCert, ownKey] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  copyFileSync(cert, ownCert);
  copyFileSync(key, ownKey);
  chmodSync(ownKey, 0o600);
  const as = unprivilegedUser();
  if (as !== null) for (const path of [directory, ownCert, ownKey]) chownSync(path, as.uid, as.gid);
  return { ssl: 'on', ssl_cert_file: ownCert, ssl_key_file: ownKey };
}
