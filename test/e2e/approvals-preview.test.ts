// What an approver is shown of a waiting statement: rows, sizes, what goes along, locks. Against a real PostgreSQL, with psql
// asking, and with the schemas that would make planning run somebody's function.

import t from 'tap';
import type { PreviewView } from '../../src/api/contract.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const schema = `
  CREATE TABLE customers (id int PRIMARY KEY, name text);
  CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers ON DELETE CASCADE, status text, total numeric, made timestamptz);
  INSERT INTO customers SELECT n, 'name ' || n FROM generate_series(1, 100) n;
  INSERT INTO orders SELECT n, n % 100 + 1, CASE WHEN n % 10 = 0 THEN 'open' ELSE 'paid' END, n,
    timestamptz '2026-01-01' + n * interval '1 hour' FROM generate_series(1, 10000) n;
  CREATE VIEW open_orders AS SELECT * FROM orders WHERE status = 'open';
  CREATE VIEW open_totals AS SELECT sum(total) FROM open_orders;
  CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
  CREATE TRIGGER noted BEFORE DELETE ON orders FOR EACH ROW EXECUTE FUNCTION note();
  -- An IMMUTABLE function that lies: planning anything over these tables may run it.
  CREATE TABLE victim (id int); INSERT INTO victim VALUES (1);
  CREATE FUNCTION wipe() RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN DELETE FROM public.victim; RETURN 1; END';
  CREATE FUNCTION lying(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM public.wipe(); RETURN 1; END';
  CREATE TABLE trap (id int, name text);
  INSERT INTO trap VALUES (1, 'a');
  CREATE INDEX ON trap ((id + lying(1)));
  DELETE FROM victim; INSERT INTO victim VALUES (1);
  ANALYZE customers; ANALYZE orders;
`;

t.test('previews', async (t) => {
  const server = await startPostgres(t);
  await server.sql(schema);
  await server.sql('DELETE FROM victim; INSERT INTO victim VALUES (1)');
  const gateway = await startTestGateway(t, { targets: [targetOf(server, 'orders', { env: 'production' })] });
  const bob = gateway.api('bob');
  const psql = tool('psql', 'postgresql-client');

  const previewOf = async (text: string): Promise<PreviewView> => {
    const session = start(t, psql, [gateway.url('alice', 'orders'), '-c', text]);
    await session.waitFor(/NOTICE: {2}hold h-/);
    const hold = await bob.pendingHold();
    const { body, status } = await bob.get<PreviewView>(`/holds/${hold.id}/preview`);
    t.equal(status, 200, JSON.stringify(body));
    const alices = await gateway.api('alice').get(`/holds/${hold.id}/preview`);
    t.equal(alices.status, 403, 'estimates are not for the requester');
    await bob.post(`/holds/${hold.id}/deny`, { reason: 'seen' });
    await session.end();
    return body;
  };
  const rows = async (text: string) => (await previewOf(text)).statements[0]?.rows;

  await t.test('rows from the statistics', async (t) => {
    t.match(await rows('DELETE FROM orders'), { table: 'public.orders', rows: 10_000, bound: 'about', of: 10_000 });
    const open = await rows("DELETE FROM orders WHERE status = 'open'");
    t.ok(open !== undefined && open !== null && open.rows > 800 && open.rows < 1200 && open.bound === 'about', JSON.stringify(open));
    t.match(await rows('DELETE FROM orders WHERE id = 17'), { rows: 1, bound: 'about' });
    const late = await rows("DELETE FROM orders WHERE made >= '2026-12-01' AND status <> 'open'");
    t.ok(late !== undefined && late !== null && late.rows > 1200 && late.rows < 2400, JSON.stringify(late));
    t.match(await rows("DELETE FROM orders WHERE md5(status) = 'x'"), { rows: 10_000, bound: 'at-most' });
  });

  await t.test('what goes along, runs, locks', async (t) => {
    const deleting = await previewOf('DELETE FROM customers');
    t.match(deleting.statements[0]?.consequences, [{ kind: 'rows-too', what: /public\.orders .* deleted too/ }]);
    t.match(deleting.statements[0]?.locks, [{ table: 'public.customers', mode: 'ROW EXCLUSIVE' }]);
    t.match((await previewOf('DELETE FROM orders')).statements[0]?.consequences, [{ kind: 'runs', what: /noted.*note/ }]);
    const dropping = await previewOf('DROP TABLE orders CASCADE');
    const words = dropping.statements[0]?.consequences.map((it) => `${it.kind}: ${it.what}`) ?? [];
    t.ok(words.includes('dropped-too: view public.open_orders') || words.includes('dropped-too: view open_orders'), words.join('\n'));
    t.ok(
      words.some((it) => it.includes('open_totals')),
      'and the view on the view',
    );
    t.match(dropping.statements[0]?.locks, [{ mode: 'ACCESS EXCLUSIVE', stops: /all reads and writes/ }]);
    t.ok((dropping.tables[0]?.bytes ?? 0) > 100_000, 'with its size');
    const refused = await previewOf('DROP TABLE customers');
    t.match(refused.statements[0]?.consequences, [{ kind: 'prevents', what: /constraint orders_customer_fkey on table/ }]);
  });

  await t.test('who is in the way', async (t) => {
    const other = await server.connect();
    await other.query('BEGIN; SELECT FROM orders LIMIT 1');
    const dropping = await previewOf('DROP TABLE orders CASCADE');
    t.match(dropping.statements[0]?.locks, [{ heldByOthers: undefined, held_by_others: 1 }]);
    await other.query('ROLLBACK; BEGIN; LOCK TABLE orders');
    const blocked = await previewOf("DELETE FROM orders WHERE status = 'open'");
    t.equal(blocked.state, 'ready', 'a locked table does not stop the preview');
    t.match(blocked.statements[0]?.locks, [{ held_by_others: 1 }]);
    await other.query('ROLLBACK');
  });

  await t.test('nothing runs: pg-cmp-10 and its family', async (t) => {
    const victims = async () => (await server.sql('SELECT count(*)::int AS n FROM victim'))[0]?.['n'];
    for (const text of [
      'EXPLAIN SELECT lying(1)',
      'DELETE FROM trap WHERE id = lying(1)',
      'DELETE FROM trap WHERE id = 1',
      'DELETE FROM trap',
    ]) {
      await previewOf(text);
      t.equal(await victims(), 1, text);
    }
    await server.sql('EXPLAIN DELETE FROM trap WHERE id = 1');
    t.equal(await victims(), 0, 'the trap is one: planning alone sets it off');
  });

  await t.test('names that try to be SQL', async (t) => {
    await server.sql(`CREATE TABLE "x'); DROP TABLE victim; --" (id int); INSERT INTO victim VALUES (1); CREATE TABLE "a.""b" (id int)`);
    t.match((await previewOf(`DELETE FROM "x'); DROP TABLE victim; --"`)).tables, [{ name: `public.x'); DROP TABLE victim; --` }]);
    t.match((await previewOf(`DELETE FROM "a.""b"`)).tables, [{ name: 'public.a."b' }]);
    t.equal((await server.sql('SELECT count(*)::int AS n FROM victim'))[0]?.['n'], 1);
  });
});
