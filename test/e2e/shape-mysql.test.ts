// A shape approved for a while from the command line, with the mariadb client and with prepared statements.

import { createConnection } from 'mysql2/promise';
import t from 'tap';
import type { HoldView, Page } from '../../src/api/contract.ts';
import { runCommand } from '../support/command-line.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const policy = `
policy: production
rules:
  - { id: open, actions: [connect], decision: allow }
  - { id: work, effects: { access: [read, session, write] }, decision: allow }
  - id: hold-deletes
    effects: { verbs: [delete] }
    decision: hold
    approvers: { groups: [dba], shape: { longest: 30m } }
`;

t.test('a shape approved for a while, in mysql', async (t) => {
  const server = await startMariadb(t);
  await server.sql(`CREATE TABLE orders AS SELECT seq AS id, 'new' AS state FROM seq_1_to_100;
    CREATE DATABASE other; CREATE TABLE other.orders AS SELECT * FROM orders`);
  const gateway = await startTestGateway(t, {
    targets: [mariadbTarget(server, 'shop', { env: 'production' })],
    policies: { 'production.yaml': policy },
  });
  const { port } = gateway.address('mysql');
  const bob = gateway.api('bob');
  const cli = (person: string, ...args: string[]) => runCommand([...args, '--server', gateway.http, '--token', gateway.token(person)]);
  const pending = async () => (await bob.get<Page<HoldView>>('/holds?state=pending')).body.items[0];
  const shapeIn = (text: string) => /sh-[0-9A-Z]{6}/.exec(text)?.[0] ?? '';
  const options = { host: '127.0.0.1', port, user: 'alice', password: gateway.token('alice'), database: 'shop', multipleStatements: true };
  // mysql2 asks for IGNORE_SPACE, another sql_mode than that of the mariadb client, under which the shape was approved.
  const connection = await createConnection({ ...options, flags: ['-IGNORE_SPACE'] });
  t.teardown(() => connection.end().catch(() => connection.destroy()));

  /** Runs a statement; a hold that it makes is denied. */
  const tried = async (work: () => Promise<unknown>): Promise<string> => {
    const settled = { ran: null as boolean | null };
    const running = work().then(
      () => (settled.ran = true),
      () => (settled.ran = false),
    );
    const hold = await eventually('it ran or was held', async () => (settled.ran === null ? await pending() : 'none'));
    if (hold !== 'none') await bob.post(`/holds/${hold.id}/deny`, { reason: 'no' });
    await running;
    return hold !== 'none' ? 'held' : settled.ran === true ? 'ran' : 'refused';
  };
  const query = (sql: string) => () => connection.query(sql);

  await t.test('approved in the mariadb client, by the command line', async (t) => {
    const mariadb = tool('mariadb', 'mariadb-client');
    const session = start(t, mariadb, [
      ...['-h', '127.0.0.1', '-P', String(port), '-u', 'alice', `-p${gateway.token('alice')}`, '-N', '-B', 'shop'],
      ...['-e', "DELETE FROM orders WHERE id = 5 AND state = 'new'"],
    ]);
    const hold = await eventually('it is held', pending);
    const offer = await cli('bob', 'shapes', 'offer', hold.id);
    t.match(
      offer.out,
      /DELETE FROM orders WHERE id = ‹1› AND state = ‹2›\nparameter 1: integer 5\nparameter 2: string new\nat most +30 min/,
    );
    const approve = (...flags: string[]) => cli('bob', 'approve', hold.id, ...flags);
    t.match(await approve('--parameter', '1=any'), { code: 2, err: /--shape-for/ });
    t.match(await approve('--shape-for', '30m', '--parameter', '1=whatever'), { code: 2, err: /1=1\.\.100/ });
    t.match(await approve('--shape-for', '2h'), { err: /at most 30 min/ });
    const done = await approve('--shape-for', '30m', '--parameter', '1=1..50', '--parameter', '2=one-of:new,old');
    t.match(done, { code: 0, out: /approved: h-.*\napproved by shape: sh-/ });
    t.equal((await session.ended).code, 0);
  });

  await t.test('while it lasts', async (t) => {
    t.equal(await tried(query("DELETE FROM orders WHERE id = 6 AND state = 'old'")), 'ran');
    t.equal(await tried(query("delete from orders where id = 7 and state = 'new' -- done")), 'ran');
    const held = [
      "DELETE FROM orders WHERE id = 51 AND state = 'new'",
      "DELETE FROM orders WHERE id = 5 AND state = 'done'",
      "DELETE FROM orders WHERE id = 5 /*!50000 OR 1=1 */ AND state = 'new'",
      "DELETE FROM orders WHERE id = SLEEP(0) AND state = 'new'",
      "DELETE FROM orders WHERE id = 5 AND state = 'new' OR 1 = 1",
      "DELETE FROM other.orders WHERE id = 5 AND state = 'new'",
      "DELETE FROM orders WHERE id = 5 AND state = 'new'; DELETE FROM orders WHERE id = 6 AND state = 'new'",
    ];
    for (const sql of held) t.equal(await tried(query(sql)), 'held', sql);
    await connection.query("SET sql_mode = 'ANSI_QUOTES'");
    t.equal(await tried(query("DELETE FROM orders WHERE id = 5 AND state = 'new'")), 'held', 'sql_mode');
    await connection.query('USE other');
    t.equal(await tried(query("DELETE FROM orders WHERE id = 5 AND state = 'new'")), 'held', 'another database');
    t.equal((await server.sql('SELECT count(*) AS n FROM other.orders'))[0]?.['n'], 100);
    await connection.changeUser({ database: 'shop' });
  });

  await t.test('listed, shown and ended', async (t) => {
    const listed = await cli('alice', 'shapes');
    const id = shapeIn(listed.out);
    t.match(listed.out, /min left +alice +shop +2 +DELETE FROM orders WHERE id = ‹1›/);
    t.match((await cli('bob', 'shapes', id)).out, /1 1 to 50\n +2 one of new, old/);
    t.match(await cli('carol', 'shapes', 'revoke', id), { code: 3 });
    t.match(await cli('bob', 'shapes', 'revoke', id, '--reason', 'enough'), { code: 0, out: /ended: sh-/ });
    t.match(await cli('bob', 'shapes', 'revoke', id), { code: 5 });
    t.match((await cli('bob', 'shapes', '--all')).out, /revoked by bob/);
    t.equal(await tried(query("DELETE FROM orders WHERE id = 5 AND state = 'new'")), 'held');
  });

  await t.test('with bound parameters', async (t) => {
    const sql = 'DELETE FROM orders WHERE id = ?';
    const running = connection.execute(sql, [8]);
    const hold = await eventually('it is held', pending);
    t.match(await cli('bob', 'approve', hold.id, '--shape-for', '10m', '--parameter', '1=8..9', '--shape-uses', '1'), {
      code: 0,
      out: /sh-/,
    });
    await running;
    t.equal(await tried(() => connection.execute(sql, [10])), 'held', 'out of the range');
    t.equal(await tried(() => connection.execute(sql, ['9'])), 'held', 'another type');
    t.equal(await tried(() => connection.execute(sql, [null])), 'held', 'NULL');
    t.equal(await tried(query('DELETE FROM orders WHERE id = 9')), 'held', 'a literal is no parameter');
    t.equal(await tried(() => connection.execute(sql, [9])), 'ran');
    t.equal(await tried(() => connection.execute(sql, [9])), 'held', 'used up');
  });
});
