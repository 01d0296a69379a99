// Access as a role of the database, against real servers: the session runs as the role, and no way out of it leads back to the
// gateway's own account, which here may do everything.

import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import t from 'tap';
import type { AccessRequestView, Problem } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { startPostgres } from '../support/postgres.ts';

/** Everything is allowed, so that what is refused is refused because of the role. */
const policy = `
policy: production
rules:
  - { id: open, actions: [connect], decision: allow }
  - { id: anything, decision: allow }
  - { id: unread, effects: { access: [read, session, write, unknown] }, decision: allow }
access:
  - { id: as-a-role, principals: { groups: [engineers] }, longest: 2h, roles: [app_reader, app_writer], automatic: true }
`;

const readOnly = `
policy: production
rules:
  - { id: open, actions: [connect], decision: allow }
  - { id: work, needs: grant, decision: allow }
access:
  - { id: look, principals: { groups: [engineers] }, longest: 2h, read_only: true, automatic: true }
  - { id: some-tables, principals: { groups: [dba] }, longest: 2h, tables: [public.orders], automatic: true }
`;

async function ask(gateway: TestGateway, target: string, role: string): Promise<string> {
  const { status, body } = await gateway
    .api('alice')
    .post<AccessRequestView>('/access-requests', { target, for_ms: 3_600_000, reason: 'ticket 7', role });
  if (body.grant_id === null) throw new Error(`not given: ${status} ${JSON.stringify(body)}`);
  return body.grant_id;
}

