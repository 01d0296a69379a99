// The demo's target `shop`: a MariaDB with a small shop in it, when one is installed. Without it the demo goes on and says so.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import type { RowDataPacket } from 'mysql2/promise';
import { MariadbServer, database, gatewayAccount, owner } from './mariadb-server.ts';
import type { MariadbAccounts } from './mariadb-server.ts';

export { mariadbIsInstalled, MariadbServer } from './mariadb-server.ts';

/** Raise it when shop.sql changes: a database with another mark is made again. */
const mark = 'Sallyport demo, data set 1';

/** Fills the shop unless it is filled. A load that was cut short left no mark, and is done again. */
export async function fillShop(server: MariadbServer, { ownerPassword }: MariadbAccounts): Promise<void> {
  const connection = await createConnection({
    host: '127.0.0.1',
    port: server.port,
    user: owner,
    password: ownerPassword,
    database,
    multipleStatements: true,
  });
  // The server may be stopped under us when the person presses Ctrl-C; the query then rejects, which is enough.
  connection.on('error', () => {});
  try {
    const [found] = await connection.query<RowDataPacket[]>(
      'SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ? AND SCHEMA_COMMENT = ?',
      [database, mark],
    );
    if (found.length > 0) return;
    await connection.query(`DROP DATABASE ${database}; CREATE DATABASE ${database} CHARACTER SET utf8mb4; USE ${database}`);
    await connection.query(readFileSync(join(import.meta.dirname, 'shop.sql'), 'utf8'));
    await connection.query(`ALTER DATABASE ${database} COMMENT = '${mark}'`);
  } finally {
    connection.destroy();
  }
}

/** The target as the gateway's configuration has it. */
export function shopTarget(port: number, passwordFile: string) {
  return {
    name: 'shop',
    protocol: 'mysql',
    host: '127.0.0.1',
    port,
    user: gatewayAccount,
    password_file: passwordFile,
    database,
    labels: { env: 'production' },
    tls: { mode: 'disable' },
  };
}

/** What a program is told of it. */
export function shopUrls(token: string, gatewayPort: number, serverPort: number, { ownerPassword }: MariadbAccounts) {
  return {
    protocol: 'mysql',
    url: `mysql://alice:${token}@127.0.0.1:${gatewayPort}/shop`,
    direct: `mysql://${owner}:${ownerPassword}@127.0.0.1:${serverPort}/${database}`,
  };
}
