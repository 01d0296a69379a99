// Roles, databases and rows of the demo's PostgreSQL. Made once: a database is marked by a comment in the transaction
// that filled it, so that an interrupted start is made good by the next one.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';

/** Raise it when orders.sql changes: databases with another mark are made again. */
const mark = 'Sallyport demo, data set 1';

export interface Roles {
  readonly superuserPassword: string;
  /** `orders_owner`, who owns everything. */
  readonly ownerPassword: string;
  /** `gateway`, the account that the gateway uses. */
  readonly gatewayPassword: string;
}

/** True when there is nothing left to do. */
export async function dataLoaded(port: number, roles: Roles): Promise<boolean> {
  return withClient({ port, user: 'postgres', password: roles.superuserPassword, database: 'postgres' }, async (client) => {
    const found = await client.query(
      "SELECT 1 FROM pg_database WHERE datname IN ('orders', 'scratch') AND shobj_description(oid, 'pg_database') = $1",
      [mark],
    );
    return found.rowCount === 2;
  });
}

/** Makes roles, databases and rows. Drops half-made or outdated ones first. */
export async function loadData(port: number, roles: Roles): Promise<void> {
  const admin = { port, user: 'postgres', password: roles.superuserPassword };
  await withClient({ ...admin, database: 'postgres' }, async (client) => {
    for (const [role, password] of [
      ['orders_owner', roles.ownerPassword],
      ['gateway', roles.gatewayPassword],
    ] as const) {
      const exists = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]);
      if (exists.rowCount === 0) await client.query(`CREATE ROLE ${role} LOGIN`);
      await client.query(`ALTER ROLE ${role} PASSWORD ${client.escapeLiteral(password)}`);
    }
    // Whatever the owner may do the gateway's account may do, so that only policy makes the difference.
    await client.query('GRANT orders_owner TO gateway');
    for (const database of ['orders', 'scratch']) {
      await client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
      await client.query(`CREATE DATABASE ${database} OWNER orders_owner`);
      await client.query(`REVOKE CONNECT ON DATABASE ${database} FROM PUBLIC`);
    }
  });
  for (const database of ['orders', 'scratch']) {
    await withClient({ ...admin, database }, async (client) => {
      await client.query('BEGIN');
      await client.query('SET LOCAL synchronous_commit = off');
      await client.query('ALTER DEFAULT PRIVILEGES FOR ROLE gateway GRANT ALL ON TABLES TO orders_owner');
      await client.query('ALTER DEFAULT PRIVILEGES FOR ROLE gateway GRANT ALL ON SEQUENCES TO orders_owner');
      if (database === 'orders') {
        await client.query('SET LOCAL ROLE orders_owner');
        await client.query(readFileSync(join(import.meta.dirname, 'orders.sql'), 'utf8'));
        await client.query('RESET ROLE');
      }
      await client.query(`COMMENT ON DATABASE ${database} IS ${client.escapeLiteral(mark)}`);
      await client.query('COMMIT');
      await client.query('ANALYZE');
    });
  }
}

interface Account {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

async function withClient<T>(account: Account, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ host: '127.0.0.1', ssl: false, ...account });
  // The server may be stopped under us when the person presses Ctrl-C; the query then rejects, which is enough.
  client.on('error', () => {});
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