t.test('PostgreSQL', { timeout: 60_000 }, async (t) => {
  const server = await startPostgres(t);
  await server.sql(`
    CREATE ROLE app_reader; CREATE ROLE app_writer; CREATE ROLE stranger;
    CREATE TABLE orders AS SELECT 1 AS id; CREATE TABLE secrets AS SELECT 1 AS id;
    GRANT SELECT ON orders TO app_reader; GRANT ALL ON orders TO app_writer; GRANT CREATE ON SCHEMA public TO app_reader;
    CREATE FUNCTION leave() RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'RESET SESSION AUTHORIZATION'; EXECUTE 'SET ROLE none'; RETURN current_user; END $$;
    CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';`);
  const gateway = await startTestGateway(t, {
    targets: [{ ...targetOf(server, 'orders', {}), roles: ['app_reader', 'app_writer', 'missing'] }],
    policies: { 'production.yaml': policy },
  });
  const open = async (url = gateway.url('alice', 'orders')) => {
    const client = new pg.Client(url);
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const who = async (client: pg.Client) => String((await client.query('SELECT current_user AS it')).rows[0]?.it);

  await t.test('what can be asked for', async (t) => {
    const wish = { target: 'orders', for_ms: 60_000, reason: 'x', role: 'stranger' };
    t.match(await gateway.api('alice').post<Problem>('/access-requests', wish), {
      body: { detail: /no role stranger to ask for; it has app_reader/ },
    });
    const own = await open();
    t.equal(await who(own), 'postgres', 'without a grant it is the account');
    await own.end();
  });

  await ask(gateway, 'orders', 'app_reader');
  const client = await open();

  await t.test('the session runs as the role, and the server holds it to that', async (t) => {
    t.equal(await who(client), 'app_reader');
    t.equal((await client.query('SELECT twice(id) AS n FROM orders')).rows[0]?.n, 2);
    await t.rejects(client.query('SELECT * FROM secrets'), { message: 'permission denied for table secrets' });
    await t.rejects(client.query('DELETE FROM orders'), { message: 'permission denied for table orders' });
  });

  await t.test('nothing leads out of it', async (t) => {
    const ways = [
      'SET ROLE none',
      'SET ROLE app_writer',
      'SET ROLE postgres',
      'SET LOCAL ROLE none',
      'SET SESSION ROLE none',
      "SET role TO 'postgres'",
      'RESET ROLE',
      'RESET ALL',
      'DISCARD ALL',
      'SET SESSION AUTHORIZATION DEFAULT',
      "SET SESSION AUTHORIZATION 'postgres'",
      'SET LOCAL SESSION AUTHORIZATION postgres',
      'RESET SESSION AUTHORIZATION',
      "SELECT set_config('role', 'none', false)",
      "SELECT pg_catalog.set_config('ro' || 'le', 'postgres', true)",
      "SELECT set_config('session_authorization', 'postgres', false)",
      "SELECT 1; SELECT set_config('role', 'none', false); SELECT 2",
      "UPDATE pg_settings SET setting = 'none' WHERE name = 'role'",
      "WITH x AS (SELECT set_config('role', 'none', false)) SELECT * FROM x",
      "EXPLAIN ANALYZE SELECT set_config('role', 'none', false)",
      "DO $$ BEGIN EXECUTE 'RESET ROLE'; END $$",
      'SELECT leave()',
      "SELECT query_to_xml('SELECT set_config(''role'', ''none'', false)', true, true, '')",
      "CREATE FUNCTION mine() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'RESET ROLE'; END $$",
      "CREATE VIEW v AS SELECT set_config('role', 'none', false)",
      "CREATE TABLE x (a text DEFAULT set_config('role', 'none', false))",
      "PREPARE p AS SELECT set_config('role', 'none', false); EXECUTE p",
      "DECLARE c CURSOR WITH HOLD FOR SELECT set_config('role', 'none', false)",
      "COPY (SELECT set_config('role', 'none', false)) TO STDOUT",
      'ALTER ROLE app_reader SET role TO postgres',
      '/* x */ rEsEt /* y */ "role"',
      'this is no SQL at all',
    ];
    for (const text of ways) {
      await t.rejects(client.query(text), text);
      await client.query('ROLLBACK');
      t.equal(await who(client), 'app_reader', `after: ${text}`);
    }
    await t.rejects(client.query('SELECT set_config($1, $2, false)', ['role', 'none']), { message: /runs as role app_reader/ }, 'bound');
    t.match(
      await client.query('RESET ROLE').catch((error: Error) => error.message),
      /this session runs as role app_reader, and this would leave it/,
    );
  });

  await t.test('rollbacks and savepoints keep it; a second session cannot ask for another at its start', async (t) => {
    await client.query('BEGIN');
    await client.query('SAVEPOINT a');
    await client.query('ROLLBACK TO a');
    await client.query('ROLLBACK');
    t.equal(await who(client), 'app_reader');
    for (const more of ['options=-c%20role%3Dpostgres', 'options=-c%20session_authorization%3Dpostgres', 'options=-c%20ROLE%3Dnone']) {
      const url = `${gateway.url('alice', 'orders')}?${more}`;
      const got = await open(url).then(
        async (other) => {
          const name = await who(other);
          await other.end();
          return name;
        },
        () => 'refused',
      );
      t.equal(got, 'refused', more);
    }
  });

  await t.test('the audit log says who the session was', async (t) => {
    const { body } = await gateway.api('carol').get<{ items: { detail: Record<string, unknown> }[] }>('/audit?type=session.opened');
    t.match(body.items[0]?.detail, { role: 'app_reader' });
  });

  await t.test('with two roles one says which; a role that the target does not have is its own words', async (t) => {
    const second = await ask(gateway, 'orders', 'app_writer');
    await t.rejects(open(), { message: /as app_reader and as app_writer, and a session runs as one role/ });
    t.equal(await who(client), 'app_reader', 'the session of before goes on');
    await gateway.api('erin').post(`/grants/${second}/revoke`, {});
  });

  await t.test('a connection of the role is not handed to others, and the session ends with the grant', async (t) => {
    const short = await open();
    await short.query('SELECT 1');
    await short.end();
    const { body } = await gateway.api('alice').get<{ items: { id: string }[] }>('/grants?state=active');
    await gateway.api('erin').post(`/grants/${body.items[0]?.id}/revoke`, { reason: 'enough' });
    await eventually('the session has ended', async () =>
      client.query('SELECT 1').then(
        () => null,
        () => true,
      ),
    );
    const own = await open();
    t.equal(await who(own), 'postgres');
    await own.end();
  });
});

t.test('MariaDB', { timeout: 60_000 }, async (t) => {
  const server = await startMariadb(t);
  await server.sql('CREATE TABLE orders AS SELECT 1 AS id');
  await server.sql('CREATE TABLE secrets AS SELECT 1 AS id');
  await server.sql('CREATE ROLE app_reader');
  await server.sql('CREATE ROLE app_writer');
  await server.sql('GRANT SELECT ON shop.orders TO app_reader');
  await server.sql('GRANT ALL ON shop.* TO app_writer');
  // An account that may do nothing by itself: what it may, its roles give.
  await server.sql("CREATE USER gate@localhost IDENTIFIED BY 'of-the-gateway'");
  await server.sql('GRANT USAGE ON *.* TO gate@localhost');
  await server.sql('GRANT app_reader TO gate@localhost');
  await server.sql('GRANT app_writer TO gate@localhost');
  await server.sql('SET DEFAULT ROLE app_writer FOR gate@localhost');
  await server.sql('CREATE PROCEDURE shop.leave_it() SQL SECURITY INVOKER SET ROLE app_writer');
  await server.sql('GRANT EXECUTE ON PROCEDURE shop.leave_it TO app_reader');
  const gateway = await startTestGateway(t, {
    targets: [{ ...mariadbTarget(server, 'shop', {}), user: 'gate', password: 'of-the-gateway', roles: ['app_reader', 'app_writer'] }],
    policies: { 'production.yaml': policy },
  });
  const grant = await ask(gateway, 'shop', 'app_reader');
  const connect = () =>
    createConnection({
      ...{ host: '127.0.0.1', port: gateway.address('mysql').port, user: 'alice', password: gateway.token('alice'), database: 'shop' },
      multipleStatements: true,
    });
  const client = await connect();
  client.on('error', () => undefined);
  const who = async () => {
    const [rows] = await client.query('SELECT CURRENT_ROLE() AS it');
    return (rows as { it: string | null }[])[0]?.it;
  };
  t.equal(await who(), 'app_reader');
  await t.rejects(client.query('SELECT * FROM secrets'), { message: /denied/ });
  const ways = [
    'SET ROLE app_writer',
    'SET ROLE NONE',
    'SET @a = 1, ROLE app_writer',
    'SELECT 1; SET ROLE app_writer',
    '/*!50000 SET ROLE app_writer */',
    'SET STATEMENT max_statement_time = 1 FOR SET ROLE app_writer',
    "EXECUTE IMMEDIATE 'SET ROLE app_writer'",
    "PREPARE s FROM 'SET ROLE app_writer'; EXECUTE s",
    'CALL leave_it()',
    'BEGIN NOT ATOMIC SET ROLE app_writer; END',
    'CREATE PROCEDURE p() SET ROLE app_writer',
    'SET DEFAULT ROLE app_writer',
  ];
  for (const text of ways) {
    await t.rejects(client.query(text), text);
    t.equal(await who(), 'app_reader', `after: ${text}`);
  }
  await t.rejects(client.execute('SET ROLE app_writer'), { message: /runs as role app_reader/ }, 'prepared');
  await client.changeUser({ user: 'alice', password: gateway.token('alice'), database: 'shop' });
  t.equal(await who(), 'app_reader', 'a change of the user comes back as the same role');
  await gateway.api('erin').post(`/grants/${grant}/revoke`, { reason: 'enough' });
  await eventually('the session has ended', async () =>
    client.query('SELECT 1').then(
      () => null,
      () => true,
    ),
  );
});

t.test('read-only access and access to some tables', { timeout: 60_000 }, async (t) => {
  const server = await startPostgres(t);
  await server.sql(`
    CREATE TABLE orders AS SELECT 1 AS id; CREATE TABLE secrets AS SELECT 1 AS id;
    CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM orders; RETURN 1; END $$;
    CREATE FUNCTION seems(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN writes(); END $$;`);
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', {})],
    policies: { 'production.yaml': readOnly },
  });
  const session = async (person: string, wish: object) => {
    const asked = { target: 'orders', for_ms: 3_600_000, reason: 'ticket 7', ...wish };
    t.equal((await gateway.api(person).post<AccessRequestView>('/access-requests', asked)).body.state, 'granted');
    const client = new pg.Client(gateway.url(person, 'orders'));
    await client.connect();
    return client;
  };

  const alice = await session('alice', { read_only: true });
  t.equal((await alice.query("SELECT current_setting('transaction_read_only') AS it")).rows[0]?.it, 'on', 'the server knows it, too');
  for (const text of [
    'DELETE FROM orders',
    'SELECT writes()',
    'SELECT seems(1)',
    'CREATE TABLE x (a int)',
    'DO $$ BEGIN PERFORM writes(); END $$',
  ])
    await t.rejects(alice.query(text), text);
  await alice.query('BEGIN');
  await alice.query('SELECT * FROM orders');
  await alice.query('SET TRANSACTION READ WRITE').catch(() => undefined);
  t.equal((await alice.query("SELECT current_setting('transaction_read_only') AS it")).rows[0]?.it, 'on', 'no way back to writing');
  await alice.query('ROLLBACK');
  t.equal((await server.sql('SELECT count(*)::int AS n FROM orders'))[0]?.['n'], 1);
  await alice.end();

  const bob = await session('bob', { tables: ['public.orders'] });
  t.equal((await bob.query('UPDATE orders SET id = 2')).rowCount, 1);
  for (const text of [
    'SELECT * FROM secrets',
    'SELECT * FROM orders, secrets',
    'TABLE secrets',
    'UPDATE orders SET id = (SELECT id FROM secrets)',
    'CREATE TABLE orders2 AS SELECT * FROM orders',
    'SELECT seems(1)',
    'COPY secrets TO STDOUT',
    'SELECT * FROM pg_catalog.pg_authid',
  ])
    await t.rejects(bob.query(text), text);
  await bob.end();
});
