// Names without a schema are judged by the path that the session itself has. Servers before 18 do not report it: there an ALTER ROLE holds
// for connections that begin after it, and not for those that are open or used again.

import pg from 'pg';
import t from 'tap';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';

const policy = `
policy: p
rules:
  - { id: in, actions: [connect], decision: allow }
  - { id: not-these, effects: { verbs: [delete], tables: [public.orders] }, decision: deny }
  - { id: free, effects: { access: [read, session, write] }, decision: allow }
`;

for (const from of ['debian', 'npm'] as const) {
  await t.test(`PostgreSQL of ${from}`, async (t) => {
    const server = await startPostgres(t, { from });
    const owner = await server.connect();
    await owner.query(`CREATE SCHEMA hr; CREATE TABLE public.orders (id int); CREATE TABLE hr.orders (id int); CREATE TABLE safe (id int);
      INSERT INTO public.orders VALUES (1)`);
    const gateway = await startTestGateway(t, { targets: [targetOf(server, 'db', {})], policies: { 'p.yaml': policy } });
    const connect = async (): Promise<pg.Client> => {
      const client = new pg.Client({ connectionString: gateway.url('alice', 'db') });
      await client.connect();
      return client;
    };
    const isDenied = async (client: pg.Client): Promise<boolean> => {
      const denied = await client.query('DELETE FROM orders WHERE id = 1').then(
        () => false,
        () => true,
      );
      t.equal((await owner.query('SELECT FROM public.orders')).rowCount, 1, 'nothing was deleted there');
      return denied;
    };
    const setPath = async (path: string, told: pg.Client): Promise<void> => {
      await owner.query(`ALTER ROLE postgres SET search_path = ${path}`);
      await told.query('COMMENT ON TABLE safe IS NULL'); // the catalogue is read again
    };

    const open = await connect();
    t.ok(await isDenied(open));
    await setPath('hr, public', open);
    t.ok(await isDenied(open), 'a session from before');
    const fresh = await connect();
    t.notOk(await isDenied(fresh), 'a new one deletes from hr.orders');
    await fresh.end();

    await setPath('public', open);
    const reader = await connect();
    await reader.query('SELECT 1');
    await reader.end();
    await setPath('hr', open);
    const again = await connect();
    if ((await again.query<{ search_path: string }>('SHOW search_path')).rows[0]?.search_path === 'public')
      t.ok(await isDenied(again), 'on a connection that is used again');
    await again.query('SET search_path = hr');
    t.notOk(await isDenied(again), 'one that the session sets itself counts');
    await again.query('SET search_path = public; BEGIN; SAVEPOINT s; SET search_path = hr; ROLLBACK TO s');
    t.ok(await isDenied(again), 'what is undone counts as either');
    await Promise.all([open.end(), again.end()]);
  });
}
