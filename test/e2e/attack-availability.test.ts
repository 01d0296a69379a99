// One person's session must not stop the others: locks of an open transaction, and what the gateway reads for itself meanwhile.

import t from 'tap';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { summary, WireClient } from '../support/postgres-wire.ts';

t.setTimeout(170_000); // a busy machine takes its time

const server = await startPostgres(t, { from: 'debian' });
await server.sql(`CREATE TABLE customers (id int, email text, shout text GENERATED ALWAYS AS (upper(email)) STORED);
  CREATE INDEX ON customers (lower(email));
  CREATE VIEW contacts AS SELECT email FROM customers;
  CREATE VIEW deep AS SELECT email FROM contacts;
  CREATE MATERIALIZED VIEW kept AS SELECT email FROM customers`);
const policy = 'policy: p\nrules: [{ id: in, actions: [connect], decision: allow }, { id: all, decision: allow }]\n';
const gateway = await startTestGateway(t, { targets: [targetOf(server, 'orders', {})], policies: { 'p.yaml': policy } });

/** Far below catalogueLoadMsMax, which is what waiting for the lock took. */
const soonMs = 8_000;

async function open(): Promise<WireClient> {
  const { host, port } = gateway.address('postgres');
  return WireClient.open(t, { host, port, user: 'alice', password: gateway.token('alice'), database: 'orders' });
}

t.test('a schema change that is not committed holds up neither its own session nor another', async (t) => {
  const [one, other] = [await open(), await open()];
  for (const change of ['ALTER TABLE customers ADD COLUMN more int', 'ALTER VIEW contacts RENAME TO people', 'LOCK TABLE deep']) {
    await one.query('BEGIN');
    const startedMs = Date.now();
    t.match(summary(await one.query(change)), /ZT$/, change);
    t.equal(summary(await one.query('SELECT 1')), 'T D C(SELECT 1) ZT');
    t.equal(summary(await other.query('SELECT 2')), 'T D C(SELECT 1) ZI');
    t.equal(summary(await other.query('CREATE TABLE IF NOT EXISTS made (id int)')).slice(-2), 'ZI');
    t.equal(summary(await other.query('SELECT count(*) FROM made')), 'T D C(SELECT 1) ZI');
    t.ok(Date.now() - startedMs < soonMs, `${change}: ${Date.now() - startedMs} ms`);
    await one.query('ROLLBACK');
  }
  t.notMatch(JSON.stringify(gateway.log), /catalogue of a target could not be read/);
});
