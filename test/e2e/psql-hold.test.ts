// The main job with plain psql: a risky statement waits in the live session until somebody answers over the API.

import t from 'tap';
import type { HoldView } from '../../src/api/contract.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { run, start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

t.test('DELETE without WHERE in psql', async (t) => {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const gateway = await startTestGateway(t, { targets: [targetOf(server, 'orders', { env: 'production' })] });
  const psql = tool('psql', 'postgresql-client');
  const url = gateway.url('alice', 'orders');
  const bob = gateway.api('bob');
  const count = async () => (await server.sql('SELECT count(*)::int AS n FROM payments'))[0]?.['n'];

  await t.test('a read just runs', async (t) => {
    const { stdout, stderr } = await run(t, psql, [url, '-Atc', 'SELECT count(*) FROM payments']);
    t.equal(stdout, '10\n', stderr);
  });

  await t.test('denied: nothing runs, the session goes on', async (t) => {
    const session = start(t, psql, [url, '-At']);
    session.write('DELETE FROM payments;\n');
    await session.waitFor(/NOTICE: {2}hold h-/);
    const hold = await bob.pendingHold();
    t.equal(hold.text, 'DELETE FROM payments;');
    const answer = await bob.post<HoldView>(`/holds/${hold.id}/deny`, { reason: 'not on a Friday' });
    t.equal(answer.status, 200);
    await session.waitFor(/ERROR: .*not on a Friday/);
    session.write('SELECT 40 + 2;\n');
    session.endInput();
    const ended = await session.end();
    t.equal(ended.stdout, '42\n');
    t.equal(await count(), 10);
  });

  await t.test('a call by protocol message waits with the name of its function and its arguments', async (t) => {
    const [made] = await server.sql("SELECT lo_from_bytea(0, 'kept')::int AS id");
    const id = Number(made?.['id']);
    const session = start(t, psql, [url, '-At']);
    session.write(`\\lo_unlink ${id}\n`);
    await session.waitFor(/NOTICE: {2}hold h-/);
    const hold = await bob.pendingHold();
    t.match(hold, { text: 'SELECT pg_catalog.lo_unlink($1)', parameters: [{ type: 'oid', text: String(id) }] });
    await bob.post<HoldView>(`/holds/${hold.id}/deny`, { reason: 'still in use' });
    await session.waitFor(/ERROR: .*still in use/);
    session.endInput();
    await session.end();
    t.same(await server.sql(`SELECT lo_get(${id})::text AS it`), [{ it: '\\x6b657074' }], 'nothing has run');
  });

  await t.test('approved: exactly that runs, once', async (t) => {
    const session = start(t, psql, [url, '-c', 'DELETE FROM payments']);
    await session.waitFor(/NOTICE: {2}hold h-/);
    const hold = await bob.pendingHold();
    t.equal(await count(), 10, 'nothing has run while it waits');
    t.equal((await bob.post(`/holds/${hold.id}/approve`, { reason: 'agreed' })).status, 200);
    t.match(await session.end(), { code: 0, stdout: /DELETE 10/ });
    t.equal(await count(), 0);
  });
});
