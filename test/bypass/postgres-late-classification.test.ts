// A large text is classified in a worker. What comes of it counts for the statement that it is of: not for another that a client
// has parsed meanwhile, which SQL EXECUTE would then run as what the first one does.

import t from 'tap';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import * as pg from '../support/postgres-wire.ts';
import { summary, WireClient } from '../support/postgres-wire.ts';

/** Longer than what is classified at once. */
const large = (text: string) => `${text} /* ${'x'.repeat(70_000)} */`;

const readsOnly = `policy: reads
rules:
  - { id: in, title: Everybody, actions: [connect], decision: allow }
  - { id: reads, title: Reading, effects: { access: [read, session] }, decision: allow }
`;

t.test('a change that is parsed while a read is classified again is judged as a change', async (t) => {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE victim AS SELECT n FROM generate_series(1, 10) n');
  const gateway = await startTestGateway(t, { targets: [targetOf(server, 'db', {})], policies: { 'p.yaml': readsOnly } });
  const login = { ...gateway.address('postgres'), user: 'alice', password: gateway.token('alice'), database: 'db' };
  const client = await WireClient.open(t, login);
  t.equal(summary(await client.cycle(pg.parse('read', large('SELECT 1')), pg.sync)), '1 ZI');
  await client.query('SET search_path TO public'); // the text has to be read again
  client.send(pg.query('EXECUTE read'), pg.parse('change', large('DELETE FROM victim')), pg.sync, pg.query('EXECUTE change'));
  t.match(summary(await client.until('Z')), /E42501\(.*unknown prepared statement read/);
  t.equal(summary(await client.until('Z')), '1 ZI');
  t.match(summary(await client.until('Z')), /E42501\(.*delete public.victim/);
  t.same(await server.sql('SELECT count(*)::int AS n FROM victim'), [{ n: 10 }]);
});
