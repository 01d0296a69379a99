// The read-only fence and isolation levels: what the server promises of a SERIALIZABLE transaction it must keep though reads in it run in
// read-only subtransactions. A transaction that takes its snapshot while it is read-only is one that only reads, for the server.

import pg from 'pg';
import t from 'tap';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';

const policy = `
policy: p
rules:
  - { id: in, actions: [connect], decision: allow }
  - { id: reads, effects: { access: [read, session] }, fence: read-only, decision: allow }
  - { id: changes, effects: { access: [write] }, decision: allow }
`;

const server = await startPostgres(t);
await server.sql('CREATE TABLE duty (id int PRIMARY KEY, present bool)');
const gateway = await startTestGateway(t, { targets: [targetOf(server, 'db', {})], policies: { 'p.yaml': policy } });

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  t.teardown(() => client.end());
  return client;
}

/** Two doctors, each of whom leaves when the other one is there: at most one of them may. Says how many commits failed. */
async function writeSkew(url: string, begin: string, extended: boolean): Promise<string[]> {
  await server.sql('TRUNCATE duty; INSERT INTO duty VALUES (1, true), (2, true)');
  const clients = [await connect(url), await connect(url)] as const;
  const ask = (client: pg.Client, text: string) => (extended ? client.query(text, []) : client.query(text));
  const failures: string[] = [];
  for (const client of clients) await ask(client, begin);
  for (const client of clients) await ask(client, 'SELECT count(*) FROM duty WHERE present');
  for (const [at, client] of clients.entries()) {
    await ask(client, `UPDATE duty SET present = false WHERE id = ${at + 1}`).catch((error: pg.DatabaseError) =>
      failures.push(error.code ?? ''),
    );
  }
  for (const client of clients) await ask(client, 'COMMIT').catch((error: pg.DatabaseError) => failures.push(error.code ?? ''));
  return failures;
}

for (const extended of [false, true]) {
  t.test(`write skew, ${extended ? 'extended' : 'simple'} protocol`, async (t) => {
    const direct = server.url('postgres');
    const through = gateway.url('alice', 'db');
    for (const begin of ['BEGIN ISOLATION LEVEL SERIALIZABLE', 'BEGIN ISOLATION LEVEL REPEATABLE READ', 'BEGIN']) {
      const expected = await writeSkew(direct, begin, extended);
      t.same(expected, begin.includes('SERIALIZABLE') ? ['40001'] : [], `${begin}: the server itself`);
      t.same(await writeSkew(through, begin, extended), expected, `${begin}: through the gateway`);
    }
  });
}

t.test('what SERIALIZABLE watches is what it watches without a fence', async (t) => {
  const locks = async (url: string) => {
    const client = await connect(url);
    await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
    await client.query('SELECT * FROM duty');
    const { rows } = await client.query("SELECT locktype, mode FROM pg_locks WHERE pid = pg_backend_pid() AND mode = 'SIReadLock'");
    await client.query('ROLLBACK');
    return rows;
  };
  const direct = await locks(server.url('postgres'));
  t.equal(direct.length, 1);
  t.same(await locks(gateway.url('alice', 'db')), direct);
});

t.test('a cursor whose query writes', async (t) => {
  await server.sql(`CREATE TABLE victim (id int); INSERT INTO victim VALUES (1);
    CREATE FUNCTION wipe() RETURNS int LANGUAGE plpgsql AS 'BEGIN DELETE FROM public.victim; RETURN 1; END'; CREATE VIEW seen AS SELECT 1 AS a`);
  const client = await connect(gateway.url('alice', 'db'));
  await server.sql('CREATE OR REPLACE VIEW seen AS SELECT wipe() AS a'); // behind the gateway's back
  await client.query('BEGIN');
  await client.query('DECLARE c CURSOR FOR SELECT * FROM seen');
  await client.query('SAVEPOINT s');
  await t.rejects(client.query('FETCH c'), {
    code: '42501',
    message: /stopped a write.*the cursor ended with it/s,
    hint: /Declare the cursor again/,
  });
  await client.query('ROLLBACK TO s');
  await client.query('ROLLBACK');
  t.equal((await server.sql('SELECT count(*)::int AS n FROM victim'))[0]?.['n'], 1, 'nothing ran');
});

t.test('a read-only transaction and DEFERRABLE stay what they are', async (t) => {
  const client = await connect(gateway.url('alice', 'db'));
  await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE');
  t.equal((await client.query<{ n: string }>('SELECT count(*) AS n FROM duty')).rows[0]?.n, '2');
  await t.rejects(client.query('UPDATE duty SET present = false'), { code: '25006' });
  await client.query('ROLLBACK');
  await client.query('BEGIN');
  await client.query('SELECT 1');
  await t.rejects(client.query('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE'), { code: '25001' }, 'too late, as without the gateway');
  await client.query('ROLLBACK');
});
