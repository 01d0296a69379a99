// What a database says against a sign-in of the gateway's reaches the client under the database's own code where it is the client's
// business: drivers and pools try again, or another host, by it. What it says of the gateway's account never does.

import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import t from 'tap';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { startPostgres } from '../support/postgres.ts';

t.setTimeout(170_000); // a busy machine takes its time

const [postgres, mariadb] = await Promise.all([startPostgres(t), startMariadb(t)]);
for (const text of [
  "CREATE ROLE app LOGIN PASSWORD 'app'",
  "CREATE ROLE other LOGIN PASSWORD 'other' CONNECTION LIMIT 0",
  'CREATE DATABASE shut',
  'REVOKE CONNECT ON DATABASE shut FROM public',
  'CREATE DATABASE resting ALLOW_CONNECTIONS false',
])
  await postgres.sql(text);
const labels = { env: 'development' };

for (const threads of [0, 1])
  await t.test(`${threads} relay threads`, async (t) => {
    const gateway = await startTestGateway(t, {
      targets: [
        { ...targetOf(postgres, 'orders', labels), user: 'app', password: 'app' },
        { ...targetOf(postgres, 'full', labels), user: 'other', password: 'other' },
        { ...targetOf(postgres, 'locked', labels), user: 'app', password: 'not the password' },
        { ...targetOf(postgres, 'nobody', labels), user: 'nobody', password: 'nothing' },
        { ...targetOf(postgres, 'down', labels), port: 1 },
        mariadbTarget(mariadb, 'shop', labels),
        { ...mariadbTarget(mariadb, 'shop-locked', labels), password: 'not the password' },
      ],
      config: { relay_threads: threads },
    });

    await t.test('PostgreSQL', async (t) => {
      const refusal = async (database: string, options?: string) => {
        const address = gateway.address('postgres');
        const client = new pg.Client({ ...address, user: 'alice', password: gateway.token('alice'), database, options });
        const thrown = await client.connect().then(
          () => new Error('connected'),
          (thrown: unknown) => thrown,
        );
        const { code, message, detail, hint } = thrown as pg.DatabaseError;
        return { code, message, detail, hint };
      };
      t.match(await refusal('orders/nothere'), {
        code: '3D000',
        message: 'target orders: database "nothere" does not exist',
        hint: undefined,
      });
      t.match(await refusal('orders/resting'), { code: '55000', message: /^target orders: database "resting" is not currently accepting/ });
      t.match(await refusal('orders/shut'), { code: '42501', message: /permission denied for database/, detail: /CONNECT privilege/ });
      t.match(await refusal('orders', '-c work_mem=much'), { code: '22023', message: /invalid value for parameter "work_mem"/ });
      t.match(await refusal('orders', '-c nosuch=1'), { code: '42704', message: /unrecognized configuration parameter "nosuch"/ });
      t.match(await refusal('full'), { code: '53300', message: 'target full: too many connections for role "other"' });
      const operators = { code: '08001', hint: 'Tell the operator of the gateway.' };
      t.match(await refusal('locked'), { ...operators, message: /^signing in to target locked failed: password authentication failed/ });
      t.match(await refusal('nobody'), operators);
      t.match(await refusal('down'), operators);
    });

    await t.test('MySQL', async (t) => {
      const refusal = (database: string) =>
        createConnection({ ...gateway.address('mysql'), user: 'alice', password: gateway.token('alice'), database }).then(
          () => new Error('connected'),
          (thrown: unknown) => thrown,
        );
      t.match(await refusal('shop/nothere'), { errno: 1049, message: /signing in to target shop failed: Unknown database 'nothere'/ });
      t.match(await refusal('shop-locked'), { errno: 1429, message: /signing in to target shop-locked failed: Access denied/ });
    });
  });
